"""A site's right to say the same again without a signature: given with a signed check-in.

A signature costs more than everything else in a check-in that says what the last one said. So who
has just signed one may repeat it with a token, for an hour. The token is good for nothing else:
whatever is new (another version, a policy, a problem, a machine that started again) is signed, and
so are all reports. Who steals a token can make a site look alive for an hour that is not, and
nothing more. Of a token the database has only the hash; a new key, or a site's revocation, ends it.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select

from distribution.control.control_tables import SiteSession
from distribution.database.tables import Site
from distribution.sites.sealed import unauthorised
from manifests.check_in import SessionGiven

LIFE = timedelta(hours=1)
FRESH = timedelta(minutes=10)
"""A check-in that says to be from further away gets none: it may be a replayed one."""
MOST = 4
"""Of a site: an agent whose answers get lost asks again."""


def hashed(token: str) -> str:
    """What the database has of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def begin(session: Session, site: Site, now: datetime) -> SessionGiven:
    """Give a site a new token; expired ones of it go."""
    mine = col(SiteSession.site_id) == site.id
    session.exec(delete(SiteSession).where(mine, col(SiteSession.expires_at) <= now))
    living = select(SiteSession).where(mine).order_by(col(SiteSession.expires_at).desc())
    for row in session.exec(living.offset(MOST - 1)).all():
        session.delete(row)
    token = secrets.token_urlsafe(32)
    session.add(
        SiteSession(
            token_sha256=hashed(token),
            site_id=site.id,
            public_key=site.public_key,
            expires_at=now + LIFE,
        )
    )
    return SessionGiven(token=token, seconds=int(LIFE.total_seconds()))


def site_of(session: Session, token: str, now: datetime) -> Site:
    """The site that a token was given to.

    Raises:
        Unauthorised: unknown or expired, or the site was revoked or has another key by now.
    """
    row = session.get(SiteSession, hashed(token))
    site = session.get(Site, row.site_id) if row is not None else None
    if row is None or site is None or row.expires_at <= now or site.revoked_at is not None:
        raise unauthorised()
    if row.public_key != site.public_key:
        raise unauthorised()
    return site
