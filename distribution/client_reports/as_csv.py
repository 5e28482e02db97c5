"""One table of a month as CSV (RFC 4180, UTF-8, a row of headings), safe to open in a spreadsheet.

A spreadsheet runs what begins like a formula, and much of a report was written by strangers. Such
a cell gets an apostrophe in front, which a spreadsheet does not show.
"""

import csv
import io
from collections.abc import Iterable

from distribution.client_reports.sheet import Section

_FORMULA = tuple("=+-@\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}"
                 "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip


def written(section: Section) -> bytes:
    """The table."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(_safe(section.columns))
    writer.writerows(_safe(row) for row in section.rows)
    return out.getvalue().encode()


def _safe(cells: Iterable[str]) -> list[str]:
    return [f"'{cell}" if cell.lstrip(" \0").startswith(_FORMULA) else cell for cell in cells]
