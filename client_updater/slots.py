"""Side-by-side folders of a product's versions, and the one link that says which of them runs.

Below ``slots/<product>/``: a folder per version, ``<version>.release`` with the signed manifest it
came from, the link ``current``, and the link ``previous`` to what was healthy before. A version's
folder gets its name when all of it is on the disk, so a folder that is there is whole.
"""

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import (
    AgentError,
    ArtifactMismatch,
    DiskFull,
    InstallFailed,
    StateUnusable,
)
from client_updater.state import read_private
from manifests.documents import Document
from manifests.errors import ManifestError
from manifests.file_list import FileEntry, FileList
from manifests.release import Artifact, Release, ReleaseManifest
from manifests.target_paths import ReleasePath

RESERVE_BYTES = 64 * 1024 * 1024
"""Room that an installation leaves free, beside 2.2 times what it unpacks."""
_LINK_TARGET = re.compile(r"[0-9][0-9a-z.]*")
_READ_BYTES = 1024 * 1024


class KeptRelease(Document):
    """A manifest that was verified when it was fetched, with the path it was signed under."""

    path: str
    manifest: ReleaseManifest


@dataclass(frozen=True)
class Slots:
    """All slots of a site. ``staging`` lies on the same file system."""

    folder: Path
    staging: Path

    def path(self, product: str, version: str) -> Path:
        """The folder of one version, whether it is there or not."""
        return self.folder / product / version

    def current(self, product: str) -> str | None:
        """The version that runs, or is to run."""
        return self._linked(product, "current")

    def previous(self, product: str) -> str | None:
        """The version that was healthy before the current one, if it is still here."""
        return self._linked(product, "previous")

    def _linked(self, product: str, name: str) -> str | None:
        try:
            version = os.readlink(self.folder / product / name)
        except OSError:
            return None
        is_slot = _LINK_TARGET.fullmatch(version) and self.path(product, version).is_dir()
        return version if is_slot else None

    def remember(self, release: Release) -> None:
        """Keep the manifest, so that everything from here on works without the network."""
        kept = KeptRelease(path=str(release.path), manifest=release.manifest)
        product = release.path.product
        if self.current(product) is None:  # else the folder is durable, as the link in it is
            durable.make_folders(self.folder / product)
        durable.write(self._record(product, release.path.version), kept.to_bytes())

    def release(self, product: str, version: str) -> Release:
        """What ``remember`` kept.

        Raises:
            InstallFailed: the record is lost or damaged.
        """
        path = self._record(product, version)
        try:
            kept = KeptRelease.from_bytes(read_private(path))
            return Release(ReleasePath.parse(kept.path), kept.manifest)
        except (FileNotFoundError, StateUnusable, ManifestError) as error:
            raise InstallFailed(f"the record {path} is lost or damaged: {error}") from error

    def check_room(self, artifact: Artifact) -> None:
        """Refuse to begin what could fill the disk.

        Raises:
            DiskFull: less than 2.2 times the unpacked size and 64 MiB are free.
        """
        found = os.statvfs(self.folder)
        free, needed = found.f_bavail * found.f_frsize, _room_for(artifact)
        if free < needed:
            raise DiskFull(
                f"{artifact.name} needs {needed // 2**20} MiB of free space, "
                f"{free // 2**20} MiB are free",
                hint=f"free some space on the disk of {self.folder}",
            )

    def stage(self, release: Release, artifact: Artifact, unpack: Callable[[Path], None]) -> None:
        """Let ``unpack`` fill a new folder, and make it the version's slot, unless that is there.

        Raises:
            ArtifactMismatch: it is not what was signed; nothing of it is kept.
            DiskFull, DiskError: the system refuses.
        """
        product, version = release.path.product, release.path.version
        slot = self.path(product, version)
        if slot.is_dir() and _is_whole(slot, artifact.files):
            return
        unpacked = self.staging / f"{product}-{version}"
        unpack(unpacked)
        durable.sync_tree(unpacked)
        durable.remove(slot)
        durable.move(unpacked, slot)

    def is_staged(self, release: Release, artifact: Artifact) -> bool:
        """Whether the slot holds exactly what was signed."""
        slot = self.path(release.path.product, release.path.version)
        return slot.is_dir() and _is_whole(slot, artifact.files)

    def verify(self, product: str, version: str, files: FileList) -> None:
        """Hold a slot to its signed list: every file, its bytes and mode, and nothing else.

        Raises:
            ArtifactMismatch: it differs.
        """
        verify_tree(self.path(product, version), files)

    def activate(self, product: str, version: str) -> None:
        """Make ``version`` the current one, in one step."""
        durable.link(self.folder / product / "current", version)

    def deactivate(self, product: str) -> None:
        """Leave the product without a current version."""
        durable.unlink_durably(self.folder / product / "current")

    def keep(self, product: str, version: str, before: str | None) -> None:
        """``version`` is healthy: remember the one before it, and remove all older ones."""
        if before is not None and before != version:
            durable.link(self.folder / product / "previous", before)
        self.prune(product)

    def prune(self, product: str) -> None:
        """Remove the slots that are neither current nor previous, as far as the disk lets us."""
        kept = {self.current(product), self.previous(product)}
        for entry in list((self.folder / product).iterdir()):
            version = entry.name.removesuffix(".release")
            if _LINK_TARGET.fullmatch(version) and version not in kept:
                _remove_if_possible(entry)

    def kept(self, products: Iterable[str]) -> dict[str, set[str]]:
        """Per product, the versions that must stay: the current and the previous one."""
        return {
            name: {version for version in (self.current(name), self.previous(name)) if version}
            for name in products
        }

    def discard(self, product: str, version: str) -> None:
        """Remove one version that is not the current one, and what was unpacked of it."""
        if self.current(product) == version:
            return
        for path in (self.path(product, version), self._record(product, version)):
            _remove_if_possible(path)
        _remove_if_possible(self.staging / f"{product}-{version}")

    def empty_staging(self) -> None:
        """Remove what was left half unpacked, or came back in a power loss, while nobody unpacks.

        Raises:
            DiskFull, DiskError: some of it is still there.
        """
        for entry in list(self.staging.iterdir()):
            durable.remove(entry)

    def _record(self, product: str, version: str) -> Path:
        return self.folder / product / f"{version}.release"


