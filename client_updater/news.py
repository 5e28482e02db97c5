"""A new timestamp, and whether anything has moved with it that concerns this site.

The repository has a new one whenever anybody's release or plan changes, and every three hours. It
is verified as in every poll and the trust floor is raised before anything else. Where the snapshot
says of all roles that this site has read what it said before, word for word, it is no news here.
"""

from dataclasses import replace

from client_updater.fetcher import Answer, Fetcher
from client_updater.floor import FloorFile
from client_updater.quiet import (
    METADATA,
    TRUST,
    Changed,
    Quiet,
    cached,
    cached_roles,
    listing,
    print_of,
)
from client_updater.state import StateFolder
from client_updater.trusted import Trusted, place_in
from manifests.json_text import parse_json, to_json


def taken(
    state: StateFolder,
    quiet: Quiet,
    fetcher: Fetcher,
    floors: FloorFile,
    asked: dict[str, Answer],
) -> Quiet:
    """The note after the repository was believed anew.

    Args:
        asked: what it has answered a moment ago.

    Raises:
        Changed: there is something new for this site.
        Untrusted, Unreachable: as ``Trusted.refresh``.
        OSError, ValueError, KeyError: the cache of metadata is not what it was.
    """
    roles, place = cached_roles(state), place_in(state, quiet.pinned_sha256, *quiet.urls[1:])
    trusted = Trusted(place, fetcher, floors, set(quiet.concerns), asked=asked)
    seen = trusted.refresh()
    is_same = listing(state, quiet.roles) == quiet.roles and cached_roles(state) == roles
    if seen.root_version != quiet.root_version or not is_same:
        raise Changed("the repository has news for this site")
    sha256, _, ends = cached(state, "timestamp")
    check_in = parse_json(quiet.check_in.encode(), "the last check-in")
    check_in |= {"timestamp_version": seen.timestamp}
    folders = {name: print_of(name, state / name) for name in (TRUST, METADATA)}
    return replace(
        quiet,
        fresh_until=min(ends, cached(state, "snapshot")[2]),
        timestamp_sha256=sha256,
        check_in=to_json(check_in).decode(),
        prints={**quiet.prints, **folders},
    )
