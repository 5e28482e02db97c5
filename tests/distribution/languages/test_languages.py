"""Which language somebody reads, and how moments and lengths are written in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.languages import Language, for_request, moments, of_client, translate

EN, ID = Language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("id", ID),
        ("ID-id", ID),
        ("in", ID),
        ("en-GB, id;q=0.9", EN),
        ("de, id;q=0.1, en;q=0.2", EN),
        ("en;q=0, id;q=0.1", ID),
        ("id; q=0.5, en; q=0.5", ID),
    ],
)
def test_what_the_browser_asks_for_wins(header: str, language: Language) -> None:
    other = EN if language is ID else ID
    assert for_request(header, other.value, other) is language


@pytest.mark.parametrize("header", ["", "*", "de", ";q=", "en;q=0", "id;q=nan", "en;q=2", "\0,é"])
def test_where_it_asks_for_nothing_of_ours_the_clients_choice_holds(header: str) -> None:
    assert for_request(header, "id", EN) is ID
    assert for_request(header, "", ID) is ID
    assert for_request(header, "") is EN
    assert of_client("id", EN) is ID


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(["", *Language]))
def test_no_header_is_an_error(header: str, chosen: str) -> None:
    assert for_request(header, chosen) in Language


def test_what_is_not_translated_is_said_in_english() -> None:
    assert translate("nobody has said this before", ID) == "nobody has said this before"


def test_moments_are_on_the_wall_clock_of_a_zone() -> None:
    when = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)
    assert moments.moment(when, "Asia/Jakarta", EN) == "28 Nov 2026, 22:30"
    assert moments.moment_with_zone(when, "Asia/Jakarta", ID) == "28 Nov 2026, 22.30 WIB"
    assert moments.month(datetime(2026, 10, 2, tzinfo=UTC), "UTC", ID) == "Oktober 2026"
    late = when + timedelta(hours=1)
    assert moments.span(when, late, "UTC", EN) == "28 Nov 2026, 15:30 - 16:30"
    assert moments.span(when, late, "Asia/Makassar", EN).endswith("- 29 Nov 2026, 00:30")


@pytest.mark.parametrize(
    ("seconds", "english", "indonesian"),
    [
        (0.4, "0 s", "0 detik"),
        (59.6, "60 s", "60 detik"),
        (5400, "1.5 h", "1,5 jam"),
        (86_400 * 1.5, "36 h", "36 jam"),
        (86_400 * 1234, "1,234 days", "1.234 hari"),
    ],
)
def test_a_length_is_told_in_the_unit_that_matters(
    seconds: float, english: str, indonesian: str
) -> None:
    time = timedelta(seconds=seconds)
    assert (moments.length(time, EN), moments.length(time, ID)) == (english, indonesian)


def test_only_all_of_it_is_a_hundred_percent() -> None:
    assert moments.share(1, EN) == "100 %"
    assert moments.share(0.99999, ID) == "99,9 %"
