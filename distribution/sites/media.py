"""Folders for sites without a line: there with what one site needs, back with its reports.

The repository's files are copied as they are, but for the three that the server signs by itself:
on the stick they live as long as the journey takes, which somebody decides for each stick. Whoever
finds a stick can show a site nothing but what was true when it was written.
"""

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata

from distribution import audit
from distribution.control import fleet
from distribution.database.tables import Site as SiteRow
from distribution.errors import NotFound, Unavailable
from distribution.repository import catalogue
from distribution.repository.commit import point_at, retried
from distribution.repository.online_keys import ROLLOUTS_KEY
from distribution.repository.store_errors import in_server_words
from distribution.server import Server
from manifests.decision import Install, Wait, decide, window_open
from manifests.delta import delta_path
from manifests.release import Release
from manifests.rollout import RolloutPlan, RolloutState
from manifests.site import Site
from manifests.target_paths import Lane, plan_path, rollouts_role
from signing.metadata import TIMESTAMP_KEY, S, metadata_key, serialised, signed_by, target_key
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, signatories
from signing.update_repository import Repository, copied

log = logging.getLogger(__name__)

REPOSITORY, RECEIPTS = "repository", "receipts"

STICK_LIFE = timedelta(days=14)
"""How long a stick's journey takes, unless somebody decides otherwise; so long a site that gets its
updates on sticks may be silent after it was last heard of."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        releases: the versions whose artifacts are there, by product.
        good_until: when the first of the metadata expires: the site must have installed by then.
    """

    releases: dict[str, list[str]]
    size_bytes: int
    good_until: datetime


def export_media(
    server: Server, site_id: str, folder: Path, life: timedelta, by: str, now: datetime
) -> Exported:
    """Write what one site needs into ``folder``, in place of what an earlier export wrote there.

    Raises:
        NotFound: no such site, or no repository.
        Unavailable: the store, the database or the folder does not work.
    """
    site = _site(server, site_id)
    with in_server_words():
        retried(lambda: _fresh_timestamp(server, now))
        repository = Repository.read(server.store)
    writer = _Writer(server, repository, folder / REPOSITORY, now + life)
    try:
        shutil.rmtree(folder / REPOSITORY, ignore_errors=True)
        (folder / RECEIPTS).mkdir(parents=True, exist_ok=True)
        with in_server_words():
            writer.metadata(site.profile.products)
            found = {name: writer.product(name, site, now) for name in site.profile.products}
    except OSError as error:
        raise Unavailable(f"{folder} cannot be written: {error.strerror or error}") from error
    _expect(server, site_id, now + life, by, now)
    return Exported(found, writer.size_bytes, min(writer.expiries))


def _expect(server: Server, site_id: str, expected_by: datetime, by: str, now: datetime) -> None:
    """The site has no line: until its stick is back nobody need wonder where it is."""
    with server.database.writing() as session:
        row = session.get_one(SiteRow, site_id)
        row.expected_by = expected_by
        session.add(row)
        reason = f"its metadata lives until {expected_by:%Y-%m-%d %H:%M} UTC"
        audit.note(session, audit.Deed(by, "media.export", f"site {site_id}", reason), now)


def _site(server: Server, site_id: str) -> Site:
    with server.database.reading() as session:
        row = session.get(SiteRow, site_id)
    if row is None or row.revoked_at is not None:
        raise NotFound(f"there is no site {site_id!r}", hint="'hsp site list' shows them")
    return fleet.whole_site(row)


def _fresh_timestamp(server: Server, now: datetime) -> None:
    """A new version: a site that knows the present one would not look at it twice."""
    repository = Repository.read(server.store)
    if repository.snapshot is None:
        raise NotFound("the repository is not complete", hint="publish its first proposal")
    point_at(repository, repository.snapshot.signed.version, server.online, now)


