"""Accounts and roles: two people give a role, one takes it, and what is taken is gone at once."""

from datetime import timedelta

import pytest
from sqlmodel import select
from starlette.testclient import TestClient

from distribution.audit import Deed, note
from distribution.audit.tables import AuditRow
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people import accounts, founding, grants
from distribution.people.roles import Person, Role
from distribution.people.tables import RoleGrant
from tests.distribution.people.conftest import Bearer
from tests.simulators.house import House
from tests.simulators.staff import hire

SECURITY = frozenset({Role.SECURITY_ADMINISTRATOR})
RINA, TONI = Person("rina", SECURITY), Person("toni", SECURITY)


def roles_of(house: House, name: str) -> frozenset[Role]:
    """What somebody is now."""
    with house.database.reading() as session:
        person = accounts.person(session, name)
    return person.roles if person else frozenset()


def add(house: House, name: str) -> None:
    """A new account."""
    accounts.add(house.database, RINA, name, "", house.clock.now)


def test_a_role_is_nobodys_until_another_administrator_confirms_it(house: House) -> None:
    add(house, "dewi")
    now = house.clock.now
    assert not grants.propose(house.database, RINA, "dewi", Role.L1, "new at the desk", now)
    assert roles_of(house, "dewi") == frozenset()
    with pytest.raises(NotAllowed, match="rina proposed this"):
        grants.confirm(house.database, RINA, "dewi", Role.L1, now)
    grants.confirm(house.database, TONI, "dewi", Role.L1, now)
    assert roles_of(house, "dewi") == {Role.L1}
    with pytest.raises(Conflict, match="is l1 already"):
        grants.propose(house.database, RINA, "dewi", Role.L1, "", now)
    with pytest.raises(NotFound, match="nobody has proposed"):
        grants.confirm(house.database, TONI, "dewi", Role.L1, now)


def test_nobody_confirms_a_role_for_themselves(house: House) -> None:
    hire(house.database, house.clock.now, {"toni": SECURITY})
    grants.propose(house.database, RINA, "toni", Role.APPROVER, "", house.clock.now)
    with pytest.raises(NotAllowed, match="toni would get this"):
        grants.confirm(house.database, TONI, "toni", Role.APPROVER, house.clock.now)
    assert roles_of(house, "toni") == SECURITY


def test_a_proposal_that_nobody_confirms_within_a_week_is_none(house: House) -> None:
    add(house, "dewi")
    grants.propose(house.database, RINA, "dewi", Role.L1, "", house.clock.now)
    with pytest.raises(Conflict, match="rina has proposed"):
        grants.propose(house.database, TONI, "dewi", Role.L1, "", house.clock.now)
    late = house.clock.forward(timedelta(days=7).total_seconds())
    with pytest.raises(NotFound):
        grants.confirm(house.database, TONI, "dewi", Role.L1, late)
    grants.propose(house.database, TONI, "dewi", Role.L1, "", late)
    grants.confirm(house.database, RINA, "dewi", Role.L1, late)


@pytest.mark.parametrize("role", [role for role in Role if role not in SECURITY])
def test_only_a_security_administrator_adds_grants_confirms_and_takes(
    house: House, role: Role
) -> None:
    other, now, database = Person("joko", frozenset({role})), house.clock.now, house.database
    deeds = (
        lambda: accounts.add(database, other, "dewi", "", now),
        lambda: accounts.disable(database, other, "budi", "x", now),
        lambda: accounts.tie(database, other, "budi", "https://i.example s", now),
        lambda: grants.propose(database, other, "budi", Role.L1, "", now),
        lambda: grants.confirm(database, other, "budi", Role.L1, now),
        lambda: grants.revoke(database, other, "budi", Role.APPROVER, "", now),
    )
    for deed in deeds:
        with pytest.raises(NotAllowed):
            deed()
    assert roles_of(house, "budi") == {Role.APPROVER}


