"""What support may ask one site to do, from a fixed list, and what the site says of it.

No field here could carry a command: a kind is a word of the list, the rest are names, versions,
numbers and moments. A step is asked for by the server, which is not signed, so it can do nothing
that the site's own administrator could not let support do: the site's policy says which kinds it
takes, and its agent how often. What a site answers is signed by it.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from manifests.documents import Document, Part, UtcDatetime, to_json
from manifests.free_text import Reason, first_bytes, last_bytes
from manifests.target_paths import Identifier, ProductName, VersionText

STEP_RESULT_TYPE = "application/vnd.hsp.step-result+json"
STEP_LIFE = timedelta(hours=24)
"""A step that was not begun by then is not done any more."""
MOST_STEPS = 10
"""In one answer to a check-in, and open at one site."""
MAX_DIAGNOSTICS_BYTES = 512 * 1024
MAX_STEP_RESULT_BYTES = 1024 * 1024
"""Of the envelope, in which a body takes a third more."""
MOST_DIFFERENCES = 200
MOST_SECTIONS = 60
MAX_SECTION_BYTES = 64 * 1024

StepId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
KindWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,31}$")]
"""Of a step that this program may not know yet."""
Difference = Annotated[str, AfterValidator(lambda text: first_bytes(text, 500))]
SectionText = Annotated[str, AfterValidator(lambda text: last_bytes(text, MAX_SECTION_BYTES))]


class StepKind(StrEnum):
    """The whole list."""

    VERIFY = "verify"
    """Compare what is installed with what was signed."""
    REPAIR = "repair"
    """The same, and restore the files that differ."""
    COLLECT = "collect"
    """Send a diagnostics bundle."""
    RESTART = "restart"
    """Restart the service of a product."""
    RETRY = "retry"
    """Hold nothing against a version that failed here; every other gate stays."""

    @property
    def changes_something(self) -> bool:
        """Whether a site that holds still refuses it."""
        return self in (StepKind.REPAIR, StepKind.RESTART, StepKind.RETRY)


class RemoteStep(Document):
    """One step, once. Whoever asked is named by role: a site learns no names of ours."""

    step_id: StepId
    kind: KindWord
    product: ProductName | None = None
    """Of a restart or a retry; of verify and repair None for all of the site's products."""
    version: VersionText | None = None
    """Of a retry."""
    asked_by: Identifier
    asked_at: UtcDatetime
    expires_at: UtcDatetime

    @model_validator(mode="after")
    def _does_not_live_long(self) -> Self:
        if not self.asked_at < self.expires_at <= self.asked_at + STEP_LIFE:
            raise ValueError("a step expires within 24 hours after it was asked for")
        return self

    def __str__(self) -> str:
        """For people."""
        return " ".join(word for word in (self.kind, self.product, self.version) if word)


class Outcome(StrEnum):
    """What became of a step at its site."""

    DONE = "done"
    REFUSED = "refused"
    """Nothing was done: the site does not allow it, or not now."""
    FAILED = "failed"


class DriftReport(Part):
    """The current version of one product, held against its signed list."""

    product: ProductName
    version: VersionText
    differences: Annotated[tuple[Difference, ...], Field(max_length=MOST_DIFFERENCES)] = ()
    """What differs, in words; the first ones."""
    different: Annotated[int, Field(ge=0)] = 0
    """How many things differ."""
    mended: Annotated[int, Field(ge=0)] = 0
    """How many files were restored just now."""


class Section(Part):
    """One part of a diagnostics bundle: text, for people."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 .-]{0,99}$")]
    text: SectionText


class Diagnostics(Document):
    """A bundle of what support looks at when an update failed; the agent has redacted it."""

    at: UtcDatetime
    agent_version: Annotated[str, Field(max_length=40)]
    sections: Annotated[tuple[Section, ...], Field(max_length=MOST_SECTIONS)] = ()

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        size = sum(len(to_json(section.model_dump())) for section in self.sections)
        if size > MAX_DIAGNOSTICS_BYTES:
            raise ValueError(f"a bundle has at most {MAX_DIAGNOSTICS_BYTES} bytes")
        return self


class StepResult(Document):
    """What a site did when it was asked for a step, and what came of it."""

    site_id: Identifier
    step_id: StepId
    kind: KindWord
    at: UtcDatetime
    outcome: Outcome
    sentence: Reason
    """For people: what was done, or why it was not."""
    drift: Annotated[tuple[DriftReport, ...], Field(max_length=100)] = ()
    diagnostics: Diagnostics | None = None


class StepReceipt(Document):
    """The server's word that a result is stored durably; only now may the site forget it."""

    step_id: StepId
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the envelope's body."""
    duplicate: bool = False
