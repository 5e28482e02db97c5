"""Roles and permissions, as data; pure. ``docs/people.md`` shows the table; a test compares.

Whoever works in support may stop things; only an approver lets them go on. A role allows, it never
forbids: that nobody approves their own proposal is asked beside it (``own_proposals``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from distribution.errors import NotAllowed


class Role(StrEnum):
    """What somebody is to us. The order is that of the table's columns."""

    RELEASE_ENGINEER = "release-engineer"
    APPROVER = "approver"
    L1 = "l1"
    L2 = "l2"
    L3 = "l3"
    SECURITY_ADMINISTRATOR = "security-administrator"
    AUDITOR = "auditor"
    CUSTOMER = "customer"
    """Of one client: sees that client's rows, and nothing else exists."""


class Permission(StrEnum):
    """One for each kind of deed; routes and commands name the same ones."""

    SITE_READ = "site.read"
    FLEET_READ = "fleet.read"
    ROLLOUT_READ = "rollout.read"
    RELEASE_READ = "release.read"
    TRUST_READ = "trust.read"
    TICKET_READ = "ticket.read"
    EVENT_READ = "event.read"
    METRICS_READ = "metrics.read"
    HOLD_READ = "hold.read"
    REVIEW_READ = "review.read"

    ROLLOUT_START = "rollout.start"
    ROLLOUT_PAUSE = "rollout.pause"
    ROLLOUT_STOP = "rollout.stop"
    ROLLOUT_RESUME = "rollout.resume"
    ROLLOUT_YES = "rollout.yes"
    HOLD_PUT_ON = "hold.put-on"
    HOLD_TAKE_OFF = "hold.take-off"
    HOLD_LIFT = "hold.lift"
    REVIEW_CLOSE = "review.close"

    SITE_INVITE = "site.invite"
    SITE_REVOKE = "site.revoke"
    CALENDAR_SHARE = "calendar.share"
    REPAIR = "repair"
    DRILL = "drill"

    TICKET_NOTE = "ticket.note"
    SITE_REMOTE = "site.remote"
    PROBLEM_WORK = "problem.work"

    NOTIFY_READ = "notify.read"
    NOTIFY_CHANGE = "notify.change"
    FAILURE_TABLE = "failure.table"

    ACCOUNT_READ = "account.read"
    ACCOUNT_CHANGE = "account.change"
    ROLE_GRANT = "role.grant"
    AUDIT_READ = "audit.read"


MEANING: Mapping[Permission, str] = {
    Permission.SITE_READ: "see a site, its windows, its parts, and why it waits",
    Permission.FLEET_READ: "see the whole fleet in figures, and which sites run a component",
    Permission.ROLLOUT_READ: "see rollouts",
    Permission.RELEASE_READ: "see signed releases",
    Permission.TRUST_READ: "see the root's hash and what expires when",
    Permission.TICKET_READ: "see tickets",
    Permission.EVENT_READ: "watch what happens",
    Permission.METRICS_READ: "read the figures for Prometheus",
    Permission.HOLD_READ: "see brakes and freezes",
    Permission.REVIEW_READ: "see reviews of break-glass releases",
    Permission.ROLLOUT_START: "start a rollout",
    Permission.ROLLOUT_PAUSE: "pause a rollout",
    Permission.ROLLOUT_STOP: "stop or recall a rollout",
    Permission.ROLLOUT_RESUME: "resume a rollout that somebody else started and published",
    Permission.ROLLOUT_YES: "record a client's yes to a rollout that somebody else started",
    Permission.HOLD_PUT_ON: "put on a brake, announce a freeze",
    Permission.HOLD_TAKE_OFF: "take off the brake, lift the freeze that one put on oneself",
    Permission.HOLD_LIFT: "take off the brakes, lift the freezes of others",
    Permission.REVIEW_CLOSE: "close the review of what somebody else signed",
    Permission.SITE_INVITE: "invite a site",
    Permission.SITE_REVOKE: "revoke a site",
    Permission.CALENDAR_SHARE: "make and end the address of a client's calendar",
    Permission.REPAIR: "repair after a restore or a theft",
    Permission.DRILL: "walk through a drill, rotate keys",
    Permission.TICKET_NOTE: "write down what a customer says, work on a ticket",
    Permission.SITE_REMOTE: "ask one site for a step of the fixed list",
    Permission.PROBLEM_WORK: "work on a problem: known issue, cause, hand over to developers",
    Permission.FAILURE_TABLE: "change what a failure means here: tier, clock, page, sentence",
    Permission.NOTIFY_READ: "see whom we notify, and how",
    Permission.NOTIFY_CHANGE: "add, try and remove a channel of notifications",
    Permission.ACCOUNT_READ: "see who has which role, token and session",
    Permission.ACCOUNT_CHANGE: "add and disable people, end their tokens and sessions",
    Permission.ROLE_GRANT: "propose a role for somebody, confirm what another one proposed",
    Permission.AUDIT_READ: "read and verify the audit log",
}
"""What each means, for the docs and for refusals."""

