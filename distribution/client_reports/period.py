"""Which month is meant, and when it begins and ends on the clients' wall clock."""

import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError
from sqlmodel import Session, col, select

from distribution.control import fleet
from distribution.database.tables import Site
from distribution.errors import Invalid
from manifests.documents import YEARS
from manifests.window import ZoneName, first_instant

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_FEW = 100
"""Sites are looked at until one of them names a zone."""


@dataclass(frozen=True)
class Period:
    """A month in a zone."""

    year: int
    month: int
    zone: str

    @classmethod
    def parse(cls, text: str, zone: str) -> "Period":
        """Read ``2026-11``.

        Raises:
            Invalid: not a month, or not an IANA zone.
        """
        found = _MONTH.fullmatch(text)
        if found is None or int(found[1]) not in YEARS:
            raise Invalid(f"{text[:40]!r} is not a month", hint="write it as 2026-11")
        return cls(int(found[1]), int(found[2]), checked_zone(zone))

    @property
    def starts_at(self) -> datetime:
        """Its first instant."""
        return first_instant(datetime(self.year, self.month, 1), self.zone)  # noqa: DTZ001 - local

    @property
    def ends_at(self) -> datetime:
        """The first instant that is no longer in it."""
        year, month = (self.year + 1, 1) if self.month == 12 else (self.year, self.month + 1)
        return first_instant(datetime(year, month, 1), self.zone)  # noqa: DTZ001 - local

    def __str__(self) -> str:
        return f"{self.year}-{self.month:02}"


def checked_zone(zone: str) -> str:
    """The zone, if there is one of this name.

    Raises:
        Invalid: there is none.
    """
    try:
        return TypeAdapter(ZoneName).validate_python(zone)
    except ValidationError as error:
        said = f"{zone[:80]!r} is not an IANA time zone"
        raise Invalid(said, hint="such as Asia/Jakarta") from error


def zone_of_client(session: Session, client_id: str) -> str:
    """The zone of the client's first site that has windows, in the order of names; else UTC."""
    wanted = select(Site).where(Site.client_id == client_id, col(Site.check_in).is_not(None))
    for row in session.exec(wanted.order_by(col(Site.id)).limit(_FEW)):
        policy = fleet.whole_site(row).policy
        if policy.windows:
            return fleet.zone_of(policy)
    return "UTC"
