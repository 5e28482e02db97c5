"""Deltas: for the versions that the fleet really runs, to the releases that are on their way to it.

A delta only saves bytes: agents check what it makes against the release's own signatures, and fetch
the whole artifact where there is no delta or it fails. So nothing here ever holds up a rollout:
one pair of releases is worked on at a time, in a process of its own; a pair that fails is tried
again a few times, later.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from packaging.version import Version
from sqlmodel import Session, col, select

from distribution.database.tables import DeltaRow, RolloutRow, Site, SiteProduct
from distribution.errors import DistributionError, Invalid, NotFound, Unavailable
from distribution.repository import catalogue
from distribution.repository.delta_coding import Unpacked, write_delta
from distribution.repository.publish import publish_targets
from distribution.server import Server
from manifests.delta import delta_path
from manifests.release import Artifact, Release
from manifests.rollout import RolloutState
from manifests.target_paths import rollouts_role

log = logging.getLogger(__name__)

WORTH_IT = 2 / 3
"""A delta larger than this share of the compressed artifact is not kept."""

MAX_TRIES = 3
MAX_VERSIONS = 20
"""Of the versions that a product's sites run, the newest so many get deltas."""


@dataclass(frozen=True)
class Pair:
    """From one version of a product to another."""

    product: str
    from_version: str
    to_version: str

    def __str__(self) -> str:
        return f"{self.product} {self.from_version} to {self.to_version}"


@dataclass(frozen=True)
class Made:
    """A delta that was made, with the size of the artifact that it stands for."""

    path: str
    delta_bytes: int
    artifact_bytes: int

    @property
    def is_worth_it(self) -> bool:
        """Whether it saves at least a third."""
        return self.delta_bytes <= WORTH_IT * self.artifact_bytes


def work(server: Server, now: datetime) -> None:
    """Remove deltas from versions that nobody runs any more; then make those of one pair.

    Raises:
        Unavailable: the database does not answer.
    """
    with server.database.reading() as session:
        runs = _versions_in_the_field(session)
        rows = {_pair_of(row): row for row in session.exec(select(DeltaRow))}
        wanted = list(_wanted(session, runs))
    for pair, row in rows.items():
        if pair.from_version not in runs.get(pair.product, ()):
            _remove(server, row, now)
    for pair in wanted:
        if pair not in rows or _may_be_tried(rows[pair]):
            _try(server, pair, now)
            return


def _may_be_tried(row: DeltaRow) -> bool:
    return bool(row.problem) and row.tries < MAX_TRIES


def make(server: Server, pair: Pair, now: datetime) -> list[Made]:
    """Make and publish the deltas of a pair, one for each platform; those worth it are kept.

    Raises:
        UnknownRelease: one of the two was never published.
        Invalid: the one cannot follow the other.
        Unavailable: the store, the disk or the patch coder fails.
    """
    with server.database.alone("deltas"), _working_folder(server) as folder:
        old, new = _releases(server, pair)
        made = list(_made(server, old, new, folder))
        kept = {each.path: folder / Path(each.path).name for each in made if each.is_worth_it}
        if kept:
            role = rollouts_role(pair.product)
            publish_targets(server.store, role, kept, server.online, now)
    _note(server, pair, now, paths=" ".join(kept))
    return made


def _try(server: Server, pair: Pair, now: datetime) -> None:
    try:
        made = make(server, pair, now)
    except DistributionError as error:
        log.warning("no delta from %s: %s", pair, error)
        _note(server, pair, now, problem=error.message)
    else:
        for each in made:
            sizes = f"{each.delta_bytes} instead of {each.artifact_bytes} bytes"
            log.info("%s: %s%s", each.path, sizes, "" if each.is_worth_it else ", not kept")


# --- which


def _versions_in_the_field(session: Session) -> dict[str, list[str]]:
    """Per product, the versions that its sites run, newest first."""
    wanted = (
        select(SiteProduct.product, SiteProduct.version)
        .join(Site, col(Site.id) == col(SiteProduct.site_id))
        .where(col(Site.revoked_at).is_(None), col(SiteProduct.version).is_not(None))
        .distinct()
    )
    found: dict[str, list[str]] = {}
    for product, version in session.exec(wanted):
        found.setdefault(product, []).append(version or "")
    return {name: sorted(versions, key=Version, reverse=True) for name, versions in found.items()}


