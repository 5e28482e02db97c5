"""The kinds of proposals that begin something: a repository, a product, a vendor's product."""

from collections.abc import Iterator

from tuf.api.metadata import Targets

from manifests.target_paths import rollouts_role
from signing import wording
from signing.build_policy import policy_of
from signing.delegations import fit
from signing.errors import Tampered
from signing.kinds.guards import Meaning, only_delegates, only_roles, people_in
from signing.proposal import Proposal
from signing.roles import (
    BREAKGLASS,
    HOTFIXES,
    ROOT,
    TARGETS,
    delegations_of,
    products,
    signatories,
    vendor_in,
    vendor_of,
)


def repository(proposal: Proposal) -> Meaning:
    """Root and targets of a new repository."""
    only_roles(proposal, ROOT, TARGETS)
    root, targets = proposal.root, proposal.after(TARGETS)
    if proposal.base.roots or targets.targets or not root.consistent_snapshot:
        raise Tampered("the first proposal of a repository has neither a past nor files")
    for role in root.roles:
        who = signatories(root, role)
        fit(role, who.threshold, who.keys)
    lanes = [role for role in delegations_of(targets).roles or {} if role in (HOTFIXES, BREAKGLASS)]
    only_delegates(Targets(expires=targets.expires), targets, lanes)
    facts = (*people_in(root, root.roles), *people_in(targets, lanes))
    allows = ("these people say what may run at every site that will trust this repository",)
    return Meaning("a new repository", facts, ("there is nothing before it",), allows)


def product(proposal: Proposal) -> Meaning:
    """Two delegations: what may run of a product, and when."""
    only_roles(proposal, TARGETS)
    before, after = proposal.before(TARGETS), proposal.after(TARGETS)
    if before is None:
        raise Tampered("a product is added to a repository that exists")
    new = [name for name in products(after) if name not in products(before)]
    if len(new) != 1:
        raise Tampered(f"it adds {len(new)} products, and one is expected")
    name = new[0]
    roles = [name, rollouts_role(name)]
    only_delegates(before, after, roles)
    vendor = vendor_of(after, name)
    return Meaning(
        f"the product {name}" + (f" of the vendor {vendor}" if vendor else ""),
        people_in(after, roles),
        (f"adds {name} to {wording.counted(products(before), 'product')}",),
        tuple(_product_allows(after, name)),
    )


def _product_allows(after: Targets, name: str) -> Iterator[str]:
    who, vendor = signatories(after, name), vendor_of(after, name)
    yield f"{wording.people_of(who)} say what may run of {name}"
    if vendor:
        theirs = ", ".join(person for person in who.people if vendor_in(person) == vendor)
        yield f"{theirs} sign for {vendor}: what they sign counts for {vendor}'s products alone"
        yield f"neither {vendor} nor we can publish without the other"
    for asked in policy_of(after, name).words():
        yield f"every release of {name} must carry {asked}"
    yield f"the server's key says when, and can never say what may run of {name}"
