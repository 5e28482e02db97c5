"""A month in words and tables: what every format but JSON is written from. Values only."""

from dataclasses import dataclass, field
from enum import StrEnum

from distribution.languages import Language


@dataclass(frozen=True)
class Figure:
    """A number that is seen first."""

    value: str
    label: str


@dataclass(frozen=True)
class Bar:
    """Parts of a whole, each with its share (0..1), its words and its tone."""

    label: str
    parts: tuple[tuple[float, str, str], ...]


class Part(StrEnum):
    """The sections, by name."""

    INSTALLS = "installs"
    VERSIONS = "versions"
    SITES = "sites"
    TIME_TO_PATCH = "time-to-patch"
    HOLDS = "holds"
    INCIDENTS = "incidents"


@dataclass(frozen=True)
class Section:
    """A table.

    Attributes:
        widths: how wide the columns are beside each other.
        numeric: the columns that are set to the right.
        empty: what is said in the place of a table without rows.
        note: what must be known to read it.
    """

    part: Part
    title: str
    columns: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str
    note: str = ""
    numeric: frozenset[int] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Sheet:
    """The whole report."""

    language: Language
    title: str
    subtitle: str
    made: str
    figures: tuple[Figure, ...]
    bars: tuple[Bar, ...]
    sections: tuple[Section, ...]
    colophon: str