def test_the_first_administrator_makes_the_second_alone_and_nobody_after(
    house: House,
) -> None:
    # A house of its own would be slower; here everybody but the founder goes first.
    with house.database.reading() as session:
        founder = next(a.name for a in accounts.listed(session) if a.name not in CAST_NAMES)
    with house.database.writing() as session:
        for row in session.exec(select(RoleGrant).where(RoleGrant.account != founder)):
            session.delete(row)
        note(session, Deed("test", "role.revoke", "everybody"), house.clock.now)
    first, now = Person(founder, SECURITY), house.clock.now
    assert not grants.propose(house.database, first, "wati", Role.L3, "", now)
    assert not grants.propose(house.database, first, founder, Role.APPROVER, "", now)
    assert grants.propose(house.database, first, "rina", Role.SECURITY_ADMINISTRATOR, "", now)
    assert roles_of(house, "rina") == SECURITY
    add(house, "third")
    args = house.database, first, "third", Role.SECURITY_ADMINISTRATOR, ""
    assert not grants.propose(*args, now)
    grants.revoke(house.database, first, "rina", Role.SECURITY_ADMINISTRATOR, "", now)
    add_again = house.database, first, "tono", Role.SECURITY_ADMINISTRATOR, ""
    assert not grants.propose(*add_again, now), "it is possible once, not again and again"


CAST_NAMES = ("ani", "budi", "sari", "joko", "wati", "tono", "rina")


def test_the_server_founds_no_second_first_administrator(house: House) -> None:
    with pytest.raises(Conflict, match="security administrator already"):
        founding.found(house.server.settings, "evil", house.clock.now)


def test_a_customer_has_a_client_and_no_role_of_ours(house: House) -> None:
    house.site("shop")
    accounts.add(house.database, RINA, "bu.warung", "warung", house.clock.now)
    with pytest.raises(Invalid, match="cannot be l1"):
        grants.propose(house.database, RINA, "bu.warung", Role.L1, "", house.clock.now)
    with pytest.raises(Invalid, match="cannot be customer"):
        grants.propose(house.database, RINA, "wati", Role.CUSTOMER, "", house.clock.now)
    with pytest.raises(NotFound, match="no client"):
        accounts.add(house.database, RINA, "pak.x", "nobody", house.clock.now)
    grants.propose(house.database, RINA, "bu.warung", Role.CUSTOMER, "", house.clock.now)
    grants.confirm(house.database, TONI, "bu.warung", Role.CUSTOMER, house.clock.now)
    with house.database.reading() as session:
        person = accounts.person(session, "bu.warung", mapped=[Role.APPROVER])
    assert person == Person("bu.warung", frozenset({Role.CUSTOMER}), "warung")


def test_who_is_disabled_or_loses_a_role_may_nothing_from_the_next_request_on(
    house: House, client: TestClient, bearer: Bearer
) -> None:
    wati, budi = bearer("wati"), bearer("budi")
    assert client.get("/v1/tickets", headers=wati).status_code == 200
    accounts.disable(house.database, RINA, "wati", "left", house.clock.now)
    assert client.get("/v1/tickets", headers=wati).status_code == 401
    grants.revoke(house.database, RINA, "budi", Role.APPROVER, "moved", house.clock.now)
    assert client.get("/v1/tickets", headers=budi).status_code == 403
    with pytest.raises(NotAllowed, match="own account"):
        accounts.disable(house.database, RINA, "rina", "x", house.clock.now)
    with pytest.raises(NotAllowed, match="from themselves"):
        role = Role.SECURITY_ADMINISTRATOR
        grants.revoke(house.database, RINA, "rina", role, "x", house.clock.now)


@pytest.mark.parametrize("name", ["", "Ani", "a b", "-a", "a" * 64, "ani\n", "ani\u202e"])
def test_a_name_is_one_that_people_can_sign_with(house: House, name: str) -> None:
    with pytest.raises(Invalid, match="is not a person's name"):
        add(house, name)


def test_every_change_is_in_the_audit_log_with_who_and_in_which_role(house: House) -> None:
    add(house, "dewi")
    grants.propose(house.database, RINA, "dewi", Role.L1, "new", house.clock.now)
    grants.confirm(house.database, TONI, "dewi", Role.L1, house.clock.now)
    grants.revoke(house.database, RINA, "dewi", Role.L1, "moved", house.clock.now)
    accounts.disable(house.database, RINA, "dewi", "left", house.clock.now)
    with house.database.reading() as session:
        told = session.exec(select(AuditRow.actor, AuditRow.action, AuditRow.role)).all()[-5:]
    role = "security-administrator"
    assert told == [
        ("rina", "account.add", role),
        ("rina", "role.propose", role),
        ("toni", "role.confirm", role),
        ("rina", "role.revoke", role),
        ("rina", "account.disable", role),
    ]
