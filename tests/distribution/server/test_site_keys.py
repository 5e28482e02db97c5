"""A site's key gives place to a new one; a copy of the machine is locked out and heard of."""

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.audit import log
from distribution.control.rollouts import Word
from distribution.database.tables import Alarm, Problem, Receipt, Site
from distribution.errors import Invalid, Unauthorised
from distribution.repository import catalogue
from distribution.sites import check_ins, site_identity, site_keys
from manifests.envelope import open_sealed, public_hex, seal, site_key
from manifests.install_report import REPORT_TYPE, Phase
from manifests.key_rotation import POSSESSION_TYPE, ROTATION_TYPE, KeyPossession, KeyRotation
from tests.simulators.house import House, Talker, schedule


def wish(site: Talker, new: Ed25519PrivateKey, prover: Ed25519PrivateKey | None = None) -> bytes:
    """A site asks for a new key, which agrees."""
    names = {
        "site_id": site.site_id,
        "old_key": public_hex(site.key.public_key()),
        "new_key": public_hex(new.public_key()),
    }
    body = KeyPossession.model_validate(names).to_bytes()
    proof = seal(body, POSSESSION_TYPE, CryptoSigner(prover or new)).decode()
    said = KeyRotation.model_validate({**names, "at": site.now, "proof": proof})
    return site.sealed(said.to_bytes(), ROTATION_TYPE)


def rotate(site: Talker, message: bytes) -> str:
    """The key that the server believes from now on."""
    return site_keys.rotate(site.server.database, message, site.now).public_key


def copy_of(site: Talker) -> Talker:
    """Another machine with the same key."""
    return Talker(site.site_id, site.server, key=site.key, sequence=site.sequence)


def believed(house: House) -> str:
    with house.database.reading() as session:
        return session.get_one(Site, "shop").public_key


def alarms(house: House) -> dict[str, int]:
    with house.database.reading() as session:
        return {row.kind: row.seen for row in session.exec(select(Alarm))}


@pytest.fixture
def shop(house: House) -> Talker:
    return house.site("shop")


@pytest.fixture
def new() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def test_the_new_key_speaks_and_the_old_one_does_not(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    house.start("2.0", schedule(10_000))
    shop.report(Phase.DOWNLOADING)
    old = copy_of(shop)
    message = wish(shop, new)
    assert rotate(shop, message) == believed(house) == public_hex(new.public_key())
    assert rotate(shop, message) == believed(house), "the answer was lost; it is given again"
    shop.key = new
    shop.check_in()
    shop.report(Phase.CONFIRMED)
    with pytest.raises(Unauthorised):
        old.check_in()
    with house.database.reading() as session:
        for receipt in session.exec(select(Receipt)):
            assert open_sealed(receipt.envelope, REPORT_TYPE, site_key(receipt.public_key))
        [deed] = log.page(session, 0, 100, log.Filter(action="site.rotate_key"))
        keys = {receipt.public_key for receipt in session.exec(select(Receipt))}
    assert len(keys) == 2, "each receipt keeps the key of its time"
    assert deed.actor == "site:shop"
    assert "public_key" in deed.changes


def test_a_copy_that_is_first_locks_the_other_out_and_security_hears_of_it(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    left_out = copy_of(shop)
    rotate(shop, wish(shop, new))
    house.clock.forward(60)
    with pytest.raises(Unauthorised):
        left_out.check_in()
    with pytest.raises(Unauthorised):
        rotate(left_out, wish(left_out, Ed25519PrivateKey.generate()))
    assert alarms(house) == {"former_key": 1, "strange_rotation": 1}
    house.tick(1)
    with house.database.reading() as session:
        found = session.exec(select(Problem.tier, Problem.code)).all()
    assert set(found) == {("security", "forged_report")}
    assert believed(house) == public_hex(new.public_key())


def test_what_was_said_before_the_change_and_comes_late_is_no_copy(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    late = shop.sign_of_life()
    house.clock.forward(60)
    rotate(shop, wish(shop, new))
    shop.key = new
    trust, settings = catalogue.trust_state(house.server.store), house.server.settings
    with pytest.raises(Unauthorised):
        check_ins.accept(house.database, late, settings, trust, house.clock.now)
    assert alarms(house) == {}


def test_nobody_changes_a_key_that_is_not_theirs(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    before, thief = believed(house), Talker("shop", house.server)
    with pytest.raises(Unauthorised):
        rotate(thief, wish(thief, new))
    assert alarms(house) == {"strange_rotation": 1}
    with pytest.raises(Unauthorised):
        rotate(thief, wish(Talker("none", house.server), new))
    with pytest.raises(Invalid, match="does not agree"):
        rotate(shop, wish(shop, new, prover=thief.key))
    site_identity.revoke(house.database, "shop", Word("rina", "stolen"), house.clock.now)
    with pytest.raises(Unauthorised):
        rotate(shop, wish(shop, new))
    assert alarms(house) == {"strange_rotation": 2}
    assert believed(house) == before


def test_a_key_that_was_given_up_does_not_come_back(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    first = shop.key
    rotate(shop, wish(shop, new))
    shop.key = new
    with pytest.raises(Unauthorised):
        rotate(shop, wish(shop, first))
    assert believed(house) == public_hex(new.public_key())


def test_a_machine_that_is_enrolled_anew_after_that_is_well(
    house: House, shop: Talker, new: Ed25519PrivateKey
) -> None:
    rotate(shop, wish(shop, new))
    again = Talker("shop", house.server)
    again.enrol()
    again.check_in()
    third = Ed25519PrivateKey.generate()
    rotate(again, wish(again, third))
    again.key = third
    house.clock.forward(timedelta(minutes=1).total_seconds())
    again.check_in()
    assert alarms(house) == {}


def test_over_the_api(
    house: House, shop: Talker, client: TestClient, new: Ed25519PrivateKey
) -> None:
    said = client.post("/v1/site-key", content=wish(shop, new))
    assert said.status_code == 200, said.text
    assert said.json()["public_key"] == believed(house)
    assert client.post("/v1/site-key", content=b"x" * 20_000).status_code == 413
    assert client.post("/v1/site-key", content=b"{}").status_code == 400
