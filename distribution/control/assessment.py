"""How a rollout is going, and what follows from it. Pure: counts in, a verdict out.

The error rule goes first, over the sites that tried; then time and success decide on the next
wave. A verdict never undoes a pause: only a person does.

Sources: gates as ConfigMgr's phased deployments, waves as Bottlerocket's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.control.standing import Counts, Course
from manifests.rollout import Gates


@dataclass(frozen=True)
class OpenNextWave:
    """The next wave may open now."""

    number: int
    reason: str


@dataclass(frozen=True)
class Hold:
    """Not yet, and why, for somebody to read out."""

    reason: str


@dataclass(frozen=True)
class StandStill(Hold):
    """Not yet, and never by itself: nobody is on the way who could change it."""

    failed: int = 0


@dataclass(frozen=True)
class Pause:
    """The stop rule: too many sites have failed."""

    reason: str


@dataclass(frozen=True)
class Finish:
    """Every wave is open and has passed."""

    reason: str


Verdict = OpenNextWave | Hold | Pause | Finish


def assess(course: Course, waves: Sequence[Counts], now: datetime) -> Verdict:
    """What should happen to a running rollout whose waves count as ``waves``."""
    total = sum(waves, Counts())
    return (
        _stop_rule(course.gates, total)
        or _braked(course)
        or _soaking(course, now)
        or _success_rule(course.gates, total)
        or _next(course, now)
    )


def _stop_rule(gates: Gates, total: Counts) -> Verdict | None:
    too_many = total.failed * 100 > gates.error_threshold_percent * total.attempted
    if total.failed < gates.minimum_failed_sites or not too_many:
        return None
    return Pause(
        f"the stop rule: {total.failed} of {total.attempted} sites that tried it failed, "
        f"more than {gates.error_threshold_percent} %"
    )


def _braked(course: Course) -> Verdict | None:
    return Hold(course.brake) if course.brake else None


def _soaking(course: Course, now: datetime) -> Verdict | None:
    """A wave is watched until its last site's turn has come, and for the soak time at least.

    Both are counted from its own opening: a wave that opened late must not hasten the next one.
    """
    number = course.open_waves
    wave = course.rollout.waves[number - 1] if number else None
    if wave is None or wave.opens_at is None:
        return None
    watched = max(wave.spread_seconds, course.gates.soak_seconds)
    until = wave.opens_at + timedelta(seconds=watched)
    return Hold(f"wave {number} is watched until {_clock(until)}") if now < until else None


def _success_rule(gates: Gates, total: Counts) -> Verdict | None:
    lacking = _lacking(gates, total) if total.admitted else ""  # an empty wave proves nothing
    if not lacking:
        return None
    if total.trying + total.pending + total.waiting:
        return Hold(f"{lacking}: {_others(total)}")
    return StandStill(
        f"it stands still: {lacking}, and nobody is on the way: {_others(total)}; {_way_on(total)}",
        total.failed,
    )


def _lacking(gates: Gates, total: Counts) -> str:
    """What the success rule wants and does not have; empty when it has it."""
    if not total.expected:
        return f"none of {total.admitted} admitted sites can be expected"
    least = min(gates.minimum_confirmed_sites, total.admitted)
    if total.confirmed < least:
        return f"{total.confirmed} sites run it, {least} are needed"
    if total.confirmed * 100 >= gates.success_threshold_percent * total.expected:
        return ""
    return (
        f"{total.confirmed} of {total.expected} expected sites run it, "
        f"{gates.success_threshold_percent} % are needed"
    )


def _way_on(total: Counts) -> str:
    if total.failed:
        return "an approver may resume it, which leaves the failures out, or stop it"
    return "it goes on when they do; an approver may stop it"


def _others(total: Counts) -> str:
    words = {
        "failed": total.failed,
        "in progress": total.trying,
        "waiting for a window or their turn": total.waiting,
        "not heard from yet": total.pending,
        "held at the site": total.excused,
        "silent": total.silent,
    }
    return ", ".join(f"{count} {word}" for word, count in words.items() if count)


def _next(course: Course, now: datetime) -> Verdict:
    number = course.open_waves
    if number == len(course.rollout.waves):
        return Finish("every wave has passed")
    due = course.started_at + timedelta(seconds=course.schedule.waves[number].after_seconds)
    if now < due:
        return Hold(f"wave {number + 1} opens at {_clock(due)} at the earliest")
    return OpenNextWave(number + 1, f"wave {number} has passed")


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
