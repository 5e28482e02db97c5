"""Whoever has a site's key speaks for it over HTTP, and says what they like."""

import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from client_updater.identity import KEY_FILE, load_key
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.envelope import seal
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.rollout import Ring
from manifests.site import SitePolicy
from tests.simulators.village import VillageSite


@dataclass
class SiteVoice:
    """A site's key in other hands; ``name`` is the site that they say they are."""

    site: VillageSite
    url: str
    name: str = ""
    sequence: int = 1000
    said: dict[str, Any] = field(default_factory=dict)

    def report(self, phase: Phase, version: str, **fields: Any) -> int:
        """Send a report; the status of the answer."""
        self.sequence += 1
        plain = {
            "site_id": self.name or self.site.site_id,
            "sequence": self.sequence,
            "boot_id": "another boot",
            "attempt_id": f"made up {self.sequence}",
            "at": datetime.now(UTC),
            "product": "app",
            "release": f"releases/app/{version}/manifest.json",
            "version": version,
            "phase": phase,
            **fields,
        }
        body = InstallReport.model_validate(plain).to_bytes()
        return post(f"{self.url}/v1/reports", self._sealed(body, REPORT_TYPE))

    def check_in(self) -> int:
        """Send a sign of life; the status of the answer."""
        body = CheckIn(
            site_id=self.name or self.site.site_id,
            at=datetime.now(UTC),
            boot_id="another boot",
            agent_version="9",
            ring=Ring.PILOT,
            policy=SitePolicy(),
            problem="disk_full",
        ).to_bytes()
        return post(f"{self.url}/v1/check-in", self._sealed(body, CHECK_IN_TYPE))

    def _sealed(self, body: bytes, kind: str) -> bytes:
        return seal(body, kind, load_key(self.site.state / KEY_FILE).signer)


def post(url: str, body: bytes) -> int:
    """The status of the answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
