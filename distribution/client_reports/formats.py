"""A month in each of the formats that a client can have it in."""

from enum import StrEnum

from distribution.client_reports import as_csv, as_html, as_json
from distribution.client_reports.model import ClientMonth
from distribution.client_reports.sheet import Part
from distribution.client_reports.wording import sheet_of
from distribution.languages import Language


class Format(StrEnum):
    """How it is written."""

    JSON = "json"
    CSV = "csv"
    PDF = "pdf"
    HTML = "html"


MEDIA_TYPES = {
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.PDF: "application/pdf",
    Format.HTML: "text/html; charset=utf-8",
}


def written(
    month: ClientMonth, how: Format, language: Language, part: Part = Part.INSTALLS
) -> bytes:
    """The month in a format.

    Args:
        part: of CSV, which is one table.
    """
    match how:
        case Format.JSON:
            return as_json.written(month)
        case Format.CSV:
            sections = {each.part: each for each in sheet_of(month, language, exact=True).sections}
            return as_csv.written(sections[part])
        case Format.HTML:
            return as_html.written(sheet_of(month, language))
        case Format.PDF:
            # Here, so that nothing else waits for the library of fonts.
            from distribution.client_reports import as_pdf

            return as_pdf.written(sheet_of(month, language), month.made_at)
