"""Whether the system's clock can be believed, and the proof of it that the trust floor keeps.

A clock that was set back would make expired metadata look fresh, and a wrong one opens windows at
the wrong time. Nobody's clock is believed alone: a moment counts as proven when the system's clock
and the repository's, or the server's, agree. Hence a clock that jumped ahead leaves no trace.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from client_updater.errors import ClockWrong
from client_updater.floor import FloorFile

MOST_SKEW = timedelta(minutes=5)
_HINT = "set the clock of this system"


def check_time(floors: FloorFile, skews: Iterable[timedelta], now: datetime) -> None:
    """Hold the clock to the trust floor and to the others' clocks, and note what is proven.

    Args:
        floors: the trust floor.
        skews: how far the clocks of those who answered are ahead of ours; none is no proof.
        now: the system's time.

    Raises:
        ClockWrong: it is before a proven moment, or more than five minutes from everybody's.
        TrustLost, DiskFull, DiskError: as the floor's.
    """
    floor = floors.load()
    floor.check_clock(now)
    known = list(skews)
    check_skew(known)
    if known:
        floors.save(floor.proven(now))


def check_skew(skews: Iterable[timedelta]) -> None:
    """Compare with whoever's clock is nearest.

    Raises:
        ClockWrong: even that one is more than five minutes away.
    """
    skew = min(skews, key=abs, default=timedelta())
    if abs(skew) > MOST_SKEW:
        direction = "behind" if skew > timedelta() else "ahead of"
        raise ClockWrong(
            f"the system's clock is {_rounded(abs(skew))} {direction} all the others", hint=_HINT
        )


def _rounded(skew: timedelta) -> str:
    """Coarse, so that one wrong clock is one finding and not a new one at every poll."""
    if skew >= timedelta(days=2):
        return f"{skew.days} days"
    hours, minutes = divmod(int(skew.total_seconds()) // 300 * 5, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
