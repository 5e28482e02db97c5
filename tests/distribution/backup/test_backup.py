"""A backup: everything that matters of one moment, from either engine, and no secret."""

import hashlib
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
import zstandard
from click.testing import CliRunner
from sqlmodel import select

from distribution.audit import AUTOMATIC
from distribution.audit.log import Filter, last
from distribution.backup import contents, making, restoring
from distribution.backup.manifest import FILE, REPOSITORY
from distribution.cli import main
from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from distribution.errors import Conflict, Invalid, NotFound
from distribution.settings import Settings
from manifests.install_report import Phase
from tests.simulators.house import Clock, House, schedule


@pytest.fixture
def lived_in(house: House) -> House:
    """A server with sites, a rollout, reports, a ticket, events and a checkpoint."""
    for site in house.sites(3):
        site.check_in()
    shop = house.site("shop")
    house.start("2.0", schedule(10_000))
    shop.confirms()
    shop.fails()
    house.tick(20)
    return house


def backup(house: House, folder: Path) -> making.Made:
    """Made by Ani."""
    return making.make(house.database, house.server.settings, folder, "ani", "l3", house.clock.now)


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables of a backup."""
    with making.snapshot(database) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
            for table in contents.tables()
        }


@pytest.mark.both_databases
def test_every_row_is_in_it_with_how_many_there_are(lived_in: House, tmp_path: Path) -> None:
    before = rows(lived_in.database)
    made = backup(lived_in, tmp_path / "backup")
    assert {each.name: each.rows for each in made.manifest.tables} == {
        name: len(found) for name, found in before.items()
    }
    assert made.manifest.rows > 50
    restoring.verified(tmp_path / "backup", made.sha256)


def test_it_is_read_without_this_program(lived_in: House, tmp_path: Path) -> None:
    backup(lived_in, tmp_path / "backup")
    packed = (tmp_path / "backup/tables/site.jsonl.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
    assert sorted(json.loads(line)[0] for line in lines) == ["shop", "site-0", "site-1", "site-2"]


def test_that_it_was_made_is_on_record_with_the_hash_of_its_manifest(
    lived_in: House, tmp_path: Path
) -> None:
    made = backup(lived_in, tmp_path / "backup")
    found = hashlib.sha256((tmp_path / "backup" / FILE).read_bytes()).hexdigest()
    with lived_in.database.reading() as session:
        [record] = last(session, 9, Filter(action=making.MADE))
    assert (record.actor, record.reason) == ("ani", f"manifest sha256:{found}")
    assert made.sha256 == found


def test_no_secret_is_in_it_and_every_file_is_private(lived_in: House, tmp_path: Path) -> None:
    settings = lived_in.server.settings.model_copy(
        update={"database_url": "postgresql://hsp:geheim@db/hsp", "smtp_host": "mail.example"}
    )
    folder = tmp_path / "backup"
    making.make(lived_in.database, settings, folder, "ani", "", lived_in.clock.now)
    secrets = [
        file.read_bytes().strip()
        for file in settings.home.rglob("*")
        if file.name in ("passphrase", "staff.token") or file.suffix == ".key"
    ]
    assert len(secrets) >= 6
    for file in (path for path in folder.rglob("*") if path.is_file()):
        data = file.read_bytes()
        plain = (
            zstandard.ZstdDecompressor().stream_reader(data).read() if ".zst" in file.name else b""
        )
        assert not any(secret in data or secret in plain for secret in [*secrets, b"geheim"]), file
        assert file.stat().st_mode & 0o077 == 0, file
    assert folder.stat().st_mode & 0o077 == 0
    text = (folder / "settings.toml").read_text()
    assert 'smtp_host = "mail.example"' in text
    assert "hsp:***@db" in text
    (tmp_path / "other").mkdir()
    (tmp_path / "other/hsp.toml").write_text(text)
    assert Settings.load(tmp_path / "other").smtp_host == "mail.example"
    said = "\n".join(making.not_in_it(settings))
    assert "keys/online/snapshot.key" in said
    assert "KMS" in said


@pytest.mark.both_databases
def test_it_shows_one_moment_while_servers_write(
    lived_in: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report that is taken while tables are written is in none of them, or whole."""
    site, ending = lived_in.site("late"), threading.Event()

    def reporting() -> None:
        while not ending.is_set():
            site.report(Phase.ACTIVATING)

    written = making._write_table
    thread = threading.Thread(target=reporting)

    def slowly(*args: object) -> object:
        if not thread.is_alive():
            thread.start()
        count = _receipts(lived_in)
        while thread.is_alive() and count < 12 and _receipts(lived_in) == count:
            pass
        return written(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(making, "_write_table", slowly)
    try:
        made = backup(lived_in, tmp_path / "backup")
    finally:
        ending.set()
        thread.join()
    [receipts] = [each.rows for each in made.manifest.tables if each.name == "receipt"]
    assert receipts == 4, "none of those that came after the moment"
    assert _receipts(lived_in) >= 12


def _receipts(house: House) -> int:
    with house.database.reading() as session:
        return len(session.exec(select(Receipt)).all())


def test_a_directory_is_copied_whole_and_a_timestamp_leads_to_nothing_that_is_missing(
    lived_in: House, tmp_path: Path
) -> None:
    made = backup(lived_in, tmp_path / "backup")
    part = made.manifest.repository
    assert part is not None
    copy, store = tmp_path / "backup" / REPOSITORY, lived_in.server.store
    assert sorted(_files(copy)) == sorted(
        key for prefix in ("metadata/", "targets/", "audit/") for key in store.keys(prefix)
    )
    assert part.files == part.copied == len(list(_files(copy)))


def _files(folder: Path) -> Iterator[str]:
    return (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_that_is_there_is_never_written_into(lived_in: House, tmp_path: Path) -> None:
    backup(lived_in, tmp_path / "backup")
    with pytest.raises(Conflict, match="is there already"):
        backup(lived_in, tmp_path / "backup")


def test_a_timer_keeps_the_newest_few_and_touches_nothing_else(
    lived_in: House, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    (folder / "2026-01-01T000000Z").mkdir(parents=True)  # somebody's own, with no manifest
    (folder / ".2026-01-02T000000Z.unfinished").mkdir()  # a power cut
    (folder / "before-the-move").mkdir()
    home = ("--home", str(lived_in.server.settings.home))
    for hour in range(3):
        with time_machine.travel(lived_in.clock.forward(3600 * hour), tick=False):
            done = CliRunner().invoke(main, [*home, "backup", str(folder), "--keep", "2"])
        assert done.exit_code == 0, done.output
    made = sorted(path.name for path in folder.glob("2026-11-*"))
    assert len(made) == 2
    assert "removed the backup 2026-11-25T" in done.output
    assert {path.name for path in folder.iterdir()} - set(made) == {
        "2026-01-01T000000Z", "before-the-move",
    }  # fmt: skip
    for name in made:
        restoring.verified(folder / name)
    with lived_in.database.reading() as session:
        records = last(session, 9, Filter(action=making.MADE))
    assert {record.actor for record in records} == {AUTOMATIC}


def test_it_says_where_the_checkpoints_are_that_are_not_in_it(house: House) -> None:
    settings = house.server.settings
    assert not [words for words in making.not_in_it(settings) if "checkpoints" in words]
    for changed in (
        {"audit_store_url": "s3://witness/audit"},
        {"store_url": "s3://updates", "audit_store_url": "s3://witness/audit"},
        {"store_url": "s3://witness/audit"},
    ):
        said = making.not_in_it(settings.model_copy(update=changed))
        [told] = [words for words in said if "checkpoints of the audit log" in words]
        assert "they are in s3://witness/audit" in told


def test_a_backup_that_cannot_be_finished_leaves_nothing(
    lived_in: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("distribution.backup.repository.copy", full)
    with pytest.raises(Exception, match="No space left"):
        backup(lived_in, tmp_path / "there" / "backup")
    assert list((tmp_path / "there").iterdir()) == []


@pytest.mark.parametrize("name", ["tables/receipt.jsonl.zst", "settings.toml", "repository"])
def test_a_backup_of_which_one_byte_has_changed_is_refused(
    lived_in: House, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "backup"
    backup(lived_in, folder)
    file = folder / name
    file = (
        next(path for path in sorted(file.rglob("*")) if path.is_file()) if file.is_dir() else file
    )
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(Invalid, match="its manifest says"):
        restoring.restore(tmp_path / "new", folder, "ani", Clock().now)
    assert not (tmp_path / "new").exists(), "nothing was begun"


def test_another_backup_than_the_one_that_was_meant_is_refused(
    lived_in: House, tmp_path: Path
) -> None:
    backup(lived_in, tmp_path / "backup")
    with pytest.raises(Invalid, match="not the one that was given"):
        restoring.verified(tmp_path / "backup", "0" * 64)


def test_what_is_no_backup_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"manifest\.json"):
        restoring.verified(tmp_path)
    (tmp_path / FILE).write_text('{"format": 2}')
    with pytest.raises(Invalid, match="format"):
        restoring.verified(tmp_path)


def test_every_table_is_in_a_backup_or_left_out_for_a_reason() -> None:
    names = {table.name for table in contents.everything()}
    assert set(contents.LEFT_OUT) <= names, "a name here that is no table"
    assert {table.name for table in contents.tables()} == names - set(contents.LEFT_OUT)
