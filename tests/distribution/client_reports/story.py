"""November at two clients: one critical update, one that fails, brakes, freezes and windows."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope as FreezeScope
from distribution.client_reports.model import ClientMonth
from distribution.client_reports.month import month
from distribution.client_reports.period import Period
from distribution.control import brakes, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.languages import Language
from manifests.documents import validated
from manifests.freeze import Freeze
from manifests.install_report import Phase
from manifests.site import SitePolicy
from manifests.target_paths import Lane
from tests.simulators.house import PRODUCT, House, Talker, schedule

ZONE = "Asia/Jakarta"
POLICY = SitePolicy.model_validate(
    {
        "windows": [
            {
                "zone": ZONE,
                "starts": "2026-11-01T22:00:00",
                "rule": "FREQ=DAILY",
                "duration_seconds": 2 * 3600,
            }
        ]
    }
)
BOOKS = validated(
    Freeze,
    {
        "name": "=SUM(A1)",
        "zone": ZONE,
        "starts": "2026-12-30T00:00:00",
        "duration_seconds": 3600,
    },
    strict=True,
)
AT_NIGHT = datetime(2026, 11, 25, 15, 30, tzinfo=UTC)
"""22:30 in Jakarta."""


@dataclass
class Story:
    """What happened, and the report of it."""

    house: House
    shop: Talker
    kiosk: Talker
    ward: Talker

    def month(self, client: str = "warung", language: Language = Language.ENGLISH) -> ClientMonth:
        """November, as of now."""
        with self.house.database.reading() as session:
            period = Period(2026, 11, ZONE)
            return month(session, client, period, self.house.clock.now, language)


def release(house: House, version: str, lane: Lane = Lane.RELEASES, **described: Any) -> None:
    """Publish a release and start its rollout for everybody."""
    house.estate.now = house.clock.now
    published = house.estate.publish(version, lane=lane, **described)
    rollouts.start(house.database, published, schedule(10_000), "sari", house.clock.now)
    house.tick()


def tell(house: House) -> Story:
    """Let it happen."""
    shop = house.site("shop", policy=POLICY)
    kiosk = house.site("kiosk")
    ward = house.site("ward", client_id="klinik")
    release(house, "2.0", severity="critical", fixed_cves=["CVE-2026-1234"])
    house.clock.forward(3600)
    kiosk.fails(detail="klinik's prices are missing too")
    ward.confirms()
    house.tick()
    house.clock.now = AT_NIGHT
    shop.check_in()
    shop.confirms(from_version="1.0")
    house.tick(4 * 3600)
    release(house, "2.1")
    waits = {"candidate": f"releases/{PRODUCT}/2.1/manifest.json", "decision": "wait"}
    until = house.clock.now + timedelta(hours=15)
    shop.check_in(**waits, gate="window_open", reason="the site's window is closed", until=until)
    ward.check_in(**waits, gate="wave_open", reason="ward's own")
    kiosk.attempt += 1
    kiosk.report(Phase.DOWNLOADING, "2.1")
    word, now = Word("wati", "they count"), house.clock.now
    brakes.put_on(house.database, Scope.CLIENT, "klinik", Word("wati", "klinik moves"), now)
    brakes.put_on(house.database, Scope.SITE, "kiosk", word, now)
    freezes.announce(house.database, FreezeScope.CLIENT, "warung", [BOOKS], word, now)
    house.tick()
    return Story(house, shop, kiosk, ward)
