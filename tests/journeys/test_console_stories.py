"""A working day in the console: L1, L2, L3 and a customer, in a browser, with real agents.

Each story also says what its person does not see. Nothing is loaded anew where a page says that
it is live: a mark that a reload would wipe away is there until the end.
"""

import itertools
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import APIResponse, Browser, Locator, Page, expect

from distribution.cli import main as hsp
from distribution.languages import Language, translate
from distribution.people import passwords
from distribution.people.roles import Person, Role
from manifests.failures import FAILURES, FailureCode, Tier
from manifests.rollout import Gates, draw
from signing.cli import main as hsp_sign
from tests.simulators.chromium import browser, log_in
from tests.simulators.estate import PASSPHRASE
from tests.simulators.staff import hire
from tests.simulators.village import (
    ONE_WAVE,
    PRODUCT,
    Village,
    VillageSite,
    now,
    open_village,
    program_fields,
)

PASSWORD = "empat kata yang panjang"
PEOPLE = {"lina": (Role.L1,), "dewi": (Role.L2,), "wati": (Role.L3,), "tono": (Role.L3,)}
CUSTOMER = "pak-hadi"
EMERGENCY_FIRST_WAVE = 500
"""Basis points."""

PATIENT = ONE_WAVE.model_copy(
    update={
        "gates": Gates(
            soak_seconds=0,
            success_threshold_percent=0,
            error_threshold_percent=100,
            minimum_failed_sites=9,
        )
    }
)
"""Nothing stops it but a person."""

CUSTOMERS_PAGES = (
    *("/fleet", "/fleet/rows", "/fleet/rows?only=apotek-1", "/clients", "/clients/warung"),
    *("/calendar", "/keys", *(f"/sites/warung-{number}" for number in (1, 2))),
    *(f"/sites/warung-{number}/explain" for number in (1, 2)),
)

indonesian = partial(translate, language=Language.INDONESIAN)

_SEND = """async ([address, body]) => (await fetch(address, {method: "POST", body,
headers: {"Content-Type": "application/json",
"X-CSRF-Token": document.querySelector('meta[name="csrf"]').content}})).status"""


@contextmanager
def staffed(folder: Path) -> Iterator[Village]:
    """A village in which people can log in."""
    with open_village(folder, requests_per_minute=100_000, check_in_burst=10_000) as village:
        database = village.server.database
        hire(database, now(), PEOPLE)
        hire(database, now(), {CUSTOMER: (Role.CUSTOMER,)}, client="warung")
        rina = Person("rina", frozenset({Role.SECURITY_ADMINISTRATOR}))
        for name in (*PEOPLE, CUSTOMER):
            passwords.put(database, rina, name, PASSWORD, now())
        yield village


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """Of one client a site that went back and one that waits for a yes; and another client."""
    with staffed(tmp_path_factory.mktemp("street")) as village:
        reverted, asks = village.site("warung-1"), village.site("warung-2")
        village.site("apotek-1", "apotek")
        asks.set_policy('approval = "client"\n')
        village.publish("1.0")
        village.start("1.0")
        village.poll_all()
        publish_a_bad_one(village)
        reverted.poll()
        asks.poll()
        village.tick()
        yield village


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Village]:
    """A bad release at two clients, whose sites are the first that a hotfix comes to."""
    with staffed(tmp_path) as village:
        for client in ("warung", "apotek"):
            village.site(first_in_line(client), client)
        village.publish("1.0")
        village.start("1.0")
        village.poll_all()
        publish_a_bad_one(village)
        village.poll_all()
        village.tick()
        yield village


def publish_a_bad_one(village: Village) -> None:
    """It fails its health check, at once."""
    health = {**program_fields("2.0")["health"], "attempts": 1}
    village.publish("2.0", healthy=False, health=health)
    village.start("2.0", PATIENT)


