"""The database's tables: which revision they are of, and from one to another.

The embedded SQLite is brought to this program's revision whenever it is opened. On PostgreSQL an
operator says when (``hsp database upgrade``), as other servers work on it; a program refuses tables
that are too old for it, or too new (see ``distribution.migrations``). Whoever changes the tables
has the writers' turn meanwhile, and all of it happens or nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, inspect, text
from sqlmodel import SQLModel

from distribution.database.engines import WRITES, answers, is_postgres
from distribution.errors import Misconfigured
from distribution.migrations import BASELINE, HEAD, number_of, runs_on

if TYPE_CHECKING:
    from alembic.config import Config

_VERSIONS = "alembic_version"


@dataclass(frozen=True)
class State:
    """What was found. ``revision`` is empty for tables that no revision is noted of, or none."""

    revision: str
    has_tables: bool

    @property
    def is_empty(self) -> bool:
        """There are no tables of ours."""
        return not self.revision and not self.has_tables


def state(engine: Engine) -> State:
    """Look.

    Raises:
        Misconfigured: more than one revision is noted.
        Unavailable: the database does not answer.
    """
    with answers(), engine.connect() as connection:
        return _state(connection)


def is_fit(found: State) -> bool:
    """Whether this program works with such tables."""
    return bool(found.revision) and runs_on(found.revision)


def next_step(found: State) -> str:
    """What an operator should do; empty: nothing."""
    if found.is_empty:
        return "run 'hsp init' for a new server, 'hsp restore' for one whose database was lost"
    number = number_of(found.revision or BASELINE)
    if number > number_of(HEAD):
        return "" if is_fit(found) else "install the newer program here too"
    return "" if number == number_of(HEAD) and found.revision else "run 'hsp database upgrade'"


def prepare(engine: Engine) -> None:
    """See to it that this program can work with the tables; two questions when they are right.

    Raises:
        Misconfigured: they are of a revision that this program cannot work with.
        Unavailable: the database does not answer.
    """
    found = state(engine)
    if is_fit(found):
        return
    if is_postgres(engine):
        raise _unfit(found)
    upgrade(engine)


def _unfit(found: State) -> Misconfigured:
    said = f"are of revision {found.revision}" if found.revision else "are of release 0.1.0"
    return Misconfigured(
        f"the database's tables {'are not there' if found.is_empty else said}; "
        f"this program needs revision {HEAD}",
        hint=next_step(found),
    )


def upgrade(engine: Engine) -> State:
    """Bring the tables to this program's revision; make them if there are none.

    Returns:
        What was there before.

    Raises:
        Misconfigured: they are too new, or were not made by us.
        Unavailable: the database does not answer, or is in use.
    """
    with changing(engine) as connection:
        found = _state(connection)
        if found.is_empty:
            SQLModel.metadata.create_all(connection)
            alembic(connection, "stamp", HEAD)
        elif found.revision and number_of(found.revision) > number_of(HEAD):
            if not runs_on(found.revision):
                raise _unfit(found)
        else:
            if not found.revision:
                _require_baseline(connection)
                alembic(connection, "stamp", BASELINE)
            alembic(connection, "upgrade", HEAD)
    return found


def downgrade(engine: Engine, revision: str) -> State:
    """Back to an older revision; what newer ones added is lost.

    Args:
        revision: its name or its number.

    Returns:
        What was there before.

    Raises:
        Misconfigured: there is no such revision, or the tables are not newer than it.
        Unavailable: the database does not answer, or is in use.
    """
    known = {number_of(name): name for name in revisions()}
    wanted = known.get(number_of(revision))
    if wanted is None:
        raise Misconfigured(f"there is no revision {revision!r}; there are {', '.join(known)}")
    with changing(engine) as connection:
        found = _state(connection)
        if not number_of(wanted) < number_of(found.revision) <= number_of(HEAD):
            raise Misconfigured(
                f"the tables are of revision {found.revision or 'none'}: {wanted} is not older, or "
                "this program does not know what they are",
                hint="downgrade with the program that upgraded",
            )
        alembic(connection, "downgrade", wanted)
    return found


def revisions() -> list[str]:
    """All that this program knows, oldest first."""
    from alembic.script import ScriptDirectory

    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in walked][::-1]


# --- parts


def _state(connection: Connection) -> State:
    there = inspect(connection)
    if not there.has_table(_VERSIONS):
        return State("", there.has_table("site"))
    noted = connection.execute(text(f"SELECT version_num FROM {_VERSIONS}")).scalars().all()  # noqa: S608
    if len(noted) > 1:
        raise Misconfigured(f"the database notes several revisions: {', '.join(noted)}")
    return State(noted[0] if noted else "", there.has_table("site"))


@contextmanager
def changing(engine: Engine) -> Iterator[Connection]:
    """A transaction that has the writers' turn, on a connection that nobody uses afterwards."""
    with answers(), engine.connect().execution_options(**{WRITES: True}) as connection:
        raw: Any = connection.connection.driver_connection
        connection.detach()
        if not is_postgres(engine):
            raw.execute("PRAGMA foreign_keys=OFF")  # tables are made anew to change them
        with connection.begin():
            if is_postgres(engine):
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection
            if not is_postgres(engine):
                _require_whole(connection)


def _require_whole(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise Misconfigured(f"a row of {broken[0]} points to none of {broken[2]}: nothing was done")


def _require_baseline(connection: Connection) -> None:
    """Tables that no revision is noted of must be those of release 0.1.0.

    Raises:
        Misconfigured: they are not.
    """
    from sqlalchemy import create_engine

    from distribution.migrations.versions.r0001_baseline import statements

    made = create_engine("sqlite://")
    with made.begin() as scratch:
        for statement in statements("sqlite"):
            scratch.execute(text(statement))
        expected, found = _columns(scratch), _columns(connection)
    made.dispose()
    wrong = sorted(name for name in expected if found.get(name) != expected[name])
    if wrong:
        raise Misconfigured(
            f"these tables are not those of release 0.1.0: {', '.join(wrong)}",
            hint="open the database once with release 0.1.0, or restore its backup",
        )


def _columns(connection: Connection) -> dict[str, set[str]]:
    there = inspect(connection)
    return {
        name: {column["name"] for column in there.get_columns(name)}
        for name in there.get_table_names()
    }


def alembic(connection: Connection, what: str, revision: str) -> None:
    """Let Alembic ``upgrade``, ``downgrade`` or ``stamp``, in this transaction."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    getattr(command, what)(config, revision)


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "distribution:migrations")
    config.set_main_option("path_separator", "os")
    return config
