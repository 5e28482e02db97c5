"""L2 asks a site for diagnostics and a repair of a damaged file; the agents are processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from client_updater.identity import KEY_FILE, load_key
from distribution.audit import log
from distribution.cli import main
from distribution.database.tables import Site
from distribution.desk import diagnostics, remote_steps
from distribution.desk.remote_steps import StepRecord
from tests.simulators.staff import CAST, hire
from tests.simulators.village import Village, VillageSite, now, open_village

SECRET = "kenari-9f3b"
PATIENCE_SECONDS = 60


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """A server that wants to hear of its sites every second, and its people."""
    with open_village(tmp_path, poll_seconds=1, check_in_burst=10_000) as built:
        hire(built.server.database, now(), CAST)
        yield built


@contextmanager
def running(site: VillageSite) -> Iterator[None]:
    """The site's agent, as a process of its own."""
    words = [sys.executable, "-m", "client_updater.cli", "--state", str(site.state), "run"]
    agent = subprocess.Popen(words, env={**os.environ, "A_SECRET": SECRET}, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        agent.terminate()
        agent.communicate(timeout=30)


def hsp(village: Village, *words: str) -> str:
    """``hsp WORDS`` on the server."""
    done = CliRunner().invoke(main, ["--home", str(village.server.settings.home), *words])
    assert done.exit_code == 0, done.output
    return done.output


def answered(village: Village, site: VillageSite, count: int) -> list[StepRecord]:
    """What came of so many steps, when it has come, oldest first."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with village.server.database.reading() as session:
            found = remote_steps.listed(session, site.site_id)
        if sum(bool(record.outcome) for record in found) >= count:
            return found[::-1]
        time.sleep(0.1)
    raise AssertionError(f"{site.site_id} did not answer: {found}")


def test_l2_collects_and_repairs_from_afar_as_far_as_the_site_allows(village: Village) -> None:
    site, closed = village.site("warung-1"), village.site("apotek-1", "apotek")
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    closed.set_policy("[support]\nremote = []\n")
    for each in (site, closed):
        damaged = each.state / "slots/app/1.0/health.txt"
        damaged.write_text("no")
        log_file = each.state / "logs/app-1.0.log"
        log_file.write_text(f"cannot log in with password={SECRET} or {SECRET}\n")
    ask = ("site", "ask", "--reason", "prices are missing since noon", "--by", "joko")
    with running(site), running(closed):
        for name in ("warung-1", "apotek-1"):
            hsp(village, *ask, name, "collect")
            hsp(village, *ask, name, "repair", "--product", "app")
        ours, theirs = answered(village, site, 2), answered(village, closed, 2)

    assert [record.outcome for record in ours] == ["done", "done"]
    assert ours[1].sentence == "app 1.0: mended files: 1"
    assert (site.state / "slots/app/1.0/health.txt").read_text() == "yes"
    assert site.command("verify").exit_code == 0
    assert site.soon_serves() == "1.0"
    assert [record.outcome for record in theirs] == ["refused", "refused"]
    assert "policy does not let support" in theirs[1].sentence
    assert (closed.state / "slots/app/1.0/health.txt").read_text() == "no"

    told = hsp(village, "site", "diagnostics", "warung-1")
    assert "health.txt is not" in told, "it was collected before it was mended"
    assert "cannot log in with password=***" in told
    assert SECRET not in told
    with village.server.database.reading() as session:
        deeds = log.page(session, 0, 1000, log.Filter(action="site.ask"))
        assert diagnostics.listed(session, "apotek-1") == []
    assert [(deed.actor, deed.role) for deed in deeds] == [("joko", "l2")] * 4
    assert {deed.reason for deed in deeds} == {"prices are missing since noon"}


def test_a_running_agent_goes_on_under_a_new_key(village: Village) -> None:
    site = village.site("warung-1")
    first = load_key(site.state / KEY_FILE).public_hex
    with running(site):
        done = site.command("rotate-key")
        assert done.exit_code == 0, done.output
        hsp(village, "site", "ask", "warung-1", "collect", "--reason", "it rotated", "--by", "wati")
        [record] = answered(village, site, 1)
    assert record.outcome == "done"
    with village.server.database.reading() as session:
        believed = session.get_one(Site, "warung-1").public_key
        rotations = log.page(session, 0, 1000, log.Filter(action="site.rotate_key"))
    assert believed == load_key(site.state / KEY_FILE).public_hex != first
    assert [deed.actor for deed in rotations] == ["site:warung-1"]
    village.tick()
    assert village.tickets() == [], "nobody is alarmed"
