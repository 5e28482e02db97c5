"""Every message of the product, found where it stands in the code and in the pages.

translate("...", language)   message("...")   Failure(tier, clock, "...")   t("...") in a page
"""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir, extract_python

ROOT = Path(__file__).parents[2]
KEYWORDS = {"translate": (1,), "message": (1,), "Failure": (3,)}
PAGES = {"t": (1,)}
SOURCES = ("distribution", "manifests")


def in_code() -> dict[str, str]:
    """Each message with a place where it is."""
    found: dict[str, str] = {}
    for folder in SOURCES:
        for file, line, text, _, _ in extract_from_dir(
            ROOT / folder, [("**.py", extract_python.__name__.removeprefix("extract_"))],
            keywords=KEYWORDS,
        ):  # fmt: skip
            found.setdefault(str(text), f"{folder}/{file}:{line}")
    return found


def in_pages() -> dict[str, str]:
    """The same of the console's pages."""
    return dict(_in_pages())


def _in_pages() -> Iterator[tuple[str, str]]:
    method = [("**.html", "jinja2.ext:babel_extract")]
    folder = ROOT / "distribution" / "console"
    options = {"**.html": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    for file, line, text, _, _ in extract_from_dir(folder, method, options, PAGES):
        yield str(text), f"distribution/console/{file}:{line}"
