"""The patch coder's side of a delta: unpacked releases in, one file of patches out.

The only module of the server that imports hdiffpatch. Memory is bounded by a batch, whatever the
releases' size.
"""

import io
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import hdiffpatch
import zstandard

from distribution.errors import Unavailable
from manifests.delta import MAGIC, MAX_PATCH_BYTES, Stretch, batches, framed
from manifests.file_list import BLOCK_BYTES, FileEntry, FileList, tar_header, tar_padding

COPY_BYTES = 1024 * 1024
MAX_WINDOW = 22
"""Of LZMA2, as a power of two: what a site must keep for each of a patch's streams."""


@dataclass(frozen=True)
class Unpacked:
    """A release's uncompressed tar on the disk; its list says where each file lies in it."""

    tar: Path
    files: FileList

    @classmethod
    def write(cls, compressed: Iterable[bytes], files: FileList, tar: Path) -> "Unpacked":
        """Decompress an artifact that was verified by whoever made it.

        Raises:
            Unavailable: it cannot be decompressed, or is longer than its list.
        """
        room = _offsets(files)[1] + COPY_BYTES
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        with tar.open("wb") as file:
            for piece in compressed:
                try:
                    file.write(decompressor.decompress(piece))
                except zstandard.ZstdError as error:
                    raise Unavailable(f"{tar.name} cannot be decompressed: {error}") from error
                if file.tell() > room:
                    raise Unavailable(f"{tar.name} is longer than its list of files")
        return cls(tar, files)

    def reader(self) -> "Reader":
        """Something to read parts of files from."""
        return Reader(self.tar, _offsets(self.files)[0])


@dataclass(frozen=True)
class Reader:
    """Reads parts of a release's files out of its tar."""

    tar: Path
    offsets: dict[str, int]

    def joined(self, stretches: Sequence[Stretch]) -> bytes:
        """The bytes of these stretches, one after the other, and held only once."""
        joined = io.BytesIO()
        with self.tar.open("rb", buffering=0) as file:
            for stretch in stretches:
                offset = self.offsets[stretch.path] + stretch.offset_bytes
                for piece in _pieces(file.fileno(), offset, stretch.size_bytes):
                    joined.write(piece)
        return joined.getvalue()


def _pieces(fd: int, offset: int, size: int) -> Iterator[bytes]:
    for begin in range(0, size, COPY_BYTES):
        yield os.pread(fd, min(COPY_BYTES, size - begin), offset + begin)


def write_delta(old: Unpacked, new: Unpacked, out: Path) -> None:
    """Write the delta that leads a site from the release ``old`` to ``new``.

    Raises:
        Unavailable: the coder gives up, or a patch is of no use.
    """
    before, after = old.reader(), new.reader()
    with out.open("wb") as file:
        file.write(MAGIC)
        for batch in batches(old.files, new.files):
            patch = _patch(before.joined(batch.old), after.joined(batch.new))
            if len(patch) > MAX_PATCH_BYTES:
                raise Unavailable("a patch is longer than what it makes")
            file.write(framed(patch))


def _patch(old: bytes, new: bytes) -> bytes:
    # A window over all of it at most; a larger one, or more threads, only take more memory.
    window = max(len(old) + len(new), 2**12).bit_length()
    coder = hdiffpatch.Lzma2Config(level=9, window=min(window, MAX_WINDOW), threads=1)
    try:
        # Not validated here: agents do, by the release's own hashes. The big cache gives the same
        # bytes in two thirds of the time.
        return hdiffpatch.diff(old, new, coder, validate=False, big_cache_match=True)
    except (hdiffpatch.HDiffPatchError, MemoryError) as error:
        raise Unavailable(f"the patch coder gave up: {error}") from error


def _offsets(files: FileList) -> tuple[dict[str, int], int]:
    """Where each file's content begins in the tar, and where the last one ends."""
    offsets, position = {}, 0
    for entry in files:
        position += _header_bytes(entry)
        offsets[entry.path] = position
        position += entry.size_bytes + len(tar_padding(entry))
    return offsets, position


def _header_bytes(entry: FileEntry) -> int:
    """The length of a member's header; nearly all need no more than one block."""
    fits = entry.path.isascii() and len(entry.path) <= 100 and entry.size_bytes < 8**11
    return BLOCK_BYTES if fits else len(tar_header(entry))
