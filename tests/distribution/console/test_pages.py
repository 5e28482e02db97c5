"""Every page, looked at by everybody: what they see, and what there is not for them."""

import re
from collections.abc import Mapping

import pytest

from distribution.api.application import application
from distribution.console.pages import Page
from distribution.people.roles import TABLE, Permission, Role
from tests.distribution.console.conftest import Browse
from tests.simulators.house import House

PAGES: Mapping[str, Permission] = {
    "/fleet": Permission.SITE_READ,
    "/fleet/rows": Permission.SITE_READ,
    "/sites/warung-1": Permission.SITE_READ,
    "/sites/warung-1/explain": Permission.SITE_READ,
    "/clients": Permission.SITE_READ,
    "/clients/warung": Permission.SITE_READ,
    "/rollouts": Permission.ROLLOUT_READ,
    "/rollouts/app/2.0": Permission.ROLLOUT_READ,
    "/rollouts/app/2.0/preview": Permission.ROLLOUT_READ,
    "/rollouts/app/2.0/preview/outcome": Permission.ROLLOUT_READ,
    "/desk": Permission.TICKET_READ,
    "/desk/sites": Permission.TICKET_READ,
    "/problems/1": Permission.TICKET_READ,
    "/problems/1/hotfix": Permission.PROBLEM_WORK,
    "/releases": Permission.RELEASE_READ,
    "/releases/releases/app/2.0": Permission.RELEASE_READ,
    "/calendar": Permission.HOLD_READ,
    "/keys": Permission.TRUST_READ,
    "/audit": Permission.AUDIT_READ,
}
OTHERS: Mapping[str, str] = {
    "/": "sends everybody to the fleet",
    "/login": "for everybody",
    "/sites/{site_id}/diagnostics/{step_id}": "tested where there are diagnostics",
}
CUSTOMERS = [path for path, needs in PAGES.items() if Role.CUSTOMER in TABLE[needs]]
STAFF = [role for role in Role if role is not Role.CUSTOMER]


def test_the_list_of_pages_is_complete(furnished: House) -> None:
    there = {
        route.path for route in application(furnished.server).routes if isinstance(route, Page)
    }
    for path in [*PAGES, *OTHERS]:
        there = {each for each in there if not re.fullmatch(_pattern(each), path)}
    assert there == set()


def _pattern(path: str) -> str:
    return re.sub(r"\{\w+\}", "[^/]+", path)


@pytest.mark.parametrize("path", PAGES)
def test_each_role_sees_what_the_table_says(browse: Browse, path: str) -> None:
    for role in STAFF:
        answer = browse(role, path)
        expected = 200 if role in TABLE[PAGES[path]] else 403
        assert (answer.status_code, role) == (expected, role), answer.text[:300]
        assert answer.headers["content-type"].startswith("text/html")


def test_to_a_customer_other_pages_are_as_pages_that_there_are_not(browse: Browse) -> None:
    nothing = browse(Role.CUSTOMER, "/sites/none").text
    for path in PAGES:
        answer = browse(Role.CUSTOMER, path)
        if path in CUSTOMERS:
            assert answer.status_code == 200, path
        else:
            assert answer.status_code == 404, path
            assert "there is no such page" in answer.text.lower()
    for path in ("/sites/rs-medika-1", "/sites/rs-medika-1/explain", "/clients/rs-medika"):
        answer = browse(Role.CUSTOMER, path)
        assert answer.status_code == 404, path
    foreign = browse(Role.CUSTOMER, "/sites/rs-medika-1").text
    assert foreign.replace("rs-medika-1", "none") == nothing


def test_no_page_of_a_customer_names_another_client(browse: Browse) -> None:
    asked = [*CUSTOMERS, "/fleet?client=rs-medika", "/fleet?q=medika", "/calendar?client=rs-medika"]
    for path in [*asked, "/fleet/rows?only=rs-medika-1", "/fleet/rows?after=rs"]:
        answer = browse(Role.CUSTOMER, path)
        assert answer.status_code == 200, path
        said = answer.text.replace("/fleet?client=rs-medika", "").replace("client=rs-medika", "")
        assert "rs-medika" not in said.replace('value="medika"', ""), path


