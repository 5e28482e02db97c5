"""From every release's tables to this program's, and back, with rows in all of them.

``releases/`` holds two rows of every table as each release wrote them. A new release adds its own
files there, with the name of its newest revision in ``RELEASES``.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner, Result
from sqlalchemy import Connection, inspect, text
from sqlmodel import SQLModel

from distribution import migrations
from distribution.cli import main
from distribution.database import schema
from distribution.database.sessions import Database
from distribution.errors import Misconfigured
from distribution.home import make_home
from distribution.migrations import BASELINE, HEAD, number_of, oldest_for, runs_on
from distribution.migrations.versions import r0001_baseline
from distribution.people import accounts
from distribution.settings import Settings
from tests.simulators.postgres import shared

RELEASES = {"0.1.0": BASELINE}
FOLDER = Path(__file__).parent / "releases"
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Of a server with an empty database."""
    url = "" if request.param == "sqlite" else shared().empty_database()
    return Settings(home=tmp_path, database_url=url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    """The database, as it was found."""
    opened = Database.connect(settings)
    yield opened
    opened.close()


@pytest.fixture(params=RELEASES)
def released(request: pytest.FixtureRequest, database: Database) -> str:
    """The database is one of this release, with its rows."""
    release = str(request.param)
    with database.engine.begin() as connection:
        for statement in r0001_baseline.statements(connection.dialect.name):
            connection.execute(text(statement))
    if RELEASES[release] != BASELINE:  # since then, Alembic has made them
        with schema.changing(database.engine) as connection:
            schema.alembic(connection, "stamp", BASELINE)
            schema.alembic(connection, "upgrade", RELEASES[release])
    with database.engine.begin() as connection:
        insert(connection, release)
    return release


def insert(connection: Connection, release: str) -> None:
    """Write the rows of a release, as its program would."""
    lines = (FOLDER / f"{release}_{connection.dialect.name}.sql").read_text().splitlines()
    for statement in "\n".join(lines[1:]).split(";\n"):
        if statement.strip(" ;\n"):
            connection.exec_driver_sql(statement.strip(" ;\n"))


def columns(connection: Connection) -> dict[str, list[str]]:
    """The tables and what they are made of."""
    there = inspect(connection)
    found = {n: [c["name"] for c in there.get_columns(n)] for n in there.get_table_names()}
    return {name: names for name, names in found.items() if name != "alembic_version"}


def rows(connection: Connection, wanted: dict[str, list[str]]) -> Rows:
    """What is in these columns."""
    found = {}
    for table, names in wanted.items():
        listed = ", ".join(f'"{name}"' for name in names)
        found[table] = sorted(
            (tuple(row) for row in connection.exec_driver_sql(f"SELECT {listed} FROM {table}")),  # noqa: S608
            key=repr,
        )
    return found


def differences(database: Database) -> list[Any]:
    """Between the tables that there are and those of the program."""
    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, SQLModel.metadata))


def test_tables_that_are_new_are_those_of_the_program(database: Database) -> None:
    assert schema.upgrade(database.engine).is_empty
    assert differences(database) == []
    assert schema.state(database.engine).revision == schema.revisions()[-1] == HEAD


def test_tables_of_every_release_become_those_of_the_program(
    database: Database, released: str
) -> None:
    with database.engine.connect() as connection:
        names = columns(connection)
        before = rows(connection, names)
    assert all(len(found) == 2 for found in before.values()), "every table has rows"
    schema.upgrade(database.engine)
    assert differences(database) == []
    with database.engine.connect() as connection:
        assert rows(connection, names) == before

    if RELEASES[released] != HEAD:
        schema.downgrade(database.engine, RELEASES[released])
        with database.engine.connect() as connection:
            assert columns(connection) == names
            assert rows(connection, names) == before
        schema.upgrade(database.engine)
    assert differences(database) == []
    with database.engine.connect() as connection:
        assert rows(connection, names) == before


def test_a_program_of_the_release_before_works_on_the_newer_tables(
    database: Database, released: str
) -> None:
    """It writes and reads what it knows, while servers are upgraded one by one."""
    if number_of(RELEASES[released]) < oldest_for(HEAD):
        return  # the newest revision says that it does not
    with database.engine.connect() as connection:
        names = columns(connection)
        written = rows(connection, names)
    newer = Database.connect(_empty_like(database))
    schema.upgrade(newer.engine)
    with newer.engine.begin() as connection:
        insert(connection, released)
        assert rows(connection, names) == written
    newer.close()


def _empty_like(database: Database) -> Settings:
    home = Path(str(database.engine.url.database)).parent / "newer"
    if database.engine.dialect.name == "postgresql":
        return Settings(home=Path.cwd(), database_url=shared().empty_database())
    home.mkdir()
    return Settings(home=home)


def test_all_the_way_down_nothing_is_left(database: Database) -> None:
    with schema.changing(database.engine) as connection:
        schema.alembic(connection, "upgrade", HEAD)
    assert differences(database) == []
    with schema.changing(database.engine) as connection:
        schema.alembic(connection, "downgrade", "base")
    with database.engine.connect() as connection:
        assert columns(connection) == {}


