"""The check-in: what the site runs, what it decided and why, for whoever is asked why not yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client_updater import AGENT_VERSION
from client_updater.agent import Agent
from client_updater.errors import AgentError, TrustLost
from client_updater.floor import Floor
from client_updater.witness import witnessed
from manifests.check_in import CheckIn, ProductStatus
from manifests.decision import Decision, Install, Wait
from manifests.site import InstalledProduct, SitePolicy


def floor_or_empty(agent: Agent) -> Floor:
    """The trust floor, or one that knows nothing where it is lost: only to say what is known."""
    try:
        return agent.floors.load()
    except TrustLost:
        return Floor()


@dataclass(frozen=True)
class Decided:
    """A decision, and the newest release that it was about."""

    decision: Decision
    candidate: str | None


def statuses(agent: Agent, decided: Mapping[str, Decided]) -> tuple[ProductStatus, ...]:
    """What the site runs of each of its products, and what it last decided."""
    floor = floor_or_empty(agent)
    return tuple(
        _status(name, agent.products.installed(name, floor), decided.get(name))
        for name in agent.enrolment.profile.products
    )


def _status(product: str, installed: InstalledProduct, decided: Decided | None) -> ProductStatus:
    if decided is None:
        return ProductStatus(product=product, installed=installed)
    decision, candidate = decided.decision, decided.candidate
    if isinstance(decision, Install):
        return ProductStatus(
            product=product, installed=installed, candidate=candidate, decision="install"
        )
    return ProductStatus(
        product=product,
        installed=installed,
        candidate=candidate,
        decision="wait" if isinstance(decision, Wait) else "stay",
        gate=decision.gate,
        reason=decision.reason,
        lifted_by=decision.lifted_by,
        until=decision.until if isinstance(decision, Wait) else None,
    )


def check_in_of(
    agent: Agent,
    policy: SitePolicy,
    products: tuple[ProductStatus, ...],
    problems: Sequence[AgentError],
) -> CheckIn:
    """The message of one poll."""
    first, floor = problems[0] if problems else None, floor_or_empty(agent)
    return CheckIn(
        site_id=agent.enrolment.profile.site_id,
        at=agent.clock(),
        boot_id=agent.reporter.boot_id,
        agent_version=AGENT_VERSION,
        ring=agent.enrolment.profile.ring,
        policy=policy,
        products=products,
        root_version=floor.root_version,
        timestamp_version=floor.timestamp,
        last_sequence=agent.reporter.next_sequence() - 1,
        audit_checkpoint=witnessed(agent.state),
        problem=first.code if first else "",
        detail=str(first)[:2000] if first else "",
    )