def test_a_customer_sees_no_button_that_is_not_theirs(browse: Browse) -> None:
    page = browse(Role.CUSTOMER, "/sites/warung-1").text
    assert "Put a brake on" in page
    for forbidden in ("Ask the site", "Revoke", "Record what they say", "Tickets", "/desk"):
        assert forbidden not in page


@pytest.mark.parametrize(
    ("role", "path", "there", "not_there"),
    [
        (Role.L1, "/rollouts/app/2.0", ("Stop",), ("Resume",)),
        (Role.APPROVER, "/rollouts/app/2.0", ("Resume",), ()),
        (Role.AUDITOR, "/rollouts/app/2.0", (), ("Resume", ">Stop<")),
        (Role.L1, "/problems/1", ("Take it", "A note"), ("Write down the cause", ">Hotfix<")),
        (Role.L3, "/problems/1", ("Write down the cause", "Hotfix"), ()),
        (Role.AUDITOR, "/problems/1", (), ("Take it", "A note for")),
        (Role.L2, "/sites/warung-1", ("Ask the site",), ("Revoke",)),
        (Role.L1, "/sites/warung-1", (), ("Ask the site",)),
    ],
)
def test_a_page_offers_what_its_reader_may_do(
    browse: Browse, role: Role, path: str, there: tuple[str, ...], not_there: tuple[str, ...]
) -> None:
    page = browse(role, path).text
    for words in there:
        assert words in page
    for words in not_there:
        assert words not in page


# --- what the pages say


def test_the_fleet_is_filtered_and_goes_on_where_it_stopped(browse: Browse) -> None:
    assert browse(Role.L1, "/fleet?q=medika").text.count("<tr id=") == 4
    assert browse(Role.L1, "/fleet?client=warung&state=online").text.count("<tr id=") == 5
    assert browse(Role.L1, "/fleet?runs=app+1.0").text.count("<tr id=") == 6
    assert "No site is like that" in browse(Role.L1, "/fleet?state=silent").text
    rest = browse(Role.L1, "/fleet/rows?after=warung-1").text
    found = re.findall(r'id="site-([^"]+)"', rest)
    assert found == ["warung-1-x", "warung-2", "warung-3", "warung-evil"]


def test_a_problem_says_what_to_tell_the_customer_in_both_languages(browse: Browse) -> None:
    page = browse(Role.L1, "/problems/1").text
    assert '<p class="say" lang="en">' in page
    assert '<p class="say" lang="id">' in page
    assert "KeyError" in page


def test_a_preview_takes_schedules_by_name_only(browse: Browse) -> None:
    good = browse(Role.L3, "/rollouts/app/2.0/preview/outcome?schedule=accelerated")
    assert "data:image/svg+xml;base64," in good.text
    for bad in ("../../etc/passwd", "/etc/passwd", "none"):
        answer = browse(Role.L3, "/rollouts/app/2.0/preview/outcome?schedule=" + bad)
        assert answer.status_code == 404
        assert "there is no schedule" in answer.text.lower()


def test_a_release_says_which_files_it_changed(browse: Browse) -> None:
    page = browse(Role.L3, "/releases/releases/app/2.0").text
    assert "app.txt" in page


def test_the_client_page_has_the_month_of_the_report(browse: Browse) -> None:
    page = browse(Role.CUSTOMER, "/clients/warung?month=2026-11").text
    assert "/v1/clients/warung/reports/2026-11?format=pdf" in page
    assert browse(Role.CUSTOMER, "/clients/warung?month=2026-13").status_code == 422


def test_the_audit_page_goes_back_in_time(browse: Browse) -> None:
    page = browse(Role.AUDITOR, "/audit?action=site.invite").text
    numbers = [int(found) for found in re.findall(r'<tr><td class="num">(\d+)</td>', page)]
    assert numbers == sorted(numbers, reverse=True)
    older = browse(Role.AUDITOR, f"/audit?action=site.invite&before={numbers[2]}").text
    assert re.findall(r'<tr><td class="num">(\d+)</td>', older)[0] == str(numbers[3])
