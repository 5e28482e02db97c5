"""What the benchmark table says, and that the committed page has every row of the promise."""

from pathlib import Path

import pytest

from tests.benchmarks.page import plot
from tests.benchmarks.rows import Row, table

PROMISED = (
    "checkin_vs_goosebit", "checkin_vs_bare_asgi", "report_vs_goosebit",
    "publish_100k_vs_python_tuf", "publish_100k_vs_tufup", "cold_bytes_100k_vs_python_tuf",
    "noop_poll_100k_vs_python_tuf", "download_vs_ngclient", "download_disk_writes_vs_ngclient",
    "download_rate_vs_raw_copy", "delta_bytes_median_vs_tufup", "delta_bytes_worst_vs_tufup",
    "delta_making_cpu_vs_tufup", "delta_making_memory_vs_tufup", "delta_applying_memory_vs_tufup",
    "agent_rss_vs_updater", "agent_noop_cpu_vs_updater", "agent_startup_vs_updater",
)  # fmt: skip


@pytest.mark.parametrize("name", PROMISED)
def test_the_page_has_a_line_for_every_row_of_the_promise(name: str) -> None:
    assert f"| `{name}` |" in Path("docs/benchmarks.md").read_text()


def test_a_row_that_falls_short_says_so_and_a_rounded_one_is_not_helped() -> None:
    assert Row("a", 1, 2, "s", 2.0, 2).verdict == "held"
    short = Row("a", 1.001, 2, "s", 1.998, 2)
    assert short.verdict.startswith("falls short")


def test_each_row_has_a_bar_on_its_side_of_the_goal() -> None:
    rows = [Row("held", 1, 4, "s", 4, 2), Row("short", 1, 1, "s", 1, 2)]
    picture = plot(rows)
    assert picture.count("<rect") == 1 + len(rows)
    assert "held: 4, goal 2" in picture
    assert "short: 1, goal 2" in picture
    assert picture.count('class="stop"') == 1


def test_the_table_shows_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = tmp_path / "bench.json"
    monkeypatch.setattr("tests.benchmarks.rows.RESULTS", results)
    from tests.benchmarks.rows import known, save

    save([Row("one", 1, 2, "s", 2, 1)])
    save([Row("two", 1, 2, "s", 2, 3), Row("one", 1, 3, "s", 3, 1)])
    assert [(row.name, row.ratio) for row in known()] == [("one", 3), ("two", 2)]
    assert table().row_count == 2
