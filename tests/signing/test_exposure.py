"""What a theft comes to, by the repository's own numbers."""

import pytest

from signing import exposure, propose
from signing.propose import Assignment
from signing.update_repository import Repository
from tests.simulators.estate import OFFICERS, Estate


@pytest.mark.parametrize(
    ("person", "roles"), [("ani", {"root", "targets"}), ("sari", {"app"}), ("tono", {"hotfixes"})]
)
def test_one_of_two_signs_nothing_alone(estate: Estate, person: str, roles: set[str]) -> None:
    told = list(exposure.of_person(Repository.read(estate.store), person))
    for role in roles:
        assert f"could sign nothing of {role} alone: 2 different people must" in told


def test_an_l3_key_reaches_ten_sites(estate: Estate) -> None:
    told = " ".join(exposure.of_person(Repository.read(estate.store), "tono"))
    assert "each for ten sites that it names, for 72 hours" in told


def test_a_role_of_one_is_named_loudly(estate: Estate) -> None:
    draft = estate.draft("alone")
    alone = Assignment("app", [estate.public("sari")], 1)
    propose.people(Repository.read(estate.store), [alone], draft)
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)
    assert "COULD SIGN app ALONE" in " ".join(
        exposure.of_person(Repository.read(estate.store), "sari")
    )


def test_the_servers_keys_only_say_when(estate: Estate) -> None:
    told = list(exposure.of_server(Repository.read(estate.store)))
    assert "could hold updates back, unnoticed by sites for 6 h at most" in told
    assert not [line for line in told if line.startswith("COULD")]


def test_what_is_not_theirs_is_out_of_reach(estate: Estate) -> None:
    told = list(exposure.of_person(Repository.read(estate.store), "sari"))
    assert told[-1] == "could not touch root, snapshot, targets, timestamp, hotfixes, breakglass"


def test_as_many_officers_as_sign_a_root_can_do_anything(estate: Estate) -> None:
    told = " ".join(exposure.of_officers(Repository.read(estate.store)))
    assert "could sign any root (2 different officers must)" in told


def test_who_holds_nothing_could_do_nothing(estate: Estate) -> None:
    assert list(exposure.of_person(Repository.read(estate.store), "nobody")) == []
