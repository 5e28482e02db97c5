"""What the desk keeps beside its problems and incidents, which are in ``distribution.database.tables``."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database.columns import big, moment, number, text


class NewsRow(SQLModel, table=True):
    """Something that somebody should hear of, written with the change that it tells of."""

    id: int | None = number()
    at: datetime = moment()
    kind: str
    problem_id: int = big(foreign_key="problem.id", index=True)
    incident_id: int | None = big(default=None, foreign_key="incident.id")
    tier: str
    """Of the problem, at that moment."""


class FailureOverride(SQLModel, table=True):
    """What an operator says of a code instead of ``manifests.failures``; empty: the same."""

    code: str = Field(primary_key=True)
    tier: str = ""
    answer_seconds: int | None = None
    runbook: str = ""
    """A page of the operator's own: an address, or a path that its people know."""
    sentences: str = text()
    """JSON: language -> sentence."""


class TicketEntry(SQLModel, table=True):
    """What somebody did to a ticket, or wrote on it."""

    id: int | None = number()
    problem_id: int = big(foreign_key="problem.id", index=True)
    at: datetime = moment()
    by: str
    role: str
    kind: str
    text: str = text()


class KnownIssue(SQLModel, table=True):
    """A cause that L3 knows of, with what helps until it is mended."""

    id: int | None = number()
    product: str = Field(index=True)
    versions: str = ""
    """A list or a specifier; empty: all of them."""
    code: str = ""
    signature: str = text()
    words: str = text()
    """All of them must be in what the report says; with spaces between."""
    workaround: str = text()
    sentence: str = text()
    """What any client may hear of it."""
    by: str
    at: datetime = moment()
    problem_id: int | None = big(default=None, foreign_key="problem.id")
    """Where its failures are gathered; None until there is the first."""
    ended_by: str = ""
    ended_at: datetime | None = moment(default=None)
    end_reason: str = text()


class SymptomsRow(SQLModel, table=True):
    """What a customer told the first line; forgotten after a while."""

    id: int | None = number()
    site_id: str = Field(foreign_key="site.id", index=True)
    incident_id: int | None = big(default=None, foreign_key="incident.id", index=True)
    recorded_by: str
    at: datetime = moment(index=True)
    caller: str = ""
    number_on_file: bool
    """Whether they were called back on the number that we have of them."""
    channel: str
    began_at: datetime | None = moment(default=None)
    sees: str
    """What they see, of a fixed list; with spaces between."""
    exact_words: str = text()
    """Of the error that is shown to them."""
    places: int | None = None
    """How many work places are affected; None where they do not know."""
    changed: str = text()
    """What was changed before it began."""
    urgency: str


class HandOverRow(SQLModel, table=True):
    """A problem as it was given to the developers."""

    id: int | None = number()
    problem_id: int = big(foreign_key="problem.id", index=True)
    tracker: str
    by: str
    at: datetime = moment()
    document: str = text()
    """``HandOver`` as JSON."""
