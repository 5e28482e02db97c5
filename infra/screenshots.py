"""``make screenshots``: the console's pages as pictures for ``docs/console.md``.

They are of a made-up house (``tests.simulators.showroom``), served by the real server and drawn by
Debian's Chromium, so that they show what there is and not what somebody wished for.
"""

import tempfile
from pathlib import Path

import click
from playwright.sync_api import Browser, Page

from tests.simulators.chromium import browser, log_in
from tests.simulators.showroom import CUSTOMER, Showroom

FOLDER = Path("docs/pictures/console")
SHOTS = (
    ("fleet", "agus", "/fleet", "light", 1280),
    ("site", "dewi", "/sites/apotek-02", "light", 1280),
    ("rollout", "agus", "/rollouts/app/2.0", "dark", 1280),
    ("preview", "agus", "/rollouts/app/2.0/preview", "light", 1280),
    ("calendar", "agus", "/calendar?client=bank-sinar", "light", 1280),
    ("desk", "lina", "/desk?tier=L1", "light", 1280),
    ("problem", "agus", "/problems/1", "dark", 1280),
    ("hotfix", "agus", "/problems/1/hotfix", "light", 1280),
    ("release", "agus", "/releases/releases/app/2.0", "light", 1280),
    ("keys", "maya", "/keys", "light", 1280),
    ("audit", "maya", "/audit", "dark", 1280),
    ("report", CUSTOMER, "/clients/warung", "light", 1280),
    ("telephone", "agus", "/problems/1", "light", 360),
)
"""Name, who looks, which page, the theme, and how wide in pixels."""
HEIGHT = 900


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def main(folder: Path) -> None:
    """Draw all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        Showroom.open(Path(scratch)) as room,
        browser() as chromium,
    ):
        pages = {who: _logged_in(chromium, room, who) for who in {shot[1] for shot in SHOTS}}
        for name, who, path, theme, width in SHOTS:
            file = folder / f"{name}.png"
            _draw(pages[who], room.url + path, theme, width, file)
            click.echo(file)
        for page in pages.values():
            page.context.close()


def _logged_in(chromium: Browser, room: Showroom, who: str) -> Page:
    page = chromium.new_context(locale="en-GB").new_page()
    log_in(page, room.url, who, room.password)
    return page


def _draw(page: Page, url: str, theme: str, width: int, file: Path) -> None:
    page.set_viewport_size({"width": width, "height": HEIGHT})
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type] # it is light or dark
    page.goto(url)
    page.wait_for_function("() => !document.querySelector('.loading, .htmx-request')")
    page.screenshot(path=file)


if __name__ == "__main__":
    main()
