"""A threat's row, which stands at its test: nothing about it is written anywhere else.

@threat(attack="...", means="...", promise="...", missing="...", also=("folder/file::test",))
def test_mixed_bundles(...): ...
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])

_LISTS = {"test_tuf": "TUF", "test_uptane": "Uptane", "test_ours": ""}
_IN_CAPITALS = {"l3": "L3"}


@dataclass(frozen=True)
class Threat:
    """One attack.

    Attributes:
        name: who counts it, and its name there; both are the test's.
        test: the test, as ``folder/file::test``.
        attack: what is done to us.
        means: what the attacker has.
        promise: what happens all the same, no more than the test shows.
        missing: what is not there yet.
        also: tests elsewhere that look at it in detail.
    """

    name: str
    test: str
    attack: str
    means: str
    promise: str
    missing: str = ""
    also: tuple[str, ...] = ()


def threat(
    *, attack: str, means: str, promise: str, missing: str = "", also: tuple[str, ...] = ()
) -> Callable[[Test], Test]:
    """Say which threat a test answers to."""

    def note(test: Test) -> Test:
        module = test.__module__.rpartition(".")[2]
        name = _name(module, test.__name__)
        where = f"threats/{module}.py::{test.__name__}"
        row = Threat(name, where, attack, means, promise, missing, also)
        test.threat = row  # type: ignore[attr-defined] # a function may carry anything
        return test

    return note


def _name(module: str, test: str) -> str:
    """``test_t06_stolen_l3_laptop`` of ours is "T6 stolen L3 laptop"."""
    first, *words = test.removeprefix("test_").split("_")
    words = [_IN_CAPITALS.get(word, word) for word in words]
    if _LISTS[module]:
        return " ".join([_LISTS[module], first, *words])
    return " ".join([f"T{int(first[1:])}", *words])
