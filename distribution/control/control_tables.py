"""What the database holds of control: who leads, what is held, what was approved, what happened,
and what servers remember of it."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - those that these point at, and their naming
from distribution.database.columns import BigInt, big, moment, number, text


class Lease(SQLModel, table=True):
    """Who alone may act, until when: one row for each kind of work."""

    work: str = Field(primary_key=True)
    holder: str
    fence: int = big()
    """Grows with every change of hands; what an earlier holder still writes is refused by it."""
    until: datetime = moment()


class BrakeRow(SQLModel, table=True):
    """A hold that somebody put on; it stays until somebody takes it off."""

    id: int | None = number()
    scope: str = Field(index=True)
    """``site``, ``client``, ``product`` or ``global``."""
    target: str = ""
    """The site's, client's or product's name; empty for a global one."""
    by: str
    at: datetime = moment()
    reason: str = text()
    off_by: str = ""
    off_at: datetime | None = moment(default=None, index=True)
    off_reason: str = text()


class ClientApproval(SQLModel, table=True):
    """A client's yes to one version, for those of its sites whose policy is to ask it."""

    product: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    client_id: str = Field(primary_key=True, foreign_key="client.id")
    by: str
    at: datetime = moment()
    reason: str = text()


class TurnRow(SQLModel, table=True):
    """A site in the queue of a rollout in which only so many may be in progress at once."""

    rollout_id: int = Field(primary_key=True, foreign_key="rolloutrow.id", sa_type=BigInt)
    site_id: str = Field(primary_key=True, foreign_key="site.id")
    given_at: datetime | None = moment(default=None)
    """When it got its turn; None while it has none."""
    taken_back_at: datetime | None = moment(default=None)
    """When it lost it, unused."""
    ask_again_at: datetime | None = moment(default=None)
    """Its window is shut: there is no need to look before this."""


class NoticeRow(SQLModel, table=True):
    """A pause, a stop or a change of keys on its way to the sites, and when the last one knew."""

    id: int | None = number()
    rollout_id: int | None = big(default=None, foreign_key="rolloutrow.id", index=True)
    product: str = Field(default="", index=True)
    """Empty for what concerns every site."""
    said_at: datetime = moment()
    serial: int = big()
    """Of the plan that says it."""
    root_version: int = big()
    timestamp_version: int | None = big(default=None)
    """Who has seen this root, and of it this timestamp, knows; None until it is published."""
    published_at: datetime | None = moment(default=None)
    told_at: datetime | None = moment(default=None)
    """When a site last told for the first time that it knows."""
    idle_told_at: datetime | None = moment(default=None)
    """The same of those that were not in the middle of an install."""
    known_at: datetime | None = moment(default=None, index=True)
    """When every site that is online knew; None while one of them does not."""
    sites: int = big()
    """How many those were."""


class EventRow(SQLModel, table=True):
    """Something that happened, for whoever watches; written with what it tells of."""

    id: int | None = number()
    at: datetime = moment()
    kind: str
    site_id: str = ""
    product: str = ""
    version: str = ""
    detail: str = text()
    """Further fields as JSON."""


class WindowRow(SQLModel, table=True):
    """One opening of a site's maintenance windows, and what came of it."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    starts_at: datetime = moment(primary_key=True)
    ends_at: datetime = moment(index=True)
    outcome: str = Field(default="", index=True)
    """Empty while it is still to come, or under way."""
    detail: str = text()


class DrillRow(SQLModel, table=True):
    """A drill of rotation or theft that somebody has begun, until somebody closes it."""

    id: int | None = number()
    name: str = Field(index=True)
    about: str = ""
    """Whose keys; empty where there is only one such drill."""
    goal: str = text()
    """What the repository must have come to, as JSON."""
    exposure: str = text()
    """What a thief could and could not have done, a sentence a line, as it was at the beginning."""
    by: str
    began_at: datetime = moment()
    notice_id: int | None = big(default=None, foreign_key="noticerow.id")
    """The change of keys on its way to the sites; None until it is published."""
    failed_polls: int = big()
    """How many check-ins have told meanwhile that metadata could not be read or believed."""
    ended_at: datetime | None = moment(default=None, index=True)


class UnneededRow(SQLModel, table=True):
    """A file of the repository that nothing leads to any more, and since when."""

    key: str = Field(primary_key=True)
    noticed_at: datetime = moment()


class SiteBoot(SQLModel, table=True):
    """A start of a site's machine that its check-ins came from."""

    site_id: str = Field(primary_key=True, foreign_key="site.id")
    boot_id: str = Field(primary_key=True)
    since: datetime = moment()
    """By the site's clock: the first check-in of it, or of its coming back."""
    heard_at: datetime = moment()
    """By ours: the same moment."""


class SiteSession(SQLModel, table=True):
    """A site's right to repeat its check-in without a signature; of its token only the hash."""

    token_sha256: str = Field(primary_key=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    public_key: str
    """The site's key when it was given: another one ends it."""
    expires_at: datetime = moment()


class ChangeStamp(SQLModel, table=True):
    """One row: how often something has changed that answers to check-ins depend on."""

    id: int = Field(primary_key=True)
    number: int = big()
