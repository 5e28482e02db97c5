"""What a preview is asked, and what it answers: each site, each wave, and who cannot make it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from distribution.errors import Invalid
from manifests.freeze import Freeze
from manifests.release import Release
from manifests.rollout import Brake, Schedule, SiteFilter

EVERYBODY = SiteFilter()


@dataclass(frozen=True)
class Question:
    """What is to be planned.

    Attributes:
        deadline: everybody should have begun by then; None for no deadline.
        freezes, brakes: what the product's plan says already.
    """

    release: Release
    schedule: Schedule
    start: datetime
    deadline: datetime | None = None
    only: SiteFilter = EVERYBODY
    freezes: tuple[Freeze, ...] = ()
    brakes: tuple[Brake, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            Invalid: the deadline is not after the start.
        """
        if self.deadline is not None and self.deadline <= self.start:
            raise Invalid("the deadline is not after the start")

    @property
    def needed(self) -> timedelta:
        """How long it is expected to take at a site."""
        return timedelta(seconds=self.release.manifest.expected_duration_seconds)


@dataclass(frozen=True)
class Planned:
    """What one site would do.

    Attributes:
        wave: its number, from 1.
        turn: when the rollout lets it; None when its wave would not open.
        start: when it begins; None when it does not.
        reason: why it does not begin, or not in time; empty when it does.
        lifted_by: who can change that.
    """

    site_id: str
    client_id: str
    wave: int
    turn: datetime | None = None
    start: datetime | None = None
    reason: str = ""
    lifted_by: str = ""
    has_it: bool = False
    """It runs this version already."""
    overtaken: bool = False
    """It runs a newer one."""

    @property
    def is_concerned(self) -> bool:
        """Whether there is anything to do at it."""
        return not (self.has_it or self.overtaken)


@dataclass(frozen=True)
class PlannedWave:
    """One wave: when it would open at the earliest, and why not earlier."""

    number: int
    up_to_basis_points: int
    opens_at: datetime | None
    held_by: str = ""


@dataclass
class Preview:
    """The whole rollout."""

    question: Question
    waves: list[PlannedWave] = field(default_factory=list)
    sites: list[Planned] = field(default_factory=list)
    others: int = 0
    """Sites that it is not for."""

    @property
    def late(self) -> list[Planned]:
        """The sites that cannot meet it: they never begin, or only after the deadline."""
        return [site for site in self.sites if site.reason and site.is_concerned]

    @property
    def begin(self) -> list[datetime]:
        """When sites begin, in order."""
        return sorted(site.start for site in self.sites if site.start is not None)
