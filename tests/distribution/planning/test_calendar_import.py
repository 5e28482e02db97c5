"""Freezes from iCalendar files: what is read, and what is refused by its name."""

from datetime import UTC, datetime

import pytest

from distribution.calendar_import import MAX_ICS_BYTES, read_freezes
from distribution.errors import Invalid
from manifests.freeze import Freeze

NOW = datetime(2026, 11, 25, tzinfo=UTC)

ONE_DAY = "DTSTART:20261224T000000Z\nDURATION:P1D"

VTIMEZONE = """BEGIN:VTIMEZONE
TZID:Our Own
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0700
TZOFFSETTO:+0700
END:STANDARD
END:VTIMEZONE"""


def ics(*events: str, head: str = "") -> bytes:
    body = "\n".join(f"BEGIN:VEVENT\nUID:{n}\n{e}\nEND:VEVENT" for n, e in enumerate(events))
    parts = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:test", head, body, "END:VCALENDAR"]
    return "\r\n".join("\n".join(part for part in parts if part).split("\n")).encode()


def read(*events: str, zone: str = "", head: str = "") -> tuple[Freeze, ...]:
    return read_freezes(ics(*events, head=head), zone, NOW).freezes


def spans(freeze: Freeze) -> list[str]:
    until = NOW.replace(year=NOW.year + 3)
    return [
        f"{b.starts_at:%Y-%m-%dT%H:%M}/{b.ends_at:%m-%dT%H:%M}"
        for b in freeze.blackouts(NOW, until)
    ]


def test_whole_days_are_frozen_in_the_calendars_own_zone() -> None:
    event = "SUMMARY:Year end\nDTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20270104"
    [freeze] = read(event, head="X-WR-TIMEZONE:Asia/Jakarta")
    assert freeze.name == "Year end"
    assert spans(freeze) == ["2026-12-23T17:00/01-03T17:00"]


def test_whole_days_without_any_zone_need_one() -> None:
    event = "SUMMARY:Nyepi\nDTSTART;VALUE=DATE:20270308"
    with pytest.raises(Invalid, match=r"'Nyepi'.*--zone"):
        read(event)
    assert spans(read(event, zone="Asia/Makassar")[0]) == ["2027-03-07T16:00/03-08T16:00"]


@pytest.mark.parametrize("tzid", ["Europe/Berlin", "W. Europe Standard Time"])
def test_a_zone_by_its_iana_or_its_windows_name(tzid: str) -> None:
    [freeze] = read(f"DTSTART;TZID={tzid}:20261224T100000\nDURATION:PT3H")
    assert spans(freeze) == ["2026-12-24T09:00/12-24T12:00"]


def test_one_that_spans_a_dst_night_ends_exactly_when_it_says() -> None:
    [freeze] = read(
        "DTSTART;TZID=Europe/Berlin:20271030T120000\nDTEND;TZID=Europe/Berlin:20271101T120000"
    )
    assert spans(freeze) == ["2027-10-30T10:00/11-01T11:00"]


def test_a_rule_keeps_its_local_hours() -> None:
    [freeze] = read("DTSTART;TZID=Europe/Berlin:20270301T080000\nDURATION:PT2H\nRRULE:FREQ=MONTHLY")
    assert spans(freeze)[:2] == ["2027-03-01T07:00/03-01T09:00", "2027-04-01T06:00/04-01T08:00"]


@pytest.mark.parametrize("until", ["20281231", "20281231T000000Z"])
def test_an_until_becomes_the_count_that_it_means(until: str) -> None:
    event = f"DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY;UNTIL={until}"
    [freeze] = read(event, zone="Asia/Jakarta")
    assert freeze.rule.endswith("COUNT=3")
    assert len(spans(freeze)) == 3


def test_what_is_over_is_left_out_by_name_and_what_was_cancelled_is_no_event() -> None:
    found = read_freezes(
        ics(
            "SUMMARY:Last year\nDTSTART:20251224T000000Z\nDURATION:P1D",
            "SUMMARY:Cancelled\nSTATUS:CANCELLED\nDTSTART:20261224T000000Z\nDURATION:P1D",
            "SUMMARY:This year\nDTSTART:20261224T000000Z\nDURATION:P1D",
        ),
        "",
        NOW,
    )
    assert [freeze.name for freeze in found.freezes] == ["This year"]
    assert found.over == ("Last year",)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("DTSTART:20261224T000000Z", "end after it starts"),
        ("DTSTART:20261224T000000Z\nDTEND:20261224T000000Z", "end after it starts"),
        ("DTSTART:20261224T000000Z\nDTEND:20261223T000000Z", "end after it starts"),
        ("DTSTART:20261224T000000Z\nDURATION:-PT1H", "end after it starts"),
        ("DTSTART:20261224T000000Z\nDURATION:P400D", "less than or equal"),
        ("DTSTART;TZID=Mars/Phobos:20261224T000000\nDURATION:P1D", "'Mars/Phobos' is unknown"),
        ("DTSTART;TZID=Our Own:20261224T000000\nDURATION:P1D", "the calendar's own"),
        ("DTSTART:2026122\nDURATION:P1D", "Expected"),
        ("DURATION:P1D", "no DTSTART"),
        ("DTSTART:20261224T235960Z\nDURATION:P1D", ""),
        (f"{ONE_DAY}\nRRULE:FREQ=DAILY\nEXDATE:20261225T000000Z", "EXDATE"),
        (f"{ONE_DAY}\nRRULE:FREQ=HOURLY", "FREQ"),
        (f"{ONE_DAY}\nRRULE:FREQ=DAILY;UNTIL=20261223T000000Z", "0 times"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_freeze_is_refused_with_its_name(event: str, says: str) -> None:
    with pytest.raises(Invalid, match=f"'Closing'.*{says}"):
        read(f"SUMMARY:Closing\n{event}", head=VTIMEZONE)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VEVENT\nEND:VEVENT", b"BEGIN:VCALENDAR\nBEGIN:VEVENT",
     b"BEGIN:VCALENDAR\nEND:VCALENDAR", b"x" * (MAX_ICS_BYTES + 1)],
)  # fmt: skip
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_freezes(data, "", NOW)
