"""Row ``hostile_servers``: whoever has the repository's host and no key can withhold, nothing else.

Each attack meets a site that runs 1.0 while 2.0 is on offer. Its poll installs nothing, says what
was wrong, writes no more than what was declared and 64 KiB, and ends in time; nobody is asked
whom a redirect names; and the first honest poll afterwards installs 2.0.
"""

import tempfile
import time
from pathlib import Path

from manifests.failures import FailureCode
from tests.torture.attacks import Attack, attacks
from tests.torture.bench import MEMORY
from tests.torture.rows import Outcome, Scale
from tests.torture.scene import NEW, OLD, Scene, scene
from tests.torture.shares import Share, Tally, in_shares

FLIPS = {Scale.TEST: 3, Scale.TORTURE: 60}
MOST_SECONDS = 40
_SLOW_EVERY = {Scale.TEST: 9, Scale.TORTURE: 1}
"""Of the attacks that take their time, every so manyth."""
_QUICK_EVERY = {Scale.TEST: 2, Scale.TORTURE: 1}


def run(scale: Scale) -> Outcome:
    """Attack and count, in all processes."""
    return in_shares(_share, scale)


def _share(scale: Scale, share: Share) -> Outcome:
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, scene(Path(folder)) as ready:
        for number, attack in enumerate(_chosen(ready, scale)):
            if share.takes(number):
                tally.count(attack.name, broken_promises(ready, attack))
    return tally.outcome


def _chosen(ready: Scene, scale: Scale) -> list[Attack]:
    every = list(attacks(ready, FLIPS[scale]))
    slow = [attack for attack in every if attack.slow]
    quick = [attack for attack in every if not attack.slow]
    return [*slow[:: _SLOW_EVERY[scale]], *quick[:: _QUICK_EVERY[scale]]]


def broken_promises(scene: Scene, attack: Attack) -> list[str]:
    """Let the attack meet the site."""
    scene.fresh("aware" if attack.aware else "unaware")
    floor = scene.floor()
    attack.begin(scene)
    asked, began = len(scene.other.requests), time.monotonic()
    last, broken = scene.poll_badly()
    if attack.harmless and scene.site.current() == NEW:
        broken = scene.wrong_files()
    elif scene.site.current() != OLD:
        broken.append(f"{scene.site.current()} was installed")
    if time.monotonic() - began > MOST_SECONDS:
        broken.append(f"the poll took {time.monotonic() - began:.0f} s")
    if len(scene.other.requests) > asked:
        broken.append("a redirect was followed")
    noticed = last.problem in set(FailureCode) or scene.failures()
    if not (noticed or attack.silent or attack.harmless):
        broken.append(f"the site noticed nothing: {last.problem!r} {last.products}")
    now = scene.floor()
    if (now.root_version, now.timestamp) < (floor.root_version, floor.timestamp):
        broken.append("the trust floor was lowered")
    scene.honest()
    return [*broken, *scene.poll_well()]
