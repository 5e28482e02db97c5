"""How a site joins, and what it and the server say to each other at every poll.

The server's answers are hints and wishes, never orders: nothing in them can make an agent install
anything. What they can do is make it hold still, tell a site whose own policy is to wait for its
client that the client has said yes, and ask for one of the few steps of ``remote_steps``.
"""

import base64
import binascii
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, StringConstraints

from manifests.audit_checkpoint import MAX_CHECKPOINT_BYTES
from manifests.documents import Document, Part, UtcDatetime
from manifests.errors import ManifestError
from manifests.file_list import Sha256
from manifests.free_text import Reason
from manifests.freeze import Freeze
from manifests.remote_steps import MOST_STEPS, RemoteStep
from manifests.repetition import CHECK_IN_TYPE as CHECK_IN_TYPE
from manifests.repetition import SESSION_HEADER as SESSION_HEADER
from manifests.repetition import SESSION_WANTED as SESSION_WANTED
from manifests.rollout import Ring
from manifests.site import InstalledProduct, SitePolicy, SiteProfile
from manifests.target_paths import Identifier, ProductName, VersionText

ENROLMENT_TYPE = "application/vnd.hsp.enrolment+json"

INVITATION_LIFE = timedelta(hours=24)
_INVITATION_PREFIX = "hsp-invitation:"

HttpUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$")]
CheckpointEnvelope = Annotated[str, StringConstraints(max_length=MAX_CHECKPOINT_BYTES)]
"""A sealed ``AuditCheckpoint``; empty for none."""
PublicKeyHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Invitation(Document):
    """One use, one site, 24 hours; it carries the hash of the root that the site will pin.

    The administrator compares the root's hash with one that reached them another way, since
    whoever can change the invitation could otherwise name a root of their own.
    """

    profile: SiteProfile
    server_url: HttpUrl
    metadata_url: HttpUrl
    targets_url: HttpUrl
    root_version: Annotated[int, Field(ge=1)]
    root_sha256: Sha256
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    expires_at: UtcDatetime

    def to_text(self) -> str:
        """One line that survives e-mail and a terminal."""
        return _INVITATION_PREFIX + base64.urlsafe_b64encode(self.to_bytes()).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what ``to_text`` wrote.

        Raises:
            ManifestError: not an invitation.
        """
        line = "".join(text.split())
        if not line.startswith(_INVITATION_PREFIX):
            raise ManifestError(f"an invitation starts with {_INVITATION_PREFIX!r}")
        try:
            data = base64.urlsafe_b64decode(line.removeprefix(_INVITATION_PREFIX))
        except (binascii.Error, ValueError) as error:
            raise ManifestError("the invitation is cut off or mistyped; copy it again") from error
        return cls.from_bytes(data)


class Enrolment(Document):
    """A site's request to join, signed by the key it has just made."""

    token: str
    public_key: PublicKeyHex
    site_id: Identifier


class EnrolmentAnswer(Document):
    """The site is known from now on."""

    site_id: Identifier
    poll_seconds: Annotated[int, Field(ge=1, le=86_400)]


class ProductStatus(Part):
    """What a site runs of one product, and its agent's last decision on the newest release."""

    product: ProductName
    installed: InstalledProduct
    candidate: str | None = None
    """Target path of the release that was decided on."""
    decision: str = ""
    """``install``, ``wait`` or ``stay``."""
    gate: str = ""
    reason: Reason = ""
    lifted_by: str = ""
    until: UtcDatetime | None = None


class CheckIn(Document):
    """A sign of life, with everything that the first line needs to answer "why not yet"."""

    site_id: Identifier
    at: UtcDatetime
    boot_id: Annotated[str, Field(max_length=64)]
    agent_version: Annotated[str, Field(max_length=40)]
    ring: Ring
    policy: SitePolicy
    products: Annotated[tuple[ProductStatus, ...], Field(max_length=100)] = ()
    root_version: Annotated[int, Field(ge=0)] = 0
    timestamp_version: Annotated[int, Field(ge=0)] = 0
    last_sequence: Annotated[int, Field(ge=0)] = 0
    """Number of the newest report that the site has written."""
    audit_checkpoint: CheckpointEnvelope = ""
    """The newest checkpoint of the server's audit log that the site has witnessed."""
    problem: str = ""
    """Why the site cannot be updated at the moment, as a failure code; empty when it can."""
    detail: Reason = ""


class SessionGiven(Part):
    """A right to say the same again without a signature: ``Authorization: Bearer`` and the plain
    ``CheckIn``, as ``repetition`` compares them. Whatever is new is signed, and ends nothing."""

    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,200}$")]
    seconds: Annotated[int, Field(ge=1, le=86_400)]
    """So long the server knows it."""


class CheckInAnswer(Document):
    """What the server says back. It can slow an agent down or hold it, or end a wait for a yes."""

    poll_seconds: Annotated[int, Field(ge=1, le=86_400)]
    root_version: Annotated[int, Field(ge=0)] = 0
    """The newest root the server knows: an agent that cannot fetch it stops installing."""
    timestamp_version: Annotated[int, Field(ge=0)] = 0
    hold: str = ""
    """A reason to hold still, as somebody in support wrote it; empty for none."""
    approved: Annotated[
        dict[ProductName, Annotated[tuple[VersionText, ...], Field(max_length=100)]],
        Field(max_length=100),
    ] = Field(default_factory=dict)
    """Per product, what the site's client has said yes to. It lifts one hold, the one that the
    site's own policy ``approval = "client"`` makes, and no other gate."""
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=200)] = ()
    """When the site must not be changed: what was announced for it, or for all of its client's."""
    audit_checkpoint: CheckpointEnvelope = ""
    """The newest checkpoint of the audit log, for the site to remember; it decides nothing."""
    steps: Annotated[tuple[RemoteStep, ...], Field(max_length=MOST_STEPS)] = ()
    """What support asks this site to do, from a fixed list, as far as its own policy allows."""
    session: SessionGiven | None = None
    """For a site that asked for one in ``SESSION_HEADER``."""
    known_sequence: Annotated[int, Field(ge=0)] | None = None
    """Only after a restore: of the site's reports the server knows those up to this number, and
    would like to have those above it again, whether it has acknowledged them or not."""


class ReportReceipt(Document):
    """The server's word that a report is stored durably; only now may the site forget it."""

    site_id: Identifier
    sequence: int
    sha256: Sha256
    """Of the envelope's body."""
    duplicate: bool = False
