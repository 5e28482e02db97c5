"""The one function that decides whether a site installs a release now.

A chain of gates, each a question about one release at one site; the first gate that answers wins.
The agent obeys ``decide``; the server previews and explains with the same gates, so they cannot
disagree. The last gate, about windows, is in ``window_gate``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import chain

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from manifests import rollout as rollouts
from manifests.case import (
    ADMINISTRATOR,
    NOBODY,
    OPERATOR,
    Answer,
    Case,
    Decision,
    Gate,
    Install,
    Stay,
    Wait,
)
from manifests.release import Release
from manifests.rollout import Rollout, RolloutPlan, RolloutState, SiteFilter
from manifests.site import ApprovalPolicy, Site
from manifests.target_paths import Lane
from manifests.window_gate import finish_by, window_open

__all__ = [
    "ADMINISTRATOR",
    "GATES",
    "NOBODY",
    "OPERATOR",
    "Answer",
    "Case",
    "Decision",
    "Gate",
    "Install",
    "Stay",
    "Wait",
    "applicable",
    "choose",
    "decide",
    "explain",
    "newer",
    "window_open",
]


def newer(case: Case) -> Answer:
    """1. Versions only grow."""
    version = case.installed.version
    if version is None or case.release.version > Version(version):
        return None
    same = case.release.version == Version(version)
    reason = f"the site runs {version}" + (" already" if same else ", which is newer")
    return Stay("newer", reason, "nobody needs to")


def applicable(case: Case) -> Answer:
    """2. The release is for this site: product, platform, filter, and a break-glass's names."""
    profile, manifest, plan = case.site.profile, case.release.manifest, case.rollout
    if manifest.product not in profile.products:
        return Stay("applicable", f"the site does not have {manifest.product}", ADMINISTRATOR)
    if manifest.artifact_for(profile.platform) is None:
        return Stay("applicable", f"there is no artifact for {profile.platform}", OPERATOR)
    if plan is not None and not _is_among(case, plan.only):
        return Stay("applicable", "this rollout is for other sites", OPERATOR)
    if case.release.path.lane is Lane.BREAKGLASS:
        return _breakglass(case)
    return None


def _is_among(case: Case, only: SiteFilter) -> bool:
    installed = case.installed.version
    return case.site.is_among(only) and only.admits_installed(installed, case.release.version)


def _breakglass(case: Case) -> Answer:
    manifest = case.release.manifest
    if case.site.profile.site_id not in manifest.sites:
        return Stay("applicable", "this break-glass release names other sites", OPERATOR)
    if manifest.expires_at is None or case.now >= manifest.expires_at:
        return Stay("applicable", "this break-glass release has expired", OPERATOR)
    return None


def held(case: Case) -> Answer:
    """3. Nobody holds it: a withdrawal, a brake of the site, the plan or the server, a pause."""
    if case.release.withdrawn:
        reason = f"the release was withdrawn: {case.release.withdrawn}"
        return Stay("held", reason, "a newer release", expected=False)
    brake = case.site.policy.brake
    if brake is not None:
        reason = f"the site's own brake is on ({brake.by}: {brake.reason})"
        return Stay("held", reason, ADMINISTRATOR, expected=False)
    for other in case.plan.brakes:
        reason = f"a brake on {other.scope} is on ({other.by}: {other.reason})"
        return Stay("held", reason, f"{other.by}, or an approver", expected=False)
    if case.site.hold:
        return Stay("held", case.site.hold, OPERATOR, expected=False)
    if case.release.version in map(Version, case.site.policy.skip.get(case.plan.product, ())):
        return Stay("held", "the site's policy is to skip this version", ADMINISTRATOR)
    return _rollout_held(case)


def _rollout_held(case: Case) -> Answer:
    rollout = case.rollout
    if rollout is not None and rollout.state is RolloutState.STOPPED:
        change = rollout.last_change
        reason = f"the rollout was stopped ({change.by}: {change.reason})"
        return Stay("held", reason, "a newer release", expected=False)
    if case.release.version in map(Version, case.installed.stopped):
        reason = "this site has seen this version stopped, and a stopped version stays stopped"
        return Stay("held", reason, "a newer release", expected=False)
    if rollout is None:
        return Stay("held", "no rollout has been started", OPERATOR)
    change = rollout.last_change
    if rollout.state is RolloutState.PAUSED:
        reason = f"the rollout is paused ({change.by}: {change.reason})"
        return Stay("held", reason, "an approver", expected=False)
    return None


def stepping_stone(case: Case) -> Answer:
    """4. The installed version may go to this one in one step."""
    if case.release.manifest.follows(case.installed.version):
        return None
    wanted, version = case.release.manifest.upgrades_from, case.installed.version
    reason = (
        f"{case.release.version} upgrades from {wanted} and the site runs {version}; "
        "a release between is needed"
    )
    return Stay("stepping_stone", reason, OPERATOR, expected=False)