def _wanted(session: Session, runs: dict[str, list[str]]) -> Iterator[Pair]:
    """The pairs that the running rollouts could use, the newest releases first."""
    running = select(RolloutRow).where(RolloutRow.state == RolloutState.RUNNING)
    released = set(session.exec(select(RolloutRow.product, RolloutRow.version)).all())
    for row in session.exec(running.order_by(col(RolloutRow.id).desc())):
        for version in runs.get(row.product, [])[:MAX_VERSIONS]:
            is_ours = (row.product, version) in released
            if is_ours and Version(version) < Version(row.version):
                yield Pair(row.product, version, row.version)


def _releases(server: Server, pair: Pair) -> tuple[Release, Release]:
    found = {r.manifest.version: r for r in catalogue.releases(server.store, pair.product)}
    for version in (pair.from_version, pair.to_version):
        if version not in found:
            raise NotFound(f"no release {pair.product} {version} is published")
    new = found[pair.to_version]
    if not new.manifest.follows(pair.from_version):
        raise Invalid(f"{pair.to_version} does not upgrade from {pair.from_version}")
    return found[pair.from_version], new


# --- making


@contextmanager
def _working_folder(server: Server) -> Iterator[Path]:
    try:
        with tempfile.TemporaryDirectory(prefix=".deltas.", dir=server.settings.home) as folder:
            yield Path(folder)
    except OSError as error:
        raise Unavailable(f"there is no room to make deltas: {error}") from error


def _made(server: Server, old: Release, new: Release, folder: Path) -> Iterator[Made]:
    for artifact in new.manifest.artifacts:
        before = old.manifest.artifact_for(artifact.platform)
        if before is None:
            continue
        path = delta_path(
            new.manifest.product, old.manifest.version, new.manifest.version, artifact.platform
        )
        out = folder / Path(path).name
        basis = _unpacked(server, old, before, folder)
        wanted = _unpacked(server, new, artifact, folder)
        _in_a_process(basis, wanted, out)
        for tar in (basis.tar, wanted.tar):
            tar.unlink()
        size = catalogue.target(server.store, str(new.path.sibling(artifact.name))).length
        yield Made(path, out.stat().st_size, size)


def _unpacked(server: Server, release: Release, artifact: Artifact, folder: Path) -> Unpacked:
    tar = folder / f"{artifact.name}.tar"
    path = str(release.path.sibling(artifact.name))
    return Unpacked.write(catalogue.stream_target(server.store, path), artifact.files, tar)


def _in_a_process(old: Unpacked, new: Unpacked, out: Path) -> None:
    """The coder takes its time and memory, and native code may crash: not in the server.

    The process ends with the server's.
    """
    context = get_context("spawn")
    words, says = context.Pipe(duplex=False)
    process = context.Process(target=_code, args=(old, new, out, says), daemon=True)
    process.start()
    says.close()
    process.join()
    with words:
        problem = words.recv() if words.poll() else f"it ended with {process.exitcode}"
    if problem:
        raise Unavailable(f"the process that makes a delta failed: {problem}")


def _code(old: Unpacked, new: Unpacked, out: Path, says: Connection) -> None:
    os.nice(10)
    try:
        write_delta(old, new, out)
        says.send("")
    except (Unavailable, OSError) as error:
        says.send(str(error))


# --- what was done


def _pair_of(row: DeltaRow) -> Pair:
    return Pair(row.product, row.from_version, row.to_version)


def _note(server: Server, pair: Pair, now: datetime, paths: str = "", problem: str = "") -> None:
    with server.database.writing() as session:
        key = (pair.product, pair.from_version, pair.to_version)
        row = session.get(DeltaRow, key) or DeltaRow(
            product=pair.product,
            from_version=pair.from_version,
            to_version=pair.to_version,
            at=now,
        )
        row.paths, row.problem, row.at, row.tries = paths, problem, now, row.tries + 1
        session.add(row)


def _remove(server: Server, row: DeltaRow, now: datetime) -> None:
    gone = row.paths.split()
    if gone:
        role = rollouts_role(row.product)
        publish_targets(server.store, role, {}, server.online, now, gone=gone)
        log.info("nobody runs %s %s any more: removed its deltas", row.product, row.from_version)
    with server.database.writing() as session:
        session.delete(session.get_one(DeltaRow, (row.product, row.from_version, row.to_version)))
