"""The kind of proposal that changes what a product's builds must be."""

from collections.abc import Iterator

from tuf.api.metadata import Targets

from signing import wording
from signing.build_policy import BuildPolicy, policy_of, set_policy
from signing.errors import Tampered
from signing.kinds.guards import Meaning, only_roles, same_or_refused
from signing.proposal import Proposal
from signing.roles import TARGETS, products, signatories
from signing.update_repository import copied


def builds(proposal: Proposal) -> Meaning:
    """What the officers ask of one product's releases from now on."""
    only_roles(proposal, TARGETS)
    before, after = proposal.before(TARGETS), proposal.after(TARGETS)
    if before is None:
        raise Tampered("what builds must be is said in a repository that exists")
    name = _the_product(before, after)
    _only_asks(before, after, name)
    old, new = policy_of(before, name), policy_of(after, name)
    return Meaning(
        f"what releases of {name} must carry",
        tuple(new.words()) or ("nothing is asked for",),
        (*_changes(old, new), f"needs {wording.people_of(signatories(proposal.root, TARGETS))}"),
        (
            f"no release of {name} is published that is not so, in none of the three lanes",
            "what is published already stays as it is",
        ),
    )


def _the_product(before: Targets, after: Targets) -> str:
    changed = [
        name
        for name in products(after)
        if name not in products(before) or policy_of(before, name) != policy_of(after, name)
    ]
    if len(changed) != 1:
        raise Tampered(f"it changes what {len(changed)} products must carry, and one is expected")
    return changed[0]


def _only_asks(before: Targets, after: Targets, product: str) -> None:
    expected = copied(before)
    expected.version, expected.expires = after.version, after.expires
    expected.spec_version = after.spec_version
    set_policy(expected, product, policy_of(after, product))
    same_or_refused(expected, after, f"targets changes in more than what {product} must carry")


def _changes(old: BuildPolicy, new: BuildPolicy) -> Iterator[str]:
    had, has = tuple(old.words()), tuple(new.words())
    yield from (f"NO LONGER ASKS: {words}" for words in had if words not in has)
    yield from (f"asks: {words}" for words in has if words not in had)
