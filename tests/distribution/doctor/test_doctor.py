"""One deployment that is well, and many that are wrong in exactly one way each."""

import json
import math
import os
import pwd
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from packaging.version import Version
from sqlalchemy import event
from tuf.api.metadata import Metadata

from distribution.cli import main
from distribution.control.rollouts import Word
from distribution.doctor import bucket, databases, machine
from distribution.doctor.findings import Context, Level, exit_status, run
from distribution.doctor.sites import _is_too_old
from distribution.errors import Unavailable
from distribution.people.roles import Role
from distribution.repository import online_roles
from distribution.repository.commit import commit
from distribution.sites import site_identity
from distribution.telemetry import metrics
from manifests.install_report import Phase
from signing import signers
from signing.metadata import add_signature, metadata_key, serialised
from signing.roles import delegations_of
from signing.store import DirectoryStore
from signing.update_repository import Repository, copied
from tests.distribution.doctor.conftest import Deployment
from tests.simulators.certificates import certificate
from tests.simulators.estate import OFFICERS, PASSPHRASE, Estate
from tests.simulators.house import schedule
from tests.simulators.mail_server import MailServer
from tests.simulators.postgres import shared
from tests.simulators.repeater import until
from tests.simulators.root import as_root
from tests.simulators.web import Web

SERVER, SHARED = 43210, 43211
"""A user and a group that no machine has."""

Wrong = Callable[[Deployment], AbstractContextManager[object]]


@pytest.mark.both_databases
def test_of_a_deployment_that_is_well_nothing_is_found(well: Deployment) -> None:
    well.house.clock.now = datetime.now(UTC)
    assert well.look() == []


def _age(well: Deployment, hours: float) -> None:
    well.house.clock.forward(hours * 3600)


def _sql(spoil: str, mend: str) -> Wrong:
    """Spoiled by one statement, and mended by another."""

    @contextmanager
    def spoiled(well: Deployment) -> Iterator[None]:
        well.sql(spoil)
        yield
        well.sql(mend)

    return spoiled


def _files(spoil: Callable[[Deployment], object]) -> Wrong:
    """Spoiled in the folder of keys, which is put back as it was."""

    @contextmanager
    def spoiled(well: Deployment) -> Iterator[None]:
        keys, kept = well.settings.home / "keys", well.settings.home / "kept"
        shutil.copytree(keys, kept)
        spoil(well)
        yield
        shutil.rmtree(keys)
        kept.rename(keys)

    return spoiled


@contextmanager
def _open_up(well: Deployment) -> Iterator[None]:
    well.settings.home.chmod(0o755)
    yield
    well.settings.home.chmod(0o700)


@contextmanager
def _a_report_that_fails(well: Deployment) -> Iterator[None]:
    well.site.report(Phase.ACTIVATING)
    well.sql("UPDATE receipt SET tries = 3")
    yield
    well.sql("DELETE FROM receipt")


@contextmanager
def _serve_what_is_old(well: Deployment) -> Iterator[None]:
    copy = well.house.estate.folder / "cdn"
    shutil.copytree(well.settings.repository_folder, copy)
    well.served.folder = copy
    online_roles.renew(
        well.house.server.store, well.house.server.online, well.house.clock.now + timedelta(hours=4)
    )
    yield
    well.served.folder = well.settings.repository_folder


def _take_others_keys(well: Deployment) -> None:
    other = Estate.found(well.house.estate.folder / "other").settings.online_keys_folder
    shutil.copytree(other, well.settings.online_keys_folder, dirs_exist_ok=True)


