"""L2 asks one site for a step of the fixed list; it is handed out, answered, kept and shown."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlmodel import select
from starlette.testclient import TestClient

from distribution import events
from distribution.audit import log
from distribution.cli import main
from distribution.control.rollouts import Word
from distribution.desk import diagnostics, remote_steps, step_results
from distribution.desk.remote_steps import Wanted
from distribution.desk.remote_tables import StepResultRow
from distribution.errors import Conflict, Invalid, NotFound, Unauthorised
from distribution.events import EventKind
from distribution.sites import site_identity
from manifests.envelope import public_hex
from manifests.remote_steps import (
    MOST_STEPS,
    STEP_RESULT_TYPE,
    Diagnostics,
    DriftReport,
    Outcome,
    RemoteStep,
    Section,
    StepKind,
    StepReceipt,
    StepResult,
)
from tests.simulators.deeds import hsp
from tests.simulators.house import PRODUCT, House, Talker
from tests.simulators.staff import api_of, token_of

JOKO = Word("joko", "it hangs since noon", "l2")
DRIFT = DriftReport(product=PRODUCT, version="2.0", differences=("a differs",), different=1)


def ask(house: House, kind: StepKind, product: str = "", version: str = "") -> str:
    """Joko asks the shop; the step's name."""
    wanted = Wanted(kind, product, version)
    return remote_steps.ask(house.database, "shop", wanted, JOKO, house.clock.now).step_id


def said(site: Talker, step_id: str, kind: str, **fields: Any) -> bytes:
    """What a site answers, signed by it."""
    plain = {
        "site_id": site.site_id,
        "step_id": step_id,
        "kind": kind,
        "at": site.now,
        "outcome": Outcome.DONE,
        "sentence": "as you say",
        **fields,
    }
    return site.sealed(StepResult.model_validate(plain).to_bytes(), STEP_RESULT_TYPE)


def answers(site: Talker, step: RemoteStep, **fields: Any) -> StepReceipt:
    """It does."""
    message = said(site, step.step_id, step.kind, **fields)
    return step_results.accept(site.server.database, message, site.now)


def bundle(house: House, text: str = "free: 12 GB") -> Diagnostics:
    """A small one."""
    section = Section(name="disk", text=text)
    return Diagnostics(at=house.clock.now, agent_version="1", sections=(section,))


@pytest.fixture
def shop(house: House) -> Talker:
    return house.site("shop")


def records(house: House) -> list[remote_steps.StepRecord]:
    with house.database.reading() as session:
        return remote_steps.listed(session, "shop")


# --- asking


def test_a_site_hears_of_it_by_role_until_it_has_answered(house: House, shop: Talker) -> None:
    ask(house, StepKind.RETRY, PRODUCT, "2.0")
    for _ in range(2):
        [step] = shop.check_in().steps
    assert (step.kind, step.product, step.version) == ("retry", PRODUCT, "2.0")
    assert step.asked_by == "l2", "and no name of ours"
    assert step.expires_at - step.asked_at == timedelta(hours=24)
    assert house.site("ward").check_in().steps == ()
    answers(shop, step)
    assert shop.check_in().steps == ()


def test_the_deed_is_in_the_log_with_its_reason_and_watchers_hear_of_it(
    house: House, shop: Talker
) -> None:
    ask(house, StepKind.RESTART, PRODUCT)
    [step] = shop.check_in().steps
    answers(shop, step, outcome=Outcome.REFUSED, sentence="not today")
    with house.database.reading() as session:
        [deed] = log.page(session, 0, 100, log.Filter(action="site.ask"))
        told = [e for e in events.after(session, 0, 1000) if e.kind is EventKind.STEP]
    assert (deed.actor, deed.role, deed.reason) == ("joko", "l2", JOKO.reason)
    assert deed.about == f"site shop: restart {PRODUCT}"
    assert [event.detail["outcome"] for event in told] == ["asked", "refused"]
    assert {event.site_id for event in told} == {"shop"}
    [record] = records(house)
    assert (record.outcome, record.sentence, record.asked_by) == ("refused", "not today", "joko")


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(StepKind.RESTART),
        Wanted(StepKind.RESTART, "other"),
        Wanted(StepKind.RETRY, PRODUCT),
        Wanted(StepKind.RETRY, PRODUCT, "$(reboot)"),
        Wanted(StepKind.VERIFY, PRODUCT, "2.0"),
        Wanted(StepKind.COLLECT, PRODUCT),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_not_asked(house: House, shop: Talker, wanted: Wanted) -> None:
    with pytest.raises(Invalid):
        remote_steps.ask(house.database, "shop", wanted, JOKO, house.clock.now)
    assert shop.check_in().steps == ()


