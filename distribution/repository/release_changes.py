"""What a release changes against the one before it, by what people signed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from manifests.release import Release


@dataclass(frozen=True)
class Changes:
    """The files of one release against those of another, all platforms together.

    Attributes:
        before: the version that it is compared with; empty if it is the first.
        bytes_before, bytes_after: of all files.
    """

    before: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    same: int
    bytes_before: int
    bytes_after: int


def changes(release: Release, all_releases: Sequence[Release]) -> Changes:
    """Against the newest older release of the product, in whichever lane."""
    older = [
        one
        for one in all_releases
        if one.path.product == release.path.product and one.version < release.version
    ]
    before = max(older, key=lambda one: one.version, default=None)
    then, now = _files(before) if before else {}, _files(release)
    both = then.keys() & now.keys()
    changed = {name for name in both if then[name][0] != now[name][0]}
    return Changes(
        before=before.path.version if before else "",
        added=tuple(sorted(now.keys() - then.keys())),
        removed=tuple(sorted(then.keys() - now.keys())),
        changed=tuple(sorted(changed)),
        same=len(both) - len(changed),
        bytes_before=sum(size for _, size in then.values()),
        bytes_after=sum(size for _, size in now.values()),
    )


def _files(release: Release) -> dict[str, tuple[str, int]]:
    """Each file's hash and size, by its path; with the platform in front if there are several."""
    artifacts = release.manifest.artifacts
    return {
        (f"{one.platform}: " if len(artifacts) > 1 else "") + file.path: (
            file.sha256,
            file.size_bytes,
        )
        for one in artifacts
        for file in one.files
    }
