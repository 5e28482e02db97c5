"""What the desk keeps beside its problems and incidents, which are in ``distribution.tables``."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.columns import big, moment, number, text


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
    """What an operator says of a failure code instead of ``manifests.failures``; empty: the same."""

    code: str = Field(primary_key=True)
    tier: str = ""
    answer_seconds: int | None = None
    runbook: str = ""
    """A page of the operator's own: an address, or a path that its people know."""
    sentences: str = text()
    """JSON: language -> sentence."""