@dataclass
class _Writer:
    server: Server
    repository: Repository
    folder: Path
    expires: datetime
    size_bytes: int = 0
    expiries: list[datetime] = field(default_factory=list)

    def metadata(self, products: tuple[str, ...]) -> None:
        """All roots, and the current version of everything that the site's agent looks at."""
        repository, online = self.repository, self.server.online
        for number, root in enumerate(repository.root_files, start=1):
            self._write(metadata_key(ROOT, number), root)
        self.expiries.append(repository.root.expires)
        assert repository.timestamp and repository.snapshot  # noqa: S101 - see _fresh_timestamp
        snapshot, holders = repository.snapshot, signatories(repository.root, TIMESTAMP)
        signer = online.signer(TIMESTAMP, holders)
        self._longer(TIMESTAMP_KEY, repository.timestamp, signer)
        signer = online.signer(SNAPSHOT, signatories(repository.root, SNAPSHOT))
        self._longer(metadata_key(SNAPSHOT, snapshot.signed.version), snapshot, signer)
        for name in (TARGETS, Lane.HOTFIXES.value, Lane.BREAKGLASS.value, *products):
            self._role(name)
        for name in products:
            holders = signatories(repository.targets, rollouts_role(name))
            self._role(rollouts_role(name), online.signer(ROLLOUTS_KEY, holders))

    def _role(self, name: str, signer: Signer | None = None) -> None:
        metadata = self.repository.role(name)
        if metadata is None:
            return
        key = metadata_key(name, metadata.signed.version)
        if signer is not None:
            self._longer(key, metadata, signer)
        else:
            self._write(key, self.repository.role_file(name))
            self.expiries.append(metadata.signed.expires)

    def _longer(self, key: str, metadata: Metadata[S], signer: Signer) -> None:
        """The same version with the same content, for the time of the journey."""
        content = copied(metadata.signed)
        content.expires = max(content.expires, self.expires)
        self.expiries.append(content.expires)
        self._write(key, serialised(signed_by(signer, content)))

    def product(self, name: str, site: Site, now: datetime) -> list[str]:
        """The plan, the manifests in it, and the artifacts that this site may come to need."""
        store = self.server.store
        if plan_path(name) not in catalogue.targets_of(store, rollouts_role(name)):
            return []
        plan = RolloutPlan.from_bytes(catalogue.read_target(store, plan_path(name)))
        self._target(plan_path(name))
        named = {rollout.release: rollout.state for rollout in plan.rollouts}
        releases = [r for r in catalogue.releases(store, name) if str(r.path) in named]
        for release in releases:
            self._target(str(release.path))
        alive = [r for r in releases if named[str(r.path)] is not RolloutState.STOPPED]
        needed = list(_needed(alive, plan, site, now))
        for release in needed:
            self._artifact(release, site)
        return [release.manifest.version for release in needed]

    def _artifact(self, release: Release, site: Site) -> None:
        product, version = release.manifest.product, release.manifest.version
        artifact = release.manifest.artifact_for(site.profile.platform)
        if artifact is None:
            return
        self._target(str(release.path.sibling(artifact.name)))
        installed = site.product(product).version
        if installed is not None:
            delta = delta_path(product, installed, version, artifact.platform)
            if delta in catalogue.targets_of(self.server.store, rollouts_role(product)):
                self._target(delta)

    def _target(self, path: str) -> None:
        sha256 = catalogue.target(self.server.store, path).hashes["sha256"]
        file = self._file(target_key(path, sha256))
        with file.open("wb") as out:
            for piece in catalogue.stream_target(self.server.store, path):
                self.size_bytes += out.write(piece)

    def _write(self, key: str, content: bytes) -> None:
        self.size_bytes += self._file(key).write_bytes(content)

    def _file(self, key: str) -> Path:
        file = self.folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        return file


def _needed(
    releases: list[Release], plan: RolloutPlan, site: Site, now: datetime
) -> Iterator[Release]:
    """Newest first, until one that the site can go to from where it is."""
    for release in sorted(releases, key=lambda r: r.version, reverse=True):
        decision = decide(release, plan, site, now)
        gate = None if isinstance(decision, Install) else decision.gate
        if gate in ("newer", "applicable"):
            continue
        yield release
        waits = isinstance(decision, Wait) and gate == window_open.__name__
        if isinstance(decision, Install) or waits:
            return
