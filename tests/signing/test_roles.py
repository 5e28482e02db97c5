"""The role table, and that people are counted, not keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.metadata import Targets

from distribution.repository.catalogue import trust_state
from signing import key_files, signers
from signing.delegations import delegate, delegate_product, fit, new_root
from signing.errors import AlreadyThere, Tampered, UnfitRole, UnknownRole
from signing.roles import (
    RULES,
    Rule,
    covers,
    delegations_of,
    key_of_person,
    life_of,
    person_of,
    products,
    row_of,
    rules,
    signatories,
)
from tests.simulators.estate import Estate

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def key(person: str, scheme: str = signers.ED25519) -> SSlibKey:
    return key_of_person(SSlibKey.from_crypto(key_files.new_key(scheme).public_key()), person)


@pytest.fixture
def targets() -> Targets:
    """Delegations as a repository has them."""
    targets, on_call, table = Targets(), [key("tono"), key("wati")], RULES
    delegate_product(targets, "app", [key("sari"), key("joko")], key("server"), table)
    delegate(targets, "hotfixes", on_call, table["hotfixes"])
    delegate(targets, "breakglass", on_call, table["breakglass"])
    return targets


def test_the_table_is_the_promise() -> None:
    said = {name: (rule.threshold, rule.life) for name, rule in RULES.items()}
    day, hour = timedelta(days=1), timedelta(hours=1)
    assert said == {
        "root": (2, 365 * day),
        "targets": (2, 180 * day),
        "product": (2, 90 * day),
        "hotfixes": (2, 30 * day),
        "breakglass": (1, 30 * day),
        "rollouts": (1, 7 * day),
        "snapshot": (1, 7 * day),
        "timestamp": (1, 6 * hour),
    }


def test_every_number_can_be_set_by_the_operator() -> None:
    table = rules({"root": 3}, {"timestamp": timedelta(hours=1)})
    assert table["root"].threshold == 3
    assert table["timestamp"].life == timedelta(hours=1)
    assert table["targets"] == RULES["targets"]
    with pytest.raises(UnknownRole, match="'boot' is not one of"):
        rules({"boot": 1})


def test_an_operators_numbers_are_signed_and_used(tmp_path: Path) -> None:
    table = rules({"hotfixes": 1}, {"timestamp": timedelta(hours=1), "root": timedelta(days=9)})
    estate = Estate.create(tmp_path, table=table)
    expires = trust_state(estate.store).expires
    assert expires["timestamp"] == estate.now + timedelta(hours=1)
    assert expires["root"] == estate.now + timedelta(days=9)


def test_emergency_lanes_come_first_and_all_ends_there(targets: Targets) -> None:
    roles = delegations_of(targets).roles or {}
    assert list(roles) == ["hotfixes", "breakglass", "app", "app.rollouts"]
    assert all(role.terminating for role in roles.values())
    assert products(targets) == ["app"]


@pytest.mark.parametrize(
    ("role", "path", "may"),
    [
        ("app", "releases/app/1.0/manifest.json", True),
        ("app", "releases/other/1.0/manifest.json", False),
        ("app", "releases/app/1.0/sub/manifest.json", False),
        ("app", "rollouts/app/plan.json", False),
        ("app.rollouts", "rollouts/app/plan.json", True),
        ("app.rollouts", "deltas/app/1.0-1.1", True),
        ("app.rollouts", "releases/app/1.0/manifest.json", False),
        ("hotfixes", "hotfixes/app/1.0/manifest.json", True),
        ("hotfixes", "releases/app/1.0/manifest.json", False),
        ("breakglass", "breakglass/app/1.0/manifest.json", True),
        ("breakglass", "hotfixes/app/1.0/manifest.json", False),
    ],
)
def test_what_a_role_may_sign(targets: Targets, role: str, path: str, may: bool) -> None:
    assert covers(targets, role, [path]) is may


def test_rows_of_roles() -> None:
    names = ("root", "hotfixes", "app", "app.rollouts", "product", "rollouts")
    rows = [row_of(name) for name in names]
    assert rows == ["root", "hotfixes", "product", "rollouts", "product", "product"]


# --- people


def test_two_keys_of_one_person_never_make_a_threshold() -> None:
    with pytest.raises(UnfitRole, match="needs 2 different people, not 1"):
        fit("app", 2, [key("sari"), key("sari")])
    with pytest.raises(UnfitRole, match="two keys of sari would let one person sign for two"):
        fit("app", 2, [key("sari"), key("sari"), key("joko")])
    fit("breakglass", 1, [key("tono"), key("tono")])


def test_one_key_under_two_names() -> None:
    one = key("sari")
    with pytest.raises(UnfitRole, match="listed under two names"):
        fit("app", 2, [one, key_of_person(one, "joko")])


@pytest.mark.parametrize("threshold", [0, -1, 3])
def test_a_threshold_that_makes_no_sense(threshold: int) -> None:
    with pytest.raises(UnfitRole, match="different people"):
        fit("app", threshold, [key("sari"), key("joko")])


def test_a_root_whose_officers_are_too_few() -> None:
    with pytest.raises(UnfitRole, match="root needs 2 different people"):
        new_root([key("ani")], key("server"), key("server"), NOW)


def test_a_role_is_given_once(targets: Targets) -> None:
    with pytest.raises(AlreadyThere, match="has a role 'app' already"):
        delegate(targets, "app", [key("x"), key("y")], RULES["product"])


def test_a_keys_person_is_inside_what_its_keyid_is_the_hash_of() -> None:
    sari = key("sari")
    assert person_of(sari) == "sari"
    assert key_of_person(sari, "joko").keyid != sari.keyid
    renamed = SSlibKey.from_dict(sari.keyid, {**sari.to_dict(), "x-hsp-person": "joko"})
    with pytest.raises(Tampered, match="wrong keyid"):
        person_of(renamed)
    nobody = SSlibKey.from_crypto(key_files.new_key(signers.ED25519).public_key())
    with pytest.raises(Tampered, match="does not say whose it is"):
        person_of(nobody)


def test_keys_of_other_kinds_are_not_accepted() -> None:
    plain = {"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "x"}}
    with pytest.raises(UnfitRole, match="is not accepted"):
        key_of_person(SSlibKey.from_dict("0" * 64, plain), "ani")


def test_who_may_sign_and_for_how_long(targets: Targets) -> None:
    who = signatories(targets, "app")
    assert (who.threshold, who.people) == (2, ("sari", "joko"))
    assert life_of(targets, "app") == timedelta(days=90)
    delegate(targets, "short", [key("a"), key("b")], Rule("", 2, timedelta(hours=5), ("x/*",)))
    assert life_of(targets, "short") == timedelta(hours=5)
    with pytest.raises(UnknownRole, match="no role 'nobody'"):
        signatories(targets, "nobody")
