"""Clients: who they are to us, and what their people read."""

from datetime import datetime

from sqlmodel import Session

from distribution import audit
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Client
from distribution.errors import NotFound
from distribution.languages import Language, of_client


def known(session: Session, client_id: str, own: str = "") -> Client:
    """A client by its name.

    Args:
        own: of a customer who asks: nobody else exists.

    Raises:
        NotFound: there is none.
    """
    row = session.get(Client, client_id)
    if row is None or own not in ("", row.id):
        raise NotFound(f"there is no client {client_id[:80]!r}", hint="see 'hsp site list'")
    return row


def language(session: Session, client_id: str, default: Language) -> Language:
    """What a client reads; ``default`` where nobody has chosen.

    Raises:
        NotFound: there is no such client.
    """
    return of_client(known(session, client_id).language, default)


def set_language(
    database: Database, client_id: str, language: Language | None, word: Word, now: datetime
) -> None:
    """Choose what a client reads; None: whatever the server's own language is.

    Raises:
        NotFound: there is no such client.
        Unavailable: the database does not answer.
    """
    with database.writing() as session:
        row = known(session, client_id)
        row.language = language or ""
        session.add(row)
        deed = audit.Deed(
            word.actor, "client.language", f"client {client_id}", word.reason, word.role
        )
        audit.note(session, deed, now)
