"""What a page may load and do, how one gets in, and what is shown when something is wrong."""

import hashlib
import re
from importlib.resources import files

import pytest

from distribution.people.roles import Role
from tests.distribution.console.conftest import Browse
from tests.distribution.console.test_pages import PAGES

STATIC = files("distribution.console") / "static"


def test_no_page_has_a_script_or_a_style_written_into_it(browse: Browse) -> None:
    for path in PAGES:
        answer = browse(Role.L3, path)
        if answer.status_code != 200:
            answer = browse(Role.AUDITOR, path)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'; style-src 'self'" in policy, path
        assert "unsafe" not in policy, path
        assert not re.search(r"<script(?![^>]* src=)", answer.text), path
        assert not re.search(r"\s(style|on[a-z]+)=[\"']", answer.text), path
        assert "hx-on" not in answer.text, path


def test_what_a_site_says_is_text_and_never_markup(browse: Browse) -> None:
    for path in ("/sites/warung-evil", "/rollouts/app/2.0", "/desk?tier=L3"):
        page = browse(Role.L3, path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
    assert "&lt;script&gt;alert" in browse(Role.L3, "/sites/warung-evil").text


@pytest.mark.parametrize("path", ["/fleet", "/desk?tier=L2", "/sites/warung-1"])
def test_who_is_not_logged_in_is_sent_to_the_login_and_back(browse: Browse, path: str) -> None:
    answer = browse(None, path)
    assert answer.status_code == 303
    where = answer.headers["location"]
    assert where.startswith("/login?next=%2F")
    assert f'data-then="{path}"' in browse(None, where).text


@pytest.mark.parametrize("there", ["//evil.example", "https://evil.example", "/\\evil.example", ""])
def test_the_login_sends_nobody_elsewhere(browse: Browse, there: str) -> None:
    assert 'data-then="/"' in browse(None, f"/login?next={there}").text


def test_a_part_of_a_page_makes_the_whole_page_go_to_the_login(browse: Browse) -> None:
    answer = browse(None, "/fleet/rows", **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-refresh"]) == (204, "true")


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/sites/none", 404, "there is no site"),
        ("/problems/999", 404, "there is no ticket 999"),
        ("/problems/x", 422, "this address has a part that is wrong"),
        ("/rollouts/app/9.9", 404, "9.9"),
        ("/releases/releases/app/9.9", 404, "there is no release 9.9"),
        ("/calendar?from=2026-02-30", 422, "this address has a part that is wrong"),
    ],
)
def test_what_is_not_there_is_said_on_a_page(
    browse: Browse, path: str, status: int, words: str
) -> None:
    answer = browse(Role.L3, path)
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "text/html; charset=utf-8",
    )
    assert words in answer.text.lower().replace("&#39;", "'")


def test_files_of_others_are_as_they_were_published(browse: Browse) -> None:
    listed = dict(
        re.findall(r"\| (\S+) \|.*\| ([0-9a-f]{64}) \|", (STATIC / "README.md").read_text())
    )
    there = {file.name for file in STATIC.iterdir() if ".min." in file.name}
    assert listed.keys() == there
    for name, sha256 in listed.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == sha256
        answer = browse(None, f"/static/{name}")
        assert "immutable" in answer.headers["cache-control"]
        assert hashlib.sha256(answer.content).hexdigest() == sha256


def test_static_files_are_in_their_folder_only(browse: Browse) -> None:
    for path in ("/static/../pages.py", "/static/%2e%2e/pages.py", "/static/", "/static/none.js"):
        assert browse(None, path).status_code == 404
