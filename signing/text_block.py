"""A block of text that carries a proposal, or only its signatures, where no stick may go. Pure.

::

    -----BEGIN HSP SIGNATURES FOR REPOSITORY 3f2a9c0b11d4e5f6-----
    1 PDNHK5DP JNQ3CQAM FYBPYJTX QFBVRWKK ... MZXW6YTB 7QK2
    2 ...
    -----END HSP SIGNATURES FOR REPOSITORY 3f2a9c0b11d4e5f6-----

It is pasted, mailed, or read from one screen and typed into another. So its letters are those of
base32 (no case, no 0, 1, 8 or 9), every line has its number and a check over all lines so far, and
the first line that is wrong is named. What mail does to text (``> ``, CRLF, spaces at both ends,
empty lines) does no harm. The checks are against mistakes; against liars there are signatures.

What it carries: a list of files in one line of JSON, then their contents, compressed by zlib. The
same files always make the same block.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, NoReturn

from pydantic import Field

from manifests.documents import Document, Part
from manifests.errors import ManifestError
from signing.errors import Garbled, NotStored, SigningError, TooLargeForText
from signing.store import checked_key

MAX_FILES = 1000
MAX_UNPACKED_BYTES = 4 * 1024 * 1024
"""Of all files together, with the list of them."""
MAX_PACKED_BYTES = 256 * 1024
"""Of the same when it is compressed: 7490 lines."""
MAX_TEXT_BYTES = 2 * 1024 * 1024
"""Of a text with a block in it, quoted and with whatever was written around it."""

_LINE_BYTES, _GROUP, _CHECK = 35, 8, 4
"""A line is at most 72 letters: number, seven groups of eight, check."""
_REPOSITORY_LETTERS = 16
_AGAIN = "copy all of it once more"


class Cargo(StrEnum):
    """What a block carries."""

    PROPOSAL = "PROPOSAL"
    SIGNATURES = "SIGNATURES"


@dataclass(frozen=True)
class Block:
    """What is in a block.

    Attributes:
        repository: which repository it is for, as ``short`` writes it.
        files: by their names in a proposal's folder.
    """

    cargo: Cargo
    repository: str
    files: Mapping[str, bytes]


def short(identity: str) -> str:
    """How a block names the repository of this identity: as ``hsp-sign status`` does."""
    return identity[:_REPOSITORY_LETTERS]


# --- files to bytes and back


class _Entry(Part):
    path: Annotated[str, Field(max_length=1000)]
    size_bytes: Annotated[int, Field(ge=0, le=MAX_UNPACKED_BYTES, strict=True)]


class _Index(Document):
    files: Annotated[tuple[_Entry, ...], Field(max_length=MAX_FILES)]


def require_room(sizes: Mapping[str, int]) -> None:
    """Refuse files that no block can carry, before they are read.

    Args:
        sizes: in bytes.

    Raises:
        TooLargeForText: they are too many or too large.
    """
    if sum(sizes.values()) > MAX_UNPACKED_BYTES or len(sizes) > MAX_FILES:
        largest = max(sizes, key=sizes.__getitem__)
        _too_large(
            f"{len(sizes)} files have {sum(sizes.values())} bytes, most of them {largest}; a block "
            f"of text carries at most {MAX_FILES} files and {MAX_UNPACKED_BYTES} bytes"
        )


def _packed(files: Mapping[str, bytes]) -> bytes:
    require_room({name: len(data) for name, data in files.items()})
    plain = _plain(files)
    packed = zlib.compress(plain, 9)
    if len(plain) > MAX_UNPACKED_BYTES or len(packed) > MAX_PACKED_BYTES:
        _too_large(
            f"{len(files)} files have {len(plain)} bytes, and {len(packed)} when compressed; a "
            f"block of text carries at most {MAX_UNPACKED_BYTES}, and {MAX_PACKED_BYTES} compressed"
        )
    return packed


def _plain(files: Mapping[str, bytes]) -> bytes:
    names = sorted(files)
    entries = tuple(_Entry(path=name, size_bytes=len(files[name])) for name in names)
    return b"".join([_Index(files=entries).to_bytes(), b"\n", *(files[name] for name in names)])


def _too_large(why: str) -> NoReturn:
    raise TooLargeForText(why, hint="carry a folder on a stick: hsp-sign export PROPOSAL --to DIR")


def _unpacked(packed: bytes) -> dict[str, bytes]:
    plain = _inflated(packed)
    head, _, rest = plain.partition(b"\n")
    try:
        index = _Index.from_bytes(head)
        files, begin = {}, 0
        for entry in index.files:
            files[checked_key(entry.path)] = rest[begin : begin + entry.size_bytes]
            begin += entry.size_bytes
    except (ManifestError, SigningError) as error:
        raise Garbled(f"the block's list of files cannot be read: {error.message}") from error
    if begin != len(rest) or _plain(files) != plain:
        raise Garbled("the block's files are not those that its list names")
    return files


def _inflated(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, MAX_UNPACKED_BYTES + 1)
    except zlib.error as error:
        raise Garbled(f"the block cannot be unpacked: {error}") from error
    if len(plain) > MAX_UNPACKED_BYTES:
        raise TooLargeForText(
            f"the block would unpack to more than {MAX_UNPACKED_BYTES} bytes, which none may"
        )
    if not unpacker.eof:
        raise Garbled("lines are missing at the block's end", hint=_AGAIN)
    if unpacker.unused_data:
        raise Garbled("the block goes on after its end", hint=_AGAIN)
    return plain


# --- bytes to lines and back


def to_text(block: Block) -> str:
    """The block as lines of ASCII, each at most 72 letters and ended by a line feed.

    Raises:
        TooLargeForText: it does not fit.
    """
    lines = [_edge("BEGIN", block), *_lines(_packed(block.files)), _edge("END", block)]
    return "".join(f"{line}\n" for line in lines)


def _edge(which: str, block: Block) -> str:
    return f"-----{which} HSP {block.cargo} FOR REPOSITORY {block.repository}-----"


def _lines(packed: bytes) -> Iterator[str]:
    so_far = hashlib.sha256()
    for number, begin in enumerate(range(0, len(packed), _LINE_BYTES), start=1):
        data = packed[begin : begin + _LINE_BYTES]
        so_far.update(data)
        letters = base64.b32encode(data).decode().rstrip("=")
        groups = [letters[at : at + _GROUP] for at in range(0, len(letters), _GROUP)]
        yield " ".join((str(number), *groups, _check(so_far.digest())))


def _check(digest: bytes) -> str:
    return base64.b32encode(digest).decode()[:_CHECK]


_EDGE = re.compile(
    r"[-\u2013\u2014]+ ?(?P<which>BEGIN|END) HSP (?P<cargo>PROPOSAL|SIGNATURES) "
    rf"FOR REPOSITORY (?P<repository>[0-9A-F]{{{_REPOSITORY_LETTERS}}}) ?[-\u2013\u2014]+",
    re.ASCII,
)
"""Some programs make one long dash of two."""


def from_text(text: bytes) -> Block:
    """Read the one block in a text, whatever stands before and after it.

    Raises:
        NotStored: there is none.
        Garbled: it was cut, mistyped or mixed up on its way, or there are several.
        TooLargeForText: the text is too long, or the block would unpack to too much.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise TooLargeForText(f"the text has more than {MAX_TEXT_BYTES} bytes, as no block needs")
    opened, lines, closed = _found(
        [_tidy(line) for line in text.decode(errors="replace").splitlines()]
    )
    if opened.group("cargo", "repository") != closed.group("cargo", "repository"):
        raise Garbled("the block begins as one and ends as another", hint=_AGAIN)
    return Block(Cargo(opened["cargo"]), opened["repository"].lower(), _unpacked(_joined(lines)))


