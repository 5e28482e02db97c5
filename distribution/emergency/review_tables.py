"""What the database holds of reviews. The releases themselves are in the repository."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database.columns import moment, number, text


class ReviewRow(SQLModel, table=True):
    """A break-glass release, and what somebody else thought of it afterwards."""

    id: int | None = number()
    release: str = Field(unique=True)
    """The target path of the manifest."""
    signed_by: str = text()
    """The people, with spaces between; empty where nobody can tell any more."""
    opened_at: datetime = moment()
    due_at: datetime = moment(index=True)
    closed_by: str = ""
    closed_at: datetime | None = moment(default=None, index=True)
    verdict: str = text()
