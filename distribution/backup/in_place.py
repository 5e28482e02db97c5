"""A database that came back by its own means (PITR, a standby, a copied file) catches up.

It is as old as its last transaction. What ``hsp restore`` makes right behind itself is made right
here, too: so sites send again what was acknowledged in the minutes that are missing.
"""

from datetime import datetime

from sqlmodel import Session, col, func, select

from distribution import events
from distribution.audit import log
from distribution.audit.tables import AuditRow
from distribution.backup import aftermath, contents, restoring
from distribution.backup.manifest import Moment
from distribution.backup.restoring import Caught
from distribution.database.sessions import Database
from distribution.database.tables import Receipt, Site
from distribution.repository.bucket import open_store
from distribution.settings import Settings

_KEPT = frozenset({"eventrow"})
"""Left out of backups because there are so many; here they are as good as the rest."""


def catch_up(settings: Settings, by: str, now: datetime) -> tuple[Moment, Caught]:
    """Bring the database into the present; which moment it showed, and what was caught up with.

    Raises:
        NotAllowed: this person has no account in it, or no role that allows it.
        Unavailable: the database or the store does not answer. The same again goes on.
    """
    database, store, done = Database.open(settings), open_store(settings), Caught()
    with database.reading() as session:
        moment = _moment(session, now)
    audit_lost = max(moment.audit_seq, restoring.witnessed(settings))
    with restoring.refilled(database) as connection:
        for table in reversed(contents.everything()):
            if table.name in contents.LEFT_OUT.keys() - _KEPT:
                connection.execute(table.delete())
        aftermath.settle(connection, moment, settings, by, audit_lost, now)
    restoring.reconcile(database, store, by, now, done)
    database.close()
    return moment, done


def _moment(session: Session, now: datetime) -> Moment:
    """The newest that anything in it tells of."""
    told = [
        session.exec(select(func.max(Receipt.received_at))).one(),
        session.exec(select(func.max(Site.last_seen))).one(),
    ]
    written = session.exec(select(AuditRow.at).order_by(col(AuditRow.seq).desc()).limit(1)).first()
    moments = [*told, datetime.fromisoformat(written) if written else None]
    newest = max((each for each in moments if each is not None), default=now)
    return Moment(min(newest, now), log.newest(session)[0], events.newest(session))