def test_neither_the_same_twice_nor_more_than_ten_at_once(house: House, shop: Talker) -> None:
    for number in range(MOST_STEPS):
        ask(house, StepKind.RETRY, PRODUCT, f"{number}.0")
    with pytest.raises(Conflict, match="already: retry app 3"):
        ask(house, StepKind.RETRY, PRODUCT, "3.0")
    with pytest.raises(Conflict, match="10 steps wait"):
        ask(house, StepKind.VERIFY)
    assert len(shop.check_in().steps) == MOST_STEPS


def test_a_revoked_site_and_an_unknown_one_are_not_asked(house: House, shop: Talker) -> None:
    site_identity.revoke(house.database, "shop", Word("rina", "stolen"), house.clock.now)
    with pytest.raises(Conflict, match="revoked"):
        ask(house, StepKind.VERIFY)
    with pytest.raises(NotFound):
        remote_steps.ask(house.database, "none", Wanted(StepKind.VERIFY), JOKO, house.clock.now)


# --- answers


def test_an_answer_is_taken_once_and_another_one_never(house: House, shop: Talker) -> None:
    ask(house, StepKind.VERIFY)
    [step] = shop.check_in().steps
    first = said(shop, step.step_id, "verify", drift=(DRIFT,))
    for duplicate in (False, True):
        receipt = step_results.accept(house.database, first, house.clock.now)
        assert receipt.duplicate is duplicate
    with pytest.raises(Conflict, match="otherwise"):
        answers(shop, step, sentence="it was another")
    with house.database.reading() as session:
        details = remote_steps.details(session, "shop", step.step_id)
    assert details.drift == (DRIFT,)
    assert details.step.sentence == "as you say"


def test_nobody_answers_for_another_or_unasked(house: House, shop: Talker) -> None:
    ward = house.site("ward")
    step_id = ask(house, StepKind.VERIFY)
    for message in (
        said(ward, step_id, "verify"),
        said(shop, "f" * 32, "verify"),
        said(shop, step_id, "repair"),
    ):
        with pytest.raises(Conflict, match="nobody has asked"):
            step_results.accept(house.database, message, house.clock.now)
    forged = said(Talker("shop", house.server), step_id, "verify")
    with pytest.raises(Unauthorised):
        step_results.accept(house.database, forged, house.clock.now)
    assert records(house)[0].outcome == ""


def test_what_is_not_answered_in_a_day_is_over_but_a_late_answer_counts(
    house: House, shop: Talker
) -> None:
    ask(house, StepKind.VERIFY)
    [step] = shop.check_in().steps
    house.tick(24 * 3600 + 1)
    assert records(house)[0].outcome == remote_steps.EXPIRED
    assert shop.check_in().steps == ()
    answers(shop, step)
    assert records(house)[0].outcome == "done"


# --- diagnostics


