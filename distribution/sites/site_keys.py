"""A site's key gives place to a new one; who still speaks with a former one is a copy.

The old key says it and the new one agrees, see ``manifests.key_rotation``. The same question again
is an answer that got lost, and is answered again. From then on the old key is nobody's. Where the
machine was copied, the first copy that asks keeps the site; every later message of another one, by
the old key, is refused and rings security's bell.
"""

from collections.abc import Callable
from datetime import datetime

from sqlmodel import Session, col, select

from distribution import audit
from distribution.control.control_tables import SiteBoot
from distribution.database.sessions import Database
from distribution.database.tables import Site
from distribution.desk.remote_tables import FormerKey
from distribution.errors import Invalid, Unauthorised
from distribution.sites import alarms
from distribution.sites.alarms import AlarmKind
from distribution.sites.sealed import check_signature, freely, peeked, unauthorised
from manifests.envelope import BadSignature
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from manifests.key_rotation import ROTATION_TYPE, KeyRotation, KeyRotationAnswer

STRANGE = "somebody asks for a new key for this site, with a key that is not its own"
REVOKED = "somebody asks for a new key for this site, which was revoked"
FORMER = "a message by a key that this site gave up: another machine has a copy of it"


def rotate(
    database: Database, data: bytes, now: datetime, *, admit: Callable[[str], None] = freely
) -> KeyRotationAnswer:
    """Believe a site's new key from now on, and its old one no more.

    Args:
        admit: asked with the site's name once its signature is right; it may refuse.

    Raises:
        Malformed: not an envelope with a key rotation.
        ManifestError: a field of it is wrong.
        Unauthorised: no such site, or not signed by its key; security hears of the latter.
        Invalid: the new key does not agree.
        TooMany: by ``admit``.
        Unavailable: the database does not answer; nothing was changed.
    """
    said = peeked(data, ROTATION_TYPE, KeyRotation)
    with database.reading() as session:
        site = session.get(Site, said.site_id)
    if site is None:
        raise unauthorised()
    try:
        check_signature(data, ROTATION_TYPE, said.old_key)
    except Unauthorised:
        _ring(database, site.id, AlarmKind.STRANGE_ROTATION, STRANGE, now)
        raise
    _check_agreed(said)
    with database.writing() as session:
        problem = _change(session, said, data, now, admit)
    if problem:
        _ring(database, site.id, AlarmKind.STRANGE_ROTATION, problem, now)
        raise unauthorised()
    return KeyRotationAnswer(site_id=said.site_id, public_key=said.new_key)


def _check_agreed(said: KeyRotation) -> None:
    try:
        said.check_proof()
    except (BadSignature, ManifestError) as error:
        raise Invalid(f"the new key does not agree: {error.message}") from error


def _change(
    session: Session, said: KeyRotation, data: bytes, now: datetime, admit: Callable[[str], None]
) -> str:
    """Change it, unless something is wrong: then what security should hear."""
    site = session.get_one(Site, said.site_id)
    if site.revoked_at is not None:
        return REVOKED
    if site.public_key == said.new_key:
        before = session.get(FormerKey, (site.id, said.old_key))
        return "" if before is not None and before.next_key == said.new_key else STRANGE
    if site.public_key != said.old_key:
        return FORMER if session.get(FormerKey, (site.id, said.old_key)) else STRANGE
    if session.get(FormerKey, (site.id, said.new_key)) is not None:
        return FORMER  # a key that was given up stays so
    admit(site.id)
    session.merge(
        FormerKey(
            site_id=site.id,
            public_key=said.old_key,
            next_key=said.new_key,
            given_up_at=said.at,
            received_at=now,
            envelope=data,
        )
    )
    site.public_key = said.new_key
    session.add(site)
    _forget_boots(session, site.id)
    why = "its key was due, or its administrator asked for a new one"
    audit.note(
        session, audit.Deed(f"site:{site.id}", "site.rotate_key", f"site {site.id}", why), now
    )
    return ""


def _forget_boots(session: Session, site_id: str) -> None:
    for boot in session.exec(select(SiteBoot).where(SiteBoot.site_id == site_id)).all():
        session.delete(boot)  # a new key begins anew, on whatever machine


def opened(
    database: Database, site: Site, data: bytes, body_type: str, said_at: datetime, now: datetime
) -> bytes:
    """The body of a message that the site's key signed.

    Args:
        said_at: when it says that it was made: what is from before a change of keys is only late.

    Raises:
        Unauthorised: another key signed it; security hears of it where that is a former one.
    """
    try:
        return check_signature(data, body_type, site.public_key)
    except Unauthorised:
        if _is_by_former(database, site.id, data, body_type, said_at):
            _ring(database, site.id, AlarmKind.FORMER_KEY, FORMER, now)
        raise


def _is_by_former(
    database: Database, site_id: str, data: bytes, body_type: str, said_at: datetime
) -> bool:
    with database.reading() as session:
        wanted = select(FormerKey).where(FormerKey.site_id == site_id)
        former = session.exec(wanted.order_by(col(FormerKey.received_at).desc()).limit(20)).all()
    for row in former:
        try:
            check_signature(data, body_type, row.public_key)
        except Unauthorised:
            continue
        return said_at > row.given_up_at
    return False


def _ring(database: Database, site_id: str, kind: str, detail: str, now: datetime) -> None:
    with database.writing() as session:
        alarms.ring(session, site_id, kind, FailureCode.FORGED_REPORT, detail, now)
