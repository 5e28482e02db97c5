"""The last gate: whether a site may be changed now, by its windows and everybody's freezes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from manifests.case import ADMINISTRATOR, OPERATOR, Answer, Case, Stay, Wait
from manifests.freeze import blackouts_of
from manifests.site import EmergencyPolicy
from manifests.target_paths import Lane
from manifests.window import HORIZON, Blackout, Opening, current_or_next


def window_open(case: Case) -> Answer:
    """9. The site may be changed now and there is time enough; a hotfix as the policy says."""
    if _needs_no_window(case):
        return None
    if _emergency_policy(case) is EmergencyPolicy.ASK:
        reason = "the site's policy is to ask before a hotfix"
        return Wait("window_open", None, reason, f"{ADMINISTRATOR} with 'approve'")
    return _window(case)


def _needs_no_window(case: Case) -> bool:
    emergency = _emergency_policy(case)
    approved = case.release.manifest.version in case.installed.approved
    return emergency is EmergencyPolicy.IMMEDIATE or (emergency is EmergencyPolicy.ASK and approved)


def _emergency_policy(case: Case) -> EmergencyPolicy | None:
    policies = {
        Lane.HOTFIXES: case.site.policy.hotfix,
        Lane.BREAKGLASS: case.site.policy.breakglass,
    }
    return policies.get(case.release.path.lane)


def _opening(case: Case) -> Opening | None:
    policy, needed = case.site.policy, case.release.manifest.expected_duration_seconds
    freezes = policy.freezes + case.site.freezes + case.plan.freezes
    blackouts = [*policy.blackouts, *blackouts_of(freezes, case.now)]
    return current_or_next(policy.windows, blackouts, timedelta(seconds=needed), case.now)


def _window(case: Case) -> Answer:
    needed = case.release.manifest.expected_duration_seconds
    opening = _opening(case)
    if opening is None:
        reason = f"no window within 13 months leaves the {needed} s that it needs"
        longest = max((w.duration_seconds for w in case.site.policy.windows), default=needed)
        if longest < needed:
            reason += f": the longest has {longest} s"
        return Stay("window_open", reason, ADMINISTRATOR, expected=False)
    if opening.start <= case.now:
        return None
    for lifted_by, blackout in _forbidding(case):
        reason = f"the site must not be changed now: {blackout.name}"
        return Wait("window_open", opening.start, reason, lifted_by)
    reason = f"the site's window is closed, or too short for the {needed} s that it needs"
    return Wait("window_open", opening.start, reason, ADMINISTRATOR)


def _forbidding(case: Case) -> Iterable[tuple[str, Blackout]]:
    """Who forbids a change at this very moment, the server's word first."""
    policy, now = case.site.policy, case.now
    servers = blackouts_of(case.plan.freezes + case.site.freezes, now)
    own = [*blackouts_of(policy.freezes, now), *policy.blackouts]
    for lifted_by, blackouts in ((OPERATOR, servers), (ADMINISTRATOR, own)):
        for blackout in blackouts:
            if blackout.starts_at <= now < blackout.ends_at:
                yield lifted_by, blackout


def finish_by(case: Case) -> datetime | None:
    """When what begins now must be done; None where no window or freeze comes to an end."""
    if _needs_no_window(case):
        return None  # what may start in a closed window may also go on in one
    opening = _opening(case)
    if opening is None or opening.end == case.now + HORIZON:
        return None
    return opening.end
