"""What a check finds, what it has to look with, and how the worst of it becomes an exit status."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from distribution.database import schema
from distribution.database.sessions import Database
from distribution.errors import Misconfigured
from distribution.repository.bucket import open_audit_store, open_store
from distribution.settings import Settings
from manifests.errors import UpdateError
from signing.store import Store


class Level(StrEnum):
    """How bad it is; the worst one first."""

    BROKEN = "broken"
    """It does not work, or does not hold what it promises."""
    WARNING = "warning"
    """It works, and will not, or would not when it matters."""
    UNKNOWN = "unknown"
    """It could not be looked at."""


EXIT = {Level.BROKEN: 2, Level.WARNING: 1, Level.UNKNOWN: 3}
"""As monitoring programs read it: 0 well, 1 warning, 2 critical, 3 unknown."""


@dataclass(frozen=True)
class Finding:
    """One thing.

    Attributes:
        check: which look found it, such as ``bucket.versioning``.
        says: what is so, in one sentence.
        mend: what to do about it.
    """

    check: str
    level: Level
    says: str
    mend: str


def broken(check: str, says: str, mend: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.BROKEN, says, mend)


def warning(check: str, says: str, mend: str) -> Finding:
    """It will not, or would not."""
    return Finding(check, Level.WARNING, says, mend)


def unknown(check: str, says: str, mend: str) -> Finding:
    """Nobody can say."""
    return Finding(check, Level.UNKNOWN, says, mend)


@dataclass
class Context:
    """The deployment, opened as far as a check needs it.

    Attributes:
        send_to: whom to send a mail; nobody gets one otherwise.
    """

    settings: Settings
    clock: Callable[[], datetime]
    send_to: str = ""

    @property
    def now(self) -> datetime:
        """The time on this machine."""
        return self.clock()

    @cached_property
    def connected(self) -> Database:
        """The database, whatever its tables are.

        Raises:
            Misconfigured: there is no home, or the address is wrong.
        """
        return Database.connect(self.settings)

    @cached_property
    def database(self) -> Database:
        """The database with tables that this program can read.

        Raises:
            Misconfigured: they are others.
            Unavailable: it does not answer.
        """
        found = schema.state(self.connected.engine)
        if not schema.is_fit(found):
            hint = schema.next_step(found)
            raise Misconfigured("the database's tables are not those of this program", hint=hint)
        return self.connected

    @cached_property
    def store(self) -> Store:
        """The repository's store.

        Raises:
            Misconfigured: its address is wrong.
        """
        return open_store(self.settings)

    @cached_property
    def audit_store(self) -> Store:
        """Where checkpoints of the audit log lie.

        Raises:
            Misconfigured: its address is wrong.
        """
        return open_audit_store(self.settings)


Check = Callable[[Context], Iterable[Finding]]


def run(checks: Sequence[tuple[str, Check]], context: Context) -> Iterator[Finding]:
    """Every check; one that cannot look says so."""
    for name, check in checks:
        try:
            yield from check(context)
        except UpdateError as error:
            mend = error.hint or "mend that first, then run 'hsp doctor' again"
            yield unknown(name, f"could not be looked at: {error.message}", mend)
        except OSError as error:
            says = f"could not be looked at: {error.strerror or error}"
            yield unknown(name, says, "run 'hsp doctor' as the user that runs the server")


def exit_status(findings: Iterable[Finding]) -> int:
    """Of the worst one; 0 without any."""
    levels = {finding.level for finding in findings}
    return next((EXIT[level] for level in Level if level in levels), 0)
