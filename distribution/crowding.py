"""How wide a wave must be spread, so that no more sites than allowed are in progress at once.

A site decides by itself, without an order from us, and the plan may name no client. So the limit
is kept by *when* each site's turn comes: every site has a fixed place in its wave, the server knows
all places and how long an install takes, and it signs the smallest spread at which no more turns
overlap than the limit says. A thief of the server could sign a smaller spread, but none that beats
the pace in the manifest.

Sites that wait for their windows start when those open, whatever their turn was; the limit does not
reach them. Nor can it part two sites that drew the same place: then the widest spread is taken.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from math import ceil

from manifests import rollout as language
from manifests.release import Release
from manifests.rollout import Limits
from manifests.site import SiteProfile

NOTICED_AFTER_SECONDS = 300
"""A site notices its turn at a poll, so much later at most."""

WIDEST = timedelta(days=3)
"""A wave is never spread wider than this, or than its schedule says."""


def spread_seconds(
    release: Release,
    limits: Limits,
    bounds: Sequence[int],
    wave: int,
    sites: Iterable[SiteProfile],
) -> int:
    """The spread that the limits ask for; 0 where they ask for none.

    Args:
        bounds: of all waves, cumulative.
        wave: the one that opens, from 0.
    """
    if limits.at_once is None and limits.at_once_per_client is None:
        return 0
    places = _places(release, bounds, wave, sites)
    everybody = [place for one in places.values() for place in one]
    lower = bounds[wave - 1] if wave else 0
    taken = release.manifest.expected_duration_seconds + NOTICED_AFTER_SECONDS
    gaps = [_gap(everybody, limits.at_once)]
    gaps += [_gap(one, limits.at_once_per_client) for one in places.values()]
    needed = [_spread(gap, bounds[wave] - lower, taken) for gap in gaps if gap is not None]
    return max(needed, default=0)


def _places(
    release: Release, bounds: Sequence[int], wave: int, sites: Iterable[SiteProfile]
) -> Mapping[str, list[int]]:
    """The places in the wave, by client."""
    found: dict[str, list[int]] = {}
    product, version = release.manifest.product, release.manifest.version
    for site in sites:
        drawn = language.draw(product, version, site.site_id)
        place = language.position(drawn, site.ring, bounds)
        if language.wave_index(place, bounds) == wave:
            found.setdefault(site.client_id, []).append(place)
    return found


def _gap(places: list[int], limit: int | None) -> int | None:
    """The least distance between a place and the one that must wait for it to end."""
    if limit is None or len(places) <= limit:
        return None
    ordered = sorted(places)
    return min(later - one for one, later in zip(ordered, ordered[limit:], strict=False))


def _spread(gap: int, width: int, taken: int) -> int:
    widest = int(WIDEST.total_seconds())
    return min(ceil(taken * width / gap), widest) if gap else widest
