"""Rollouts: schedules, the fastest pace, plans, and where in the queue a site stands.

A rollout is a curve over *positions*: each site has one in 0..9999 basis points, drawn anew for
every version, and a wave covers the positions up to a bound. Rings are pinned onto the same line,
pilots into the first wave and critical sites into the last, so rings and percentages are one
mechanism.

Sources: waves as Bottlerocket's updog has them, with the lower bound subtracted; gates as
ConfigMgr's phased deployments.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version
from pydantic import AfterValidator, Field, model_validator

from manifests.documents import Document, Part, UtcDatetime, parse_toml
from manifests.freeze import Freeze
from manifests.gates import Gates as Gates
from manifests.gates import Limits as Limits
from manifests.gates import Seconds
from manifests.gates import WaveGates as WaveGates
from manifests.target_paths import Identifier, ProductName

WHOLE = 10_000
"""All positions, in basis points."""

BasisPoints = Annotated[int, Field(ge=0, le=WHOLE)]
Drawn = Annotated[int, Field(ge=0, lt=WHOLE)]


_MOST_DIGITS = re.compile(r"\d{19}")


def _specifier(text: str) -> str:
    if _MOST_DIGITS.search(text):
        raise ValueError("a number in a version range has at most 18 digits")
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise ValueError(f"{text!r} is not a version range such as '>=1.2,<2'") from error
    return text


VersionRange = Annotated[str, AfterValidator(_specifier)]
"""A PEP 440 range; empty for any version."""


class Ring(StrEnum):
    """A site's place in the queue, as its administrator chose it."""

    PILOT = "pilot"
    BROAD = "broad"
    CRITICAL = "critical"


class ScheduledWave(Part):
    """A wave of a schedule, relative to the rollout's start."""

    after_seconds: Seconds
    spread_seconds: Seconds = 0
    up_to_basis_points: Annotated[int, Field(ge=1, le=WHOLE)]


class Wave(Part):
    """A wave of a running rollout. It is shut while ``opens_at`` is not written."""

    opens_at: UtcDatetime | None = None
    spread_seconds: Seconds = 0
    up_to_basis_points: Annotated[int, Field(ge=1, le=WHOLE)]


def _check_bounds(waves: Sequence[ScheduledWave] | Sequence[Wave]) -> None:
    bounds = [wave.up_to_basis_points for wave in waves]
    if bounds != sorted(set(bounds)) or bounds[-1] != WHOLE:
        raise ValueError(f"waves must grow and end at {WHOLE} basis points, not {bounds}")


