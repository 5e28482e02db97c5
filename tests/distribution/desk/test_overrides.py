"""An operator says otherwise of a failure code; what is security's stays that."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from distribution.desk import overrides
from distribution.desk.overrides import Change
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.languages import Language
from distribution.people.roles import Person
from manifests.failures import FAILURES, FailureCode, Tier
from tests.distribution.desk.conftest import OnlyTicket
from tests.simulators.house import House, Talker

People = Callable[[str], Person]

UNHEALTHY = FailureCode.UNHEALTHY
EVERYTHING = Change(
    Tier.L3, timedelta(minutes=30), "https://wiki.example/tills", {Language.ENGLISH: "We know."}
)


def test_a_ticket_has_the_operators_tier_clock_page_and_sentence(
    house: House, site: Talker, only_ticket: OnlyTicket, person: People
) -> None:
    wati, now = person("wati"), house.clock.now
    overrides.change(house.database, wati, UNHEALTHY, EVERYTHING, "tills", now)
    site.fails()
    house.tick()
    line = only_ticket()
    assert (line.tier, line.runbook, line.sentence) == (
        Tier.L3, "https://wiki.example/tills", "We know.",
    )  # fmt: skip
    assert line.due_at == now + timedelta(minutes=30)


def test_what_is_left_out_stays_and_a_reset_takes_all_of_it_back(
    house: House, person: People
) -> None:
    rina, now = person("rina"), house.clock.now
    overrides.change(house.database, rina, UNHEALTHY, EVERYTHING, "tills", now)
    indonesian = Change(sentences={Language.INDONESIAN: "Kami tahu."})
    changed = overrides.change(house.database, rina, UNHEALTHY, indonesian, "more", now)
    assert changed.sentences == {Language.ENGLISH: "We know.", Language.INDONESIAN: "Kami tahu."}
    assert (changed.tier, changed.changed) == (Tier.L3, True)
    back = overrides.reset(house.database, rina, UNHEALTHY, "mended", now)
    assert (back.tier, back.changed) == (FAILURES[UNHEALTHY].tier, False)
    assert back.sentences[Language.ENGLISH] == FAILURES[UNHEALTHY].sentence
    with pytest.raises(Conflict):
        overrides.reset(house.database, rina, UNHEALTHY, "again", now)


SECURITYS = [code for code in FailureCode if FAILURES[code].tier is Tier.SECURITY]


def test_no_code_of_securitys_leaves_it_but_its_clock_may_change(
    house: House, person: People
) -> None:
    rina, now = person("rina"), house.clock.now
    for code in SECURITYS:
        for tier in (Tier.L1, Tier.L2, Tier.L3):
            with pytest.raises(Conflict):
                overrides.change(house.database, rina, code, Change(tier), "quiet", now)
    sooner = Change(answer_within=timedelta(minutes=5))
    assert overrides.change(house.database, rina, FailureCode.CLOCK, sooner, "x", now).tier is (
        Tier.SECURITY
    )


@pytest.mark.parametrize(
    ("code", "change", "reason", "error"),
    [
        ("unhealthy", Change(), "x", Invalid),
        ("unhealthy", Change(Tier.L1), " ", Invalid),
        ("unhealthy", Change(answer_within=timedelta(0)), "x", Invalid),
        ("unhealthy", Change(answer_within=timedelta(days=31)), "x", Invalid),
        ("unhealthy", Change(sentences={Language.ENGLISH: " "}), "x", Invalid),
        ("unhealthy", Change(runbook="x" * 501), "x", Invalid),
        ("flux_capacitor", Change(Tier.L1), "x", NotFound),
    ],
)
def test_what_cannot_be_said_of_a_code_is_refused(
    house: House,
    person: People,
    code: str,
    change: Change,
    reason: str,
    error: type[Exception],
) -> None:
    with pytest.raises(error):
        overrides.change(house.database, person("wati"), code, change, reason, house.clock.now)


@pytest.mark.parametrize("name", ["lia", "joko", "sari", "budi"])
def test_the_table_is_l3s_and_securitys(house: House, person: People, name: str) -> None:
    with pytest.raises(NotAllowed):
        overrides.change(
            house.database, person(name), UNHEALTHY, Change(Tier.L1), "x", house.clock.now
        )  # fmt: skip
