"""Why a site does what it does: every gate with its answer, from the files of the last poll.

It reads what the last poll verified and asks nobody, so it works while the agent runs and while
the network does not.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from client_updater.agent import Agent
from client_updater.errors import StateUnusable
from client_updater.settings import last_policy
from client_updater.sign_of_life import floor_or_empty
from client_updater.state import read_private
from client_updater.status import LastPoll
from manifests.decision import Answer, explain
from manifests.errors import ManifestError
from manifests.release import Release
from manifests.rollout import RolloutPlan
from manifests.site import Site
from manifests.target_paths import plan_path


@dataclass(frozen=True)
class Explained:
    """One release, gate by gate; a gate that answers None lets it through."""

    release: Release
    gates: list[tuple[str, Answer]]


def explain_product(agent: Agent, product: str, last: LastPoll) -> list[Explained]:
    """Every release of ``product`` that the last poll considered, newest first."""
    read = last.read.get(product, {})
    plan = _plan(agent, product, read)
    if plan is None:
        return []
    site = _site(agent, product, last)
    now = agent.clock()
    return [
        Explained(release, list(explain(release, plan, site, now)))
        for release in sorted(
            _releases(agent, read, last.withdrawn),
            key=lambda release: release.version,
            reverse=True,
        )
    ]


def _site(agent: Agent, product: str, last: LastPoll) -> Site:
    floor, answer, profile = floor_or_empty(agent), last.answer, agent.enrolment.profile
    names = {product, *profile.products}
    return Site(
        profile,
        last_policy(agent.state),
        {name: agent.products.installed(name, floor) for name in names},
        answer.freezes if answer else (),
        answer.hold if answer else "",
        answer.approved if answer else {},
    )


def _plan(agent: Agent, product: str, read: dict[str, str]) -> RolloutPlan | None:
    data = _verified(agent, read.get(plan_path(product), ""))
    with suppress(ManifestError):
        return RolloutPlan.from_bytes(data)
    return None


def _releases(agent: Agent, read: dict[str, str], withdrawn: dict[str, str]) -> Iterator[Release]:
    for path, sha256 in read.items():
        with suppress(ManifestError):  # the plan among them is none
            yield Release.read(path, _verified(agent, sha256), withdrawn.get(path, ""))


def _verified(agent: Agent, sha256: str) -> bytes:
    """A file that the last poll verified; nothing where it is not what it was any more."""
    with suppress(FileNotFoundError, StateUnusable):
        data = read_private(agent.state / "metadata/verified" / sha256)
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
    return b""