class Pace(Part):
    """The fastest a release may spread: waves counted from the manifest's ``issued_at``."""

    name: Identifier
    waves: Annotated[tuple[ScheduledWave, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _check_bounds(self.waves)
        starts = [wave.after_seconds for wave in self.waves]
        if starts != sorted(starts):
            raise ValueError("a wave starts before the one in front of it")
        return self


class Schedule(Document):
    """A template of a rollout: waves and gates, kept as commented TOML."""

    name: Identifier
    waves: Annotated[tuple[ScheduledWave, ...], Field(min_length=1, max_length=100)]
    gates: Gates
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _waves_make_a_pace(self) -> Self:
        _ = self.pace
        numbers = [wave.number for wave in self.gates.waves]
        if len(set(numbers)) != len(numbers) or any(n > len(self.waves) for n in numbers):
            raise ValueError(f"gates of waves {numbers}, and there are {len(self.waves)} waves")
        return self

    @property
    def pace(self) -> Pace:
        """The waves alone, as a manifest carries them."""
        return Pace(name=self.name, waves=self.waves)

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a schedule that a person wrote.

        Raises:
            ManifestError: not TOML, or not a schedule.
        """
        return cls.from_plain(parse_toml(text, "the schedule"))


class RolloutState(StrEnum):
    """Halting is a state of its own, never "0 %"."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    FINISHED = "finished"


class Change(Part):
    """Who put a rollout into its state, when and why, in words a first line can read out."""

    by: str
    at: UtcDatetime
    reason: str


class SiteFilter(Part):
    """Which sites a rollout is for; an empty field admits all."""

    clients: tuple[Identifier, ...] = ()
    sites: tuple[Identifier, ...] = ()
    tags: tuple[Identifier, ...] = ()
    regions: tuple[Identifier, ...] = ()
    platforms: tuple[Identifier, ...] = ()
    installed: VersionRange = ""
    """Which versions the site must run now, such as ``>=2,<3``; empty for any, and for none."""

    def admits_installed(self, installed: str | None, rolled_out: Version) -> bool:
        """Whether a site that runs ``installed`` is meant, or was before it went along."""
        if not self.installed:
            return True
        if installed is None:
            return False
        version = Version(installed)
        return version == rolled_out or SpecifierSet(self.installed).contains(
            version, prereleases=True
        )


class Rollout(Part):
    """One release on its way to the sites."""

    release: str
    """The target path of the release's manifest."""
    state: RolloutState
    last_change: Change
    waves: Annotated[tuple[Wave, ...], Field(min_length=1, max_length=100)]
    only: SiteFilter = SiteFilter()
    turns: Annotated[tuple[Drawn, ...], Field(max_length=WHOLE)] | None = None
    """Where only so many sites may be in progress at once: what those drew whose turn it is, and
    nobody else begins. None where there is no such limit. It can only refuse, as a pause can."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        _check_bounds(self.waves)
        return self


class Brake(Part):
    """A hold on everything of a product, or on everything."""

    scope: Identifier
    by: str
    at: UtcDatetime
    reason: str


class RolloutPlan(Document):
    """Everything the server has to say about when a product's releases may be installed.

    Signed by the online key of ``<product>.rollouts``. It can delay and stop; what may run, and
    the fastest it may spread, is in the manifests.
    """

    product: ProductName
    serial: Annotated[int, Field(ge=1)]
    written_at: UtcDatetime
    rollouts: tuple[Rollout, ...] = ()
    brakes: tuple[Brake, ...] = ()
    freezes: Annotated[tuple[Freeze, ...], Field(max_length=200)] = ()
    """When no site may be changed; beside each site's own, and as little to be argued with."""

    @model_validator(mode="after")
    def _one_word_on_each(self) -> Self:
        releases = [rollout.release for rollout in self.rollouts]
        if len(set(releases)) != len(releases):
            raise ValueError("two rollouts of the same release in one plan")
        return self

    def rollout_of(self, release_path: str) -> Rollout | None:
        """The rollout of the release whose manifest is at ``release_path``."""
        return next((r for r in self.rollouts if r.release == release_path), None)


def draw(product: str, version: str, site_id: str) -> int:
    """A number in 0..9999 that is fixed for a site and a version, and unrelated between versions.

    So no site is always first, and nobody can move a site by asking again.
    """
    digest = hashlib.sha256(f"{product}\n{version}\n{site_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % WHOLE


def position(drawn: int, ring: Ring, bounds: Sequence[int]) -> int:
    """Where a site stands on the line of a rollout whose waves end at ``bounds``.

    Args:
        drawn: what ``draw`` gave, 0..9999.
        ring: pilots are pinned into the first wave, critical sites into the last.
        bounds: cumulative basis points of the waves, the last is 10000.
    """
    low, high = 0, WHOLE
    if ring is Ring.PILOT:
        high = bounds[0]
    elif ring is Ring.CRITICAL and len(bounds) > 1:
        low = bounds[-2]
    return low + drawn * (high - low) // WHOLE


def wave_index(standing: int, bounds: Sequence[int]) -> int:
    """The index of the wave that covers the position ``standing``."""
    return next(index for index, bound in enumerate(bounds) if standing < bound)


def earliest(pace: Pace, issued_at: datetime, ring: Ring, drawn: int) -> datetime:
    """The moment before which the pace admits a site to nothing."""
    waves = [
        Wave(
            opens_at=issued_at + timedelta(seconds=wave.after_seconds),
            spread_seconds=wave.spread_seconds,
            up_to_basis_points=wave.up_to_basis_points,
        )
        for wave in pace.waves
    ]
    moment = opens_at(waves, ring, drawn)
    assert moment is not None  # noqa: S101 - every wave above has an opening
    return moment


def opens_at(waves: Sequence[Wave], ring: Ring, drawn: int) -> datetime | None:
    """When a site's turn comes in these waves, or None while its wave is shut."""
    bounds = [wave.up_to_basis_points for wave in waves]
    standing = position(drawn, ring, bounds)
    index = wave_index(standing, bounds)
    wave, lower = waves[index], bounds[index - 1] if index else 0
    if wave.opens_at is None:
        return None
    share = (standing - lower) / (wave.up_to_basis_points - lower)
    return wave.opens_at + timedelta(seconds=wave.spread_seconds) * share
