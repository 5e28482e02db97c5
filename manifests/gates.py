"""When a rollout may go on, when it must stop, and how crowded it may become."""

from typing import Annotated, Self

from pydantic import Field

from manifests.documents import Part

Percent = Annotated[int, Field(ge=0, le=100)]
Seconds = Annotated[int, Field(ge=0, le=366 * 24 * 3600)]


class WaveGates(Part):
    """What differs while this wave is the newest one that is open."""

    number: Annotated[int, Field(ge=1, le=100)]
    """From 1."""
    soak_seconds: Seconds | None = None
    success_threshold_percent: Percent | None = None
    error_threshold_percent: Percent | None = None


class Gates(Part):
    """When the next wave may open, and when the rollout must stop."""

    soak_seconds: Seconds
    """A wave is watched at least this long before the next one opens."""
    success_threshold_percent: Percent
    """Of the admitted sites, at least so many must have confirmed before the next wave opens."""
    error_threshold_percent: Percent
    """Of the sites that attempted it, at most so many may have failed; checked first."""
    minimum_failed_sites: Annotated[int, Field(ge=1)] = 2
    """Distinct sites that must have failed before the stop rule acts: one site stops no fleet."""
    minimum_confirmed_sites: Annotated[int, Field(ge=0)] = 0
    """Distinct sites that must have confirmed, or all that are admitted where they are fewer,
    before the next wave opens: one site that answers while others are silent proves little."""
    waves: Annotated[tuple[WaveGates, ...], Field(max_length=100)] = ()
    """Waves with thresholds of their own, such as a first one in which nothing may fail."""

    def of_wave(self, number: int) -> Self:
        """The gates while the wave ``number``, from 1, is the newest one that is open."""
        found = next((wave for wave in self.waves if wave.number == number), None)
        own = found.model_dump(exclude_none=True, exclude={"number"}) if found else {}
        return self.model_copy(update=own)


class Limits(Part):
    """How many sites may be in progress at once, and how long a rollout may take.

    With such a limit the plan says whose turn it is; a turn ends with the site's attempt.
    """

    at_once: Annotated[int, Field(ge=1)] | None = None
    at_once_per_client: Annotated[int, Field(ge=1)] | None = None
    deadline_seconds: Annotated[int, Field(ge=1, le=366 * 24 * 3600)] | None = None
    """Counted from the start: who does not run it by then becomes a ticket."""

    @property
    def are_set(self) -> bool:
        """Whether only so many may be in progress at once."""
        return self.at_once is not None or self.at_once_per_client is not None
