"""Long runs of bytes that two versions share, in the order of both.

Most of a release is what it was, moved a little. Finding that first, by looking where it should be,
is a hundred times cheaper than a patch coder's suffix array, which is then needed for what is left
and no more. What is missed here costs some time there, nothing else.
"""

from collections.abc import Iterator, Sequence

from manifests.delta_frames import MIN_SHARED_BYTES, Shared

_PROBE_BYTES = 32
_NEAR_BYTES = 16 * 1024
"""How far from where they should be the same bytes are looked for."""
_NEAR_A_RUN_BYTES = 2 * 1024
"""The same, right behind a run; farther on it is less certain."""
_LONGEST_STRIDE = 16 * 1024
"""Where nothing is found the probes become rarer: a program that was built anew has few runs."""
_FIRST_BYTES, _MOST_BYTES = 64, 256 * 1024
"""What is compared at once: a little first, then more and more."""


def shared_runs(old: bytes, new: bytes, beside: Sequence[tuple[int, int]]) -> Iterator[Shared]:
    """The runs. ``beside`` says for places in ``new`` where in ``old`` one would look."""
    hints = list(reversed(beside))
    old_done = new_done = at = shift = 0
    stride, near = _PROBE_BYTES, _NEAR_BYTES
    while at + _PROBE_BYTES <= len(new):
        while hints and hints[-1][0] <= at:
            place, old_place = hints.pop()
            shift, stride, near = old_place - place, _PROBE_BYTES, _NEAR_BYTES
        reach = min(near + at - new_done, _NEAR_BYTES)
        found = _find(old, new[at : at + _PROBE_BYTES], at + shift, reach, old_done)
        if found < 0:
            at = min(at + stride, hints[-1][0]) if hints else at + stride
            stride = min(stride + stride // 4, _LONGEST_STRIDE)
            continue
        before = _same_before(old, found, new, at, min(found - old_done, at - new_done))
        begin, old_begin = at - before, found - before
        size = before + _same_from(old, found, new, at)
        at = begin + size
        if size >= MIN_SHARED_BYTES:
            yield Shared(begin - new_done, old_begin - old_done, size)
            new_done, old_done = at, old_begin + size
            shift, stride, near = old_done - at, _PROBE_BYTES, _NEAR_A_RUN_BYTES
        else:
            at += 1


def _find(old: bytes, probe: bytes, place: int, reach: int, first: int) -> int:
    begin = max(first, place - reach)
    return old.find(probe, begin, max(place + reach + len(probe), 0))


def _same_from(old: bytes, old_at: int, new: bytes, at: int) -> int:
    """How many bytes from there on are the same."""
    same, step, most = 0, _FIRST_BYTES, min(len(old) - old_at, len(new) - at)
    while same < most:
        size = min(step, most - same)
        a = old[old_at + same : old_at + same + size]
        b = new[at + same : at + same + size]
        if a != b:
            differ = _differ(a, b)
            return same + ((differ & -differ).bit_length() - 1) // 8
        same, step = same + size, min(step * 4, _MOST_BYTES)
    return same


def _same_before(old: bytes, old_end: int, new: bytes, end: int, most: int) -> int:
    """How many bytes up to there are the same, at most so many."""
    same, step = 0, _FIRST_BYTES
    while same < most:
        size = min(step, most - same)
        a = old[old_end - same - size : old_end - same]
        b = new[end - same - size : end - same]
        if a != b:
            return same + size - (_differ(a, b).bit_length() + 7) // 8
        same, step = same + size, min(step * 4, _MOST_BYTES)
    return same


def _differ(a: bytes, b: bytes) -> int:
    """A number whose bits are set where the two differ; the first byte is its lowest."""
    return int.from_bytes(a, "little") ^ int.from_bytes(b, "little")


def rest(old: bytes, new: bytes, shared: Sequence[Shared]) -> tuple[bytes, bytes]:
    """What of both lies between the runs, before the first and after the last."""
    old_gaps, new_gaps = [], []
    old_at = new_at = 0
    for run in shared:
        old_gaps.append(old[old_at : old_at + run.old_gap])
        new_gaps.append(new[new_at : new_at + run.new_gap])
        old_at += run.old_gap + run.size_bytes
        new_at += run.new_gap + run.size_bytes
    return b"".join([*old_gaps, old[old_at:]]), b"".join([*new_gaps, new[new_at:]])
