"""The report over the API and as a command: for whom it is, in which format and language."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner
from starlette.testclient import TestClient

from distribution.cli import main
from distribution.client_reports import as_html
from distribution.people.roles import Role
from tests.distribution.client_reports.story import Story
from tests.simulators.staff import api_of, hire, token_of

OWN = "/v1/clients/warung/reports/2026-11"


@pytest.fixture(scope="module")
def voice(november: Story) -> Callable[[str], TestClient]:
    """The API in somebody's voice; Ibu is a customer of Warung's."""
    house = november.house
    hire(house.database, house.clock.now, {"ibu": (Role.CUSTOMER,)}, client="warung")
    return lambda name: api_of(house.server, token_of(house.database, name, house.clock.now))


def test_a_customer_gets_their_own_report_and_no_other_exists(
    voice: Callable[[str], TestClient],
) -> None:
    ibu = voice("ibu")
    own = ibu.get(OWN)
    assert own.status_code == 200, own.text
    assert own.json()["tally"] == {"installed": 1, "failed": 1, "under_way": 1}
    foreign, unknown = (ibu.get(OWN.replace("warung", name)) for name in ("klinik", "nobody"))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert foreign.content.replace(b"klinik", b"nobody") == unknown.content
    assert voice("joko").get(OWN.replace("warung", "klinik")).status_code == 200
    assert voice("joko").get(OWN.replace("warung", "nobody")).content == unknown.content


@pytest.mark.parametrize(
    ("how", "media_type", "begins"),
    [
        ("json", "application/json", b"{"),
        ("csv", "text/csv; charset=utf-8; header=present", b"site,product"),
        ("pdf", "application/pdf", b"%PDF-"),
        ("html", "text/html; charset=utf-8", b"<!doctype html>"),
    ],
)
def test_each_format_says_what_it_is(
    voice: Callable[[str], TestClient], how: str, media_type: str, begins: bytes
) -> None:
    answer = voice("ibu").get(OWN, params={"format": how})
    assert answer.headers["content-type"] == media_type
    assert answer.content.startswith(begins)
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.headers["content-security-policy"] == as_html.POLICY) == (how == "html")
    assert f".{how}" in answer.headers["content-disposition"]


def test_the_language_the_zone_and_the_part_are_what_is_asked_for(
    voice: Callable[[str], TestClient],
) -> None:
    ibu = voice("ibu")
    given = {"format": "csv", "part": "time-to-patch"}
    answer = ibu.get(OWN, params=given, headers={"Accept-Language": "id"})
    assert answer.headers["content-language"] == "id"
    assert answer.text.startswith("tingkat keparahan,pemasangan,median,")
    assert ibu.get(OWN).json()["zone"] == "Asia/Jakarta"
    assert ibu.get(OWN, params={"zone": "UTC"}).json()["starts_at"] == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("2026-13", {}),
        ("2026-12", {}),
        ("0000-01", {}),
        ("2026-11", {"zone": "Mars"}),
        ("2026-11", {"format": "docx"}),
        ("2026-11", {"part": "all"}),
    ],
)
def test_what_is_wrong_is_named(
    voice: Callable[[str], TestClient], path: str, params: dict[str, str]
) -> None:
    answer = voice("ibu").get(f"/v1/clients/warung/reports/{path}", params=params)
    assert answer.status_code == 422
    assert answer.json()["error"]["message"]


def test_the_command_writes_the_same_report(november: Story, tmp_path: Path) -> None:
    house, out = november.house, tmp_path / "november.json"

    def hsp(*words: str) -> tuple[int, str]:
        with time_machine.travel(house.clock.now, tick=False):
            given = ["--home", str(house.server.settings.home), "client", "report", *words]
            done = CliRunner().invoke(main, given)
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.output

    status, said = hsp("warung", "2026-11", "--format", "json", "--out", str(out))
    assert status == 0, said
    assert "1 installed, 1 failed in 2026-11 (Asia/Jakarta)" in said
    assert json.loads(out.read_bytes())["client_id"] == "warung"
    page = tmp_path / "november.html"
    words = ("--format", "html", "--out", str(page), "--language", "id", "--zone", "Asia/Makassar")
    assert hsp("warung", "2026-11", *words)[0] == 0
    assert "25 Nov 2026, 23.30" in page.read_text("utf-8")
    assert hsp("nobody", "2026-11", "--out", str(out))[0] == 66
    assert hsp("warung", "november", "--out", str(out))[0] == 65
    assert hsp("warung", "2026-11", "--out", str(tmp_path))[0] in (2, 65)
    assert hsp("warung", "2026-11", "--out", str(tmp_path / "no" / "such"))[0] == 65
