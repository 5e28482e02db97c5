"""The picture of the waves."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from distribution.console.wave_picture import GAP, HEIGHT, WIDTH, columns
from distribution.control.progress import RolloutProgress, WaveProgress
from distribution.control.standing import Counts
from manifests.rollout import RolloutState
from manifests.target_paths import Lane

NOW = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)

COUNTS = st.builds(
    lambda confirmed, failed, waiting, outside: Counts(
        sites=confirmed + failed + waiting + outside,
        admitted=confirmed + failed + waiting,
        confirmed=confirmed,
        failed=failed,
        waiting=waiting,
    ),
    *[st.integers(0, 5000)] * 4,
)


def rollout(shares: list[tuple[int, Counts]]) -> RolloutProgress:
    """A rollout with these waves."""
    waves = tuple(
        WaveProgress(number, NOW, up_to / 100, counts, 0)
        for number, (up_to, counts) in enumerate(sorted(shares, key=lambda each: each[0]), 1)
    )
    return RolloutProgress(
        "app", "1.0", "", Lane.RELEASES, "", RolloutState.RUNNING, "", NOW, "", NOW, "", waves,
        Counts(), 0, {}, 0, 0, None, (),
    )  # fmt: skip


@given(st.lists(st.tuples(st.integers(1, 10_000), COUNTS), min_size=1, max_size=12))
def test_columns_fill_the_picture_and_no_segment_leaves_its_column(
    shares: list[tuple[int, Counts]],
) -> None:
    found = columns(rollout(shares))
    assert abs(sum(each.width for each in found) + GAP * (len(found) - 1) - WIDTH) < 1e-6
    for each in found:
        heights = sum(segment.height for segment in each.segments)
        assert heights <= HEIGHT + 1e-6
        assert all(-1e-6 <= segment.y <= HEIGHT for segment in each.segments)
        confirmed = [s.height for s in each.segments if s.name == "confirmed"]
        if each.sites:
            assert sum(confirmed) == HEIGHT * each.confirmed / each.sites