WRONG: dict[str, tuple[Wrong, str, Level]] = {
    "the home is open to others": (_open_up, "keys.modes", Level.BROKEN),
    "no passphrase": (
        _files(lambda well: (well.settings.online_keys_folder / "passphrase").unlink()),
        *("keys.online", Level.BROKEN),
    ),
    "other keys than the repository lists": (
        _files(_take_others_keys),
        *("keys.online", Level.BROKEN),
    ),
    "the log's key is gone": (
        _files(lambda well: (well.settings.audit_keys_folder / "audit.key").unlink()),
        *("keys.audit", Level.BROKEN),
    ),
    "nobody leads": (
        _sql("UPDATE lease SET holder = ''", "UPDATE lease SET holder = 'a scheduler'"),
        *("scheduler.leader", Level.BROKEN),
    ),
    "the log was changed": (
        _sql(
            "UPDATE checkpointrow SET hash = 'x' || hash",
            "UPDATE checkpointrow SET hash = substr(hash, 2)",
        ),
        *("scheduler.checkpoint", Level.BROKEN),
    ),
    "no backup": (
        _sql(
            "UPDATE auditrow SET action = 'x' WHERE action = 'backup.make'",
            "UPDATE auditrow SET action = 'backup.make' WHERE action = 'x'",
        ),
        *("scheduler.backup", Level.WARNING),
    ),
    "a report that cannot be worked on": (
        _a_report_that_fails,
        *("database.queue", Level.BROKEN),
    ),
    "the plan is another one": (
        _sql(
            "UPDATE planrow SET document = substr(document, 1, 1)",
            "UPDATE planrow SET document = (SELECT envelope FROM kept)",
        ),
        *("scheduler.plans", Level.WARNING),
    ),
    "sites read something old": (
        _serve_what_is_old,
        *("addresses.metadata", Level.WARNING),
    ),
    "an agent of long ago": (
        _sql(
            'UPDATE site SET check_in = replace(check_in, \'"agent_version":"1"\','
            ' \'"agent_version":"ancient"\')',
            'UPDATE site SET check_in = replace(check_in, \'"agent_version":"ancient"\','
            ' \'"agent_version":"1"\')',
        ),
        *("sites.agents", Level.WARNING),
    ),
}


def test_what_is_wrong_is_named_and_nothing_else(well: Deployment) -> None:
    well.house.start("2.0", schedule(10_000))
    well.sql("CREATE TABLE kept AS SELECT document AS envelope FROM planrow")
    assert well.look() == []
    for what, (spoil, check, level) in WRONG.items():
        with spoil(well):
            found = well.look()
        assert {(one.check, one.level) for one in found} == {(check, level)}, what
        assert all(one.says and one.mend for one in found)
    assert well.look() == [], "each was mended again"


STANDS_STILL = (
    (0.2, "database.queue", Level.WARNING),
    (1, "scheduler.checkpoint", Level.WARNING),
    (2, "scheduler.leader", Level.BROKEN),
    (2, "sites.silent", Level.WARNING),
    (5, "expiries.role", Level.WARNING),
    (7, "expiries.role", Level.BROKEN),
    (27, "scheduler.backup", Level.WARNING),
)
"""After so many hours without a scheduler, what is found by a check that had found nothing."""


def test_what_stands_still_is_found_when_time_has_passed(well: Deployment) -> None:
    well.site.report(Phase.ACTIVATING)
    begin = well.house.clock.now
    for check in {check for _, check, _ in STANDS_STILL}:
        assert well.look(check) == []
    for hours, check, level in STANDS_STILL:
        well.house.clock.now = begin + timedelta(hours=hours)
        assert {(one.check, one.level) for one in well.look(check)} == {(check, level)}, hours


def test_how_old_the_last_backup_is_is_a_figure(well: Deployment) -> None:
    well.house.clock.forward(3600)
    before = _figure(well, "hsp_backup_age_seconds")
    well.house.clock.forward(60)
    assert _figure(well, "hsp_backup_age_seconds") == before + 60 >= 3660
    well.sql("UPDATE auditrow SET action = 'x' WHERE action = 'backup.make'")
    assert _figure(well, "hsp_backup_age_seconds") == math.inf


