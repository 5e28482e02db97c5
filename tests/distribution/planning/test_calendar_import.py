"""Freezes from iCalendar files: what is read, and what is refused by its name."""

from datetime import UTC, datetime
from itertools import islice

import pytest

from distribution.calendars.calendar_import import MAX_ICS_BYTES, read_freezes, read_policy
from distribution.calendars.policy_toml import written
from distribution.errors import Invalid
from manifests.errors import UpdateError
from manifests.freeze import Freeze
from manifests.site import SitePolicy

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


def test_dates_that_are_taken_out_of_a_rule_are_not_frozen() -> None:
    event = "DTSTART;TZID=Europe/Berlin:20270301T080000\nDURATION:PT2H\nRRULE:FREQ=MONTHLY;COUNT=5"
    without = (
        "EXDATE;TZID=Europe/Berlin:20270401T080000,20270501T080000\nEXDATE:20270601T060000Z\n"
        "EXDATE;TZID=Europe/Berlin:20280101T000000"
    )
    [freeze] = read(f"{event}\n{without}")
    assert spans(freeze) == ["2027-03-01T07:00/03-01T09:00", "2027-07-01T06:00/07-01T08:00"]


def test_whole_days_are_taken_out_and_added_as_whole_days() -> None:
    event = "DTSTART;VALUE=DATE:20261224\nRRULE:FREQ=YEARLY;COUNT=3"
    changes = "EXDATE;VALUE=DATE:20271224\nRDATE;VALUE=DATE:20271226,20271227"
    rule, *more = read(f"SUMMARY:Party\n{event}\n{changes}", zone="Asia/Jakarta")
    assert spans(rule) == ["2026-12-23T17:00/12-24T17:00", "2028-12-23T17:00/12-24T17:00"]
    assert [spans(one) for one in more] == [
        ["2027-12-25T17:00/12-26T17:00"], ["2027-12-26T17:00/12-27T17:00"],
    ]  # fmt: skip
    assert {one.name for one in more} == {"Party"}


def test_dates_are_taken_out_of_what_has_no_rule_too() -> None:
    event = "DTSTART;VALUE=DATE:20271105\nRDATE;VALUE=DATE:20271112,20271119"
    found = read(f"{event}\nEXDATE;VALUE=DATE:20271105,20271112", zone="Asia/Jakarta")
    assert [spans(one) for one in found] == [["2027-11-18T17:00/11-19T17:00"]]


def test_an_occurrence_that_was_moved_is_frozen_where_it_is_now() -> None:
    whole = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:stock
SUMMARY:Stock
DTSTART;TZID=Asia/Jakarta:20261201T080000
DURATION:PT2H
RRULE:FREQ=WEEKLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:stock
SUMMARY:Stock
RECURRENCE-ID;TZID=Asia/Jakarta:20261208T080000
DTSTART;TZID=Asia/Jakarta:20261209T100000
DURATION:PT1H
END:VEVENT
BEGIN:VEVENT
UID:stock
STATUS:CANCELLED
RECURRENCE-ID;TZID=Asia/Jakarta:20261215T080000
DTSTART;TZID=Asia/Jakarta:20261215T080000
END:VEVENT
END:VCALENDAR"""
    rule, moved = read_freezes(whole.encode(), "", NOW).freezes
    assert spans(rule) == ["2026-12-01T01:00/12-01T03:00"]
    assert spans(moved) == ["2026-12-09T03:00/12-09T04:00"]
    onwards = whole.replace("RECURRENCE-ID;", "RECURRENCE-ID;RANGE=THISANDFUTURE;")
    with pytest.raises(Invalid, match=r"'Stock'.*for all that follow"):
        read_freezes(onwards.encode(), "", NOW)


BERLIN = """BEGIN:VTIMEZONE
TZID:{}
X-LIC-LOCATION:{}
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
END:VTIMEZONE"""


@pytest.mark.parametrize(
    ("tzid", "location"),
    [("Kantor", "Europe/Berlin"), ("/mozilla.org/20050126_1/Europe/Berlin", "-")],
)
def test_a_zone_of_the_calendars_own_that_says_which_one_it_is(tzid: str, location: str) -> None:
    event = f"DTSTART;TZID={tzid}:20270301T100000\nDURATION:PT3H\nRRULE:FREQ=MONTHLY"
    [freeze] = read(event, head=BERLIN.format(tzid, location))
    assert freeze.zone == "Europe/Berlin"
    assert spans(freeze)[:2] == ["2027-03-01T09:00/03-01T12:00", "2027-04-01T08:00/04-01T11:00"]


def test_one_that_says_so_and_is_not_is_refused_and_nothing_is_known_of_other_files() -> None:
    event = "SUMMARY:Closing\nDTSTART;TZID=Pabrik:20270301T100000\nDURATION:PT3H"
    with pytest.raises(Invalid, match="'Pabrik' says that it is Asia/Jakarta, and is not"):
        read(event, head=BERLIN.format("Pabrik", "Asia/Jakarta"))
    with pytest.raises(Invalid, match="'Pabrik' is unknown"):
        read(event)


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


def test_windows_for_a_site_are_read_and_printed_as_an_administrator_writes_them() -> None:
    sunday = (
        'SUMMARY:Minggu \U0001f319 "malam"\nDTSTART;TZID=Asia/Jakarta:20261206T220000\n'
        "DTEND;TZID=Asia/Jakarta:20261207T020000\nRRULE:FREQ=WEEKLY;BYDAY=SU\n"
        "EXDATE;TZID=Asia/Jakarta:20261227T220000"
    )
    policy = read_policy(ics(sunday), "", 900, NOW)
    [window] = policy.windows
    assert (window.zone, window.duration_seconds, window.cutoff_seconds) == (
        "Asia/Jakarta", 4 * 3600, 900,
    )  # fmt: skip
    assert SitePolicy.from_toml(written(policy)) == policy
    opens = [f"{o.start:%m-%d}" for o in islice(window.openings(NOW), 4)]
    assert opens == ["12-06", "12-13", "12-20", "12-27"]
    assert [spans(freeze) for freeze in policy.freezes] == [["2026-12-27T15:00/12-27T19:00"]]


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ("DTSTART:20261206T220000Z\nDURATION:P8D", "less than or equal"),
        ("DTSTART:20261206T220000Z\nDURATION:PT10M", "cutoff"),
        ("DTSTART:20251206T220000Z\nDURATION:PT4H", "does not open within 13 months"),
    ],
)
def test_what_cannot_be_a_window_is_refused_with_its_name(event: str, says: str) -> None:
    with pytest.raises(UpdateError, match=f"'Night'.*{says}"):
        read_policy(ics(f"SUMMARY:Night\n{event}"), "", 900, NOW)


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
        (f"{ONE_DAY}\nRRULE:FREQ=DAILY\nEXDATE;VALUE=DATE:20261225", "EXDATE is of another kind"),
        (f"{ONE_DAY}\nRDATE;VALUE=PERIOD:20261225T000000Z/PT5H", "RDATE is of another kind"),
        (f"{ONE_DAY}\nEXRULE:FREQ=DAILY", "EXRULE"),
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
