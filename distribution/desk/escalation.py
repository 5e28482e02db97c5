"""Which tier a failure goes to. Pure; the table is data.

Sources: SEMANTICS "Reports and tiers"; the codes' own tiers are in ``manifests.failures``.
"""

from manifests.failures import FailureCode, Tier

REPEATS_FOR_L2 = 2

LADDER = (Tier.L1, Tier.L2, Tier.L3)

OF_THE_SITE = frozenset(
    {
        FailureCode.UNREACHABLE,
        FailureCode.SILENT,
        FailureCode.POLICY_INVALID,
        FailureCode.NOT_ENROLLED,
        FailureCode.REPORTED_BY_CUSTOMER,
    }
)
"""The site's own condition: that two clients have it at the same time is no common cause."""


def route(code: FailureCode, tier: Tier, *, emergency: bool, repeats: int, spreads: bool) -> Tier:
    """The tier that looks after a failure.

    Args:
        code: what failed.
        tier: the code's own, as the failure table has it.
        emergency: it was a hotfix or a break-glass release, so that one tier higher is asked.
        repeats: how often it has happened at this site, this time included.
        spreads: whether a second client organisation has it.
    """
    if tier is Tier.SECURITY:
        return tier
    if spreads and code not in OF_THE_SITE:
        return Tier.L3
    if repeats >= REPEATS_FOR_L2:
        tier = higher(tier, Tier.L2)
    return next_up(tier) if emergency else tier


def higher(one: Tier, other: Tier) -> Tier:
    """The higher of two tiers. Security stands beside the ladder, and what is there stays there."""
    if Tier.SECURITY in (one, other):
        return Tier.SECURITY
    return max(one, other, key=LADDER.index)


def next_up(tier: Tier) -> Tier:
    """One tier higher; of the highest and of security the same."""
    if tier not in LADDER:
        return tier
    return LADDER[min(LADDER.index(tier) + 1, len(LADDER) - 1)]
