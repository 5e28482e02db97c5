"""What is signed and comes to its end, the server's and people's, and who must act."""

from collections.abc import Iterator

from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.scheduling import aging
from distribution.scheduling.aging import Age
from signing import wording
from signing.roles import BY_THE_SERVER, row_of


def roles(context: Context) -> Iterator[Finding]:
    """Every role that sites depend on."""
    for age in aging.ages(context.store):
        when = f"{age.expires:%Y-%m-%d %H:%M} UTC"
        if age.expires <= context.now:
            says = f"{age.role} has expired at {when}: sites install nothing until it is signed"
            yield broken("expiries.role", says, _mend(age))
        elif age.is_old(context.now):
            says = f"{age.role} expires at {when}, and less than a quarter of its life is left"
            yield warning("expiries.role", says, _mend(age))


def _mend(age: Age) -> str:
    if row_of(age.role) in BY_THE_SERVER:
        return "the scheduler signs it at half of its life: find out in its log why it did not"
    return f"run 'hsp renew {age.role}' and let its people sign the proposal"


def emergencies(context: Context) -> Iterator[Finding]:
    """Roles that are left to expire, and must be usable on the day."""
    for found in aging.emergencies(context.store):
        if found.holders is None:
            says = f"nobody can sign for {found.role}: the repository was made without it"
            yield warning(
                "expiries.emergency", says, "let the officers delegate it: hsp people add"
            )
        elif found.is_unusable:
            people = wording.people_of(found.holders)
            says = f"too few people are left to sign for {found.role}: it needs {people}"
            yield broken("expiries.emergency", says, "let the officers add one: hsp people add")


CHECKS = (("expiries.role", roles), ("expiries.emergency", emergencies))