def test_a_bundle_is_kept_for_thirty_days_and_then_only_what_came_of_it(
    house: House, shop: Talker
) -> None:
    opened_at = house.clock.now
    ask(house, StepKind.COLLECT)
    [step] = shop.check_in().steps
    house.clock.forward(60)
    answers(shop, step, diagnostics=bundle(house))
    with house.database.reading() as session:
        newest = diagnostics.newest_for(session, "shop", opened_at)
        assert newest is not None
        view = diagnostics.view(session, "shop", newest.step_id)
        assert diagnostics.newest_for(session, "shop", house.clock.now + timedelta(1)) is None
        with pytest.raises(NotFound):
            diagnostics.view(session, "ward", newest.step_id)
        kept = session.exec(select(StepResultRow)).one()
    assert view.sections == (Section(name="disk", text="free: 12 GB"),)
    assert kept.public_key == view.public_key == public_hex(shop.key.public_key())
    house.tick(30 * 24 * 3600 + 1)
    with house.database.reading() as session:
        assert diagnostics.listed(session, "shop") == []
        with pytest.raises(NotFound, match="30 days"):
            diagnostics.view(session, "shop", newest.step_id)
    assert records(house)[0].outcome == "done"


# --- who may, on both ways


@pytest.fixture
def voice(house: House) -> Callable[[str], TestClient]:
    """The API in somebody's voice."""
    return lambda name: api_of(house.server, token_of(house.database, name, house.clock.now))


def test_over_the_api_by_l2_from_question_to_answer(
    house: House, shop: Talker, voice: Callable[[str], TestClient]
) -> None:
    joko = voice("joko")
    asked = joko.post("/v1/sites/shop/steps", json={"kind": "collect", "reason": "it fails"})
    assert asked.status_code == 200, asked.text
    body = shop.sign_of_life()
    [step] = joko.post("/v1/check-in", content=body).json()["steps"]
    text = "x" * 50_000
    large = Diagnostics(
        at=house.clock.now,
        agent_version="1",
        sections=tuple(Section(name=f"log {n}", text=text) for n in range(10)),
    )
    message = said(shop, step["step_id"], "collect", diagnostics=large)
    assert joko.post("/v1/step-results", content=message).status_code == 200
    [listed] = joko.get("/v1/sites/shop/steps").json()
    assert (listed["outcome"], listed["step_id"]) == ("done", step["step_id"])
    assert joko.get(f"/v1/sites/shop/steps/{step['step_id']}").json()["has_diagnostics"] is True
    [found] = joko.get("/v1/sites/shop/diagnostics").json()
    shown = joko.get(f"/v1/sites/shop/diagnostics/{found['step_id']}").json()
    assert shown["sections"][9]["text"] == text
    for wrong in ({"kind": "shell"}, {"kind": "verify", "command": "sh"}, {"reason": ""}):
        plain = {"kind": "verify", "reason": "why", **wrong}
        assert joko.post("/v1/sites/shop/steps", json=plain).status_code == 422


@pytest.mark.parametrize(("name", "status"), [("sari", 403), ("rina", 403), ("wati", 200)])
def test_only_l2_and_l3_may(
    house: House, shop: Talker, voice: Callable[[str], TestClient], name: str, status: int
) -> None:
    asked = voice(name).post("/v1/sites/shop/steps", json={"kind": "verify", "reason": "why"})
    assert asked.status_code == status
    assert len(shop.check_in().steps) == (status == 200)


def test_on_the_command_line(house: House, shop: Talker) -> None:
    words = ("site", "ask", "shop", "verify", "--product", PRODUCT, "--reason", "why")
    assert "next check-in" in hsp(house, *words, "--by", "joko")
    assert "waits for its check-in" in hsp(house, "site", "steps", "shop")
    [step] = shop.check_in().steps
    answers(shop, step, sentence="one file differs", drift=(DRIFT,))
    shown = hsp(house, "site", "steps", "shop")
    assert "one file differs" in shown
    assert "a differs" in shown
    ask(house, StepKind.COLLECT)
    [step] = shop.check_in().steps
    answers(shop, step, diagnostics=bundle(house, "free: 12 GB\x1b[2J"))
    told = hsp(house, "site", "diagnostics", "shop")
    assert "free: 12 GB" in told
    assert "\x1b" not in told, "it cannot write to the terminal"
    assert step.step_id in hsp(house, "site", "diagnostics", "shop", "--list")
    home = str(house.server.settings.home)
    refused = CliRunner().invoke(main, ["--home", home, *words, "--by", "sari"])
    assert (refused.exit_code, "may not ask one site" in refused.output) == (77, True)