def first_in_line(client: str) -> str:
    """A name that draws the very beginning of the emergency schedule."""
    names = (f"{client}-{number}" for number in itertools.count(1))
    return next(n for n in names if draw(PRODUCT, "2.0.post1", n) * EMERGENCY_FIRST_WAVE < 10_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, in front of which people are patient: the machine has other things to do."""
    expect.set_options(timeout=20_000)
    with browser() as started:
        yield started


@contextmanager
def at_work(chromium: Browser, village: Village, name: str) -> Iterator[Page]:
    """Somebody who has logged in; nothing goes wrong in their browser but what is refused."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    try:
        log_in(page, village.server.settings.public_url, name, PASSWORD)
        yield page
    finally:
        context.close()
    assert [fault for fault in faults if "403" not in fault and "404" not in fault] == []


def address(village: Village, path: str) -> str:
    return village.server.settings.public_url + path


def ticket_of(village: Village, code: FailureCode) -> int:
    [ticket] = [each for each in village.tickets() if each.code is code]
    return ticket.number


def opened(page: Page, button: str) -> Locator:
    """The dialog that a button opens."""
    page.get_by_role("button", name=button, exact=True).first.click()
    dialog = page.locator("dialog[open]")
    dialog.wait_for()
    return dialog


def confirm(dialog: Locator, reason: str) -> None:
    """Say why, and do it."""
    dialog.get_by_label(re.compile("^(Why|Alasan)")).fill(reason)
    dialog.locator("form .row button").last.click()
    expect(dialog).to_be_hidden()


def mark_page(page: Page) -> None:
    """Set what a reload would wipe away."""
    page.evaluate("window.isTheSamePage = true")


def is_same_page(page: Page) -> bool:
    return bool(page.evaluate("window.isTheSamePage === true"))


def refused(page: Page, village: Village, path: str, status: int = 403) -> None:
    """A page that is opened by its address."""
    answer = page.goto(address(village, path))
    assert answer is not None
    assert (path, answer.status) == (path, status)


# --- the stories


def test_l1_reads_why_writes_down_what_they_say_and_holds_a_site(
    chromium: Browser, street: Village
) -> None:
    asks = street.sites[1]
    with at_work(chromium, street, "lina") as page:
        menu = page.get_by_role("navigation", name="Pages")
        expect(menu).not_to_contain_text("Audit")
        menu.get_by_role("link", name="Desk").click()
        waiting = page.get_by_role("row").filter(has_text="warung-2")
        expect(waiting).to_contain_text("deferred")
        expect(waiting).to_contain_text("wait for your yes")
        waiting.get_by_role("link", name="warung-2").click()

        page.wait_for_url("**/sites/warung-2")
        mark_page(page)
        newest = page.locator("details[open]").first
        expect(newest).to_contain_text("the site's policy is to ask its client")
        for language, words in (("en", "waits for your approval"), ("id", "persetujuan")):
            expect(newest.locator(f".say[lang={language}]")).to_contain_text(words)
        for hidden in ("Ask the site", "Revoke"):
            expect(page.get_by_role("button", name=hidden)).to_have_count(0)
        told = opened(page, "Record what they say")
        told.get_by_label("What they see").select_option(["printing", "slow"])
        told.get_by_label("Their exact words").fill("nota tidak keluar")
        told.get_by_label("it opens a ticket of its own").check()
        told.get_by_role("button", name="Record").click()
        expect(page.locator("#told")).to_contain_text("“nota tidak keluar”")
        expect(page.locator("#tickets")).to_contain_text("reported by customer")

        confirm(opened(page, "Put a brake on"), "they count their stock until six")
        expect(page.locator("#head .callout")).to_contain_text("they count their stock until six")
        assert holds(asks, "they count their stock until six")
        expect(page.locator("#head h1 + .state")).to_have_text("held")
        assert is_same_page(page)

        menu.get_by_role("link", name="Desk").click()
        page.locator("#queue").get_by_role("link", name="reported by customer").click()
        for language in Language:
            words = translate(FAILURES[FailureCode.REPORTED_BY_CUSTOMER].sentence, language)
            expect(page.locator(f"#head .say[lang={language}]")).to_contain_text(words)
        for hidden in ("Write down the cause", "Hand over to the developers", "Hotfix"):
            expect(page.get_by_text(hidden, exact=True)).to_have_count(0)

        page.goto(address(street, "/rollouts/app/2.0"))
        confirm(opened(page, "Pause"), "prices are missing")
        expect(page.locator("#head .callout.bad")).to_contain_text("prices are missing")
        expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        for path in ("/audit", f"/problems/{ticket_of(street, FailureCode.UNHEALTHY)}/hotfix"):
            refused(page, street, path)
            expect(page.get_by_role("link", name="Back to the beginning")).to_be_visible()


def holds(site: VillageSite, reason: str) -> bool:
    """Whether the agent obeys: even its own administrator's yes installs nothing now."""
    site.poll()  # hears of it with the answer to its check-in
    assert site.command("approve", PRODUCT, "2.0").exit_code == 0
    site.poll()
    return reason in site.command("explain").output and site.serves() is None


def test_l2_takes_a_ticket_asks_the_site_and_reads_its_answer(
    chromium: Browser, street: Village
) -> None:
    site = street.sites[0]
    number = ticket_of(street, FailureCode.UNHEALTHY)
    with at_work(chromium, street, "dewi") as page:
        page.goto(address(street, "/desk"))
        page.locator("#queue").get_by_role("link", name=re.compile("unhealthy")).click()
        page.get_by_role("button", name="Take it").click()
        expect(page.locator("#head")).to_contain_text("dewi")
        expect(page.get_by_role("button", name="Take it")).to_have_count(0)
        page.locator("#incidents").get_by_role("link", name="warung-1").click()

        page.wait_for_url("**/sites/warung-1")
        expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
        mark_page(page)
        asked = opened(page, "Ask the site")
        expect(asked.get_by_label("Step")).to_have_value("collect")
        confirm(asked, "prices are missing")
        row = page.locator("#steps").get_by_role("row").filter(has_text="collect")
        expect(row).to_contain_text("asked")
        site.poll()
        site.poll()
        expect(row).to_contain_text("done")
        assert is_same_page(page)
        row.get_by_role("link", name=re.compile("diagnostics")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Diagnostics of warung-1")
        expect(page.locator("pre").first).not_to_be_empty()

        page.goto(address(street, f"/problems/{number}"))
        page.get_by_label("A note").fill("its price list is empty")
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.locator("#thread")).to_contain_text("its price list is empty")
        expect(page.get_by_label("A note")).to_have_value("")
        expect(page.get_by_role("button", name="Write down the cause")).to_have_count(0)
        cause = [f"/v1/tickets/{number}/cause", '{"text": "a comma"}']
        assert page.evaluate(_SEND, cause) == 403
        revoke = ["/v1/sites/warung-1/revoke", '{"reason": "lost"}']
        assert page.evaluate(_SEND, revoke) == 403
        refused(page, street, f"/problems/{number}/hotfix")


def test_l3_mends_it_at_night_with_the_commands_of_one_page(
    chromium: Browser, night: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    [ticket] = [each for each in night.tickets() if each.code is FailureCode.UNHEALTHY]
    assert (ticket.tier, ticket.clients) == (Tier.L3, 2)
    lay_out_the_fix(night)
    monkeypatch.chdir(night.folder)
    with at_work(chromium, night, "wati") as page:
        page.goto(address(night, "/desk"))
        page.locator("#queue").get_by_role("link", name=re.compile("unhealthy")).click()
        page.get_by_role("link", name="Hotfix").click()
        page.wait_for_url("**/hotfix")
        mark_page(page)
        steps = page.locator("#steps > li")
        expect(steps.nth(1)).to_have_class("now")
        confirm(opened(page, "Pause it now"), "the health check fails")
        expect(steps.nth(1)).to_have_class("done")
        expect(steps.nth(1)).to_contain_text("paused")
        expect(steps.nth(2)).to_have_class("now")

        run(night, page.locator("#c-draft"))
        run(night, page.locator("#c-sign"))
        run(night, page.locator("#c-second"), SECOND="tono")
        run(night, page.locator("#c-release"))
        night.poll_all()
        night.tick()
        assert {site.soon_serves() for site in night.sites} == {"2.0.post1"}
        for number in range(steps.count()):
            expect(steps.nth(number)).to_have_class("done")
        expect(steps.nth(6)).to_contain_text("2 of 2 confirmed")
        expect(steps.nth(7)).to_contain_text("from the start of its rollout to the last site")
        assert is_same_page(page)
    [ticket] = [each for each in night.tickets() if each.code is FailureCode.UNHEALTHY]
    assert (ticket.state, ticket.sites_open) == ("closed", 0)


def lay_out_the_fix(village: Village) -> None:
    """What the developers give to L3: a folder, and its description."""
    village.build("2.0.post1")
    sources = village.folder / "sources"
    shutil.copytree(sources / "app-2.0.post1", village.folder / "fix")
    shutil.copy(sources / "app-2.0.post1.toml", village.folder / "release.toml")


def run(village: Village, command: Locator, **names: str) -> None:
    """What stands on the page, with the names that it leaves open, in a shell of L3's."""
    text = command.inner_text()
    for name, value in names.items():
        text = text.replace(name, value)
    program, *words = shlex.split(text)
    entry = {"hsp": hsp, "hsp-sign": hsp_sign}[program]
    env = {"HSP_HOME": str(village.server.settings.home), "HSP_PASSPHRASE": PASSPHRASE}
    done = CliRunner().invoke(entry, words, env=env, input="y\n")
    assert done.exit_code == 0, f"{text}: {done.output}"


def test_a_customer_sees_their_own_sites_holds_one_and_takes_the_report_home(
    chromium: Browser, street: Village, tmp_path: Path
) -> None:
    context = chromium.new_context(locale="id-ID")
    page = context.new_page()
    try:
        page.goto(address(street, "/login"))
        page.get_by_label(indonesian("Name")).fill(CUSTOMER)
        page.get_by_label(indonesian("Password")).fill(PASSWORD)
        page.get_by_role("button", name=indonesian("Log in")).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(indonesian("Fleet"))
        expect(page.locator("html")).to_have_attribute("lang", "id")
        assert page.locator("tr[id]").count() == 2

        page.locator("#site-warung-1").get_by_role("link").click()
        why = page.locator("details[open] .say")
        expect(why).to_have_attribute("lang", "id")
        expect(page.locator("#head h1 + .state")).to_have_text(indonesian("online"))
        expect(page.locator("#history")).to_contain_text(indonesian("reverted"))
        confirm(opened(page, indonesian("Put a brake on")), "stok opname")
        expect(page.locator("#head .callout")).to_contain_text("stok opname")
        confirm(opened(page, indonesian("Take it off")), "selesai")
        expect(page.locator("#head .callout")).to_have_count(0)

        menu = page.get_by_role("navigation", name=indonesian("Pages"))
        menu.get_by_role("link", name=indonesian("Calendar")).click()
        expect(page.get_by_role("link", name="warung-2")).to_be_visible()
        menu.get_by_role("link", name=indonesian("Clients")).click()
        page.locator("main").get_by_role("link", name="warung").click()
        with page.expect_download() as begun:
            page.get_by_role("link", name="PDF").click()
        begun.value.save_as(tmp_path / "report.pdf")
        assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")

        def look(path: str) -> APIResponse:
            return context.request.get(address(street, path))

        for path in CUSTOMERS_PAGES:
            answer = look(path)
            assert (path, answer.status) == (path, 200)
            assert "apotek" not in answer.text(), path
        number = ticket_of(street, FailureCode.UNHEALTHY)
        for foreign, unknown in (
            ("/sites/apotek-1", "/sites/nowhere"),
            ("/sites/apotek-1/explain", "/sites/nowhere/explain"),
            ("/clients/apotek", "/clients/nobody"),
            (f"/problems/{number}", "/problems/999"),
            ("/rollouts/app/2.0", "/rollouts/app/9.9"),
        ):
            theirs, nobodys = look(foreign), look(unknown)
            assert (foreign, theirs.status, nobodys.status) == (foreign, 404, 404)
            said = theirs.text().replace("apotek-1", "nowhere").replace("apotek", "nobody")
            assert said == nobodys.text(), foreign
    finally:
        context.close()


def test_what_somebody_types_outlives_what_happens_meanwhile(
    chromium: Browser, street: Village
) -> None:
    """The last one: its ticket goes to another tier."""
    number = ticket_of(street, FailureCode.UNHEALTHY)
    with at_work(chromium, street, "wati") as page:
        page.goto(address(street, f"/problems/{number}"))
        page.get_by_label("A note").fill("half a sentence, and")
        page.get_by_role("heading", level=1).click()
        asked = opened(page, "Raise")
        page.mouse.click(5, 5)
        page.evaluate("document.querySelector('#incidents').dataset.old = 'yes'")
        with at_work(chromium, street, "dewi") as other:
            other.goto(address(street, f"/problems/{number}"))
            confirm(opened(other, "Raise"), "I cannot find it")
            expect(other.locator("#thread")).to_contain_text("I cannot find it")
        expect(page.locator("#incidents")).not_to_have_attribute("data-old", "yes")
        expect(asked).to_be_visible()
        asked.get_by_role("button", name="Cancel").click()
        expect(page.get_by_label("A note")).to_have_value("half a sentence, and")
        page.get_by_role("button", name="Write", exact=True).click()
        expect(page.locator("#thread")).to_contain_text("I cannot find it")
        expect(page.locator("#head h1 + .state")).to_have_text("L3")
