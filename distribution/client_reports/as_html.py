"""A month as one page that needs nothing else: no script, no picture, nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from html import escape

from distribution.client_reports.sheet import Bar, Section, Sheet

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2128;--quiet:#68707c;--line:#d9dde3;--good:#2f7d4f;
--bad:#b3372f;--warn:#b67a14;--idle:#b9c0ca;--page:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ee;--quiet:#98a1ae;--line:#343b45;--good:#4fa873;
--bad:#e0675e;--warn:#d69a35;--idle:#525b68;--page:#15181d}}
body{font:14px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:1180px;
margin:2.5rem auto;padding:0 1.2rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2.2rem 0 .5rem}p{margin:.3rem 0}
.quiet{color:var(--quiet)}
.figures{display:flex;flex-wrap:wrap;gap:1rem 3rem;margin:1.6rem 0}
.figures b{display:block;font-size:1.7rem;font-weight:600}
svg{display:block;width:100%;height:12px;margin:.2rem 0}
.good{fill:var(--good)}.bad{fill:var(--bad)}.warn{fill:var(--warn)}svg .quiet{fill:var(--idle)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:13px}
th{text-align:left;font-weight:600;color:var(--quiet);white-space:nowrap}
th,td{padding:.32rem .8rem .32rem 0;border-bottom:1px solid var(--line);vertical-align:top}
.short{white-space:nowrap}
.number{text-align:right;font-variant-numeric:tabular-nums}
@media print{body{max-width:none;margin:0}}
"""

_SHORT = 24
"""A cell of so many characters is not broken: a moment, a version, a name."""

POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src "
    f"'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""The Content-Security-Policy under which it looks as it should."""


def written(sheet: Sheet) -> bytes:
    """The page."""
    return "\n".join(_lines(sheet)).encode()


def _lines(sheet: Sheet) -> Iterator[str]:
    title = f"{escape(sheet.title)}: {escape(sheet.subtitle)}"
    yield f'<!doctype html><html lang="{sheet.language}"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><main>"
    yield f"<h1>{escape(sheet.title)}</h1><p>{escape(sheet.subtitle)}</p>"
    yield f'<p class="quiet">{escape(sheet.made)}</p><div class="figures">'
    for figure in sheet.figures:
        yield f"<div><b>{escape(figure.value)}</b>{escape(figure.label)}</div>"
    yield "</div>"
    for bar in sheet.bars:
        yield from _bar(bar)
    for section in sheet.sections:
        yield from _section(section)
    yield f'<p class="quiet">{escape(sheet.colophon)}</p></main></body></html>'


def _bar(bar: Bar) -> Iterator[str]:
    said = ", ".join(words for _, words, _ in bar.parts)
    yield f"<p>{escape(bar.label)}: {escape(said)}</p>"
    yield '<svg viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">'
    at = 0.0
    for share, _, tone in bar.parts:
        yield f'<rect class="{tone}" x="{at:.1f}" width="{share * 1000:.1f}" height="12"/>'
        at += share * 1000
    yield "</svg>"


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{section.part}"><h2>{escape(section.title)}</h2>'
    if section.note:
        yield f'<p class="quiet">{escape(section.note)}</p>'
    if not section.rows:
        yield f"<p>{escape(section.empty)}</p></section>"
        return
    yield f'<div class="scroll"><table><thead>{_row(section, section.columns, "th")}</thead><tbody>'
    for row in section.rows:
        yield _row(section, row, "td")
    yield "</tbody></table></div></section>"


def _row(section: Section, cells: Iterable[str], tag: str) -> str:
    return f"<tr>{''.join(_cell(section, n, cell, tag) for n, cell in enumerate(cells))}</tr>"


def _cell(section: Section, number: int, cell: str, tag: str) -> str:
    kinds = ["number"] * (number in section.numeric) + ["short"] * (len(cell) <= _SHORT)
    scope = ' scope="col"' if tag == "th" else ""
    kind = f' class="{" ".join(kinds)}"' if kinds else ""
    return f"<{tag}{scope}{kind}>{escape(cell)}</{tag}>"
