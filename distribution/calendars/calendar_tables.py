"""What the database holds of calendars: freezes, who changed what, and who may subscribe."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database.columns import moment, number, text
from distribution.database.tables import Client


class FreezeRow(SQLModel, table=True):
    """A time in which nobody may change the sites of a client, of a product, or all of them."""

    id: int | None = number()
    scope: str = Field(index=True)
    subject: str = Field(index=True)
    """The site, client or product by name; empty for everything."""
    document: str = text()
    """``Freeze`` as JSON."""
    by: str
    at: datetime = moment()
    reason: str = text()
    lifted_at: datetime | None = moment(default=None)


class CalendarChange(SQLModel, table=True):
    """Every change of a window, blackout, freeze or brake: who, when, why."""

    id: int | None = number()
    scope: str = Field(index=True)
    subject: str = Field(index=True)
    by: str
    at: datetime = moment()
    reason: str = text()
    what: str = text()


class CalendarToken(SQLModel, table=True):
    """A client's right to read its calendar, and nothing else; only the hash is kept."""

    id: int | None = number()
    token_sha256: str = Field(unique=True)
    client_id: str = Field(foreign_key=f"{Client.__tablename__}.id", index=True)
    by: str
    created_at: datetime = moment()
    revoked_at: datetime | None = moment(default=None)
