"""No gate without a sentence for the customer; what ``explain`` says of each, in both languages."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

import pytest
from starlette.testclient import TestClient

from distribution.control.gate_sentences import INSTALL, SENTENCES, said
from distribution.control.rollouts import Word
from distribution.languages import Language
from distribution.people.roles import Role
from distribution.sites import clients
from manifests.decision import GATES
from manifests.site import SitePolicy
from tests.simulators.deeds import hsp, paused
from tests.simulators.house import House, schedule
from tests.simulators.staff import api_of, hire, token_of

EN, ID = Language
UNTIL = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "support-desk.md"


def test_every_gate_has_a_sentence_and_none_is_left_over() -> None:
    assert set(SENTENCES) == {gate.__name__ for gate in GATES} | {INSTALL}


@pytest.mark.parametrize("gate", SENTENCES)
@pytest.mark.parametrize("answer", ["wait", "stay"])
@pytest.mark.parametrize("until", [None, UNTIL])
def test_whatever_a_gate_answers_is_a_whole_sentence(
    gate: str, answer: str, until: datetime | None
) -> None:
    english, indonesian = (
        said(gate, answer, "the {moon} is full", until, "Asia/Jakarta", language)
        for language in Language
    )
    assert english != indonesian
    for sentence in (english, indonesian):
        assert sentence.endswith((".", "the {moon} is full"))


@pytest.mark.parametrize("gate", SENTENCES)
def test_a_sentence_asks_for_nothing_but_what_is_known(gate: str) -> None:
    one = SENTENCES[gate]
    fields = {
        kind: {name for _, name, _, _ in Formatter().parse(text) if name}
        for kind, text in (("plain", one.plain), ("planned", one.planned), ("stays", one.stays))
    }
    assert fields["plain"] <= {"reason"}
    assert fields["planned"] <= {"moment"} and not fields["stays"]


def test_the_desks_page_has_the_same_sentences() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    for gate in (each.__name__ for each in GATES):
        [row] = [row for row in rows if row.startswith(f"| {gate} |")]
        for text in (SENTENCES[gate].plain, SENTENCES[gate].planned, SENTENCES[gate].stays):
            assert text.replace("{moment}", "...").replace("{reason}", "...") in row, (gate, text)


@pytest.fixture
def api(house: House) -> Callable[..., TestClient]:
    """The API in somebody's voice, who reads a language."""

    def voice(name: str, accept_language: str = "") -> TestClient:
        client = api_of(house.server, token_of(house.database, name, house.clock.now))
        if accept_language:
            client.headers["Accept-Language"] = accept_language
        return client

    return voice


def test_explain_says_the_sentence_in_the_language_that_is_asked_for(
    house: House, api: Callable[..., TestClient]
) -> None:
    house.site("shop")
    paused(house)
    hire(house.database, house.clock.now, {"ibu": (Role.CUSTOMER,)}, client="warung")

    def heard(name: str, accept_language: str = "") -> str:
        answer = api(name, accept_language).get("/v1/sites/shop/explain")
        assert answer.status_code == 200, answer.text
        [found] = answer.json()
        return str(found["sentence"])

    reason = "the rollout is paused (sari: prices are missing)"
    english = f"This update is on hold. The reason: {reason}"
    indonesian = f"Pembaruan ini sedang ditahan. Alasannya: {reason}"
    assert heard("ani") == heard("ibu") == english
    assert heard("ani", "id-ID, en;q=0.5") == indonesian
    clients.set_language(house.database, "warung", ID, Word("wati", ""), house.clock.now)
    assert heard("ani") == heard("ibu") == heard("ibu", "de") == indonesian
    assert heard("ibu", "en") == english
    assert f"say: {indonesian}" in hsp(house, "explain", "shop")
    assert f"say: {english}" in hsp(house, "explain", "shop", "--language", "en")


def test_a_moment_is_told_on_the_sites_own_clock(house: House) -> None:
    window = {
        "zone": "Asia/Jakarta",
        "starts": "2026-11-25T22:00:00",
        "rule": "FREQ=DAILY",
        "duration_seconds": 7200,
    }
    house.site("shop", policy=SitePolicy.model_validate({"windows": [window]}))
    house.start("2.0", schedule(10_000))
    house.clock.forward(60)
    said_now = hsp(house, "explain", "shop", "--language", "id")
    assert "Lokasi Anda dapat diperbarui mulai 25 Nov 2026, 22.00 WIB" in said_now


def test_a_clients_language_is_chosen_and_given_back(house: House) -> None:
    house.site("shop")
    assert "warung reads id" in hsp(
        house, "client", "set", "warung", "--language", "id", "--by", "wati"
    )
    with house.database.reading() as session:
        assert clients.language(session, "warung", EN) is ID
    hsp(house, "client", "set", "warung", "--language", "default", "--by", "wati")
    with house.database.reading() as session:
        assert clients.language(session, "warung", EN) is EN
        assert clients.language(session, "warung", ID) is ID, "whatever the server's is"
