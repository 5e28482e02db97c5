"""An insider who may write to the database rewrites the audit log, and a site remembers."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from client_updater.witness import WITNESS_FILE
from distribution.audit import log
from distribution.cli import main
from manifests.failures import FailureCode
from tests.simulators.insider import Rewriter
from tests.simulators.tickets import incidents
from tests.simulators.village import Village, VillageSite


def hsp(village: Village, *words: str) -> tuple[int, str]:
    """``hsp WORDS`` on the server."""
    done = CliRunner().invoke(main, ["--home", str(village.server.settings.home), *words])
    return done.exit_code, done.output


def contradicted(village: Village) -> list[str]:
    """What security hears."""
    village.tick()
    found = [t for t in village.tickets() if t.code == FailureCode.AUDIT_CONTRADICTED]
    return [incident.detail for incident in incidents(village.server.database, *found)]


def remembered(site: VillageSite) -> dict[str, object]:
    """What the site shows to an auditor."""
    found = json.loads(site.command("status", "--json").output)["audit_checkpoint"]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def paused(village: Village) -> VillageSite:
    """Wati has paused a rollout, and a site has heard how far the log had come."""
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    village.pause("1.0", "the till prints nothing")
    village.tick()  # which signs the first checkpoint
    assert site.poll().exit_code == 0
    return site


def test_an_honest_log_alarms_nobody(village: Village, paused: VillageSite) -> None:
    assert paused.poll().exit_code == 0
    assert contradicted(village) == []
    status, told = hsp(village, "audit", "verify")
    assert (status, "The log is whole" in told) == (0, True)


def test_who_puts_a_pause_in_another_name_is_found_at_the_next_check_in(
    village: Village, paused: VillageSite
) -> None:
    with village.server.database.reading() as session:
        [pause] = log.page(session, 0, 1000, log.Filter(action="rollout.pause"))
    seen = remembered(paused)
    Rewriter(village.server.database).rebuild(pause.seq, actor="budi")
    assert paused.poll().exit_code == 0, "it is updated as before"
    [words] = contradicted(village)
    assert "the log was rewritten" in words
    assert str(seen["hash"])[:16] in words
    status, told = hsp(village, "audit", "verify", "--json")
    [found] = json.loads(told)["findings"]
    assert (status, found["kind"]) == (65, "rebuilt")
    assert found["since"] <= pause.seq <= found["last"]


def test_who_puts_yesterdays_database_back_is_found_too(
    village: Village, paused: VillageSite, tmp_path: Path
) -> None:
    Rewriter(village.server.database).cut_off(after=2)
    assert paused.poll().exit_code == 0
    [words] = contradicted(village)
    assert "and now it ends at" in words


def test_a_site_keeps_what_it_has_seen_through_a_crash_of_its_notes(
    village: Village, paused: VillageSite
) -> None:
    seen = remembered(paused)
    (paused.state / "last-poll.json").unlink()
    before = (paused.state / WITNESS_FILE).stat().st_mtime_ns
    assert paused.poll().exit_code == 0
    assert remembered(paused) == seen
    assert (paused.state / WITNESS_FILE).stat().st_mtime_ns == before, "nothing new, no write"
