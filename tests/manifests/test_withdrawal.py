"""A withdrawn release stays withdrawn, also in words that this program does not know."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tuf.api.metadata import TargetFile

from manifests.withdrawal import Withdrawal, withdrawal_of, withdrawn, withdrawn_file

FILE = TargetFile(3, {"sha256": "ab" * 32}, "releases/app/1.0/manifest.json")


def test_what_was_said_is_read_and_the_file_is_the_same() -> None:
    said = Withdrawal(reason="it leaks", at=datetime(2026, 11, 25, tzinfo=UTC))
    marked = withdrawn_file(FILE, said)
    assert withdrawal_of(TargetFile.from_dict(marked.to_dict(), FILE.path)) == said
    assert (marked.length, marked.hashes, marked.path) == (FILE.length, FILE.hashes, FILE.path)


def test_a_release_that_may_run_says_nothing() -> None:
    assert withdrawal_of(FILE) is None
    assert withdrawn(FILE) == ""


@pytest.mark.parametrize("said", [None, "", {}, [], {"reason": ""}, {"why": "newer words"}, 7])
def test_one_that_cannot_be_read_withdraws_as_well(said: Any) -> None:
    strange = TargetFile(3, dict(FILE.hashes), FILE.path, {"custom": {"withdrawn": said}})
    assert "cannot read" in withdrawn(strange)
