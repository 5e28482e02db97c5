"""What is in a client's month. Values only; moments are aware and in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from distribution.calendars.openings import WindowOutcome
from manifests.failures import FailureCode
from manifests.release import Severity


class Outcome(StrEnum):
    """What came of an attempt by the end of the month."""

    INSTALLED = "installed"
    FAILED = "failed"
    """The version before runs there, or somebody had to come."""
    UNDER_WAY = "under_way"


@dataclass(frozen=True)
class Proof:
    """The site's own signed report of how an attempt ended.

    Attributes:
        sequence: its number among the site's reports.
        sha256: of the signed body, as the site was acknowledged and as ``hsp receipts`` has it.
        signed_at: by the site's own clock.
    """

    sequence: int
    sha256: str
    signed_at: datetime


@dataclass(frozen=True)
class Span:
    """An opening of a site's maintenance window, and what came of it; empty while it is open."""

    starts_at: datetime
    ends_at: datetime
    outcome: str


@dataclass(frozen=True)
class InstallRecord:
    """One try to install one version at one site.

    Attributes:
        severity: see ``severities.severity_of``; None of a release that was never rolled out.
        started_at: when we heard of it first.
        ended_at: when we heard how it ended; None of one that was under way when the month ended.
        window: in which it was begun; None outside of every window, such as a hotfix at once.
        proof: None while it is under way.
    """

    site_id: str
    product: str
    version: str
    from_version: str | None
    severity: Severity | None
    outcome: Outcome
    code: FailureCode | None
    sentence: str
    started_at: datetime
    ended_at: datetime | None
    window: Span | None
    proof: Proof | None


@dataclass(frozen=True)
class Tally:
    """How many attempts ended how."""

    installed: int
    failed: int
    under_way: int

    @property
    def success(self) -> float | None:
        """The share of those that ended which ended well; None where none ended."""
        ended = self.installed + self.failed
        return self.installed / ended if ended else None


@dataclass(frozen=True)
class VersionTally:
    """Of one version at all sites."""

    product: str
    version: str
    severity: Severity | None
    fixed_cves: tuple[str, ...]
    released_at: datetime | None
    """When its rollout was started."""
    tally: Tally


@dataclass(frozen=True)
class SiteTally:
    """Of one site, all versions."""

    site_id: str
    tally: Tally


@dataclass(frozen=True)
class PatchTime:
    """How long it took, for the releases of one severity, from their rollout's start.

    Attributes:
        sites: the confirmed installs that the two figures are about.
        median_seconds: the middle one; of an even number, the mean of the two in the middle.
        p95_seconds: the shortest time within which at least 95 of 100 were done.
        without: the sites that still run something older, when the report was made.
    """

    severity: Severity
    sites: int
    median_seconds: float | None
    p95_seconds: float | None
    without: int


class HoldKind(StrEnum):
    """What holds an update back."""

    BRAKE = "brake"
    FREEZE = "freeze"
    GATE = "gate"
    """A site's own answer to why it does not install something yet."""


@dataclass(frozen=True)
class OpenHold:
    """Something that holds updates back, as of the moment at which the report was made.

    Attributes:
        scope: ``site``, ``client``, ``product`` or ``global``; of a gate, ``product``.
        target: the site, client, product, or product and version; empty for everything.
        gate: of a gate, its name.
        sites: of a gate, the sites that wait there.
    """

    kind: HoldKind
    scope: str
    target: str
    by: str
    reason: str
    sentence: str
    since: datetime | None
    until: datetime | None
    gate: str = ""
    sites: tuple[str, ...] = ()


@dataclass(frozen=True)
class IncidentRecord:
    """Something that went wrong at one site and was open in the month."""

    number: int
    site_id: str
    code: FailureCode
    product: str
    version: str
    sentence: str
    occurrences: int
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class ClientMonth:
    """Everything.

    Attributes:
        month: ``2026-11``.
        zone: in which the month begins and ends.
        is_over: whether the month had ended when this was made.
        sites: how many sites the client has.
        windows: of the windows that ended in the month, how many came to what.
    """

    client_id: str
    month: str
    zone: str
    starts_at: datetime
    ends_at: datetime
    made_at: datetime
    is_over: bool
    sites: int
    tally: Tally
    windows: dict[WindowOutcome, int]
    patch_times: tuple[PatchTime, ...]
    versions: tuple[VersionTally, ...]
    by_site: tuple[SiteTally, ...]
    installs: tuple[InstallRecord, ...]
    holds: tuple[OpenHold, ...]
    incidents: tuple[IncidentRecord, ...]
