"""A site's key that is revoked is nobody's at once; a copied machine is noticed, no reboot is."""

from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlmodel import select

from distribution.cli import main
from distribution.control import brakes
from distribution.control.rollouts import Word
from distribution.database.tables import Alarm, Problem
from distribution.errors import Conflict, NotFound, Unauthorised
from distribution.repository import catalogue
from distribution.sites import check_ins, site_identity
from distribution.sites.site_identity import COPIED, QUARANTINE
from manifests.install_report import Phase
from tests.simulators.house import House, Talker

WORD = Word("rina", "the machine was stolen")


def brakes_on(house: House) -> list[tuple[str, str]]:
    """Who put a brake on which site."""
    with house.database.reading() as session:
        return [(one.by, one.target) for one in brakes.listed(session)]


def hears(house: House, talker: Talker, boot: str = "") -> str:
    """A minute later the site checks in, from this boot; the hold that it hears of."""
    house.clock.forward(60)
    talker.boot_id = boot or talker.boot_id
    return talker.check_in().hold


# --- revocation


def test_a_revoked_site_is_a_stranger_from_its_next_message_on(house: House) -> None:
    shop, ward = house.site("shop"), house.site("ward")
    invitation = replace(shop, invitation=None).invited()
    site_identity.revoke(house.database, "shop", WORD, house.clock.now)
    for speak in (shop.check_in, lambda: shop.report(Phase.DOWNLOADING)):
        with pytest.raises(Unauthorised):
            speak()
    old = replace(shop, invitation=invitation)
    with pytest.raises(Unauthorised):
        old.enrol()
    ward.check_in()
    with pytest.raises(Conflict, match="already"):
        site_identity.revoke(house.database, "shop", WORD, house.clock.now)
    with pytest.raises(NotFound):
        site_identity.revoke(house.database, "none", WORD, house.clock.now)


def test_only_a_new_invitation_lets_it_in_again(house: House) -> None:
    shop = house.site("shop")
    site_identity.revoke(house.database, "shop", WORD, house.clock.now)
    shop.enrol()  # answered as before, since the answer may have been lost; it opens nothing
    with pytest.raises(Unauthorised):
        shop.check_in()
    again = Talker("shop", house.server)
    again.enrol()
    again.check_in()
    with pytest.raises(Unauthorised):
        shop.check_in()


def test_on_the_command_line_by_a_security_administrator(house: House) -> None:
    shop = house.site("shop")

    def revoke(by: str) -> int:
        words = ["site", "revoke", "shop", "--reason", "stolen", "--by", by]
        home = str(house.server.settings.home)
        return CliRunner().invoke(main, ["--home", home, *words]).exit_code

    assert revoke("wati") == 77
    shop.check_in()
    assert revoke("rina") == 0
    with pytest.raises(Unauthorised):
        shop.check_in()


# --- copies


def test_two_machines_with_one_key_are_quarantined_and_security_hears_of_it(house: House) -> None:
    shop = house.site("shop")
    house.site("ward")
    assert hears(house, shop, "here") == ""
    assert hears(house, shop, "there") == "", "that could be a reboot"
    assert COPIED in hears(house, shop, "here")
    assert COPIED in hears(house, shop, "there")
    assert brakes_on(house) == [(QUARANTINE, "shop")]
    house.tick(1)
    with house.database.reading() as session:
        assert session.exec(select(Problem.tier)).all() == ["security"]
        alarm = session.exec(select(Alarm)).one()
    assert (alarm.site_id, alarm.detail) == ("shop", COPIED)


def test_a_restart_and_any_number_of_reboots_are_no_copy(house: House) -> None:
    shop = house.site("shop")
    for number in range(30):
        assert hears(house, shop, f"start-{number}") == ""
        assert hears(house, shop) == "", "the agent was restarted"
    assert brakes_on(house) == []


def test_what_comes_late_from_before_a_reboot_is_no_copy(house: House) -> None:
    shop = house.site("shop")
    hears(house, shop, "before")
    late = shop.sign_of_life()
    hears(house, shop, "after")
    house.clock.forward(60)
    args = house.database, late, house.server.settings
    check_ins.accept(*args, catalogue.trust_state(house.server.store), house.clock.now)
    assert hears(house, shop, "after") == ""
    assert brakes_on(house) == []


def test_after_an_approver_has_looked_the_one_machine_that_is_left_is_well(house: House) -> None:
    shop = house.site("shop")
    for boot in ("here", "there", "here"):
        hears(house, shop, boot)
    with house.database.reading() as session:
        number = brakes.listed(session)[0].number
    word = Word("budi", "the copy is switched off")
    brakes.take_off(house.database, number, word, house.clock.now, may_lift=True)
    for _ in range(3):
        assert hears(house, shop, "here") == ""
    assert hears(house, shop, "a reboot later") == ""
    assert COPIED in hears(house, shop, "here"), "and the copy is noticed again"


def test_a_new_key_begins_anew(house: House) -> None:
    shop = house.site("shop")
    for boot in ("here", "there"):
        hears(house, shop, boot)
    again = Talker("shop", house.server)
    again.enrol()
    assert hears(house, again, "here") == ""
    assert brakes_on(house) == []
