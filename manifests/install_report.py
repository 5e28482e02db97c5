"""What a site tells the server about one attempt, signed by the site's own key.

A report that was stored is kept as a receipt: anybody with the site's public key can verify it
offline. Reports of a site are numbered without gaps, so that each is applied once however often
it arrives and a missing one is seen.
"""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from manifests.documents import Document, UtcDatetime
from manifests.failures import FailureCode
from manifests.free_text import Detail, LogTail
from manifests.target_paths import Identifier, ProductName, VersionText

REPORT_TYPE = "application/vnd.hsp.install-report+json"
MAX_REPORT_BYTES = 64 * 1024


class Phase(StrEnum):
    """How far an attempt has come. The last five end it."""

    DOWNLOADING = "downloading"
    STAGED = "staged"
    ACTIVATING = "activating"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    REVERTED = "reverted"
    FAILED = "failed"
    REVERT_FAILED = "revert_failed"
    REFUSED = "refused"
    """Nothing was attempted: the agent saw something that it must not act on, and says so."""

    @property
    def is_final(self) -> bool:
        """Whether the attempt is over."""
        return self in FINAL_PHASES

    @property
    def is_failure(self) -> bool:
        """Whether somebody has to look at it."""
        return self.is_final and self is not Phase.CONFIRMED


FINAL_PHASES = frozenset(
    {Phase.CONFIRMED, Phase.REVERTED, Phase.FAILED, Phase.REVERT_FAILED, Phase.REFUSED}
)


class InstallReport(Document):
    """One step of one attempt at one site.

    ``sequence`` counts the site's reports from 1; ``attempt_id`` groups the steps of an attempt.
    A failure has a code and a detail; nothing else has either.
    """

    site_id: Identifier
    sequence: Annotated[int, Field(ge=1, le=2**53)]
    boot_id: Annotated[str, Field(max_length=64)]
    attempt_id: Annotated[str, Field(max_length=64)]
    at: UtcDatetime
    product: ProductName | None = None
    release: Annotated[str, Field(max_length=400)] | None = None
    version: VersionText | None = None
    from_version: VersionText | None = None
    phase: Phase
    code: FailureCode | None = None
    detail: Detail = ""
    log_tail: LogTail = ""
    hook_status: Annotated[int, Field(ge=-(2**31), lt=2**32)] | None = None
    """What the release's program or check ended with; negative: the signal that ended it."""
    duration_seconds: Annotated[float, Field(ge=0)] = 0
    downloaded_bytes: Annotated[int, Field(ge=0)] = 0
    saved_bytes: Annotated[int, Field(ge=0)] = 0
    """What a delta was shorter than the artifact that it stood for."""

    @model_validator(mode="after")
    def _failures_have_codes(self) -> Self:
        if self.phase.is_failure and self.code is None:
            raise ValueError(f"a report of phase {self.phase} names a failure code")
        if not self.phase.is_failure and self.code is not None:
            raise ValueError(f"a report of phase {self.phase} has no failure code")
        return self
