"""What the database holds of notifications. No secret is in it, only where each one is."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - those that these point at, and their naming
from distribution.database.columns import big, later, moment, number, text


class NotifyChannel(SQLModel, table=True):
    """One address of a tier's or of a client's. It is never changed, only ended."""

    id: int | None = number()
    client_id: str = Field(default="", index=True)
    """Whose; empty: ours."""
    tier: str = ""
    """Of ours: which tier reads it."""
    label: str = ""
    """What people call it. A tracker with one gets only what is handed over to that name."""
    kind: str
    address: str = text()
    """Where to; of a chat only the host, since its whole address is a secret."""
    secret: str = text()
    """Where its secret is: ``home:NAME``, ``file:/PATH``, ``env:NAME``, ``sealed:KEY``; empty:
    there is none."""
    sealed: str = later("")
    """The secret itself, sealed by that key; empty when it is elsewhere."""
    shape: str = ""
    """Of a tracker: what it takes."""
    language: str
    zone: str
    quiet_from: str = ""
    """On the wall clock of ``zone``, ``22:00``; with ``quiet_to`` both or neither."""
    quiet_to: str = ""
    news: str = text()
    """The kinds of news that it wants, with spaces between."""
    least: str = ""
    """Only problems of this tier and above; empty: of a tier's channel that tier's, else all."""
    created_by: str
    created_at: datetime = moment()
    ended_by: str = ""
    ended_at: datetime | None = moment(default=None, index=True)


class NotifyPosition(SQLModel, table=True):
    """The one row that says up to which line the desk's news are deliveries already."""

    id: int = Field(default=1, primary_key=True)
    number: int = big()


class Delivery(SQLModel, table=True):
    """One message to one channel."""

    __table_args__ = (
        Index("ix_delivery_state_due_at", "state", "due_at"),
        Index("ix_delivery_problem_id_channel_id", "problem_id", "channel_id"),
    )

    id: int | None = number()
    channel_id: int = big(foreign_key="notifychannel.id", index=True)
    about: str = Field(unique=True)
    """What keeps it from being written twice: channel, problem, first line of news."""
    message_id: str = Field(unique=True)
    """The same at every try, for receivers."""
    problem_id: int | None = big(default=None, foreign_key="problem.id")
    """None of a test."""
    first_news: int = big()
    last_news: int = big()
    kinds: str = text()
    """Of the news that it gathers, with spaces between."""
    joined: int = big()
    """How many lines of it say that one more site has it."""
    gathered: int = big()
    """How many others it tells of; see ``bunching``."""
    state: str
    created_at: datetime = moment(index=True)
    due_at: datetime = moment()
    """When to try next; of one under way, when it is taken for lost."""
    sealed_at: datetime | None = moment(default=None)
    """Since when its content is settled: what comes later is another delivery."""
    content: str = text()
    """What it says, as JSON; see ``sealing``."""
    tries: int = 0
    error: str = text()
    """Why the last try failed."""
    ended_at: datetime | None = moment(default=None)
