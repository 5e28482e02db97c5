"""Freezes: times in which nothing may be changed, once or again and again, on a local wall clock.

A site has its own in ``site.toml``; the server's reach it in a signed plan (of a product, or of
everything) and in the answer to its check-in (of its client, or of it alone). All of them can only
refuse: whichever is in force wins over every window.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from manifests.documents import Part, in_range
from manifests.recurrence import check_rule, occurrences
from manifests.window import HORIZON, Blackout, ZoneName, first_instant

MAX_FREEZE_SECONDS = 366 * 24 * 3600


class Freeze(Part):
    """A time in which sites must not be changed; it may recur.

    Attributes:
        starts: the first start on the local wall clock, without an offset.
        rule: an RRULE such as ``FREQ=YEARLY``; empty for one occurrence.
        duration_seconds: elapsed, and on the wall clock too: each occurrence ends when both have
            passed, so a frozen day is frozen to its midnight even if it has 25 hours.
        except_starts: occurrences that are left out, each by its start on the wall clock.
    """

    name: Annotated[str, Field(max_length=200)] = "freeze"
    zone: ZoneName
    starts: Annotated[datetime, AfterValidator(in_range)]
    rule: Annotated[str, Field(max_length=500)] = ""
    duration_seconds: Annotated[int, Field(ge=1, le=MAX_FREEZE_SECONDS)]
    except_starts: Annotated[
        tuple[Annotated[datetime, AfterValidator(in_range)], ...], Field(max_length=200)
    ] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.starts.tzinfo is not None:
            raise ValueError("starts is a local wall-clock time and carries no offset; name a zone")
        if any(start.tzinfo is not None for start in self.except_starts):
            raise ValueError("except_starts are local wall-clock times, as starts is one")
        check_rule(self.rule, self.starts)
        return self

    def blackouts(self, after: datetime, until: datetime) -> Iterator[Blackout]:
        """Its occurrences that end after ``after`` and start before ``until``, in order."""
        duration = timedelta(seconds=self.duration_seconds)
        slack = duration + timedelta(days=2)  # a zone's offset and a gap are both under a day
        local_after = after.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None) - slack
        for local in occurrences(self.rule, self.starts, local_after):
            if local in self.except_starts:
                continue
            start = first_instant(local, self.zone)
            if start >= until:
                return
            end = max(start + duration, _last_instant(local + duration, self.zone))
            if end > after:
                yield Blackout(name=self.name, starts_at=start, ends_at=end)

    def is_over(self, now: datetime) -> bool:
        """Whether it will not be in force again within 13 months."""
        return next(self.blackouts(now, now + HORIZON), None) is None


def _last_instant(local: datetime, zone: str) -> datetime:
    """The absolute time of a local one: the second of two; in a gap, as far behind its start."""
    tz = ZoneInfo(zone)
    return max(local.replace(tzinfo=tz, fold=fold).astimezone(UTC) for fold in (0, 1))


def blackouts_of(freezes: Iterable[Freeze], now: datetime) -> list[Blackout]:
    """What freezes mean for the 13 months ahead."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = (blackout for freeze in freezes for blackout in _ahead(freeze, day))
    return [blackout for blackout in ahead if blackout.ends_at > now]


@lru_cache(maxsize=128)
def _ahead(freeze: Freeze, day: datetime) -> tuple[Blackout, ...]:
    """From a day's beginning on; a preview asks for the same ones at every site."""
    # A start may be sought up to the horizon, and must then have its time without a freeze.
    return tuple(freeze.blackouts(day, day + HORIZON + timedelta(days=32)))
