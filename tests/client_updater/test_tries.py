"""A failed version is tried again later and later, a few times, and then waits for a person."""

from datetime import UTC, datetime, timedelta

from client_updater.products import MAX_TRIES, ProductRecord
from manifests.decision import Wait
from manifests.failures import FailureCode

NOW = datetime(2026, 11, 25, tzinfo=UTC)


def pauses(code: FailureCode, times: int) -> list[timedelta | None]:
    """How long each next try is put off; None where there is none by itself."""
    record, found = ProductRecord(), []
    for _ in range(times):
        record = record.with_failure("2.0", code, NOW)
        wait = record.pause("2.0", NOW)
        found.append(wait.until - NOW if isinstance(wait, Wait) and wait.until else None)
    return found


def test_each_pause_is_twice_the_one_before_and_a_day_at_most() -> None:
    found = pauses(FailureCode.DOWNLOAD_FAILED, 14)
    assert found[:4] == [timedelta(minutes=2**n) for n in range(1, 5)]
    assert found[-1] == timedelta(hours=24)


def test_what_may_be_the_versions_fault_is_tried_three_times_and_waits_for_a_person() -> None:
    assert MAX_TRIES == 3
    found = pauses(FailureCode.DISK_FULL, 3)
    assert found == [timedelta(minutes=2), timedelta(minutes=4), None]
    record = ProductRecord()
    for _ in range(3):
        record = record.with_failure("2.0", FailureCode.DISK_FULL, NOW)
    assert record.failed == {"2.0": "disk_full"}
    assert record.rearmed("2.0") == ProductRecord(), "and a person may let it try again"


def test_what_was_bad_once_is_not_tried_again_by_itself() -> None:
    assert pauses(FailureCode.UNHEALTHY, 1) == [None]


def test_a_pause_that_a_wrong_clock_wrote_holds_nobody_up() -> None:
    record = ProductRecord().with_failure("2.0", FailureCode.DISK_FULL, NOW + timedelta(days=400))
    assert record.pause("2.0", NOW) is None
