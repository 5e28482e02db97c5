"""What the repository offers a site of one product: its plan and the releases in it.

Reading them is all that happens here. A release that cannot be read, or that the plan has no
business to name, is a problem of that release alone; the others go on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging.version import InvalidVersion, Version

from client_updater.errors import AgentError, ExpiredMetadata, Untrusted, UntrustedMetadata
from client_updater.trusted import Target, Trusted
from manifests.errors import ManifestError
from manifests.release import Release
from manifests.rollout import Rollout, RolloutPlan, RolloutState
from manifests.target_paths import (
    MANIFEST_NAME,
    Lane,
    ReleasePath,
    canonical_version,
    plan_path,
    role_of,
    rollouts_role,
)

MAX_PLAN_BYTES = 4 * 1024 * 1024
MAX_MANIFEST_BYTES = 32 * 1024 * 1024
MAX_RELEASES = 50
"""Of the newest releases in a plan, so many are looked at."""


@dataclass
class Offers:
    """One product's plan and releases, and what was wrong with any of them."""

    product: str
    plan: RolloutPlan | None = None
    releases: list[Release] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    """Versions that the plan calls stopped."""
    problems: list[tuple[str, AgentError]] = field(default_factory=list)
    """Release paths with why they cannot be considered."""
    read: dict[str, str] = field(default_factory=dict)
    """Target paths that were read, with their sha256: ``explain`` reads them again."""


def read_offers(trusted: Trusted, product: str, newer_than: str | None) -> Offers:
    """Everything on offer of ``product`` that is newer than a version.

    Raises:
        Untrusted: the plan itself cannot be believed.
        Unreachable: the plan, or a release in it, cannot be fetched.
    """
    offers = Offers(product)
    found = trusted.find(plan_path(product), rollouts_role(product))
    if found is None:
        return offers
    offers.plan = _plan(trusted, product, found, offers)
    for path, rollout in _newest_first(offers.plan, offers):
        if newer_than is not None and Version(path.version) <= Version(newer_than):
            continue
        if rollout.state is RolloutState.STOPPED:
            offers.stopped.append(path.version)
        try:
            offers.releases.append(_release(trusted, path, offers))
        except Untrusted as error:
            if not _was_left_to_expire(error, path, rollout):
                offers.problems.append((str(path), error))
    return offers


def _was_left_to_expire(error: Untrusted, path: ReleasePath, rollout: Rollout) -> bool:
    """Whether an emergency is over: its role is signed anew for the next one, not for the past.

    Break-glass releases end long before their role does. A hotfix that is still on its way is
    missed.
    """
    if not isinstance(error, ExpiredMetadata):
        return False
    is_over = path.lane is Lane.HOTFIXES and rollout.state is not RolloutState.RUNNING
    return path.lane is Lane.BREAKGLASS or is_over


def _plan(trusted: Trusted, product: str, target: Target, offers: Offers) -> RolloutPlan:
    offers.read[target.path] = target.digest
    try:
        plan = RolloutPlan.from_bytes(trusted.read(target, MAX_PLAN_BYTES))
    except ManifestError as error:
        raise UntrustedMetadata(f"{target.path} is no rollout plan: {error.message}") from error
    if plan.product != product:
        raise UntrustedMetadata(f"{target.path} is the plan of {plan.product}")
    return plan


def _newest_first(plan: RolloutPlan, offers: Offers) -> Iterator[tuple[ReleasePath, Rollout]]:
    named = []
    for rollout in plan.rollouts:
        try:
            named.append((_checked_path(rollout.release, plan.product), rollout))
        except ManifestError as error:
            problem = UntrustedMetadata(f"the plan of {plan.product}: {error.message}")
            offers.problems.append((rollout.release[:400], problem))
    named.sort(key=lambda pair: Version(pair[0].version), reverse=True)
    yield from named[:MAX_RELEASES]


def _checked_path(text: str, product: str) -> ReleasePath:
    path = ReleasePath.parse(text)
    if path.product != product or path.name != MANIFEST_NAME:
        raise ManifestError(f"{text!r} is not a release of {product}")
    try:
        canonical_version(path.version)
    except (ValueError, InvalidVersion) as error:
        raise ManifestError(f"{text!r}: {error}") from error
    return path


def _release(trusted: Trusted, path: ReleasePath, offers: Offers) -> Release:
    found = trusted.find(str(path), role_of(path))
    if found is None:
        raise UntrustedMetadata(f"the plan names {path}, which nobody has signed")
    offers.read[found.path] = found.digest
    try:
        data = trusted.read(found, MAX_MANIFEST_BYTES)
        return Release.read(str(path), data, found.withdrawn)
    except ManifestError as error:
        raise UntrustedMetadata(f"{path} is no release manifest: {error.message}") from error
