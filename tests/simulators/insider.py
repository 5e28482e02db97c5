"""Somebody who may write to the database and does so past all of our code.

tamper(house.database, "UPDATE auditrow SET actor = 'ani' WHERE seq = 3")
insider = Rewriter(house.database)
insider.rebuild(3, actor="ani")   # and hashes it and all that follow anew
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, select, text

from distribution.audit import chain
from distribution.audit.tables import AuditRow
from distribution.database.sessions import Database


@contextmanager
def unnoticed(database: Database) -> Iterator[Session]:
    """A transaction in which nothing asks who does it, as of a restored backup or a thief."""
    with Session(database.engine, expire_on_commit=False) as session:
        yield session
        session.commit()


def tamper(database: Database, statement: str, **values: Any) -> None:
    """Run SQL."""
    with unnoticed(database) as session:
        session.connection().execute(text(statement), values)


@dataclass(frozen=True)
class Rewriter:
    """Who knows how the chain is made."""

    database: Database

    def rebuild(self, seq: int, **fields: str) -> None:
        """Change a record, and hash it and all that follow anew."""
        with unnoticed(self.database) as session:
            wanted = select(AuditRow).where(col(AuditRow.seq) >= seq).order_by(col(AuditRow.seq))
            before = session.get(AuditRow, seq - 1)
            link = before.hash if before else chain.BEGINNING
            for row in session.exec(wanted).all():
                for name, value in (fields if row.seq == seq else {}).items():
                    setattr(row, name, value)
                row.prev_hash = link
                row.hash = link = chain.digest(chain.values_of(row))
                session.add(row)

    def cut_off(self, after: int) -> None:
        """Take away the end."""
        tamper(self.database, "DELETE FROM auditrow WHERE seq > :after", after=after)
