"""The second kind of patch: smaller for a program that was built anew, and never a wrong one."""

import random

import hdiffpatch
import pytest

from distribution.repository.delta_coding import patch
from distribution.repository.sparse_coding import sparse
from manifests.sparse_patch import MAGIC, applied

DICE = random.Random(5)
OLD = DICE.randbytes(600_000)


def _built_anew(old: bytes) -> bytes:
    """Something is put in, and addresses that lie behind it are a little higher."""
    moved = bytearray(old)
    for place in range(40_000, len(moved), 60):
        moved[place] = (moved[place] + DICE.choice((16, 32, 48))) % 256
    return bytes(moved[:300_000]) + DICE.randbytes(700) + bytes(moved[300_000:])


NEW = _built_anew(OLD)


def _plain(old: bytes, new: bytes) -> bytes:
    return hdiffpatch.diff(old, new, "none", validate=False)


def test_it_is_made_from_what_the_patch_coder_found() -> None:
    made = sparse(OLD, NEW, _plain(OLD, NEW))
    assert made is not None
    assert applied(OLD, made) == NEW
    assert len(made) < len(NEW) / 10


def test_the_smaller_of_the_two_is_taken() -> None:
    assert patch(OLD, NEW).startswith(MAGIC)
    text = b"".join(b"line %d\n" % DICE.randrange(10**6) for _ in range(20_000))
    assert not patch(text, text.replace(b"77", b"seventy-seven")).startswith(MAGIC)


@pytest.mark.parametrize("plain", [b"", b"HDIFF19&\0", b"HDIFF13&\0", b"HDIFF13&\0" + bytes(99)])
def test_another_version_of_the_coders_format_makes_none(plain: bytes) -> None:
    assert sparse(OLD, NEW, plain) is None
