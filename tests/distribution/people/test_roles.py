"""The table of roles: its promises, and that the docs show it as it is."""

from pathlib import Path

import pytest

from distribution.errors import NotAllowed
from distribution.people.roles import (
    MEANING,
    STAFF,
    SUPPORT,
    TABLE,
    Permission,
    Person,
    Role,
    markdown,
)

DOCS = Path(__file__).parents[3] / "docs" / "people.md"


def test_the_docs_show_the_table_as_it_is() -> None:
    assert markdown() in DOCS.read_text("utf-8"), "run: hsp staff roles --markdown"


def test_every_permission_has_a_meaning_and_somebody_who_has_it() -> None:
    assert set(MEANING) == set(TABLE) == set(Permission)
    assert all(TABLE[permission] for permission in Permission)


def test_anyone_in_support_may_stop_and_only_an_approver_lets_go_on() -> None:
    for stops in (Permission.ROLLOUT_PAUSE, Permission.ROLLOUT_STOP, Permission.HOLD_PUT_ON):
        assert TABLE[stops] >= SUPPORT
    for goes_on in (Permission.ROLLOUT_RESUME, Permission.HOLD_LIFT):
        assert TABLE[goes_on] == {Role.APPROVER}


def test_no_role_has_both_halves() -> None:
    for role in Role:
        starts, resumes = (
            role in TABLE[permission]
            for permission in (Permission.ROLLOUT_START, Permission.ROLLOUT_RESUME)
        )
        assert not (starts and resumes), role


def test_an_auditor_reads_and_changes_nothing() -> None:
    theirs = {permission for permission in Permission if Role.AUDITOR in TABLE[permission]}
    assert all(permission.value.endswith(".read") for permission in theirs)


def test_a_customer_may_only_what_is_asked_of_one_client() -> None:
    theirs = {permission for permission in Permission if Role.CUSTOMER in TABLE[permission]}
    assert theirs == {
        Permission.SITE_READ,
        Permission.TRUST_READ,
        Permission.HOLD_READ,
        Permission.HOLD_PUT_ON,
        Permission.HOLD_TAKE_OFF,
        Permission.NOTIFY_READ,
        Permission.NOTIFY_CHANGE,
    }


def test_a_person_has_the_sum_of_their_roles_less_what_their_token_leaves_out() -> None:
    both = Person("ani", frozenset({Role.L1, Role.APPROVER}))
    assert both.role_for(Permission.ROLLOUT_RESUME) == Role.APPROVER
    assert both.role_for(Permission.TICKET_NOTE) == Role.L1
    narrow = Person("ani", both.roles, scope=frozenset({Permission.TICKET_READ}))
    assert narrow.may(Permission.TICKET_READ)
    with pytest.raises(NotAllowed, match="ani may not resume a rollout"):
        narrow.require(Permission.ROLLOUT_RESUME)
    nobody = Person("new", frozenset())
    assert not any(nobody.may(permission) for permission in Permission)
    assert not any(Person("a", STAFF).may(p) for p in Permission if not TABLE[p] & STAFF)