def _tidy(line: str) -> str:
    """A line without what mail and people do to it."""
    return " ".join(line.lstrip("> \t\xa0\ufeff").upper().split())


def _found(lines: list[str]) -> tuple[re.Match[str], list[str], re.Match[str]]:
    """The lines of the one block, with those before and after them that say so."""
    edges = [(at, edge) for at, line in enumerate(lines) if (edge := _EDGE.fullmatch(line))]
    begins = [each for each in edges if each[1]["which"] == "BEGIN"]
    if not begins:
        raise NotStored(
            "there is no block in the text",
            hint="copy all of it, with the lines that say BEGIN HSP and END HSP",
        )
    if len(begins) > 1 or len(edges) > 2:
        raise Garbled("there are several blocks in the text", hint="give one block at a time")
    (begin, opened), (end, closed) = begins[0], edges[-1]
    if begin == end:
        inside = [line for line in lines[begin + 1 :] if line]
        last = f"the last line begins with {inside[-1][:12]!r}" if inside else "and nothing else"
        raise Garbled(f"the block is cut off: it has no END line; {last}", hint=_AGAIN)
    return opened, [line for line in lines[begin + 1 : end] if line], closed


def _joined(lines: list[str]) -> bytes:
    so_far, data = hashlib.sha256(), []
    for expected, line in enumerate(lines, start=1):
        number, *groups, check = _words(line, expected)
        if not number.isascii() or not number.isdecimal() or len(number) > 4:
            _wrong(expected, f"begins with {number[:12]!r}, and not with its number")
        if int(number) != expected:
            _out_of_order(expected, int(number))
        data.append(_letters("".join(groups), expected))
        so_far.update(data[-1])
        if _check(so_far.digest()) != check:
            _wrong(expected, "is mistyped or was changed: its letters and its check do not agree")
    return b"".join(data)


def _words(line: str, expected: int) -> list[str]:
    words = line.split()
    if len(words) < 3:
        _wrong(expected, "is not whole")
    return words


def _out_of_order(expected: int, found: int) -> NoReturn:
    if found > expected:
        _wrong(expected, f"is missing: line {found} stands there")
    raise Garbled(f"line {found} of the block is there twice", hint=_AGAIN)


def _letters(letters: str, line: int) -> bytes:
    try:
        data = base64.b32decode(letters + "=" * (-len(letters) % _GROUP))
    except ValueError:
        _wrong(line, "has letters that no block has: there are A to Z and 2 to 7")
    if not 0 < len(data) <= _LINE_BYTES:
        _wrong(line, "is too long")
    return data


def _wrong(line: int, what: str) -> NoReturn:
    raise Garbled(f"line {line} of the block {what}", hint="compare that line, or copy it again")
