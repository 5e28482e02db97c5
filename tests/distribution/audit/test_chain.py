"""The chain alone: whatever is changed in it is found, and where."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.audit import chain
from distribution.audit.chain import COLUMNS, FIELDS, Kind, Record, verify

Log = list[Record]

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
logs = st.lists(st.tuples(words, words, words), min_size=3, max_size=12)


def a_log(said: list[tuple[str, str, str]]) -> Log:
    """Records in which this was said."""
    link, log = chain.BEGINNING, []
    for seq, (actor, about, reason) in enumerate(said, 1):
        values = (
            *(seq, f"2026-11-25T02:00:{seq:02}.000000Z", actor, "", "rollout.pause", about),
            *(reason, "", "", link),
        )
        link = chain.digest(values)
        log.append((*values, link))
    return log


def rehashed(log: Log, start: int, stop: int | None = None) -> Log:
    """The same from index ``start`` on, up to ``stop``, hashed anew."""
    log = list(log)
    for index in range(start, len(log) if stop is None else stop):
        link = log[index - 1][-1] if index else chain.BEGINNING
        values = (*log[index][:-2], link)
        log[index] = (*values, chain.digest(values))
    return log


def changed(record: Record, name: str, value: Any) -> Record:
    """The record with another value."""
    return tuple(value if each == name else old for each, old in zip(COLUMNS, record, strict=True))


def at_end(log: Log) -> dict[int, set[str]]:
    """A checkpoint at the last record."""
    return {log[-1][0]: {log[-1][-1]}}


def three() -> Log:
    """A log of three."""
    return a_log([("ani", "rollout app 1.0", "why"), ("budi", "b", ""), ("wati", "c", "")])


@given(logs)
def test_a_log_that_nobody_touched_is_whole(said: list[tuple[str, str, str]]) -> None:
    log = a_log(said)
    found = verify(log, at_end(log))
    assert found.findings == ()
    assert (found.records, found.last, found.hash) == (len(log), len(log), log[-1][-1])
    assert (found.checkpoints, found.unwitnessed) == (1, 0)


def test_an_empty_log_is_whole_until_a_checkpoint_knows_more() -> None:
    assert verify([], {}).findings == ()
    [found] = verify([], {2: {"0" * 64}}).findings
    assert (found.kind, found.first, found.last) == (Kind.TRUNCATED, 1, 2)


@given(logs, st.data())
def test_an_edit_is_found_at_its_record(said: list[tuple[str, str, str]], data: Any) -> None:
    log = a_log(said)
    index = data.draw(st.integers(0, len(log) - 1))
    name = data.draw(st.sampled_from([name for name in COLUMNS if name != "seq"]))
    old = log[index][COLUMNS.index(name)]
    strange = st.one_of(words, st.none(), st.binary(max_size=4), st.just("\udcff"))
    log[index] = changed(log[index], name, data.draw(strange.filter(lambda new: new != old)))
    [found] = verify(log, at_end(a_log(said))).findings
    assert (found.kind, found.first, found.last) == (Kind.EDITED, index + 1, index + 1)


@given(logs, st.data())
def test_what_is_deleted_is_named(said: list[tuple[str, str, str]], data: Any) -> None:
    log = a_log(said)
    first = data.draw(st.integers(1, len(log)))
    last = data.draw(st.integers(first, len(log)))
    left = [record for record in log if not first <= record[0] <= last]
    [found] = verify(left, at_end(log)).findings
    assert (found.first, found.last) == (first, last)
    assert found.kind is (Kind.TRUNCATED if last == len(log) else Kind.MISSING)


@given(logs, st.data())
def test_records_that_changed_places_are_named_with_each_other(
    said: list[tuple[str, str, str]], data: Any
) -> None:
    log = a_log(said)
    one, other = sorted(data.draw(st.sets(st.integers(0, len(log) - 1), min_size=2, max_size=2)))
    log[one], log[other] = (log[one][0], *log[other][1:]), (log[other][0], *log[one][1:])
    first, second = verify(log, at_end(a_log(said))).findings
    assert (first.kind, first.first) == (Kind.SWAPPED, one + 1)
    assert (second.kind, second.first) == (Kind.SWAPPED, other + 1)
    assert f"record {other + 1}" in first.detail


@given(logs, st.data())
def test_a_change_that_was_hashed_anew_breaks_the_chain_or_a_checkpoint(
    said: list[tuple[str, str, str]], data: Any
) -> None:
    log = a_log(said)
    index = data.draw(st.integers(0, len(log) - 1))
    stop = data.draw(st.integers(index + 1, len(log)))
    edited = [*log[:index], changed(log[index], "actor", f"{said[index][0]}!"), *log[index + 1 :]]
    found = verify(rehashed(edited, index, stop), at_end(log)).findings[0]
    assert found.kind is (Kind.REBUILT if stop == len(log) else Kind.REHASHED)
    assert found.since <= index + 1 <= found.last == stop


def test_a_rebuilt_log_is_narrowed_down_by_the_checkpoints_that_hold() -> None:
    log = a_log([("ani", str(number), "") for number in range(10)])
    seen = {seq: {log[seq - 1][-1]} for seq in (3, 6, 10)}
    rebuilt = rehashed([*log[:4], changed(log[4], "actor", "budi"), *log[5:]], 4)
    [found] = verify(rebuilt, seen).findings
    assert (found.kind, found.since, found.last) == (Kind.REBUILT, 4, 6)


def test_without_a_checkpoint_a_rebuilt_log_looks_whole() -> None:
    """Why there are checkpoints, and what ``unwitnessed`` says."""
    log = three()
    rebuilt = rehashed([changed(log[0], "actor", "budi"), *log[1:]], 0)
    found = verify(rebuilt, {})
    assert (found.findings, found.unwitnessed) == ((), 3)


def test_a_cut_off_end_may_hide_that_records_before_it_were_written_anew() -> None:
    log = three()
    [found] = verify(log[:2], at_end(log)).findings
    assert (found.kind, found.first, found.since) == (Kind.TRUNCATED, 3, 1)


@pytest.mark.parametrize("number", [0, -3, 1, "2", None, 1.0])
def test_a_record_with_a_number_that_has_no_place_is_found(number: Any) -> None:
    log = three()
    found = verify([*log[:2], changed(log[2], "seq", number)], {}).findings
    assert [each.kind for each in found] == [Kind.MISPLACED]


def test_a_second_history_at_one_place_is_found_by_two_checkpoints_that_disagree() -> None:
    log = three()
    [found] = verify(log, {3: {log[2][-1], "f" * 64}}).findings
    assert found.kind is Kind.REBUILT


def test_the_hash_is_what_anybody_can_compute() -> None:
    """sha256 of RFC 8785's JSON: keys sorted, no spaces, UTF-8."""
    values = (7, "2026-11-25T02:00:00.000000Z", "ani", "l1", "brake.on", "é\n", "", "", "[]", "0")
    plain = (
        '{"about":"é\\n","action":"brake.on","actor":"ani","at":"2026-11-25T02:00:00.000000Z",'
        '"changes":"[]","prev_hash":"0","reason":"","request":"","role":"l1","seq":7}'
    )
    assert len(FIELDS) == len(values)
    assert chain.digest(values) == hashlib.sha256(plain.encode()).hexdigest()