_R, _A, _L1, _L2, _L3, _S, _AU, _C = Role
STAFF = frozenset({_R, _A, _L1, _L2, _L3, _S, _AU})
"""Every role that is ours, and not a customer's."""
SUPPORT = frozenset({_R, _A, _L1, _L2, _L3, _S})
"""Who may stop things."""

TABLE: Mapping[Permission, frozenset[Role]] = {
    Permission.SITE_READ: STAFF | {_C},
    Permission.FLEET_READ: STAFF,
    Permission.ROLLOUT_READ: STAFF,
    Permission.RELEASE_READ: STAFF,
    Permission.TRUST_READ: STAFF | {_C},
    Permission.TICKET_READ: STAFF,
    Permission.EVENT_READ: STAFF,
    Permission.METRICS_READ: STAFF,
    Permission.HOLD_READ: STAFF | {_C},
    Permission.REVIEW_READ: STAFF,
    Permission.ROLLOUT_START: frozenset({_R, _L3}),
    Permission.ROLLOUT_PAUSE: SUPPORT,
    Permission.ROLLOUT_STOP: SUPPORT,
    Permission.ROLLOUT_RESUME: frozenset({_A}),
    Permission.ROLLOUT_YES: frozenset({_A, _L1, _L2, _L3}),
    Permission.HOLD_PUT_ON: SUPPORT | {_C},
    Permission.HOLD_TAKE_OFF: SUPPORT | {_C},
    Permission.HOLD_LIFT: frozenset({_A}),
    Permission.REVIEW_CLOSE: frozenset({_R, _A, _L3, _S}),
    Permission.SITE_INVITE: frozenset({_S}),
    Permission.SITE_REVOKE: frozenset({_S}),
    Permission.CALENDAR_SHARE: frozenset({_L1, _L2, _L3, _S}),
    Permission.REPAIR: frozenset({_L3, _S}),
    Permission.DRILL: frozenset({_S}),
    Permission.TICKET_NOTE: frozenset({_L1, _L2, _L3, _S}),
    Permission.SITE_REMOTE: frozenset({_L2, _L3}),
    Permission.PROBLEM_WORK: frozenset({_L3}),
    Permission.FAILURE_TABLE: frozenset({_L3, _S}),
    Permission.NOTIFY_READ: STAFF | {_C},
    Permission.NOTIFY_CHANGE: frozenset({_L3, _S, _C}),
    Permission.ACCOUNT_READ: frozenset({_S, _AU}),
    Permission.ACCOUNT_CHANGE: frozenset({_S}),
    Permission.ROLE_GRANT: frozenset({_S}),
    Permission.AUDIT_READ: frozenset({_S, _AU}),
}
"""Who may do it. A customer only ever with what is their own client's."""


@dataclass(frozen=True)
class Person:
    """Somebody who has shown who they are."""

    name: str
    roles: frozenset[Role]
    client: str = ""
    """Of a customer: whose rows they see."""
    scope: frozenset[Permission] | None = None
    """Of a token that may do less than its person; None: all that the roles allow."""
    shown_at: datetime | None = None
    """When they last logged in with password or provider, for deeds that want it fresh."""

    def may(self, permission: Permission) -> bool:
        """Whether one of their roles allows it, and their token does."""
        return bool(self.role_for(permission))

    def role_for(self, permission: Permission) -> str:
        """The role in which they may do it; empty if they may not."""
        if self.scope is not None and permission not in self.scope:
            return ""
        return next((role for role in Role if role in TABLE[permission] & self.roles), "")

    def require(self, permission: Permission) -> str:
        """The role in which they may do it.

        Raises:
            NotAllowed: no role of theirs allows it, or their token does not.
        """
        role = self.role_for(permission)
        if not role:
            holders = ", ".join(role for role in Role if role in TABLE[permission])
            raise NotAllowed(
                f"{self.name} may not {MEANING[permission]}",
                hint=f"ask one of these: {holders}",
            )
        return role


def table_rows() -> list[tuple[str, ...]]:
    """The table for people: what, and for each role a mark or nothing."""
    return [
        (MEANING[permission], *("x" if role in TABLE[permission] else "" for role in Role))
        for permission in Permission
    ]


def markdown() -> str:
    """The same as ``docs/people.md`` has it."""
    head = ("may", *Role)
    lines = [head, ("---", *("---" for _ in Role)), *table_rows()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
