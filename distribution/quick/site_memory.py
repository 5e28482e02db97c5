"""What a server remembers of sites: whose key speaks, and what each of them may repeat.

Filled from the database by one thread (``memory``) and read by the one that answers. A site that is
not here is simply looked up. An entry is replaced as a whole, so whoever holds one holds what was
true when it was read.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlmodel import Session, col

from distribution.control.control_tables import SiteSession
from distribution.database.tables import Site
from manifests.repetition import spoken

_AT_ONCE = 500
"""Names in one question."""


class Known:
    """One enrolled site.

    Attributes:
        digest: what it may repeat; empty: nothing.
        at: when, by its own clock, it said that; what is older was overtaken.
        read_at: by this process's clock, when the database was last asked.
        runs: what its event of a check-in says, once somebody has made it.
    """

    __slots__ = (
        "at", "client_id", "digest", "hold", "public_key", "read_at", "runs", "site_id"
    )  # fmt: skip

    def __init__(
        self, site_id: str, client_id: str, hold: str, public_key: str, digest: bytes, at: datetime
    ) -> None:
        self.site_id, self.client_id, self.hold = site_id, client_id, hold
        self.public_key, self.digest, self.at = public_key, digest, at
        self.read_at = time.monotonic()
        self.runs = ""


class Token(NamedTuple):
    """To whom a session's token was given, and until when it is good."""

    site_id: str
    public_key: str
    expires_at: datetime


@dataclass(frozen=True)
class Sites:
    """Those that were read so far; ``tokens`` by the sha256 of the token."""

    by_id: dict[str, Known]
    tokens: dict[bytes, Token]

    def of_token(self, hashed: bytes, now: datetime) -> Known | None:
        """The site that a token speaks for."""
        token = self.tokens.get(hashed)
        if token is None or token.expires_at <= now:
            return None
        known = self.by_id.get(token.site_id)
        return known if known is not None and known.public_key == token.public_key else None

    def read(self, session: Session, names: Collection[str], now: datetime) -> None:
        """Read these anew; of those that may not speak any more, nothing stays."""
        listed = sorted(names)
        for first in range(0, len(listed), _AT_ONCE):
            some = listed[first : first + _AT_ONCE]
            found = self._take(session, _sites().where(col(Site.id).in_(some)), now)
            for name in set(some).difference(found):
                self.by_id.pop(name, None)

    def read_after(self, session: Session, name: str, now: datetime) -> str:
        """Read the next ones in the order of their names; the last of them, empty at the end."""
        wanted = _sites().where(col(Site.id) > name).order_by(col(Site.id)).limit(_AT_ONCE)
        return max(self._take(session, wanted, now), default="")

    def read_changed(self, session: Session, number: int, now: datetime) -> None:
        """Read those anew that have changed after that stamp."""
        wanted = select(col(Site.id)).where(col(Site.stamp) > number)
        changed = set(session.connection().execute(wanted).scalars())
        self.read(session, changed & self.by_id.keys(), now)

    def forget_expired(self, now: datetime) -> None:
        """Of tokens."""
        for hashed in [key for key, token in list(self.tokens.items()) if token.expires_at <= now]:
            self.tokens.pop(hashed, None)

    def _take(self, session: Session, wanted: Select[Any], now: datetime) -> list[str]:
        connection = session.connection()
        rows = connection.execute(wanted).all()
        names = [str(row[0]) for row in rows]
        for row in rows:
            self.by_id[row[0]] = _known(*row)
        of_them = _tokens().where(col(SiteSession.site_id).in_(names))
        living = of_them.where(col(SiteSession.expires_at) > now)
        for row in connection.execute(living):
            self.tokens[bytes.fromhex(row[0])] = Token(row[1], row[2], row[3])
        return names


def _sites() -> Select[Any]:
    of_site = Site.__table__.c  # type: ignore[attr-defined]
    return select(
        of_site.id, of_site.client_id, of_site.hold, of_site.public_key,
        of_site.check_in_digest, of_site.check_in,
    ).where(of_site.revoked_at.is_(None))  # fmt: skip


def _tokens() -> Select[Any]:
    given = SiteSession.__table__.c  # type: ignore[attr-defined]
    return select(given.token_sha256, given.site_id, given.public_key, given.expires_at)


def _known(
    site_id: str, client_id: str, hold: str, public_key: str, digest: str, check_in: str | None
) -> Known:
    said = spoken(check_in.encode()) if check_in and digest else None
    repeated = bytes.fromhex(digest) if said is not None else b""
    at = said.at if said is not None else datetime.max.replace(tzinfo=UTC)
    return Known(site_id, intern(client_id), hold, public_key, repeated, at)