def test_an_emergencys_role_that_too_few_people_hold(well: Deployment) -> None:
    store, estate = well.house.server.store, well.house.estate
    repository = Repository.read(store)
    targets = copied(repository.targets)
    targets.version += 1
    (delegations_of(targets).roles or {})["hotfixes"].keyids.pop()
    del (delegations_of(targets).roles or {})["breakglass"]
    metadata = Metadata(targets)
    for person in OFFICERS:
        signer = signers.signer_for(estate.key(person), [estate.public(person)], PASSPHRASE)
        add_signature(metadata, signer)
    store.create(metadata_key("targets", targets.version), serialised(metadata))
    commit(repository, {"targets": targets.version}, estate.online, well.house.clock.now)
    found = {one.level: one.says for one in well.look("expiries")}
    assert "too few people are left to sign for hotfixes" in found[Level.BROKEN]
    assert "nobody can sign for breakglass" in found[Level.WARNING]


# --- machine, settings, files


def test_a_full_disk_and_few_open_files(well: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LITTLE_PERCENT", 101)
    monkeypatch.setattr(machine, "ENOUGH_BYTES", 10**18)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (1024, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    assert well.names() == ["machine.disk", "machine.open_files"]


def test_a_database_that_has_outgrown_its_place(
    well: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert well.look("database.size") == []
    monkeypatch.setattr(databases, "LARGE_SQLITE", 1)
    [found] = well.look("database")
    assert (found.check, found.level) == ("database.size", Level.WARNING)
    assert "move to PostgreSQL" in found.mend
    monkeypatch.setattr(databases, "LARGE_SQLITE", 10**10)
    monkeypatch.setattr(databases, "LONG_LOG", 1)
    assert (well.settings.home / "hsp.db-wal").stat().st_size > 1
    [found] = well.look("database")
    assert "hsp.db-wal" in found.says


def test_sqlite_without_its_log_is_found(well: Deployment, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    with (
        closing(sqlite3.connect(well.settings.home / "hsp.db")) as served,
        closing(sqlite3.connect(alone / "hsp.db")) as copied,
    ):
        assert served.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        served.backup(copied)
    context = Context(well.settings.model_copy(update={"home": alone}), well.house.clock)
    engine = context.connected.engine  # as on a network's disk, where it stays what it was
    event.listen(engine, "connect", lambda made, _: made.execute("PRAGMA journal_mode=MEMORY"))
    found = list(run(databases.CHECKS, context))
    context.connected.close()
    assert [(one.check, one.level) for one in found] == [("database.durability", Level.BROKEN)]
    assert "journal is memory" in found[0].says


@as_root
def test_files_of_somebody_else_in_the_home(well: Deployment) -> None:
    home = well.settings.home
    timestamp = well.settings.repository_folder / "metadata" / "timestamp.json"
    for path in (home, *home.rglob("*")):
        os.chown(path, SERVER, SERVER)
    assert well.names() == []
    os.chown(timestamp, 0, 0)
    [found] = well.look()
    assert (found.check, found.level) == ("machine.owners", Level.BROKEN)
    assert "repository/metadata/timestamp.json" in found.says
    assert found.mend.startswith(f"chown -R {SERVER} {home}")
    os.chown(timestamp, SERVER, SERVER)
    assert well.names() == []


@as_root
def test_a_home_that_two_users_share_as_the_units_lay_it_out(well: Deployment) -> None:
    home, keys = well.settings.home, well.settings.home / "keys"
    for path in (home, *home.rglob("*")):
        os.chown(path, SERVER if path.name != "hsp.db-wal" else SERVER + 1, SHARED)
        if path.is_dir():
            path.chmod(0o2770)
    keys.chmod(0o750)
    (keys / "audit").chmod(0o750)
    (keys / "online").chmod(0o700)
    assert well.names() == []
    (keys / "online").chmod(0o750)
    assert well.names() == ["keys.modes"]
    (keys / "online").chmod(0o700)
    os.chown(home / "hsp.db", SERVER, SERVER)
    [found] = well.look()
    assert (found.check, found.level) == ("machine.owners", Level.BROKEN)
    assert f"chgrp -R {SHARED}" in found.mend


def test_somebody_else_than_the_server_looks(
    well: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    us = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.setattr(os, "geteuid", lambda: SERVER)
    [found] = well.look("machine.owners")
    assert found.says.endswith(f"belongs to {us}, and this is {SERVER}")
    assert f"sudo -u {us} hsp" in found.mend


@as_root
def test_files_with_secrets_that_are_gone_or_open(well: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    assert well.names("keys", oidc_client_secret_file=str(file)) == ["keys.secret_files"]
    file.write_text("secret\n")
    file.chmod(0o644)
    assert well.names("keys", oidc_client_secret_file=str(file)) == ["keys.modes"]
    file.chmod(0o600)
    os.chown(file, SERVER, SERVER)
    [found] = well.look("keys", oidc_client_secret_file=str(file))
    assert found.says.endswith("and not to the server's")


def test_of_a_server_that_others_reach_the_passphrase_and_the_first_token_do_not_stay(
    well: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = {"public_url": "https://updates.example.com"}
    assert well.names("keys", **public) == ["keys.first_token", *["keys.passphrase"] * 2]
    for folder in (well.settings.online_keys_folder, well.settings.audit_keys_folder):
        shutil.move(folder / "passphrase", folder.parent / f"{folder.name}-away")
    well.settings.staff_token_file.unlink()
    assert "keys.passphrase" not in well.names("keys", **public)


# --- the store


class _Careless(DirectoryStore):
    """A store that honours no condition."""

    def create(self, key: str, content: object) -> None:
        self.remove(key)
        super().create(key, content)  # type: ignore[arg-type]

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        self.create(key, content)


def test_a_store_that_honours_no_condition(well: Deployment) -> None:
    context = Context(well.settings, well.house.clock)
    vars(context)["store"] = _Careless(well.settings.repository_folder)
    found = list(bucket.conditional_writes(context))
    assert [one.level for one in found] == [Level.BROKEN, Level.BROKEN]
    assert not [key for key in context.store.keys("metadata/") if "doctor" in key]


def test_locks_are_wanted_where_nothing_can_be_locked(well: Deployment) -> None:
    assert well.names("bucket", audit_lock_days=365) == ["bucket.object_lock"]


# --- addresses


def test_addresses_without_tls_and_nobody_who_answers(well: Deployment) -> None:
    assert well.names("addresses.encrypted", public_url="http://updates.example.com") == [
        "addresses.encrypted"
    ]
    closed = {
        "public_url": "http://127.0.0.1:9",
        "public_metadata_url": well.served.url + "/metadata",
    }
    assert well.names("addresses", **closed) == ["addresses.api"]
    gone = {"public_metadata_url": well.settings.public_url + "/nothing"}
    assert well.names("addresses", **gone) == ["addresses.metadata"]


def test_a_certificate_that_ends_soon_and_one_that_nobody_knows(
    well: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "own.pem"
    with Web({}, certificate(pem)) as web:
        wanted = {"public_url": web.url}
        [strange] = well.look("addresses.certificates", **wanted)
        assert (strange.level, "not valid" in strange.says) == (Level.BROKEN, True)
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        [ends] = well.look("addresses.certificates", **wanted)
        assert (ends.level, "ends at" in ends.says) == (Level.WARNING, True)


# --- mail


def test_mail_is_tried_and_nobody_gets_any_unless_asked_for(
    well: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MailServer(tmp_path) as server:
        server.password_file.chmod(0o600)
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        settings = dict(server.settings())
        assert well.look(**settings) == []
        assert server.letters == []
        assert well.look("mail", send_to="ops@hsp.example", **settings) == []
        [letter] = server.letters
        assert letter["To"] == "ops@hsp.example"
        server.password_file.write_text("wrong\n")
        [found] = well.look("mail", **settings)
        assert (found.check, found.level) == ("mail.server", Level.BROKEN)
        assert "535" in found.says
        monkeypatch.delenv("SSL_CERT_FILE")
        assert well.names("mail", **settings) == ["mail.server"], "nobody knows its certificate"
    assert well.names("mail", **settings) == ["mail.server"], "it is down"
    assert well.names("mail", send_to="ops@hsp.example") == ["mail.server"]


def test_channels_that_reach_nobody(well: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    home = ("--home", str(well.settings.home))
    monkeypatch.setenv("HSP_SMTP_HOST", "127.0.0.1")
    for words in (
        "notify add email l2@hsp.example --tier L2 --reason us --by wati",
        "notify add chat https://chat.example/T0 --tier L2 --reason us --by wati",
    ):
        done = CliRunner().invoke(main, [*home, *words.split()])
        assert done.exit_code == 0, done.output
    monkeypatch.delenv("HSP_SMTP_HOST")
    assert well.names("mail") == ["mail.channels"], "there is no mail server"
    for secret in (well.settings.home / "notify").iterdir():
        secret.unlink()
    assert well.names("mail") == ["mail.channels"] * 2
    well.sql("UPDATE notifychannel SET kind = 'webhook', secret = ''")
    well.sql(
        "INSERT INTO delivery (channel_id, about, message_id, first_news, last_news, kinds, joined,"
        " gathered, state, created_at, due_at, content, tries, error) SELECT 1, 'a', 'b', 0, 0, '',"
        " 0, 0, 'waiting', until, until, '', 3, 'it answers 500' FROM lease"
    )
    [found] = well.look("mail")
    assert (found.level, "it answers 500" in found.says) == (Level.WARNING, True)


# --- sites


@pytest.mark.parametrize(
    ("theirs", "ours", "too_old"),
    [
        ("0.1.0", "0.2.3", False),
        ("0.1.9", "0.3.0", True),
        ("0.9.0", "1.0.0", False),
        ("1.4.0", "2.1.0", False),
        ("1.4.0", "3.0.0", True),
        ("3.0.0", "2.0.0", False),
        ("ancient", "0.1.0", True),
    ],
)
def test_agents_of_this_release_and_the_one_before_are_supported(
    theirs: str, ours: str, too_old: bool
) -> None:
    assert _is_too_old(theirs, Version(ours)) is too_old


def test_sites_that_were_not_asked_for_long_after_a_restore(well: Deployment) -> None:
    well.sql("INSERT INTO askagain (site_id, place, tries) VALUES ('shop', 0, 0)")
    well.sql(
        "INSERT INTO restorerow (at, by, backup_at, audit_seq, audit_lost)"
        " SELECT until, 'wati', until, 1, 1 FROM lease"
    )
    assert well.look("sites.to_be_asked") == []
    _age(well, 25)
    [found] = well.look("sites.to_be_asked")
    assert found.says.startswith("1 sites ") and found.says.endswith(": shop")
    assert _figure(well, "hsp_sites_to_be_asked") == 1
    said = Word("wati", "it was closed down", Role.SECURITY_ADMINISTRATOR)
    site_identity.revoke(well.house.database, "shop", said, well.house.clock.now)
    assert well.look("sites.to_be_asked") == []
    assert _figure(well, "hsp_sites_to_be_asked") == 0


def _figure(well: Deployment, name: str) -> float:
    """What Prometheus is told."""
    lines = metrics.text(well.house.server, well.house.clock.now).decode().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.split()[1])


# --- what cannot be looked at


def test_what_cannot_be_looked_at_says_so(well: Deployment) -> None:
    found = well.look(database_url="postgresql://hsp@127.0.0.1:9/hsp")
    assert {one.level for one in found} == {Level.UNKNOWN}
    assert {"database.tables", "scheduler.leader", "sites.silent"} <= {one.check for one in found}

    def fails(context: Context) -> list[object]:
        raise Unavailable("away")

    assert [one.says for one in run([("a", fails)], Context(well.settings, well.house.clock))] == [  # type: ignore[list-item]
        "could not be looked at: away"
    ]


def test_the_command_ends_with_how_bad_the_worst_is(well: Deployment) -> None:
    home = ("--home", str(well.settings.home))
    well.settings.home.chmod(0o755)
    done = CliRunner().invoke(main, [*home, "doctor", "--only", "keys"])
    assert done.exit_code == 2, done.output
    assert "chmod 700" in done.output
    done = CliRunner().invoke(main, [*home, "doctor", "--only", "sites", "--json"])
    assert (done.exit_code, json.loads(done.output)["findings"]) == (0, [])
    done = CliRunner().invoke(main, [*home, "doctor", "--only", "teeth"])
    assert "there are addresses, bucket" in done.output
    assert exit_status([]) == 0


def test_what_many_checks_cannot_look_at_is_printed_once(
    well: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSP_DATABASE_URL", shared().url_of("nothing"))
    home = ("--home", str(well.settings.home))
    done = CliRunner().invoke(main, [*home, "doctor", "--only", "database", "--only", "sites"])
    assert done.exit_code == 3
    said = done.output.splitlines()
    assert said[0].startswith("unknown  database.tables, database.durability, ")
    assert "sites.silent" in said[0]
    assert [line for line in said if 'database "nothing" does not exist' in line] == said[1:2]
    assert "made by createdb" in said[2]


# --- PostgreSQL


@pytest.fixture
def on_postgres(database_kind: str, well: Deployment) -> Deployment:
    """The same on PostgreSQL."""
    return well


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Only there."""
    if "on_postgres" in metafunc.fixturenames:
        metafunc.parametrize("database_kind", ["postgresql"], indirect=True)


def test_a_postgres_that_does_not_keep_what_it_promised(
    on_postgres: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = on_postgres.house.database.engine.url.database
    for setting, check in {
        "synchronous_commit = off": "database.durability",
        "default_transaction_isolation = serializable": "database.isolation",
    }.items():
        on_postgres.sql(f'ALTER DATABASE "{name}" SET {setting}')
        [found] = on_postgres.look("database")
        assert (found.check, found.level) == (check, Level.BROKEN)
        on_postgres.sql(f'ALTER DATABASE "{name}" RESET {setting.split()[0]}')
        on_postgres.sql(f'ALTER DATABASE "{name}" SET synchronous_commit = on')
    assert on_postgres.names("database", database_connections=1000) == ["database.connections"]
    monkeypatch.setattr(databases, "LARGE_POSTGRES", 1)
    [found] = on_postgres.look("database")
    assert (found.check, found.says.count(" GB")) == ("database.size", 4)
    monkeypatch.setattr(databases, "LARGE_POSTGRES", 10**12)
    monkeypatch.setattr(databases, "OLDEST_POSTGRES", 99)
    assert on_postgres.names("database") == ["database.release"]
    on_postgres.sql("UPDATE alembic_version SET version_num = '0001'")
    found = on_postgres.look("database.tables", "sites")
    assert {(one.check, one.level) for one in found} == {
        ("database.tables", Level.BROKEN),
        *((name, Level.UNKNOWN) for name in ("sites.agents", "sites.silent", "sites.to_be_asked")),
    }


def test_a_postgres_that_never_clears_away(on_postgres: Deployment) -> None:
    server = shared()
    server.execute("ALTER SYSTEM SET autovacuum = off")
    try:
        server.execute("SELECT pg_reload_conf()")
        until(lambda: server.execute("SHOW autovacuum") == [("off",)])
        on_postgres.house.database.engine.dispose()
        [found] = on_postgres.look("database")
        assert (found.check, found.level) == ("database.vacuum", Level.BROKEN)
    finally:
        server.execute("ALTER SYSTEM RESET autovacuum")
        server.execute("SELECT pg_reload_conf()")


def test_a_clock_that_is_wrong(on_postgres: Deployment) -> None:
    on_postgres.house.clock.now = datetime.now(UTC) + timedelta(seconds=10)
    [found] = on_postgres.look("clocks")
    assert (found.level, "seconds behind" in found.says) == (Level.WARNING, True)
    on_postgres.house.clock.forward(-100)
    [found] = on_postgres.look("clocks")
    assert (found.level, "ahead of" in found.says) == (Level.BROKEN, True)


@pytest.mark.parametrize("name", ["none", "."])
def test_a_home_that_is_none_is_said_and_not_made(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path / name), "doctor"])
    assert done.exit_code != 0
    assert "there is no server at" in done.output
    assert list(tmp_path.iterdir()) == []
