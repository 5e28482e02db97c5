"""From the version that runs to the next one by a delta: fewer bytes, and the same checks.

A delta is listed by the online role and verified before it is looked at. It only saves bytes: what
it makes is the release's own tar, piece by piece, for the one reader of ``archive``, which holds
every header, file and the whole to the signed list. Whoever uses this falls back to the full
artifact on any error.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from client_updater.archive import CHUNK_BYTES, Readable, unpack_tar
from client_updater.errors import ArtifactMismatch, Incompatible
from client_updater.patching import Patcher
from client_updater.slots import Slots
from client_updater.trusted import Target, Trusted
from manifests.delta import Batch, Stretch, batches, copied, delta_path
from manifests.delta_frames import Frame, Split, frames, split
from manifests.errors import ManifestError
from manifests.file_list import END_OF_TAR, FileList, tar_header, tar_padding
from manifests.release import Artifact, Release
from manifests.target_paths import rollouts_role


@dataclass(frozen=True)
class Basis:
    """An installed version, from which a delta leads on."""

    version: str
    folder: Path
    artifact: Artifact


@dataclass(frozen=True)
class Deltas:
    """The way from one slot to the next."""

    slots: Slots
    platform: str

    def basis(self, product: str, version: str) -> Basis:
        """What of an installed version a delta could build on.

        Raises:
            InstallFailed: its record is lost. Incompatible: it was not for this platform.
        """
        manifest = self.slots.release(product, version).manifest
        artifact = manifest.artifact_for(self.platform)
        folder = self.slots.path(product, version)
        if artifact is None:
            raise Incompatible(f"{product} {version} is not for the platform {self.platform}")
        return Basis(version, folder, artifact)

    def offered(
        self, trusted: Trusted, basis: Basis, release: Release, artifact: Artifact
    ) -> Target | None:
        """The delta from there to the release; None where there is none.

        Raises:
            Untrusted, Unreachable: as ``Trusted.find``.
        """
        product, version = release.path.product, release.path.version
        path = delta_path(product, basis.version, version, artifact.platform)
        return trusted.find(path, rollouts_role(product))

    def stage(self, delta: Path, basis: Basis, release: Release, artifact: Artifact) -> None:
        """Make the release's slot by a delta.

        Raises:
            ArtifactMismatch: it does not lead to what was signed, or cannot be applied at all.
            DiskFull, DiskError: the system refuses.
        """

        def unpack(folder: Path) -> None:
            with rebuilt(delta, basis, artifact) as tar:
                unpack_tar(tar, artifact, folder)

        self.slots.stage(release, artifact, unpack)


@contextmanager
def rebuilt(delta: Path, basis: Basis, artifact: Artifact) -> Iterator[Readable]:
    """The tar of ``artifact`` as a delta makes it; nobody has checked it yet.

    Raises:
        ArtifactMismatch: when it is read, for everything that is wrong with delta or basis.
    """
    try:
        fd = os.open(delta, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ArtifactMismatch(f"{delta} cannot be read: {error.strerror}") from error
    with open(fd, "rb") as file, Patcher() as patcher:
        source = _Source(file, basis, patcher)
        yield Pieces(source.tar(artifact.files))


class Pieces:
    """An iterator of bytes, as something to read from."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return data


@dataclass(frozen=True)
class _Source:
    """Where the new tar's bytes come from: old files, patches, and the signed list itself."""

    delta: BinaryIO
    basis: Basis
    patcher: Patcher

    def tar(self, files: FileList) -> Iterator[bytes]:
        old = self.basis.artifact.files
        same, changed = copied(old, files), Pieces(self._changed(old, files))
        for entry in files:
            yield tar_header(entry)
            if entry.path in same:
                yield from self._old(Stretch(same[entry.path], 0, entry.size_bytes))
            else:
                yield from _taken(changed, entry.size_bytes)
            yield tar_padding(entry)
        yield END_OF_TAR

    def _changed(self, old: FileList, new: FileList) -> Iterator[bytes]:
        planned = batches(old, new)
        try:
            for batch, frame in zip(planned, frames(self.delta, len(planned)), strict=True):
                yield from self._made(batch, frame)
        except ManifestError as error:
            raise ArtifactMismatch(error.message) from error

    def _made(self, batch: Batch, frame: Frame) -> Iterator[bytes]:
        """A batch's new bytes: what the patch makes, and between it what both releases share."""
        parts = split(batch, frame.shared)
        patched, left = Pieces(self._patched(parts, frame)), parts.new_gaps_bytes
        for shared, run in zip(frame.shared, parts.runs, strict=True):
            yield from _taken(patched, shared.new_gap)
            left -= shared.new_gap
            for stretch in run:
                yield from self._old(stretch)
        yield from _taken(patched, left)

    def _patched(self, parts: Split, frame: Frame) -> Iterator[bytes]:
        return self.patcher.apply(
            (piece for stretch in parts.gaps for piece in self._old(stretch)),
            parts.gaps_bytes,
            _read_at(self.delta.fileno(), frame.patch_offset, frame.patch_size, "the delta"),
            frame.patch_size,
            parts.new_gaps_bytes,
        )

    def _old(self, stretch: Stretch) -> Iterator[bytes]:
        path = self.basis.folder / stretch.path
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise ArtifactMismatch(f"{path} is missing or no file: {error.strerror}") from error
        try:
            yield from _read_at(fd, stretch.offset_bytes, stretch.size_bytes, str(path))
        finally:
            os.close(fd)


def _taken(changed: Pieces, size: int) -> Iterator[bytes]:
    while size:
        piece = changed.read(min(size, CHUNK_BYTES))
        if not piece:
            raise ArtifactMismatch("the delta makes less than was signed")
        size -= len(piece)
        yield piece


def _read_at(fd: int, offset: int, size: int, name: str) -> Iterator[bytes]:
    while size:
        try:
            piece = os.pread(fd, min(size, CHUNK_BYTES), offset)
        except OSError as error:
            raise ArtifactMismatch(f"{name} cannot be read: {error.strerror}") from error
        if not piece:
            raise ArtifactMismatch(f"{name} is shorter than it was")
        offset, size = offset + len(piece), size - len(piece)
        yield piece
