"""The desk's commands: what they show, and what they answer to what cannot be."""

import pytest
import time_machine
from click.testing import CliRunner

from distribution.cli import main
from manifests.failures import FailureCode
from manifests.install_report import Phase
from tests.simulators.deeds import hsp
from tests.simulators.house import House


def test_one_ticket_shows_everything_that_the_next_tier_needs(house: House) -> None:
    site = house.site("shop")
    site.report(
        Phase.REVERTED,
        code=FailureCode.START_FAILED,
        detail="app 2.0 does not stay up",
        hook_status=3,
        log_tail="starting\nKeyError: 'price'",
    )
    house.tick()
    hsp(house, "ticket", "take", "1", "--by", "joko")
    told = ("symptoms", "record", "shop", "--channel", "chat", "--sees", "slow", "--places", "3")
    hsp(house, *told, "--words", "no price", "--began", "2026-11-25T01:00Z", "--by", "lia")
    hsp(house, "ticket", "note", "1", "the price list is empty", "--by", "joko")
    shown = hsp(house, "ticket", "show", "1")
    for words in (
        "1, L2, open", "KeyError: 'price'", "docs/runbooks/start_failed.md", "by joko",
        "0 of 1 sites confirmed", "the price list is empty", "no price", "the customer says",
    ):  # fmt: skip
        assert words in shown
    assert "KeyError" not in hsp(house, "tickets", "--sites")
    assert "no price" in hsp(house, "symptoms", "list", "shop")
    assert "ticket 1" in hsp(house, "desk", "queue", "--tier", "L2").splitlines()[-1]


@pytest.mark.parametrize(
    "words",
    [
        "ticket show 99",
        "ticket show 99999999999999999999999",
        "ticket take 1 --by nobody",
        "ticket raise 99 --reason x --by lia",
        "known-issue end K-x --reason x --by wati",
        "known-issue end K-9 --reason x --by wati",
        "known-issue add --product app --workaround x --sentence x --by wati",
        "known-issue add --product app --words x --versions newest --workaround x --sentence x "
        "--by wati",
        "problem hand-over 99 --to developers --by wati",
        "problem sites 99",
        "symptoms record shop --channel chat --sees slow --began yesterday --by lia",
        "symptoms record nowhere --channel chat --sees slow --by lia",
        "symptoms list nowhere",
        "failure set nothing --tier L1 --reason x --by wati",
        "failure set clock --tier L1 --reason x --by rina",
        "failure set unhealthy --answer-within soon --reason x --by wati",
        "failure set unhealthy --sentence klingon=x --reason x --by wati",
        "failure reset unhealthy --reason x --by wati",
        "rollout start app 2.0 --for-problem 99 --by sari",
    ],
)
def test_what_cannot_be_is_answered_with_a_sentence(house: House, words: str) -> None:
    house.site("shop")
    house.estate.publish("2.0")
    home = str(house.server.settings.home)
    with time_machine.travel(house.clock.now, tick=False):
        done = CliRunner().invoke(main, ["--home", home, *words.split()])
    assert done.exit_code not in (0, 1), done.output
    assert isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
