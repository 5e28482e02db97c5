"""What must be made right when a database is as it was some time ago, in the same transaction.

The world has gone on: sites and watchers remember numbers, people have taken rights away from
others. Whatever was a right to come in (a token, a login, an invitation) ends, since nobody knows
any more which of them had been taken back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, insert, literal, update
from sqlmodel import Session, col, select

from distribution import audit, events
from distribution.audit.session import AuditedSession
from distribution.backup.loading import go_on_numbering
from distribution.backup.manifest import Moment
from distribution.backup.tables import AskAgain, RestoreRow
from distribution.control.control_tables import EventRow
from distribution.database.tables import Invitation, Receipt, Site
from distribution.errors import NotAllowed
from distribution.people import accounts
from distribution.people.roles import Permission
from distribution.people.tables import ApiToken
from distribution.settings import Settings

RESTORED = "backup.restore"
LOST = "backup.lost"
"""One for each record that a checkpoint knows of and the backup has not: so the log is soon longer
than whatever a site has seen of it, and each site contradicts it once and not for ever."""
MOST = 1_000_000
_WHY_LOST = "a record of this number was signed for, and lost with the database"
_EVENTS_A_SECOND = 10_000
"""More than any server tells of; so many numbers are left out for each second since the backup."""
_MORE_EVENTS = 1_000_000


def settle(
    connection: Connection,
    moment: Moment,
    settings: Settings,
    by: str,
    audit_lost: int,
    now: datetime,
) -> None:
    """Bring a database into the present.

    Args:
        moment: which one it shows.
        audit_lost: the newest record of the audit log that anybody outside has a checkpoint of.

    Raises:
        NotAllowed: whoever restores has no account in the backup, or no role that allows it.
    """
    _ask_every_site(connection)
    _expect_sites(connection, settings, now)
    go_on_numbering(connection)
    with AuditedSession(
        connection, expire_on_commit=False, join_transaction_mode="rollback_only"
    ) as session:
        role = _role(session, by)
        ended = sum(1 for _ in _end_rights(session, by, now))
        gap = _gap(moment, audit_lost)
        session.add(
            RestoreRow(
                at=now,
                by=by,
                backup_at=moment.at,
                audit_seq=moment.audit_seq,
                audit_lost=audit_lost,
            )
        )
        _jump(session, moment, now)
        about = f"the database as of {moment.at:%Y-%m-%d %H:%M:%S} UTC"
        reason = f"{gap}; {ended} tokens and invitations ended"
        audit.note(session, audit.Deed(by, RESTORED, about, reason, role), now)
        for seq in range(moment.audit_seq + 1, min(audit_lost, moment.audit_seq + MOST) + 1):
            audit.note(session, audit.Deed(by, LOST, f"record {seq}", _WHY_LOST, role), now)
        session.commit()  # flushes and writes the record; the transaction is its caller's
    go_on_numbering(connection)  # once more: the number of the last event was not given but chosen


def _role(session: Session, by: str) -> str:
    person = accounts.person(session, by)
    if person is None:
        raise NotAllowed(
            f"it has no account {by[:80]!r} of that moment",
            hint="say with --by who you are: somebody on L3, or a security administrator",
        )
    return person.require(Permission.REPAIR)


def _ask_every_site(connection: Connection) -> None:
    """Every site sends again what it has written since, see ``asking``."""
    newest = func.coalesce(func.max(col(Receipt.place)), col(Site.place_base))
    sites = (
        select(col(Site.id), newest, literal(0))
        .outerjoin(Receipt, col(Receipt.site_id) == col(Site.id))
        .where(col(Site.revoked_at).is_(None))
        .group_by(col(Site.id), col(Site.place_base))
    )
    connection.execute(delete(AskAgain))
    connection.execute(insert(AskAgain).from_select(["site_id", "place", "tries"], sites))


def _expect_sites(connection: Connection, settings: Settings, now: datetime) -> None:
    """Nobody was heard of while there was no server: that is no silence yet. The next check-in of
    each is heard in full.
    """
    connection.execute(update(Site).values(check_in_digest=""))
    due = now + timedelta(seconds=settings.silent_after_seconds)
    waiting = update(Site).where(col(Site.expected_by).is_(None), col(Site.revoked_at).is_(None))
    connection.execute(waiting.values(expected_by=due))


def _end_rights(session: Session, by: str, now: datetime) -> Iterator[int]:
    tokens = select(ApiToken).where(col(ApiToken.revoked_at).is_(None))
    for token in session.exec(tokens.where(ApiToken.expires_at > now)):
        token.revoked_at, token.revoked_by = now, by
        session.add(token)
        yield 1
    unused = select(Invitation).where(col(Invitation.used_at).is_(None))
    for invitation in session.exec(unused.where(Invitation.expires_at > now)):
        invitation.expires_at = now
        session.add(invitation)
        yield 1


def _jump(session: Session, moment: Moment, now: datetime) -> None:
    """Watchers go on from numbers that were told since the backup: ours begin above them."""
    passed = max(0, int((now - moment.at).total_seconds()))
    number = moment.newest_event + passed * _EVENTS_A_SECOND + _MORE_EVENTS
    session.add(EventRow(id=number, at=now, kind=events.EventKind.RESTORED))


def _gap(moment: Moment, audit_lost: int) -> str:
    if audit_lost <= moment.audit_seq:
        return f"the log ended at record {moment.audit_seq}, and no checkpoint knows of more"
    return (
        f"records {moment.audit_seq + 1} to {audit_lost} at least, of which there are signed "
        "checkpoints, were lost with the database"
    )
