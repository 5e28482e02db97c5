"""What the database holds of components: an index of the SBOMs of what sites run.

The SBOMs themselves are in the repository, signed; these rows can be made anew at any time.
"""

from datetime import datetime

from sqlmodel import Field, Index, SQLModel

from distribution.database import tables  # noqa: F401 - their naming
from distribution.database.columns import moment, number, text


class SbomRow(SQLModel, table=True):
    """A version whose SBOM was looked for."""

    product: str = Field(primary_key=True)
    version: str = Field(primary_key=True)
    problem: str = text()
    """Why its components are unknown; empty when they are known."""
    final: bool = True
    """Whether there is no need to look again."""
    looked_at: datetime = moment()


class ComponentRow(SQLModel, table=True):
    """One component of a version."""

    __table_args__ = (Index(None, "product", "version"),)

    id: int | None = number()
    product: str
    version: str
    name: str
    name_lower: str = Field(index=True)
    component_version: str = ""
    purl: str = text()
    package: str = Field(default="", index=True)
    """The package URL without its version."""