def requires(case: Case) -> Answer:
    """5. What it needs of other products runs here already."""
    for product, wanted in case.release.manifest.requires.items():
        version = case.site.product(product).version
        if version and SpecifierSet(wanted).contains(Version(version), prereleases=True):
            continue
        needs = f"it needs {product} {wanted}".rstrip()
        if product not in case.site.profile.products:
            reason = f"{needs}, and the site does not have {product}"
            return Stay("requires", reason, OPERATOR, expected=False)
        reason = f"{needs}, and the site runs {version or 'none'}"
        return Wait("requires", None, reason, f"{NOBODY}, when {product} is updated")
    return None


def not_failed_here(case: Case) -> Answer:
    """6. It has not failed at this site already."""
    failed = {Version(version): code for version, code in case.installed.failed.items()}
    code = failed.get(case.release.version)
    if code is None:
        return None
    reason = f"{case.release.version} failed here ({code}) and is not tried again by itself"
    return Stay("not_failed_here", reason, f"L2, or {ADMINISTRATOR} with 'rearm'", expected=False)


def approved(case: Case) -> Answer:
    """7. Who must be asked has said yes; a hotfix has its own policy, see ``window_open``."""
    policy, release = case.site.policy.approval, case.release
    if policy is ApprovalPolicy.NOT_NEEDED or release.is_emergency:
        return None
    if release.manifest.version in case.installed.approved:
        return None
    alone = f"{ADMINISTRATOR} with 'approve'"
    if policy is ApprovalPolicy.ADMINISTRATOR:
        return Wait("approved", None, "the site's policy is to ask its administrator", alone)
    if release.manifest.version in case.site.approved.get(release.path.product, ()):
        return None
    return Wait(
        "approved", None, "the site's policy is to ask its client", f"the client, or {alone}"
    )


def wave_open(case: Case) -> Answer:
    """8. The site's turn has come, in the plan and by the manifest's own pace."""
    manifest, profile, rollout = case.release.manifest, case.site.profile, case.rollout
    drawn = rollouts.draw(manifest.product, manifest.version, profile.site_id)
    by_pace = rollouts.earliest(manifest.pace, manifest.issued_at, profile.ring, drawn)
    by_plan = rollouts.opens_at(rollout.waves, profile.ring, drawn) if rollout else None
    if by_plan is None:
        reason = f"the site's wave for {manifest.version} is not open yet"
        return Wait("wave_open", None, reason, NOBODY)
    opening = max(by_pace, by_plan)
    if opening <= case.now:
        return _turn(case, rollout, drawn)
    slower = "the signed pace" if by_pace > by_plan else "the rollout's schedule"
    reason = f"the site's turn for {manifest.version} comes later, by {slower}"
    return Wait("wave_open", opening, reason, NOBODY)


GATES: tuple[Gate, ...] = (
    newer,
    applicable,
    held,
    stepping_stone,
    requires,
    not_failed_here,
    approved,
    wave_open,
    window_open,
)


def _turn(case: Case, rollout: Rollout | None, drawn: int) -> Answer:
    """Where only so many may be in progress at once, the plan says whose turn it is."""
    if rollout is None or rollout.turns is None or drawn in rollout.turns:
        return None
    reason = f"other sites get {case.release.manifest.version} first: only so many do at once"
    return Wait("wave_open", None, reason, NOBODY)


def explain(
    release: Release, plan: RolloutPlan, site: Site, now: datetime
) -> Iterable[tuple[str, Answer]]:
    """Every gate's name with its answer; None means that the gate lets the release through."""
    case = Case(release, plan, site, now)
    return [(gate.__name__, gate(case)) for gate in GATES]


def decide(release: Release, plan: RolloutPlan, site: Site, now: datetime) -> Decision:
    """Whether ``site`` installs ``release`` at ``now``: the first gate that answers wins."""
    case = Case(release, plan, site, now)
    for gate in GATES:
        answer = gate(case)
        if answer is not None:
            return answer
    return Install(release, finish_by(case))


def choose(
    releases: Sequence[Release], plan: RolloutPlan, site: Site, now: datetime
) -> Decision | None:
    """The decision that a site follows among several releases of one product.

    The newest release that may be installed now; if there is none, the answer on the newest one
    that is for this site at all. So a site goes on to B while C, which is newer, still waits for
    its wave, and hears nothing of a newer one for other sites. None: no releases.
    """
    newest_first = sorted(releases, key=lambda release: release.version, reverse=True)
    decisions = [decide(release, plan, site, now) for release in newest_first]
    installs = [decision for decision in decisions if isinstance(decision, Install)]
    own = [d for d in decisions if isinstance(d, Install) or d.gate != applicable.__name__]
    return next(chain(installs, own, decisions), None)
