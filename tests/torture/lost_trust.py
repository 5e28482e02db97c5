"""The trust floor, or the pinned root, is lost: nothing is installed and the loss is told.

No power loss does this (``crash_states`` shows it); a dying disk or a careless hand may.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from manifests.failures import FailureCode
from manifests.install_report import Phase
from tests.simulators.mortal import Ending, in_child
from tests.torture.bench import NEW, OLD, PRODUCT, Bench
from tests.torture.judge import Expected, judge, whole
from tests.torture.shares import Tally

Damage = Callable[[Path], object]


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, Damage] = {
    "removed": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-10]),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "changed by a bit": _flip,
}


def lose_trust(ready: Bench, tally: Tally) -> None:
    """Try all damages on a site that is offered an update."""
    for name, damage in DAMAGES.items():
        ready.restore()
        for copy in ("floor.a", "floor.b"):
            damage(ready.site.folder / "trust" / copy)
        tally.count(f"both copies of the floor {name}", [*_holds(ready), *_is_rearmed(ready)])
        ready.restore()
        damage(ready.site.folder / "trust/root.json")
        tally.count(f"the pinned root {name}", list(_holds(ready)))


def _holds(ready: Bench) -> Iterator[str]:
    ending = in_child(lambda: [ready.site.poll().problem for _ in range(2)])
    if ending != Ending("done", [FailureCode.TRUST_LOST] * 2):
        yield f"two polls {ending.how}: {ending.answer}"
    if whole(ready) != OLD or (ready.site.folder / "slots" / PRODUCT / NEW).exists():
        yield "something was installed"
    told = [report.code for report in ready.plane.received if report.phase is Phase.REFUSED]
    if told != [FailureCode.TRUST_LOST]:
        yield f"it was told {told}"


def _is_rearmed(ready: Bench) -> list[str]:
    """After an operator vouches for it, everything goes on."""

    def rearm() -> None:
        ready.site.agent().rearm_trust()

    ending = in_child(rearm)
    settled: Ending = ready.settle() if ending.how == "done" else ending
    return judge(ready, settled, Expected([NEW], (), [Phase.CONFIRMED]))
