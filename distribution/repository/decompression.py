"""The content of a compressed file: gzip, bzip2, xz or zstd, with limits on size and memory."""

import bz2
import gzip
import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import zstandard

from distribution.repository.collected import MAX_BYTES, Collected, UnusableInput, pieces_of
from manifests.file_list import MAX_FILES

PIECE_BYTES = 1024 * 1024
_LZMA_MEMORY_BYTES = 256 * 1024 * 1024
_ZSTD_WINDOW_BYTES = 128 * 1024 * 1024


@contextmanager
def decompressed(file: IO[bytes], start: bytes, collected: Collected) -> Iterator[IO[bytes]]:
    """The content of a compressed file, in a temporary file of bounded size.

    Args:
        start: the first bytes of the file, by which its kind is known.

    Raises:
        UnusableInput: of no kind we know, cut off, or it unpacks to more than an artifact may have.
    """
    with collected.scratch() as plain:
        size = 0
        for piece in _decompressor(file, start):
            size += plain.write(piece)
            if size > MAX_BYTES + MAX_FILES * 2048:
                raise UnusableInput(f"it unpacks to more than {MAX_BYTES:,} bytes")
        plain.seek(0)
        yield plain


def _decompressor(file: IO[bytes], start: bytes) -> Iterator[bytes]:
    if start.startswith(b"\x1f\x8b"):
        return pieces_of(gzip.GzipFile(fileobj=file).read)
    if start.startswith(b"BZh"):
        return pieces_of(bz2.BZ2File(file).read)
    if start.startswith(b"\xfd7zXZ\x00"):
        return _xz_pieces(file)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
        return pieces_of(unpacker.stream_reader(file, read_across_frames=True).read)
    raise UnusableInput(
        "it is none of the kinds that can be built",
        hint="a folder, a wheel, a zip, a .deb, or a tar, plain or as .gz, .bz2, .xz or .zst",
    )


def _xz_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """One xz stream, with a limit on the memory that the stream itself asks for."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_LZMA_MEMORY_BYTES)
    while not unpacker.eof:
        data = file.read(PIECE_BYTES) if unpacker.needs_input else b""
        if unpacker.needs_input and not data:
            raise UnusableInput("the .xz is cut off")
        piece = unpacker.decompress(data, PIECE_BYTES)
        if piece:
            yield piece
    if unpacker.unused_data or file.read(1):
        raise UnusableInput("the .xz goes on after its end")
