"""The waves of a rollout as columns side by side, as wide as their share of the fleet. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from distribution.control.progress import RolloutProgress, WaveProgress

WIDTH, HEIGHT, GAP, NARROWEST = 900.0, 120.0, 6.0, 74.0

SEGMENTS = (
    ("confirmed", "good"),
    ("trying", "busy"),
    ("failed", "bad"),
    ("silent", "warn"),
    ("waiting", "rest"),
    ("pending", "rest"),
    ("excused", "rest"),
)
"""From below, with their colours; what is left above is not admitted yet."""


@dataclass(frozen=True)
class Segment:
    """Some sites of a wave that stand alike."""

    name: str
    tone: str
    sites: int
    y: float
    height: float


@dataclass(frozen=True)
class Column:
    """One wave."""

    number: int
    up_to_percent: float
    opens_at: datetime | None
    sites: int
    confirmed: int
    x: float
    width: float
    segments: tuple[Segment, ...]


def columns(rollout: RolloutProgress) -> Sequence[Column]:
    """Side by side, in a picture of ``WIDTH`` by ``HEIGHT``."""
    waves = rollout.waves
    shares = [
        wave.up_to_percent - (waves[at - 1].up_to_percent if at else 0)
        for at, wave in enumerate(waves)
    ]
    widths = _widths(shares, WIDTH - GAP * (len(waves) - 1))
    found, x = [], 0.0
    for wave, width in zip(waves, widths, strict=True):
        found.append(_column(wave, x, width))
        x += width + GAP
    return found


def _widths(shares: Sequence[float], room: float) -> list[float]:
    """In proportion, but each wide enough for its words."""
    least = min(NARROWEST, room / len(shares))
    left = room - least * len(shares)
    whole = sum(shares) or 1
    return [least + left * share / whole for share in shares]


def _column(wave: WaveProgress, x: float, width: float) -> Column:
    counts, at, segments = wave.counts, HEIGHT, []
    for name, tone in SEGMENTS:
        sites = getattr(counts, name)
        if sites and counts.sites:
            height = HEIGHT * sites / counts.sites
            at -= height
            segments.append(Segment(name, tone, sites, at, height))
    return Column(
        number=wave.number,
        up_to_percent=wave.up_to_percent,
        opens_at=wave.opens_at,
        sites=counts.sites,
        confirmed=counts.confirmed,
        x=x,
        width=width,
        segments=tuple(segments),
    )
