"""Thousands of sites that speak at once: their rows as check-ins leave them, and what they send.

chorus = Chorus(10_000, now); chorus.enrol(database, now)
chorus.repeated()   # each site's check-in once more, by its session's token
chorus.signed()     # the same in envelopes
chorus.changed()    # one that says something new
chorus.reports(3)   # three signed reports of each site
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert

from distribution.control.control_tables import SiteBoot, SiteSession
from distribution.database.sessions import Database
from distribution.database.tables import Client, Site, SiteProduct
from distribution.sites.site_sessions import hashed
from manifests import envelope
from manifests.check_in import CHECK_IN_TYPE, CheckIn, ProductStatus
from manifests.documents import to_json
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.repetition import spoken
from manifests.rollout import Ring
from manifests.site import InstalledProduct, SitePolicy, SiteProfile

PRODUCT = "app"
CANDIDATE = f"releases/{PRODUCT}/2.0/manifest.json"
SITES_OF_A_CLIENT = 100
_BOOT = "boot-1"


@dataclass
class Voice:
    """One of them."""

    name: str
    client: str
    now: datetime
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def token(self) -> str:
        """Of its session: a made-up one, as good as any."""
        secret = hashlib.sha256(f"token of {self.name}".encode()).digest()
        return base64.urlsafe_b64encode(secret).decode().rstrip("=")

    @cached_property
    def public_key(self) -> str:
        """As the server has it."""
        return envelope.public_hex(self.key.public_key())

    @cached_property
    def _keyid(self) -> str:
        return str(envelope.site_key(self.public_key).keyid)

    @cached_property
    def status(self) -> ProductStatus:
        """It runs 1.0, and waits for its window to install 2.0."""
        return ProductStatus(
            product=PRODUCT,
            installed=InstalledProduct(version="1.0"),
            candidate=CANDIDATE,
            decision="wait",
            gate="window_open",
            reason="the site's window is closed",
        )

    @cached_property
    def check_in(self) -> bytes:
        """What it says at every poll."""
        return CheckIn(
            site_id=self.name,
            at=self.now,
            boot_id=_BOOT,
            agent_version="1",
            ring=Ring.BROAD,
            policy=SitePolicy(),
            products=(self.status,),
            root_version=1,
            timestamp_version=1,
        ).to_bytes()

    @property
    def news(self) -> bytes:
        """What it says once, after it has installed 2.0."""
        runs = InstalledProduct(version="2.0")
        status = ProductStatus(product=PRODUCT, installed=runs)
        said = CheckIn.from_bytes(self.check_in)
        return said.model_copy(update={"products": (status,)}).to_bytes()

    def report(self, sequence: int) -> bytes:
        """It has installed 2.0."""
        body = InstallReport(
            site_id=self.name,
            sequence=sequence,
            boot_id=_BOOT,
            attempt_id=f"attempt-{sequence}",
            at=self.now,
            product=PRODUCT,
            release=CANDIDATE,
            version="2.0",
            from_version="1.0",
            phase=Phase.CONFIRMED,
            duration_seconds=31.5,
            downloaded_bytes=52_428_800,
        ).to_bytes()
        return self.seal(body, REPORT_TYPE)

    def seal(self, body: bytes, kind: str) -> bytes:
        """As ``envelope.seal`` does, without its detours."""
        sig = self.key.sign(b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(body), body))
        sealed = {
            "payload": base64.b64encode(body).decode(),
            "payloadType": kind,
            "signatures": [{"keyid": self._keyid, "sig": base64.b64encode(sig).decode()}],
        }
        return to_json(sealed)

    def rows(self) -> dict[type, dict[str, object]]:
        """What the server has of it after a signed check-in that asked for a session."""
        profile = SiteProfile(
            site_id=self.name, client_id=self.client, ring=Ring.BROAD, products=(PRODUCT,)
        )
        said = spoken(self.check_in)
        assert said is not None
        status = self.status
        return {
            Site: {
                "id": self.name, "client_id": self.client, "public_key": self.public_key,
                "profile": to_json(profile.model_dump(mode="json")).decode(),
                "enrolled_at": self.now, "last_seen": self.now,
                "check_in": self.check_in.decode(), "check_in_digest": said.digest.hex(),
                "root_version": 1, "timestamp_version": 1, "problem": "", "hold": "",
                "place_base": 0, "stamp": 0,
            },
            SiteProduct: {
                "site_id": self.name, "product": PRODUCT, "version": "1.0",
                "candidate": status.candidate, "decision": status.decision, "gate": status.gate,
                "reason": status.reason, "lifted_by": "",
            },
            SiteBoot: {
                "site_id": self.name, "boot_id": _BOOT, "since": self.now, "heard_at": self.now,
            },
            SiteSession: {
                "token_sha256": hashed(self.token), "site_id": self.name,
                "public_key": self.public_key, "expires_at": self.now + timedelta(hours=1),
            },
        }  # fmt: skip


class Chorus:
    """All of them."""

    def __init__(self, count: int, now: datetime) -> None:
        self.voices = [
            Voice(f"site-{number:06}", f"client-{number // SITES_OF_A_CLIENT:04}", now)
            for number in range(count)
        ]

    def enrol(self, database: Database, now: datetime) -> None:
        """Make their rows."""
        clients = sorted({voice.client for voice in self.voices})
        rows = [voice.rows() for voice in self.voices]
        with database.engine.begin() as connection:
            named = [{"id": client, "created_at": now, "language": ""} for client in clients]
            connection.execute(insert(Client), named)
            for kind in (Site, SiteProduct, SiteBoot, SiteSession):
                connection.execute(insert(kind), [each[kind] for each in rows])

    def repeated(self) -> Iterator[tuple[bytes, str]]:
        """Each site's check-in, and the header with its token."""
        for voice in self.voices:
            yield voice.check_in, f"Authorization: Bearer {voice.token}"

    def signed(self) -> Iterator[bytes]:
        """Each site's check-in, signed."""
        for voice in self.voices:
            yield voice.seal(voice.check_in, CHECK_IN_TYPE)

    def changed(self) -> Iterator[bytes]:
        """A signed check-in of each site that says something new."""
        for voice in self.voices:
            yield voice.seal(voice.news, CHECK_IN_TYPE)

    def reports(self, of_each: int, first: int = 1) -> Iterator[bytes]:
        """So many reports of each site, one after the other, signed."""
        for sequence in range(first, first + of_each):
            for voice in self.voices:
                yield voice.report(sequence)
