"""Which tier a failure goes to, and when two failures are the same one. Pure; the table is data.

Sources: SEMANTICS "Reports and tiers"; the codes' own tiers are in ``manifests.failures``.
"""

import re

from manifests.failures import FAILURES, FailureCode, Tier

CLIENTS_FOR_L3 = 2
"""The same cause at so many clients is nobody's local trouble."""

REPEATS_FOR_L2 = 2

LADDER = (Tier.L1, Tier.L2, Tier.L3)

OF_THE_SITE = frozenset(
    {
        FailureCode.UNREACHABLE,
        FailureCode.SILENT,
        FailureCode.POLICY_INVALID,
        FailureCode.NOT_ENROLLED,
    }
)
"""The site's own condition: that two clients have it at the same time is no common cause."""

_NOISE = (
    (re.compile(r"\w+://\S+"), "<url>"),
    (re.compile(r"(?<!\w)(?:[A-Za-z]:)?(?:[\\/][\w.@~+-]+)+[\\/]?"), "<path>"),
    (re.compile(r"\b(?:0x[0-9a-f]+|(?=[a-f]*\d)[0-9a-f]{8,})\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:[.:]\d+)*"), "<n>"),
    (re.compile(r"\s+"), " "),
)
_SIGNATURE_CHARACTERS = 200


def signature(code: FailureCode, detail: str) -> str:
    """What two failures of one cause have in common.

    The code, and the detail's first line without addresses, paths, hex and numbers.
    """
    first = next((line for line in detail.splitlines() if line.strip()), "")
    for pattern, word in _NOISE:
        first = pattern.sub(word, first)
    said = first.strip().lower()[:_SIGNATURE_CHARACTERS]
    return f"{code}: {said}" if said else code.value


def route(code: FailureCode, *, emergency: bool, repeats: int, clients: int) -> Tier:
    """The tier that looks after a failure.

    Args:
        code: what failed.
        emergency: it was a hotfix or a break-glass release, so that one tier higher is asked.
        repeats: how often it has happened at this site, this time included.
        clients: how many client organisations have it, this one included.
    """
    tier = FAILURES[code].tier
    if tier is Tier.SECURITY:
        return tier
    if clients >= CLIENTS_FOR_L3 and code not in OF_THE_SITE:
        return Tier.L3
    if repeats >= REPEATS_FOR_L2:
        tier = higher(tier, Tier.L2)
    return _next_up(tier) if emergency else tier


def higher(one: Tier, other: Tier) -> Tier:
    """The higher of two tiers. Security stands beside the ladder, and what is there stays there."""
    if Tier.SECURITY in (one, other):
        return Tier.SECURITY
    return max(one, other, key=LADDER.index)


def _next_up(tier: Tier) -> Tier:
    return LADDER[min(LADDER.index(tier) + 1, len(LADDER) - 1)]
