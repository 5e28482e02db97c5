"""Every page in a real browser: WCAG AA, light and dark, and on a narrow telephone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.simulators.axe import violations
from tests.simulators.chromium import browser, log_in
from tests.simulators.showroom import CUSTOMER, PASSWORD, Showroom

STAFF_PAGES = (
    "/fleet",
    "/sites/apotek-02",
    "/clients",
    "/clients/apotek",
    "/rollouts",
    "/rollouts/app/2.0",
    "/rollouts/app/2.0/preview",
    "/desk?tier=L1",
    "/desk?tier=L3",
    "/problems/1",
    "/problems/1/hotfix",
    "/releases",
    "/releases/releases/app/2.0",
    "/calendar",
    "/calendar?client=bank-sinar",
    "/keys",
    "/audit",
    "/sites/none",
)
CUSTOMERS_PAGES = ("/fleet", "/sites/warung-01", "/clients/warung", "/calendar", "/keys")


_TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Until then a page has heard of its new size."""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Showroom]:
    """A house with a past."""
    with Showroom.open(tmp_path_factory.mktemp("room"), sites_each=6) as room:
        yield room


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser."""
    with browser() as started:
        yield started


def page_of(chromium: Browser, room: Showroom, name: str, faults: list[str]) -> Page:
    """A browser in which somebody has logged in; what its console complains of is kept."""
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    log_in(page, room.url, name, PASSWORD)
    return page


def settled(page: Page) -> None:
    """Wait until the parts that come later are there."""
    waits = ".loading, .htmx-request"
    page.wait_for_function("waits => !document.querySelector(waits)", arg=waits)


def wrong_with(page: Page, url: str) -> list[str]:
    """Everything that is wrong with a page, in light, in dark, and at 360 pixels."""
    page.goto(url)
    settled(page)
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        found += [f"{scheme}: {each}" for each in violations(page)]
    page.set_viewport_size({"width": 360, "height": 740})
    page.evaluate(_TWO_FRAMES)
    wide = page.evaluate("document.scrollingElement.scrollWidth")
    if wide > 360:
        found.append(f"it is {wide} pixels wide on a telephone of 360")
    found += [f"narrow: {each}" for each in violations(page)]
    page.set_viewport_size({"width": 1280, "height": 800})
    return [f"{url}: {each}" for each in found]


@pytest.mark.parametrize(
    ("name", "pages"), [("agus", STAFF_PAGES), ("maya", ("/audit",)), (CUSTOMER, CUSTOMERS_PAGES)]
)
def test_every_page_is_accessible_in_both_themes_and_on_a_telephone(
    chromium: Browser, room: Showroom, name: str, pages: tuple[str, ...]
) -> None:
    faults: list[str] = []
    page = page_of(chromium, room, name, faults)
    found = [each for path in pages for each in wrong_with(page, room.url + path)]
    page.context.close()
    assert found == []
    assert [fault for fault in faults if "403" not in fault and "404" not in fault] == []


def test_the_login_page_too(chromium: Browser, room: Showroom) -> None:
    page = chromium.new_page()
    assert wrong_with(page, f"{room.url}/login") == []
    page.get_by_label("Name").fill("agus")
    page.get_by_label("Password").fill("not this one, and long enough")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("alert").filter(has_text="do not belong together").wait_for()
    page.context.close()


def test_the_keyboard_is_enough(chromium: Browser, room: Showroom) -> None:
    faults: list[str] = []
    page = page_of(chromium, room, "lina", faults)
    page.keyboard.press("/")
    page.keyboard.type("bank-sinar-0")
    page.wait_for_url("**q=bank-sinar-0*")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "site-bank-sinar-02"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/sites/bank-sinar-01")
    for key, path in (("d", "desk"), ("r", "rollouts"), ("c", "calendar"), ("f", "fleet")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(f"**/{path}")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard").wait_for()
    page.keyboard.press("Escape")
    page.context.close()
    assert faults == []
