"""Whether this site does a step that it is asked for; pure.

The server that asks may be in anybody's hands. So the site's policy says which kinds there are
here, and these limits how often: what remains to a thief is a restart now and then.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from client_updater.step_book import Taken
from manifests.freeze import blackouts_of
from manifests.remote_steps import STEP_LIFE, Outcome, RemoteStep, StepKind
from manifests.site import SitePolicy, SiteProfile

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
LIMITS: Mapping[StepKind, Sequence[tuple[int, timedelta]]] = {
    StepKind.VERIFY: ((6, _HOUR),),
    StepKind.REPAIR: ((3, _HOUR),),
    StepKind.COLLECT: ((6, _HOUR),),
    StepKind.RESTART: ((3, _HOUR), (12, _DAY)),
    StepKind.RETRY: ((3, _HOUR), (6, _DAY)),
}
"""So many of a kind within so long."""
MOST_ANSWERS = 30
"""In an hour, refusals too: what comes above that is not even answered."""


def is_too_much(taken: Sequence[Taken], now: datetime) -> bool:
    """Whether no step is looked at any more at present."""
    return len(_within(taken, _HOUR, now)) >= MOST_ANSWERS


def _within(taken: Sequence[Taken], span: timedelta, now: datetime) -> list[Taken]:
    """The clock may have been set back since: what lies ahead counts like what lies behind."""
    return [each for each in taken if abs(now - each.at) < span]


def why_not(
    step: RemoteStep,
    profile: SiteProfile,
    policy: SitePolicy,
    taken: Sequence[Taken],
    now: datetime,
) -> str:
    """Why the site refuses it, for people; empty if it does not."""
    try:
        kind = StepKind(step.kind)
    except ValueError:
        return f"this agent does not know the step {step.kind!r}"
    return (
        _why_not_by_clock(step, now)
        or _why_not_by_policy(kind, policy, now)
        or _why_not_by_product(kind, step, profile)
        or _why_not_so_often(kind, taken, now)
    )


def _why_not_by_clock(step: RemoteStep, now: datetime) -> str:
    if now >= step.expires_at:
        return f"it was to be done until {step.expires_at:%Y-%m-%d %H:%M} UTC"
    if step.asked_at > now + STEP_LIFE:
        return "by the clock of this site, it was asked for in the future"
    return ""


def _why_not_by_policy(kind: StepKind, policy: SitePolicy, now: datetime) -> str:
    if kind not in policy.support.remote:
        return f"this site's policy does not let support {kind} anything ([support] in site.toml)"
    if not kind.changes_something:
        return ""
    if policy.brake is not None:
        return f"the administrator's brake is on ({policy.brake.by}: {policy.brake.reason})"
    for blackout in [*policy.blackouts, *blackouts_of(policy.freezes, now)]:
        if blackout.starts_at <= now < blackout.ends_at:
            return f"this site must not be changed now: {blackout.name}"
    return ""


def _why_not_by_product(kind: StepKind, step: RemoteStep, profile: SiteProfile) -> str:
    if kind in (StepKind.RESTART, StepKind.RETRY) and step.product is None:
        return f"a {kind} needs a product"
    if kind is StepKind.RETRY and step.version is None:
        return "a retry needs a version"
    if step.product is not None and step.product not in profile.products:
        return f"this site has no product {step.product!r}"
    return ""


def _why_not_so_often(kind: StepKind, taken: Sequence[Taken], now: datetime) -> str:
    done = [each for each in taken if each.kind == kind and each.outcome is not Outcome.REFUSED]
    for most, span in LIMITS[kind]:
        if len(_within(done, span, now)) >= most:
            hours = span // _HOUR
            when = "an hour" if hours == 1 else f"{hours} hours"
            return f"this site does no more than {most} of this kind in {when}"
    return ""