def _room_for(artifact: Artifact) -> int:
    return artifact.tar_size_bytes * 22 // 10 + RESERVE_BYTES


def _remove_if_possible(path: Path) -> None:
    try:
        durable.remove(path)
    except AgentError:
        return  # space that is not given back now is given back by the next prune


def _is_whole(slot: Path, files: FileList) -> bool:
    try:
        verify_tree(slot, files)
    except ArtifactMismatch:
        return False
    return True


def verify_tree(folder: Path, files: FileList, *, exactly: bool = True) -> None:
    """Hold a folder to a signed file list; without ``exactly``, other files beside are allowed.

    Raises:
        ArtifactMismatch: names the first difference.
    """
    wanted = {entry.path: entry for entry in files}
    for path in files_below(folder) if exactly else ():
        if path not in wanted:
            raise ArtifactMismatch(f"{folder / path} is not in the signed list")
    for entry in files:
        _verify_file(folder, entry)


def files_below(folder: Path) -> Iterator[str]:
    """Everything below a folder that is no folder itself, links to folders among it."""
    for parent, folders, names in os.walk(folder):
        linked = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in [*names, *linked]:
            yield os.path.relpath(os.path.join(parent, name), folder)


def _verify_file(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ArtifactMismatch(f"{path} is missing or no file: {error.strerror}") from error
    if stat.S_ISDIR(os.fstat(fd).st_mode):
        os.close(fd)
        raise ArtifactMismatch(f"{path} is a folder")
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size != entry.size_bytes:
            raise ArtifactMismatch(f"{path} is not a file of {entry.size_bytes} bytes")
        if stat.S_IMODE(found.st_mode) != int(entry.mode, 8):
            raise ArtifactMismatch(f"{path} has another mode than the signed {entry.mode}")
        digest = hashlib.sha256()
        while data := file.read(_READ_BYTES):
            digest.update(data)
    if digest.hexdigest() != entry.sha256:
        raise ArtifactMismatch(f"{path} is not what was signed")
