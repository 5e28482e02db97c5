"""A month as CSV, HTML and PDF: read back as whoever gets it would."""

import csv
import io
import re
from datetime import datetime
from html.parser import HTMLParser

import pytest
import time_machine
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from distribution.client_reports import as_csv, as_html
from distribution.client_reports.as_pdf import MOST_ROWS
from distribution.client_reports.as_pdf import written as pdf_of
from distribution.client_reports.formats import Format, written
from distribution.client_reports.sheet import Part, Section, Sheet
from distribution.client_reports.wording import sheet_of
from distribution.languages import Language
from tests.distribution.client_reports.story import Story

EN, ID = Language


def csv_of(november: Story, part: Part, language: Language = EN) -> list[dict[str, str]]:
    """A table, as a program reads it."""
    data = written(november.month(language=language), Format.CSV, language, part)
    return list(csv.DictReader(io.StringIO(data.decode("utf-8"), newline="")))


def text_of(data: bytes) -> str:
    """What stands in a PDF, without its line ends."""
    pages = PdfReader(io.BytesIO(data)).pages
    return " ".join(" ".join(page.extract_text().split()) for page in pages)


# --- CSV


def test_a_csv_file_is_one_table_with_exact_values(november: Story) -> None:
    _, row, _ = csv_of(november, Part.INSTALLS)
    assert (row["site"], row["product"], row["version"], row["outcome"]) == (
        *("shop", "app", "2.0", "installed"),
    )
    assert row["ended"] == "2026-11-25T22:30:00+07:00"
    assert row["in window"] == "2026-11-25T22:00:00+07:00/2026-11-26T00:00:00+07:00"
    assert re.fullmatch(r"[0-9a-f]{64}", row["SHA-256 of the report"])
    times = csv_of(november, Part.TIME_TO_PATCH)
    assert times[0]["median"] == "48600.000"
    assert csv_of(november, Part.SITES)[0]["went well"] == "0.0000"
    assert csv_of(november, Part.INSTALLS, ID)[1]["hasil"] == "terpasang"


@pytest.mark.parametrize("part", list(Part))
def test_every_part_has_its_headings_and_rows_of_their_number(november: Story, part: Part) -> None:
    data = written(november.month(), Format.CSV, EN, part).decode("utf-8")
    rows = list(csv.reader(io.StringIO(data, newline="")))
    assert len({len(row) for row in rows}) == 1
    assert all(rows[0])
    assert data.endswith("\r\n")


def test_what_strangers_wrote_is_no_formula_in_a_spreadsheet(november: Story) -> None:
    rows = csv_of(november, Part.HOLDS)
    assert any("=SUM(A1)" in row["why"] for row in rows)
    assert not any(row["why"].startswith("=") for row in rows)


cells = st.text(st.sampled_from("=+-@\t\r\n '\",;|a1\N{FULLWIDTH EQUALS SIGN}\0"))


@settings(deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), max_size=5))
def test_no_cell_begins_like_a_formula_whatever_is_in_it(rows: list[tuple[str, str, str]]) -> None:
    section = Section(Part.SITES, "", ("a", "b", "c"), (1, 1, 1), tuple(rows), "")
    text = as_csv.written(section).decode("utf-8")
    back = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert len(back) == len(rows)
    for found, given_ in zip(back, rows, strict=True):
        for cell, was in zip(found, given_, strict=True):
            assert cell in (was, "'" + was)
            assert not re.match(r"[ \0]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell)


# --- HTML


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_has_every_table_and_needs_nothing_from_elsewhere(november: Story) -> None:
    data = written(november.month(language=ID), Format.HTML, ID).decode("utf-8")
    page = Tags()
    page.feed(data)
    text = " ".join(page.text)
    assert page.tags.count("section") == len(Part)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert 'lang="id"' in data
    assert "Laporan bulanan pembaruan" in text and "25 Nov 2026, 22.30" in text
    assert "sha256-" in as_html.POLICY and "url(" not in data


def hostile() -> Sheet:
    """A report in which everything is written by somebody who means ill."""
    evil = '<script>alert("1")</script>&'
    section = Section(Part.SITES, evil, (evil,), (1,), ((evil,),), evil, evil)
    return Sheet(EN, evil, evil, evil, (), (), (section,), evil)


def test_a_strangers_words_are_text_in_a_page() -> None:
    page = Tags()
    page.feed(as_html.written(hostile()).decode("utf-8"))
    assert "script" not in page.tags
    assert '<script>alert("1")</script>&' in page.text


# --- PDF


def test_a_pdf_says_what_the_report_says(november: Story) -> None:
    text = text_of(written(november.month(), Format.PDF, EN))
    for words in (
        "Monthly report on updates",
        "warung, November 2026",
        "As of 26 Nov 2026",
        "the month is not over",
        ["50 %", "ent", "ell"][0],
        "CVE-2026-1234",
        "All updates are on hold here. The reason: they count",
        "The new version did not work well",
        "25 Nov 2026, 22:30",
        "13.5 h",
    ):
        assert words in text, words
    indonesian = text_of(written(november.month(language=ID), Format.PDF, ID))
    assert "Laporan bulanan pembaruan" in indonesian and "13,5 jam" in indonesian


def test_a_pdf_shows_names_in_many_scripts() -> None:
    names = ("Kafé Señor Ñandú", "Zażółć gęślą", "Ресторан", "Ταβέρνα", "Ünïversität")
    section = Section(Part.SITES, "x", ("site",), (1,), tuple((name,) for name in names), "")
    sheet = Sheet(EN, "t", "s", "m", (), (), (section,), "c")
    text = text_of(pdf_of(sheet, datetime.fromisoformat("2026-12-01T00:00:00Z")))
    assert all(name in text for name in names)


def test_the_same_month_is_the_same_bytes_whenever_it_is_written(november: Story) -> None:
    found = november.month()
    with time_machine.travel("2027-01-01T00:00:00Z", tick=False):
        first = written(found, Format.PDF, EN)
    with time_machine.travel("2028-05-05T05:05:05Z", tick=False):
        assert written(found, Format.PDF, EN) == first


def test_a_pdf_says_how_much_more_there_is_elsewhere() -> None:
    rows = tuple((f"site-{number}",) for number in range(MOST_ROWS + 7))
    section = Section(Part.SITES, "x", ("site",), (1,), rows, "")
    sheet = Sheet(ID, "t", "s", "m", (), (), (section,), "c")
    text = text_of(pdf_of(sheet, datetime.fromisoformat("2026-12-01T00:00:00Z")))
    assert "7 baris lainnya terdapat dalam berkas CSV." in text
    assert f"site-{MOST_ROWS - 1}" in text and f"site-{MOST_ROWS} " not in text


def test_the_words_of_a_report_are_all_translated(november: Story) -> None:
    english, indonesian = (sheet_of(november.month(), language) for language in (EN, ID))
    for one, other in zip(english.sections, indonesian.sections, strict=True):
        same = set(one.columns) & set(other.columns)
        assert same <= {"no.", "median"}, one.part
        assert one.title != other.title
        assert (one.empty != other.empty) and (not one.note or one.note != other.note)
