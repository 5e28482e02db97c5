"""Whatever was lost and whatever came meanwhile: in the end the server has all of it again."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import select

from client_updater.outbox import Outbox, Sealed
from distribution.backup import asking
from distribution.backup.tables import AskAgain
from distribution.database.tables import Receipt, Site
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.envelope import peek
from manifests.install_report import Phase
from tests.simulators.house import Clock, House, Talker

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def hall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all examples."""
    house = House.build(tmp_path_factory.mktemp("hall"), Clock())
    yield house
    house.database.close()


@st.composite
def stories(draw: Any) -> tuple[int, int, set[int], set[int], set[int]]:
    """How many reports; how many of them the backup knows; refused, early and lost ones."""
    written = draw(st.integers(1, 14))
    known = draw(st.integers(0, written))
    any_of = st.sets(st.integers(1, written))
    return written, known, draw(any_of), draw(any_of), draw(any_of)


@settings(max_examples=15, deadline=None)
@given(story=stories())
def test_in_the_end_nothing_is_missing_but_what_was_refused(
    hall: House, story: tuple[int, int, set[int], set[int], set[int]]
) -> None:
    written, known, refused, early, lost = story
    site = hall.site(f"asked-{next(NUMBERS)}")
    messages = {number: site.message(Phase.ACTIVATING) for number in range(1, written + 1)}
    takes = [number for number in messages if number not in refused]
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder))
        for number in takes:
            outbox.add(Sealed(number, messages[number]))
            outbox.acknowledge(number)
        for number in takes:
            if number <= known or number in early:
                site.send(messages[number])
        _restored(hall, site, max([number for number in takes if number <= known], default=0))
        for poll in range(written * (asking.TRIES + 1) + 1):
            answer = _asked(hall, site, written)
            if answer is None:
                break
            outbox.send_again(answer, lambda envelope: envelope)
            for sealed in list(outbox.pending()):
                if not (poll == 0 and sealed.sequence in lost):  # it did not arrive
                    site.send(sealed.envelope)
                    outbox.acknowledge(sealed.sequence)
    assert answer is None, "it ends"
    with hall.database.reading() as session:
        there = select(Receipt.sequence).where(Receipt.site_id == site.site_id)
        assert sorted(session.exec(there)) == takes


def _restored(hall: House, site: Talker, place: int) -> None:
    with hall.database.writing() as session:
        session.add(AskAgain(site_id=site.site_id, place=place))


def _asked(hall: House, site: Talker, written: int) -> int | None:
    said = CheckIn.from_bytes(peek(site.sign_of_life(), CHECK_IN_TYPE))
    said = said.model_copy(update={"last_sequence": written})
    with hall.database.writing() as session:
        row = session.get_one(Site, site.site_id)
        return asking.known_sequence(session, row, said)
