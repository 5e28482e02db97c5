"""``hsp audit`` and the route, as an auditor uses them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distribution import audit
from distribution.audit import checkpoints, log
from distribution.cli import main
from tests.simulators.house import House
from tests.simulators.insider import Rewriter, tamper


def hsp(house: House, *words: str) -> Result:
    """``hsp audit WORDS``."""
    home = str(house.server.settings.home)
    return CliRunner().invoke(main, ["--home", home, "audit", *words])


@pytest.fixture
def log_of_six(house: House) -> House:
    """Five deeds and the key's, and a checkpoint."""
    for number in range(5 - newest(house)):
        with house.database.writing() as session:
            deed = audit.Deed("ani", "rollout.pause", f"rollout app {number}.0", "why\x1b[2J")
            audit.note(session, deed, house.clock.now)
    assert checkpoints.work(house.server, house.clock.now)
    return house


def newest(house: House) -> int:
    """The last record's number."""
    with house.database.reading() as session:
        return log.newest(session)[0]


def test_a_whole_log_is_told_so_with_its_rate(log_of_six: House) -> None:
    told = hsp(log_of_six, "verify")
    assert told.exit_code == 0
    assert "6 records" in told.output
    assert "records/s" in told.output
    assert "1 signed checkpoints agree" in told.output
    assert "The log is whole. Its record 6 has the hash" in told.output


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE auditrow SET actor = 'x' WHERE seq = 4", "EDITED      record 4"),
        ("UPDATE auditrow SET actor = CAST(X'FF' AS TEXT) WHERE seq = 4", "EDITED      record 4"),
        ("UPDATE auditrow SET actor = X'616E69' WHERE seq = 4", "EDITED      record 4"),
        ("DELETE FROM auditrow WHERE seq = 4", "MISSING     record 4"),
        ("DELETE FROM auditrow WHERE seq >= 4", "TRUNCATED   records 4 to 6"),
        ("DELETE FROM auditrow", "TRUNCATED   records 1 to 6"),
    ],
)
def test_a_changed_log_is_told_with_the_first_bad_record(
    log_of_six: House, statement: str, words: str
) -> None:
    tamper(log_of_six.database, statement)
    told = hsp(log_of_six, "verify")
    assert told.exit_code == 65
    assert words in told.output
    as_json = hsp(log_of_six, "verify", "--json")
    assert as_json.exit_code == 65
    plain = json.loads(as_json.output)
    assert plain["whole"] is False
    assert plain["findings"][0]["first"] == (1 if "1 to 6" in words else 4)


def test_a_rebuilt_log_is_told_with_where_it_may_begin(log_of_six: House) -> None:
    Rewriter(log_of_six.database).rebuild(3, actor="budi")
    told = hsp(log_of_six, "verify")
    assert told.exit_code == 65
    assert (
        "REBUILT     record 6: a checkpoint knows another record 6; it may begin at record 1"
        in (told.output)
    )
    assert "The first record in question is 1" in told.output


def test_a_person_reads_records_and_no_record_steers_their_terminal(log_of_six: House) -> None:
    told = hsp(log_of_six, "list", "--limit", "2")
    assert "audit.make_key" in told.output
    assert "\x1b" not in told.output
    shown = hsp(log_of_six, "show", "5")
    assert "rollout.pause" in shown.output
    assert "\x1b" not in shown.output
    assert hsp(log_of_six, "show", "99").exit_code == 66


def test_a_person_sees_what_changed(house: House) -> None:
    house.site("warung-1")
    found = json.loads(hsp(house, "list", "--action", "site", "--json").output)
    invite, enrol = found[-2:]
    assert (invite["actor"], enrol["actor"]) == ("ani", "site:warung-1")
    told = hsp(house, "show", str(enrol["seq"])).output
    assert "changed    site warung-1" in told
    assert "used_by_key: None -> " in told


def test_an_exported_log_is_verified_elsewhere_with_the_public_key_alone(
    log_of_six: House, tmp_path: Path
) -> None:
    file, key = tmp_path / "log.jsonl", tmp_path / "auditor.pub"
    assert hsp(log_of_six, "export", "--out", str(file)).exit_code == 0
    assert hsp(log_of_six, "key", "--out", str(key)).exit_code == 0
    elsewhere = ["--home", str(tmp_path / "nowhere"), "audit", "verify"]
    verify = [*elsewhere, "--file", str(file), "--key", str(key)]
    told = CliRunner().invoke(main, verify)
    assert (told.exit_code, "6 records" in told.output) == (0, True)
    assert hsp(log_of_six, "export").output.encode() == file.read_bytes()

    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")
    told = CliRunner().invoke(main, verify)
    assert (told.exit_code, "MISSING     record 3" in told.output) == (65, True)

    file.write_text("\n".join([*lines[:4], lines[-1]]) + "\n")
    told = CliRunner().invoke(main, verify)
    assert "TRUNCATED   records 5 to 6" in told.output


@pytest.mark.parametrize("line", ["nonsense", "[]", "{}", '{"checkpoint": {}}'])
def test_a_file_that_is_no_export_is_refused_or_found(
    log_of_six: House, tmp_path: Path, line: str
) -> None:
    file, key = tmp_path / "log.jsonl", tmp_path / "auditor.pub"
    hsp(log_of_six, "key", "--out", str(key))
    file.write_text(f"{line}\n")
    told = hsp(log_of_six, "verify", "--file", str(file), "--key", str(key))
    assert told.exit_code == 65
    assert not told.exception or isinstance(told.exception, SystemExit)


def test_a_log_without_a_key_says_when_it_gets_one(house: House, tmp_path: Path) -> None:
    told = hsp(house, "key", "--out", str(tmp_path / "audit.pub"))
    assert told.exit_code == 66
    assert "its first checkpoint makes it" in told.output


def test_a_file_needs_a_key(house: House, tmp_path: Path) -> None:
    assert hsp(house, "verify", "--file", str(tmp_path / "x")).exit_code == 2
