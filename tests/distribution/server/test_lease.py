"""One scheduler leads; who has lost the lease can write nothing, however sure of it he is."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from distribution.errors import LostLease
from distribution.scheduling import lease, scheduler
from tests.simulators.house import PRODUCT, House, schedule

pytestmark = pytest.mark.both_databases

LIFE = timedelta(seconds=60)


def test_one_holds_it_and_the_others_wait_until_it_is_over(house: House) -> None:
    now = house.clock.now
    first = lease.take(house.database, "one", LIFE, now)
    assert first is not None
    assert lease.take(house.database, "two", LIFE, now + LIFE / 2) is None
    assert lease.take(house.database, "one", LIFE, now + LIFE / 2) == first
    assert lease.take(house.database, "two", LIFE, now + LIFE) is None, "it was prolonged"
    second = lease.take(house.database, "two", LIFE, now + 2 * LIFE)
    assert second is not None
    assert second.fence == first.fence + 1


def test_what_is_given_back_is_free_at_once_and_only_its_holder_gives_it(house: House) -> None:
    now = house.clock.now
    first = lease.take(house.database, "one", LIFE, now)
    assert first is not None
    lease.give_back(house.database, first, now)
    second = lease.take(house.database, "two", LIFE, now)
    assert second is not None
    lease.give_back(house.database, first, now)
    assert lease.take(house.database, "three", LIFE, now) is None


def test_a_leader_that_only_slept_opens_no_wave(house: House) -> None:
    house.sites(20)
    house.start("2.0", schedule(5000, 10_000, success_threshold_percent=0))
    now = house.clock.forward(120)
    held = lease.take(house.database, "sleeper", LIFE, now)
    assert held is not None
    asleep = house.database.guarded(lease.fence(held, LIFE, house.clock))
    now = house.clock.forward(120)
    assert lease.take(house.database, "other", LIFE, now) is not None
    with pytest.raises(LostLease, match="another scheduler"), asleep.writing():
        pass
    with house.database.reading() as session:
        row = scheduler.rollouts.find(session, PRODUCT, "2.0")
        assert scheduler.rollouts.course_of(session, row).open_waves == 1


def test_working_prolongs_the_lease(house: House) -> None:
    held = lease.take(house.database, "one", LIFE, house.clock.now)
    assert held is not None
    mine = house.database.guarded(lease.fence(held, LIFE, house.clock))
    for _ in range(5):
        house.clock.forward(50)
        with mine.writing():
            pass
    assert lease.take(house.database, "two", LIFE, house.clock.now) is None


def test_schedule_as_a_process_does_the_work_and_gives_the_lease_back(house: House) -> None:
    house.site("shop").fails()
    command = [sys.executable, "-c", "from distribution.cli import main; main()"]
    process = subprocess.Popen(
        [*command, "--home", str(house.server.settings.home), "schedule"],
        env={**os.environ, "HSP_SCHEDULER_SECONDS": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "scheduling every 0.1 s" in process.stdout.readline()
    deadline = time.monotonic() + 20
    while not _leads(house) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _leads(house)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert not _leads(house)


def _leads(house: House) -> bool:
    with house.database.reading() as session:
        row = lease.leader(session)
        return row is not None and row.holder != ""