def test_tables_that_nobody_has_released_are_refused_by_name(database: Database) -> None:
    with database.engine.begin() as connection:
        for statement in r0001_baseline.statements(connection.dialect.name):
            connection.execute(text(statement))
        connection.execute(text("ALTER TABLE problem DROP COLUMN cause"))
        connection.execute(text("DROP TABLE lease"))
    with pytest.raises(Misconfigured, match=r"not those of release 0\.1\.0: lease, problem"):
        schema.upgrade(database.engine)
    assert schema.state(database.engine).revision == "", "nothing was done"


def test_the_embedded_database_is_upgraded_when_it_is_opened(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    database = Database.connect(settings)
    with database.engine.begin() as connection:
        for statement in r0001_baseline.statements("sqlite"):
            connection.execute(text(statement))
        insert(connection, "0.1.0")
    database.close()
    opened = Database.open(settings)
    assert schema.state(opened.engine).revision == HEAD
    assert differences(opened) == []
    opened.close()


def test_several_that_open_it_at_once_upgrade_it_once(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with ThreadPoolExecutor(8) as pool:
        for opened in pool.map(Database.open, [settings] * 8):
            opened.close()
    database = Database.connect(settings)
    assert differences(database) == []
    database.close()


# --- which programs work on which tables


@pytest.mark.parametrize(
    ("revision", "head", "works"),
    [
        ("0003_0001", "0001", True),  # it only added since
        ("0003_0001", "0003_0001", True),
        ("0004_0003", "0003_0001", True),  # it took away what 0003 did not need any more
        ("0004_0003", "0002_0001", False),
        ("0002_0001", "0003_0001", False),  # this program's own tables are not there yet
        ("0001", "0001", True),
    ],
)
def test_a_revision_says_which_programs_work_on_its_tables(
    monkeypatch: pytest.MonkeyPatch, revision: str, head: str, works: bool
) -> None:
    monkeypatch.setattr(migrations, "HEAD", head)
    assert runs_on(revision) is works


def test_revisions_are_counted_and_none_says_less_than_the_one_before() -> None:
    known = schema.revisions()
    assert [number_of(name) for name in known] == [f"{n:04}" for n in range(1, len(known) + 1)]
    oldest = [oldest_for(name) for name in known]
    assert oldest == sorted(oldest)
    assert all(oldest_for(name) <= number_of(name) for name in known)


def _mark(database: Database, revision: str) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :x"), {"x": revision})


def test_a_program_works_on_newer_tables_unless_they_say_that_it_is_too_old(
    database: Database, settings: Settings
) -> None:
    schema.upgrade(database.engine)
    _mark(database, f"9999_{number_of(HEAD)}")
    Database.open(settings).close()
    schema.upgrade(database.engine)
    assert schema.state(database.engine).revision == f"9999_{number_of(HEAD)}", "left as it is"
    _mark(database, "9999_9998")
    with pytest.raises(Misconfigured, match="revision 9999_9998; this program needs revision"):
        Database.open(settings)


# --- the commands


def hsp(settings: Settings, *words: str) -> Result:
    """Run the command on this server."""
    environment = {"HSP_DATABASE_URL": settings.database_url}
    arguments = ["--home", str(settings.home), *words]
    return CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)


def test_the_commands_upgrade_and_say_where_it_is(settings: Settings) -> None:
    assert "serves          no" in hsp(settings, "database", "status").output
    assert f"of revision {HEAD} now; before: none" in hsp(settings, "database", "upgrade").output
    assert f"of revision {HEAD} already" in hsp(settings, "database", "upgrade").output
    said = hsp(settings, "database", "status").output
    assert "serves          yes" in said
    assert f"tables          {HEAD}" in said
    refused = hsp(settings, "database", "downgrade", "0815", "--yes")
    assert "there is no revision '0815'; there are 0001" in refused.output


def test_on_postgresql_an_operator_says_when(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, database_url=shared().empty_database())
    with pytest.raises(Misconfigured, match="tables are not there") as refused:
        Database.open(settings)
    assert "'hsp init' for a new server, 'hsp restore' for" in refused.value.hint
    database = Database.connect(settings)
    with database.engine.begin() as connection:
        for statement in r0001_baseline.statements("postgresql"):
            connection.execute(text(statement))
    database.close()
    with pytest.raises(Misconfigured, match=r"are of release 0\.1\.0") as refused:
        Database.open(settings)
    assert refused.value.hint == "run 'hsp database upgrade'"


def test_a_new_server_makes_the_tables_where_it_is_told_to(tmp_path: Path) -> None:
    chosen = {"database_url": shared().empty_database()}
    make_home(Settings(home=tmp_path / "home"), "", chosen, "ani")
    database = Database.open(Settings.load(tmp_path / "home"))
    with database.reading() as session:
        assert accounts.person(session, "ani") is not None
    database.close()
    assert not (tmp_path / "home" / "hsp.db").exists()
