"""A month as PDF: the same bytes for the same month, made whenever and wherever.

The font is DejaVu Sans, which has Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian
letters; what it does not have is shown as an empty box, and is whole in every other format.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import as_file, files

from fpdf import FPDF, XPos, YPos
from fpdf.enums import TableBordersLayout, TextEmphasis
from fpdf.fonts import FontFace

from distribution.client_reports.sheet import Bar, Section, Sheet
from distribution.languages import translate

MOST_ROWS = 500
"""Of a table; whoever wants more reads it in a spreadsheet."""

_INK, _QUIET, _LINE = (28, 33, 40), (104, 112, 124), (217, 221, 227)
_TONES = {
    "good": (47, 125, 79),
    "bad": (179, 55, 47),
    "warn": (182, 122, 20),
    "quiet": (185, 192, 202),
}
_FONT, _MARGIN = "DejaVu", 14
_LINES = TableBordersLayout.HORIZONTAL_LINES


class _Page(FPDF):
    """A4 across, with a quiet line at the foot."""

    def __init__(self, sheet: Sheet, made_at: datetime) -> None:
        super().__init__(orientation="landscape", format="A4")
        self._foot = f"{sheet.title}: {sheet.subtitle}"
        # What says when and by what it was made would differ each time, or with each release.
        self.set_creation_date(made_at)
        self.set_producer("hsp")
        self.set_title(self._foot)
        self.set_lang(sheet.language)
        self.set_margin(_MARGIN)
        self.c_margin = 0  # text begins where bars and lines do
        self.set_auto_page_break(auto=True, margin=16)
        for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
            with as_file(files(__package__) / "fonts" / name) as font:
                self.add_font(_FONT, style, font)

    def footer(self) -> None:
        """On every page."""
        self.set_y(-11)
        self.ink(7, _QUIET)
        self.cell(self.epw / 2, 4, self._foot)
        self.cell(self.epw / 2, 4, f"{self.page_no()}/{{nb}}", align="R")

    def ink(self, size: float, colour: tuple[int, int, int] = _INK, *, bold: bool = False) -> None:
        """How what follows is written."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*colour)

    def line_of(self, text: str, height: float) -> None:
        """A paragraph over the whole width."""
        self.multi_cell(self.epw, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def written(sheet: Sheet, made_at: datetime) -> bytes:
    """The file."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of each table it drops
    page = _Page(sheet, made_at)
    page.add_page()
    _head(page, sheet)
    for bar in sheet.bars:
        _bar(page, bar)
    for section in sheet.sections:
        _section(page, section, sheet)
    page.ln(6)
    page.ink(8, _QUIET)
    page.line_of(sheet.colophon, 4)
    return bytes(page.output())


def _head(page: _Page, sheet: Sheet) -> None:
    page.ink(17, bold=True)
    page.line_of(sheet.title, 9)
    page.ink(11)
    page.line_of(sheet.subtitle, 6)
    page.ink(8, _QUIET)
    page.line_of(sheet.made, 5)
    page.ln(4)
    width = page.epw / max(len(sheet.figures), 1)
    for text, size, height in (("value", 17, 9), ("label", 8, 4)):
        page.ink(size, _INK if text == "value" else _QUIET, bold=text == "value")
        for figure in sheet.figures:
            page.cell(width, height, getattr(figure, text))
        page.ln(height)
    page.ln(4)


def _bar(page: _Page, bar: Bar) -> None:
    page.ink(8)
    page.line_of(f"{bar.label}: {', '.join(words for _, words, _ in bar.parts)}", 5)
    left, top = page.l_margin, page.get_y()
    for share, _, tone in bar.parts:
        page.set_fill_color(*_TONES[tone])
        page.rect(left, top, share * page.epw, 2.6, style="F")
        left += share * page.epw
    page.set_y(top + 5)


def _section(page: _Page, section: Section, sheet: Sheet) -> None:
    if page.will_page_break(32):
        page.add_page()
    page.ln(4)
    page.ink(11, bold=True)
    page.line_of(section.title, 6)
    page.ink(7.5, _QUIET)
    for words in filter(None, (section.note, _left_out(section, sheet))):
        page.line_of(words, 4)
    page.ln(1)
    if section.rows:
        _table(page, section)
    else:
        page.ink(8)
        page.line_of(section.empty, 5)


def _left_out(section: Section, sheet: Sheet) -> str:
    count = len(section.rows) - MOST_ROWS
    words = translate("{count} more rows are in the CSV file.", sheet.language)
    return words.format(count=count) if count > 0 else ""


def _table(page: _Page, section: Section) -> None:
    page.ink(7)
    page.set_draw_color(*_LINE)
    page.set_fill_color(255)
    aligned = ["RIGHT" if n in section.numeric else "LEFT" for n in range(len(section.columns))]
    with page.table(
        borders_layout=_LINES,
        col_widths=section.widths,
        headings_style=FontFace(emphasis=TextEmphasis.B, color=_QUIET),
        line_height=3.6,
        padding=(0.9, 2, 0.9, 0),
        text_align=aligned,
    ) as table:
        for cells in (section.columns, *section.rows[:MOST_ROWS]):
            table.row(_shown(cells))


def _shown(cells: Sequence[str]) -> list[str]:
    """Without what would end a line where nobody ended one."""
    return [" ".join(cell.split()) for cell in cells]
