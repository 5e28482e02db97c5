"""Where sites stand in a rollout, counted honestly. Pure: values in, counts out.

Only sites whose turn has come count at all, each once and by its newest outcome. A silent site is
a state of its own, neither success nor failure. A site that waits for its window is not a failure
but has not succeeded yet either; one that will not move by time alone (its own brake, an answer
that nobody gave) is left out. So no site, broken or hostile, weighs more than one, and none can
open a gate for others.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum

from packaging.version import Version

from manifests import decision
from manifests import rollout as rollouts
from manifests.release import Release
from manifests.rollout import Gates, Rollout, RolloutPlan, Schedule
from manifests.site import Site


class Outcome(StrEnum):
    """Of a site's newest attempt at a release."""

    NONE = "none"
    FETCHING = "fetching"
    """Nothing was changed yet; it may have fetched ahead of its window."""
    TRYING = "trying"
    CONFIRMED = "confirmed"
    FAILED = "failed"


class Standing(StrEnum):
    """Where a site stands in a rollout that is for it."""

    NOT_YET = "not_yet"
    """Its turn has not come."""
    OVERTAKEN = "overtaken"
    """It runs something newer and will never try this."""
    PENDING = "pending"
    """Its turn has come and it is online; nothing is known yet."""
    WAITING = "waiting"
    """For its maintenance window, or until others are done: it will move by itself."""
    EXCUSED = "excused"
    """Its own policy, somebody at the site, or a brake holds it: it will not move by itself."""
    SILENT = "silent"
    TRYING = "trying"
    CONFIRMED = "confirmed"
    FAILED = "failed"


@dataclass(frozen=True)
class Said:
    """What a site said at its latest check-in about this very release."""

    decision: str
    until: datetime | None
    gate: str = ""


@dataclass(frozen=True)
class Candidate:
    """A site that a rollout may be for, as far as the server knows it."""

    site: Site
    online: bool
    outcome: Outcome = Outcome.NONE
    said: Said | None = None
    held: bool = False
    """Support has a brake on it, or on its client."""


@dataclass(frozen=True)
class Course:
    """A rollout with all that its assessment needs."""

    release: Release
    rollout: Rollout
    schedule: Schedule
    started_at: datetime
    brake: str = ""
    """Why nothing of the product moves, whatever becomes of this rollout; empty when it does."""

    @property
    def gates(self) -> Gates:
        """The thresholds, of the newest wave that is open."""
        return self.schedule.gates.of_wave(self.open_waves)

    @property
    def open_waves(self) -> int:
        """How many waves have an opening."""
        return sum(1 for wave in self.rollout.waves if wave.opens_at is not None)


@dataclass(frozen=True)
class Counts:
    """Distinct sites of one wave, or of several. All but ``sites`` are of those admitted."""

    sites: int = 0
    admitted: int = 0
    pending: int = 0
    waiting: int = 0
    excused: int = 0
    silent: int = 0
    trying: int = 0
    confirmed: int = 0
    failed: int = 0
    overtaken: int = 0

    @property
    def attempted(self) -> int:
        """What the error rule divides by."""
        return self.trying + self.confirmed + self.failed

    @property
    def expected(self) -> int:
        """What the success rule divides by: who can be expected to run it sooner or later."""
        return self.attempted + self.pending + self.waiting

    def __add__(self, other: "Counts") -> "Counts":
        """Sites of both."""
        both = (getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        return Counts(*both)


def tally(course: Course, candidates: Iterable[Candidate], now: datetime) -> tuple[Counts, ...]:
    """The sites of each wave, counted by where they stand."""
    found: list[dict[str, int]] = [{} for _ in course.rollout.waves]
    plan = plan_of_one(course, now)
    bounds = [wave.up_to_basis_points for wave in course.rollout.waves]
    for candidate in candidates:
        if not is_for(course, plan, candidate, now):
            continue
        profile, manifest = candidate.site.profile, course.release.manifest
        drawn = rollouts.draw(manifest.product, manifest.version, profile.site_id)
        position = rollouts.position(drawn, profile.ring, bounds)
        wave = found[rollouts.wave_index(position, bounds)]
        for name in _columns(standing(course, candidate, drawn, now)):
            wave[name] = wave.get(name, 0) + 1
    return tuple(Counts(**wave) for wave in found)


def _columns(where: Standing) -> tuple[str, ...]:
    if where is Standing.NOT_YET:
        return ("sites",)
    if where is Standing.OVERTAKEN:
        return ("sites", "overtaken")
    return ("sites", "admitted", where.value)


def plan_of_one(course: Course, now: datetime) -> RolloutPlan:
    """A plan with this rollout alone, to ask the gates about."""
    product = course.release.manifest.product
    return RolloutPlan(product=product, serial=1, written_at=now, rollouts=(course.rollout,))


def is_for(course: Course, plan: RolloutPlan, candidate: Candidate, now: datetime) -> bool:
    """Whether the rollout is for this site at all; ``plan`` has no other rollout."""
    case = decision.Case(course.release, plan, candidate.site, now)
    return decision.applicable(case) is None


def standing(course: Course, candidate: Candidate, drawn: int, now: datetime) -> Standing:
    """Where one site stands; ``drawn`` as ``manifests.rollout.draw`` gave it."""
    if not _admitted(course, candidate, drawn, now):
        return Standing.OVERTAKEN if _runs_newer(course, candidate) else Standing.NOT_YET
    if candidate.outcome is Outcome.FETCHING:
        return _fetching(course, candidate)
    if candidate.outcome is not Outcome.NONE:
        return Standing(candidate.outcome.value)
    if _runs_it(course, candidate):
        return Standing.CONFIRMED
    if _runs_newer(course, candidate):
        return Standing.OVERTAKEN
    if candidate.held:
        return Standing.EXCUSED
    if not candidate.online:
        return Standing.SILENT
    return _as_said(candidate.said)


def _fetching(course: Course, candidate: Candidate) -> Standing:
    """A site that fetched ahead waits, and has not tried: it must not soften the error rule."""
    if _runs_newer(course, candidate):
        return Standing.OVERTAKEN
    if not candidate.online:
        return Standing.SILENT
    waits = _as_said(candidate.said) is Standing.WAITING
    return Standing.WAITING if waits else Standing.TRYING


def _as_said(said: Said | None) -> Standing:
    if said is None or said.decision == "install":
        return Standing.PENDING
    comes_by_itself = said.until is not None or said.gate == decision.wave_open.__name__
    if said.decision == "wait" and comes_by_itself:
        return Standing.WAITING
    return Standing.EXCUSED


def _admitted(course: Course, candidate: Candidate, drawn: int, now: datetime) -> bool:
    manifest, ring = course.release.manifest, candidate.site.profile.ring
    by_plan = rollouts.opens_at(course.rollout.waves, ring, drawn)
    if by_plan is None or by_plan > now:
        return False
    return rollouts.earliest(manifest.pace, manifest.issued_at, ring, drawn) <= now


def _installed(course: Course, candidate: Candidate) -> Version | None:
    version = candidate.site.product(course.release.manifest.product).version
    return Version(version) if version else None


def _runs_it(course: Course, candidate: Candidate) -> bool:
    return _installed(course, candidate) == course.release.version


def _runs_newer(course: Course, candidate: Candidate) -> bool:
    installed = _installed(course, candidate)
    return installed is not None and installed > course.release.version
