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
from distribution.repository.shared_runs import rest, shared_runs
from distribution.repository.sparse_coding import sparse
from manifests import sparse_patch
from manifests.delta import Batch, Stretch, batches
from manifests.delta_frames import MAGIC, MAGIC_OF_BEFORE, MAX_PATCH_BYTES, Shared, framed
from manifests.file_list import BLOCK_BYTES, FileEntry, FileList, tar_header, tar_padding

COPY_BYTES = 1024 * 1024
_SMALL_BYTES = 16 * 1024
"""What is no longer is worth no coder that takes time and memory to begin with."""
_SHRINKS = 0.9
"""What a quick compressor does not shrink to this share, a slow one does not either."""


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
    before, after, magic = old.reader(), new.reader(), MAGIC_OF_BEFORE
    with out.open("wb") as file:
        file.write(magic)
        for batch in batches(old.files, new.files):
            shared, made = _frame(batch, before, after)
            if made.startswith(sparse_patch.MAGIC):
                magic = MAGIC
            file.write(framed(shared, made))
        file.seek(0)
        file.write(magic)


def _frame(batch: Batch, before: Reader, after: Reader) -> tuple[Sequence[Shared], bytes]:
    """What both share, and the patch for the rest."""
    old, new = before.joined(batch.old), after.joined(batch.new)
    shared = tuple(shared_runs(old, new, batch.beside))
    if shared:
        old, new = rest(old, new, shared)
    made = patch(old, new) if new else b""
    if len(made) > MAX_PATCH_BYTES:
        raise Unavailable("a patch is longer than what it makes")
    return shared, made


def patch(old: bytes, new: bytes) -> bytes:
    """How the patch coder makes the new bytes from the old ones.

    Raises:
        Unavailable: it gives up.
    """
    try:
        # Not validated here: agents do, by the release's own hashes. The big cache gives the same
        # bytes in two thirds of the time.
        plain = hdiffpatch.diff(old, new, "none", validate=False, big_cache_match=True)
        made, other = _compressed(plain), sparse(old, new, plain)
    except (hdiffpatch.HDiffPatchError, MemoryError) as error:
        raise Unavailable(f"the patch coder gave up: {error}") from error
    return made if other is None or len(made) <= len(other) else other


def _compressed(plain: bytes) -> bytes:
    """A patch, compressed when it is made: then a window over itself is enough at both ends.

    LZMA2 beyond level 5 finds nearly nothing more; what holds compressed files is not worth its
    time at all.
    """
    if len(plain) <= _SMALL_BYTES:
        return hdiffpatch.recompress(plain, hdiffpatch.ZlibConfig(level=9))
    window = len(plain).bit_length()
    quick = hdiffpatch.recompress(plain, hdiffpatch.ZStdConfig(level=6, window=window))
    if len(quick) > _SHRINKS * len(plain):
        return quick
    coder = hdiffpatch.Lzma2Config(level=5, window=window, threads=1)
    return hdiffpatch.recompress(plain, coder)


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
