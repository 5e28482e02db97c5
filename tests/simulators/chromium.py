"""Debian's Chromium, driven by Playwright: a person in front of the console.

Where the machine has none, ``infra/chromium.sh`` unpacks Debian's packages into ``build/peers``;
nothing of the system is changed, and nobody has to be root.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.simulators.peers import ROOT, peer, run

_QUIET = (
    "--no-sandbox",  # as root it does not start with one
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


def _fetch(folder: Path) -> None:
    run("fetching Debian's Chromium", [ROOT / "infra" / "chromium.sh", folder], ROOT)


@cache
def program() -> Path:
    """The browser."""
    return peer("chromium", _fetch) / "run"


@contextmanager
def browser() -> Iterator[Browser]:
    """One that is started, and ended."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(program()), args=list(_QUIET))
        try:
            yield started
        finally:
            started.close()


def log_in(page: Page, url: str, name: str, password: str) -> None:
    """As somebody would."""
    page.goto(f"{url}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/fleet")
