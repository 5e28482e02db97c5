"""A preview as a picture: the share of the fleet over time, and when each client's sites begin."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.planning.planned import Planned, Preview
from distribution.planning.svg import Sheet

WIDTH = 1000
LEFT, RIGHT = 150, 890
"""Where time begins and ends; the clients are named before it, counted after it."""

CURVE_TOP, CURVE_BOTTOM = 86, 206
ROW = 19
MOST_ROWS = 40
MOST_COLUMNS = 92

_STEPS = tuple(
    timedelta(hours=hours) for hours in (1, 2, 3, 4, 6, 8, 12, 24, 48, 96, 168, 336, 672, 1344)
)


def draw(preview: Preview) -> str:
    """The picture, as SVG."""
    axis = _Axis.over(preview)
    rows = _rows(preview)
    bottom = CURVE_BOTTOM + 54 + ROW * len(rows)
    path = preview.question.release.path
    concerned = sum(site.is_concerned for site in preview.sites)
    title = f"{path.product} {path.version}, schedule {preview.question.schedule.name}"
    sheet = Sheet(WIDTH, bottom + 66, f"Preview of {title}")
    sheet.text((LEFT, 30), title, size=18)
    sheet.text((LEFT, 50), _summary(preview, concerned), "quiet")
    _draw_time(sheet, axis, bottom)
    _draw_waves(sheet, preview, axis, bottom)
    _draw_curve(sheet, preview, axis, concerned)
    _draw_clients(sheet, axis, rows)
    _draw_legend(sheet, bottom, axis)
    return sheet.written()


@dataclass(frozen=True)
class _Axis:
    """Time from left to right, in columns of one step."""

    start: datetime
    step: timedelta
    columns: int

    @classmethod
    def over(cls, preview: Preview) -> "_Axis":
        begin = preview.question.start.replace(minute=0, second=0, microsecond=0)
        moments = [*preview.begin, preview.question.start + timedelta(hours=12)]
        moments += [w.opens_at for w in preview.waves if w.opens_at is not None]
        if preview.question.deadline is not None:
            moments.append(preview.question.deadline)
        whole = max(moments) - begin
        step = next((s for s in _STEPS if whole / s < MOST_COLUMNS), _STEPS[-1])
        if step >= timedelta(days=1):
            begin = begin.replace(hour=0)
        return cls(begin, step, (max(moments) - begin) // step + 1)

    @property
    def width(self) -> float:
        """Of a column."""
        return (RIGHT - LEFT) / self.columns

    def x(self, moment: datetime) -> float:
        """Where a moment is."""
        return LEFT + (moment - self.start) / self.step * self.width

    def column(self, moment: datetime) -> int:
        """Which column a moment is in."""
        return (moment - self.start) // self.step

    def ticks(self) -> Iterator[datetime]:
        """The moments to write below: midnights, not closer than they can be read."""
        days = max(1, round(self.columns * self.step / timedelta(days=1) / 9))
        moment = self.start.replace(hour=0)
        while self.x(moment) <= RIGHT:
            if moment >= self.start:
                yield moment
            moment += timedelta(days=days)


@dataclass(frozen=True)
class _Row:
    """One client."""

    name: str
    sites: int
    late: int
    begins: Counter[datetime]


def _rows(preview: Preview) -> list[_Row]:
    by_client: dict[str, list[Planned]] = {}
    for site in preview.sites:
        if site.is_concerned:
            by_client.setdefault(site.client_id, []).append(site)
    largest = sorted(by_client, key=lambda name: (-len(by_client[name]), name))
    shown = largest if len(largest) <= MOST_ROWS else largest[: MOST_ROWS - 1]
    rows = [_row(name, by_client[name]) for name in sorted(shown)]
    rest = [site for name in largest if name not in shown for site in by_client[name]]
    return [*rows, _row(f"{len(largest) - len(shown)} others", rest)] if rest else rows


def _row(name: str, sites: list[Planned]) -> _Row:
    begins = Counter(site.start for site in sites if site.start is not None)
    return _Row(name, len(sites), sum(bool(site.reason) for site in sites), begins)


def _summary(preview: Preview, concerned: int) -> str:
    begin = preview.begin
    words = f"{len(preview.late)} of {concerned} sites cannot meet it"
    if preview.question.deadline is not None:
        words += f" by {preview.question.deadline:%d %b %Y %H:%M} UTC"
    if begin:
        words += f"; the first begins {begin[0]:%d %b %H:%M}, the last {begin[-1]:%d %b %H:%M} UTC"
    return words


def _draw_time(sheet: Sheet, axis: _Axis, bottom: float) -> None:
    for moment in axis.ticks():
        sheet.line((axis.x(moment), CURVE_TOP), (axis.x(moment), bottom), "grid")
        sheet.text(
            (axis.x(moment), bottom + 16), f"{moment:%d %b}", "quiet", anchor="middle", size=11
        )
    for percent in (0, 50, 100):
        y = CURVE_BOTTOM - (CURVE_BOTTOM - CURVE_TOP) * percent / 100
        sheet.line((LEFT, y), (RIGHT, y), "grid")
        sheet.text((LEFT - 8, y + 4), f"{percent} %", "quiet", anchor="end", size=11)


def _draw_waves(sheet: Sheet, preview: Preview, axis: _Axis, bottom: float) -> None:
    before = -100.0
    for wave in preview.waves:
        if wave.opens_at is None:
            continue
        x = axis.x(wave.opens_at)
        sheet.line((x, CURVE_TOP - 6), (x, bottom), "wave")
        if x - before >= 12:
            sheet.text((x, CURVE_TOP - 12), str(wave.number), "quiet", anchor="middle", size=11)
            before = x
    sheet.text((LEFT - 8, CURVE_TOP - 12), "wave", "quiet", anchor="end", size=11)
    deadline = preview.question.deadline
    if deadline is not None:
        sheet.line((axis.x(deadline), CURVE_TOP - 6), (axis.x(deadline), bottom), "limit")
        sheet.text(
            (axis.x(deadline), CURVE_BOTTOM + 16), "deadline", "stop", anchor="middle", size=11
        )


def _draw_curve(sheet: Sheet, preview: Preview, axis: _Axis, concerned: int) -> None:
    points, high = [(axis.x(preview.question.start), float(CURVE_BOTTOM))], CURVE_BOTTOM - CURVE_TOP
    for number, moment in enumerate(preview.begin, 1):
        x, y = axis.x(moment), CURVE_BOTTOM - high * number / max(concerned, 1)
        points += [(round(x, 1), points[-1][1]), (round(x, 1), round(y, 1))]
    points.append((RIGHT, points[-1][1]))
    sheet.curve([*points, (RIGHT, CURVE_BOTTOM)], "area")
    sheet.curve(points, "curve")
    sheet.text((RIGHT + 8, points[-1][1] + 4), "have begun", "quiet", size=11)


def _draw_clients(sheet: Sheet, axis: _Axis, rows: list[_Row]) -> None:
    top = CURVE_BOTTOM + 48
    sheet.text((LEFT - 8, top - 10), "client", "quiet", anchor="end", size=11)
    sheet.text((RIGHT + 34, top - 10), "sites", "quiet", anchor="end", size=11)
    sheet.text((RIGHT + 96, top - 10), "cannot", "quiet", anchor="end", size=11)
    for number, row in enumerate(rows):
        y = top + ROW * number
        if number % 2 == 0:
            sheet.box((LEFT, y), (RIGHT - LEFT, ROW), "band", strength=0.7)
        sheet.text((LEFT - 8, y + 13), row.name[:20], anchor="end")
        sheet.text((RIGHT + 34, y + 13), str(row.sites), "quiet", anchor="end")
        if row.late:
            sheet.text((RIGHT + 96, y + 13), str(row.late), "warn", anchor="end")
        _draw_cells(sheet, axis, row, y)


def _draw_cells(sheet: Sheet, axis: _Axis, row: _Row, y: float) -> None:
    cells: Counter[int] = Counter()
    for moment, sites in row.begins.items():
        cells[axis.column(moment)] += sites
    for column, sites in sorted(cells.items()):
        at = axis.start + column * axis.step
        sheet.box(
            (round(LEFT + column * axis.width, 2), y + 2),
            (round(max(axis.width - 1, 3), 2), ROW - 4),
            "main",
            strength=_strength(sites),
            said=f"{row.name}: {sites} from {at:%d %b %H:%M} UTC",
        )


def _strength(sites: int) -> float:
    return 0.35 if sites == 1 else 0.6 if sites <= 3 else 1


def _draw_legend(sheet: Sheet, bottom: float, axis: _Axis) -> None:
    x, y = float(LEFT), bottom + 34
    for sites, words in ((1, "1 site begins"), (3, "2 or 3"), (4, "4 and more")):
        sheet.box((x, y), (12, 12), "main", strength=_strength(sites))
        sheet.text((x + 18, y + 10), words, "quiet", size=11)
        x += 36 + 7 * len(words)
    hours = axis.step // timedelta(hours=1)
    step = f"{hours} h" if hours < 24 else f"{hours // 24} d"
    sheet.text((x, y + 10), f"in {step}; dashed: a wave opens, at the earliest", "quiet", size=11)
