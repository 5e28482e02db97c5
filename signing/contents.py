"""What is in an artifact, compared byte by byte with the file list that is signed for it.

An approver sees the file list; this is what makes the list true. The list fixes every header of
its tar (``manifests.file_list``), so nothing is parsed here: bytes are compared and hashed, and
memory stays bounded whatever the file claims.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import zstandard

from manifests.file_list import END_OF_TAR, FileEntry, tar_header, tar_padding
from manifests.release import Artifact, Attachment, Release
from signing.errors import Tampered

MAX_WINDOW_BYTES = 128 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_release(folder: Path, release: Release) -> None:
    """Compare every file of a release, as it lies in ``folder``, with its manifest.

    Raises:
        Tampered: an artifact or attachment is missing, or is not what the manifest says.
    """
    for artifact in release.manifest.artifacts:
        check_artifact(folder / artifact.name, artifact)
    for attachment in release.manifest.attachments:
        _check_attachment(folder / attachment.name, attachment)


def _check_attachment(file: Path, attachment: Attachment) -> None:
    try:
        size, data = file.stat().st_size, b""
        if size == attachment.size_bytes:
            data = file.read_bytes()
    except OSError as error:
        raise Tampered(f"{attachment.name} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != attachment.sha256:
        raise Tampered(f"{attachment.name} is not the one in the manifest")


def check_artifact(file: Path, artifact: Artifact) -> None:
    """Compare one compressed artifact with the file list and hashes that are signed for it.

    Raises:
        Tampered: with the first difference.
    """
    try:
        with file.open("rb") as raw:
            unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES)
            with unpacker.stream_reader(raw, read_across_frames=True) as stream:
                found = _compare(stream, artifact)
    except OSError as error:
        raise Tampered(f"{artifact.name} cannot be read: {error.strerror}") from error
    except zstandard.ZstdError as error:
        raise Tampered(f"{artifact.name} is not whole zstd data: {error}") from error
    if found != (artifact.tar_sha256, artifact.tar_size_bytes):
        raise Tampered(f"{artifact.name}: its tar is not the one in the manifest")


def _compare(stream: _Stream, artifact: Artifact) -> tuple[str, int]:
    """The tar's sha256 and size, once every file is found to be as listed."""
    tar, size = hashlib.sha256(), 0
    for piece in _expected_pieces(stream, artifact):
        tar.update(piece)
        size += len(piece)
    return tar.hexdigest(), size


def _expected_pieces(stream: _Stream, artifact: Artifact) -> Iterator[bytes]:
    for entry in artifact.files:
        yield _exactly(stream, tar_header(entry), f"{artifact.name}: the header of {entry.path}")
        yield from _file(stream, entry, artifact.name)
        yield _exactly(stream, tar_padding(entry), f"{artifact.name}: what follows {entry.path}")
    yield _exactly(stream, END_OF_TAR, f"{artifact.name}: its end")
    if stream.read(1):
        raise Tampered(f"{artifact.name} goes on after the last listed file")


def _file(stream: _Stream, entry: FileEntry, name: str) -> Iterator[bytes]:
    digest, left = hashlib.sha256(), entry.size_bytes
    while left and (piece := stream.read(min(left, _CHUNK_BYTES))):
        digest.update(piece)
        left -= len(piece)
        yield piece
    if left or digest.hexdigest() != entry.sha256:
        raise Tampered(f"{name}: {entry.path} is not the file that the manifest lists")


def _exactly(stream: _Stream, expected: bytes, what: str) -> bytes:
    if stream.read(len(expected)) != expected:
        raise Tampered(f"{what} is not as the manifest's file list wants it")
    return expected
