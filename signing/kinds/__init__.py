"""What can be proposed. Each kind reads a proposal, refuses it unless it changes exactly what that
kind may change, and says in words what it is and what it makes possible.

A new kind is one function and one entry of ``KINDS``. ``founding`` has the kinds that begin things,
``people`` those that change who may sign, ``builds`` what releases must carry, ``releases`` those
that change what may run; ``guards`` is what they hold proposals to.
"""

from collections.abc import Callable, Mapping
from functools import partial

from manifests.target_paths import Lane
from signing.errors import Tampered
from signing.kinds.builds import builds
from signing.kinds.founding import product, repository
from signing.kinds.guards import Meaning as Meaning
from signing.kinds.people import people, renewal
from signing.kinds.releases import release, withdrawal
from signing.proposal import Proposal

REPOSITORY, PRODUCT, PEOPLE, RENEWAL = "repository", "product", "people", "renewal"
WITHDRAWAL, BUILDS = "withdrawal", "builds"
LANE_KINDS: Mapping[Lane, str] = {
    Lane.RELEASES: "release",
    Lane.HOTFIXES: "hotfix",
    Lane.BREAKGLASS: "breakglass",
}

KINDS: Mapping[str, Callable[[Proposal], Meaning]] = {
    REPOSITORY: repository,
    PRODUCT: product,
    PEOPLE: people,
    RENEWAL: renewal,
    WITHDRAWAL: withdrawal,
    BUILDS: builds,
    **{kind: partial(release, lane=lane) for lane, kind in LANE_KINDS.items()},
}


def meaning(proposal: Proposal) -> Meaning:
    """Read a proposal as the kind that it says it is.

    Raises:
        Tampered: it is of no known kind, or changes anything else than its kind may.
    """
    kind = KINDS.get(proposal.note.kind)
    if kind is None:
        raise Tampered(
            f"a proposal of the kind {proposal.note.kind!r}; known are {', '.join(KINDS)}",
            hint="upgrade this program if the proposal comes from a newer one",
        )
    return kind(proposal)
