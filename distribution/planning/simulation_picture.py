"""A simulation as a picture: what share of the fleet a bad release reached, for every seed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from distribution.planning.simulation import Fleet, Reach
from distribution.planning.svg import Sheet, percent
from manifests.rollout import WHOLE, Schedule

WIDTH, LEFT, RIGHT = 1000, 150, 960
TOP, LANE = 92, 92
_LOWEST = 4
"""The scale begins at 1:10,000 at the latest."""


def draw(results: Sequence[tuple[Schedule, Fleet, Reach]]) -> str:
    """One lane for each simulation, all on one logarithmic scale of shares."""
    fleet, seeds = results[0][1], len(results[0][2].shares)
    scale = _Scale.over([reach for _, _, reach in results])
    bottom = TOP + LANE * len(results)
    title = f"A release that fails at {percent(fleet.failure_rate)} of {fleet.sites:,} sites"
    sheet = Sheet(WIDTH, bottom + 58, title)
    sheet.text((LEFT, 30), title, size=18)
    words = "the share of the fleet that begins it before the stop rule pauses the rollout"
    sheet.text((LEFT, 50), f"{words}; one dot for each of {seeds} seeds", "quiet")
    for number, (schedule, _, reach) in enumerate(results):
        _draw_lane(sheet, scale, TOP + LANE * number, schedule, reach)
    _draw_scale(sheet, scale, bottom)
    return sheet.written()


@dataclass(frozen=True)
class _Scale:
    """Shares from left to right, from 10 to the power of ``-decades`` to the whole fleet."""

    decades: int

    @classmethod
    def over(cls, reaches: Sequence[Reach]) -> "_Scale":
        least = min(share for reach in reaches for share in reach.shares)
        return cls(min(_LOWEST, max(1, math.ceil(-math.log10(max(least, 1e-9))))))

    def x(self, share: float) -> float:
        """Where a share is; what is less than the scale is at its beginning."""
        part = 1 + math.log10(max(share, 10**-self.decades)) / self.decades
        return round(LEFT + (RIGHT - LEFT) * part, 1)


def _draw_scale(sheet: Sheet, scale: _Scale, bottom: float) -> None:
    for decade in range(-scale.decades, 1):
        x = scale.x(10.0**decade)
        sheet.line((x, TOP), (x, bottom), "grid")
        sheet.text((x, bottom + 18), percent(10.0**decade), "quiet", anchor="middle", size=11)
    sheet.text((LEFT, bottom + 42), "share of the fleet, logarithmic", "quiet", size=11)


def _draw_lane(sheet: Sheet, scale: _Scale, y: float, schedule: Schedule, reach: Reach) -> None:
    sheet.text((LEFT - 12, y + 36), schedule.name, anchor="end", size=14)
    for row, words in enumerate((f"paused {reach.paused}", f"stood still {reach.stood_still}")):
        sheet.text((LEFT - 12, y + 53 + 14 * row), words, "quiet", anchor="end", size=11)
    _draw_waves(sheet, scale, y, schedule)
    for number, share in enumerate(reach.shares):
        sheet.dot((scale.x(share), y + 40 + 7 * (number % 3 - 1)), 4.5, "main", strength=0.55)
    for name, share, below, style in (
        ("median", reach.median, 22, ""),
        ("worst", reach.worst, 64, "stop"),
    ):
        x = scale.x(share)
        anchor = "middle" if x < RIGHT - 50 else "end"
        sheet.text((x, y + below), f"{name} {percent(share)}", style, anchor=anchor)


def _draw_waves(sheet: Sheet, scale: _Scale, y: float, schedule: Schedule) -> None:
    """Every second wave as a band behind the dots, with its number."""
    lower = 0.0
    for number, wave in enumerate(schedule.waves, 1):
        upper = wave.up_to_basis_points / WHOLE
        left, right = scale.x(lower), scale.x(upper)
        if number % 2:
            sheet.box((left, y + 4), (right - left, LANE - 14), "band")
        if right - left > 44:
            sheet.text((left + 5, y + 79), f"wave {number}", "quiet", size=10)
        lower = upper
