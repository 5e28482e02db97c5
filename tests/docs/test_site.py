"""The documentation as a site: it builds without a warning, has everything, and loads nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

from infra.docs_site import pages
from infra.docs_site.api import document
from infra.docs_site.build import NotBuilt, build, render
from infra.docs_site.commands import PROGRAMS, below
from infra.docs_site.diagrams import NotDrawn, with_pictures
from infra.docs_site.links import BrokenLink, relinked, spaced
from tests.simulators.chromium import browser

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make docs`` builds."""
    return build(tmp_path_factory.mktemp("docs") / "site")


class Loaded(HTMLParser):
    """What a browser fetches for a page; links that a person may follow are not among it."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev"):
            self.urls.append(given.get("href") or "")
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed", "object"):
            self.urls += [given.get(name) or "" for name in ("src", "srcset", "data", "poster")]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    foreign = set()
    for page in site.rglob("*.html"):
        found = Loaded()
        found.feed(page.read_text())
        foreign |= {url for url in found.urls if re.match(r"(\w+:)?//", url)}
    for style in site.rglob("*.css"):
        foreign |= set(re.findall(r"(?:url\(|@import )['\"]?(https?:[^)'\"]*)", style.read_text()))
    assert foreign == set()


def test_a_browser_reads_and_searches_it_from_a_folder_without_any_network(site: Path) -> None:
    asked: list[str] = []
    with browser() as chromium:
        page = chromium.new_page()
        page.on("request", lambda request: asked.append(request.url))
        for name in ("architecture", "api/fleet", "commands/hsp/rollout"):
            page.goto((site / f"{name}.html").as_uri())
        page.get_by_role("button", name="Search").first.click()
        page.get_by_placeholder("Search").press_sequentially("quarantined", delay=20)
        page.get_by_text("results").wait_for()
        assert page.get_by_text("Accounts and roles").count()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


def test_every_page_and_every_command_is_there(site: Path) -> None:
    written = [*(ROOT / "docs").rglob("*.md"), ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
    wanted = [pages.place(str(file.relative_to(ROOT))) for file in written]
    for name, program in PROGRAMS.items():
        assert isinstance(program, click.Group)
        wanted += [f"commands/{name}/{each}.md" for each in below(program)]
    lacking = [name for name in wanted if not (site / name).with_suffix(".html").exists()]
    assert lacking == []


def test_every_route_is_there_with_an_example(site: Path) -> None:
    shown = "".join(file.read_text() for file in (site / "api").glob("*.html"))
    shown = re.sub(r"<[^>]+>", "", shown)
    routes = [
        f"{method.upper()} {path}"
        for path, operations in document()["paths"].items()
        for method in operations
    ]
    assert len(routes) > 50
    assert [route for route in routes if route not in shown] == []


def test_a_link_to_a_heading_that_is_not_there_ends_the_build(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/index.md").write_text("# One\n\n[two](#two)\n")
    with pytest.raises(NotBuilt, match=r"anchor does not exist\n.*index\.md:3"):
        render(tmp_path, [{"Start": "index.md"}])


def test_links_lead_from_page_to_page_as_they_do_on_the_forge() -> None:
    places = {"docs/a.md": "a.md", "docs/runbooks/README.md": "runbooks/index.md"}
    titles = {"docs/a.md": "The a"}

    def link(text: str, file: str = "docs/runbooks/README.md") -> str:
        return relinked(text, file, places, titles, ROOT).strip()

    assert link("see [a.md](../a.md#x)") == "see [The a](../a.md#x)"
    assert link("see [this](../a.md)") == "see [this](../a.md)"
    assert link("[all](runbooks/)", "docs/a.md") == "[all](runbooks/index.md)"
    assert link("`[x](y)` [out](https://example.com)") == "`[x](y)` [out](https://example.com)"
    assert link("see [the Makefile](../../Makefile)") == "see the Makefile (`Makefile`)"
    assert link("```\n[x](nothing.md)\n```") == "```\n[x](nothing.md)\n```"
    with pytest.raises(BrokenLink, match=r"links to nothing\.md"):
        link("[x](nothing.md)")


def test_a_list_below_a_paragraph_is_a_list() -> None:
    items = "- one\n- two\n  more\n- three\n"
    assert spaced(f"Two:\n{items}") == f"Two:\n\n{items}"
    assert spaced("```\na\n- b\n```\n") == "```\na\n- b\n```\n"


def test_a_diagram_that_was_changed_has_to_be_drawn_anew() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert "```mermaid" not in with_pictures(text, "ARCHITECTURE.md", "pictures/diagrams")
    with pytest.raises(NotDrawn, match="make pictures"):
        with_pictures(text.replace("flowchart LR", "flowchart TD"), "ARCHITECTURE.md", "x")
