"""The pages that there are, and who sees which."""

from dataclasses import dataclass

from distribution.people.roles import Permission, Person


@dataclass(frozen=True)
class Entry:
    """One line of the menu.

    Attributes:
        key: after ``g``, the key that goes there.
    """

    label: str
    href: str
    key: str
    permission: Permission


_ENTRIES = (
    Entry("Fleet", "/fleet", "f", Permission.SITE_READ),
    Entry("Rollouts", "/rollouts", "r", Permission.ROLLOUT_READ),
    Entry("Desk", "/desk", "d", Permission.TICKET_READ),
    Entry("Releases", "/releases", "l", Permission.RELEASE_READ),
    Entry("Calendar", "/calendar", "c", Permission.HOLD_READ),
    Entry("Clients", "/clients", "o", Permission.SITE_READ),
    Entry("Keys", "/keys", "k", Permission.TRUST_READ),
    Entry("Audit", "/audit", "a", Permission.AUDIT_READ),
)


def entries(person: Person) -> tuple[Entry, ...]:
    """What somebody's menu has."""
    return tuple(entry for entry in _ENTRIES if person.may(entry.permission))
