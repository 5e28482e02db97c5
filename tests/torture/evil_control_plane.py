"""Row ``evil_control_plane``: who owns the server, and its online keys, can hold a site still.

It answers check-ins and reports with whatever it likes, and signs plans with the keys that it has;
it has no key of a release. Nothing is installed that the signed releases and the site's own policy
do not allow, nothing it says is run, no report is forgotten on a false receipt, and once it is
honest again the site goes on.
"""

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from client_updater.loop import Loop
from client_updater.outbox import Outbox
from client_updater.pace import next_delay
from client_updater.wording import result_lines, status_lines
from manifests.release import Health
from manifests.rollout import RolloutPlan
from manifests.target_paths import Lane, manifest_path
from tests.torture.abuses import OLDER, Abuse, abuses, publish
from tests.torture.bench import MEMORY
from tests.torture.rows import Outcome, Scale
from tests.torture.scene import OLD, Scene, scene
from tests.torture.shares import Share, Tally, in_shares

ROUNDS = {Scale.TEST: 1, Scale.TORTURE: 12}
MOST_SECONDS = 60
"""Of two polls, on a machine that is busy with other tests; alone they take a few."""
LONGEST_DELAY_SECONDS = 1.3 * 24 * 3600
_CLOSED = f"""\
[[windows]]
zone = "Asia/Jakarta"
starts = "{datetime.now(UTC) + timedelta(days=200):%Y-%m-%dT01:00}"
duration_seconds = 3600
"""
"""For months. One that never opens would be a mistake, and hold the site for that."""


def run(scale: Scale) -> Outcome:
    """Abuse and count, in all processes."""
    return in_shares(_share, ROUNDS[scale])


def _share(rounds: int, share: Share) -> Outcome:
    tally = Tally()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, scene(Path(folder)) as ready:
        honest = _more_releases(ready)
        for number in range(rounds):
            every = list(abuses(ready, Path(folder, "pwned"), Random(f"evil {number}")))
            for index, abuse in enumerate(every):
                if share.takes(index):
                    broken = _broken(ready, abuse, honest, Path(folder, "pwned"))
                    tally.count(f"{abuse.name} (round {number})", broken)
    return tally.outcome


def _more_releases(scene: Scene) -> RolloutPlan:
    """Sign what an evil plan could name; returns the honest plan, which names none of it."""
    repository, honest = scene.repository, scene.repository.plans["notes"]
    repository.release("notes", OLDER, {"app.py": b"old and holed"})
    strange = repository.release("notes", "3.0", {"app.py": b"of another machine"})
    artifact = strange.artifacts[0].model_copy(update={"platform": "mips-linux"})
    strange = strange.model_copy(update={"artifacts": (artifact,)})
    path = manifest_path(Lane.RELEASES, "notes", "3.0")
    repository.add_target("notes", path, strange.to_bytes())
    expires = repository.now + timedelta(hours=48)
    for_others = {"sites": ("site-2",), "expires_at": expires}
    repository.release("notes", "3.1", {"app.py": b"x"}, lane=Lane.BREAKGLASS, **for_others)
    late = {"issued_at": repository.now + timedelta(days=300), "health": Health()}
    repository.release("notes", "3.2", {"app.py": b"not yet"}, **late)
    return honest


def _broken(scene: Scene, abuse: Abuse, honest: RolloutPlan, pwned: Path) -> list[str]:
    scene.fresh()
    scene.site.write_policy(_CLOSED if abuse.closed else "")
    outbox = Outbox(scene.site.folder / "outbox")
    before = outbox.last_sequence()
    abuse.begin(scene)
    began = time.monotonic()
    broken = []
    for _ in range(2):  # what the first poll hears works on the second
        last, found = scene.poll_badly()
        broken += found
    if scene.site.current() != OLD:
        broken.append(f"{scene.site.current()} was installed")
    if time.monotonic() - began > MOST_SECONDS:
        broken.append(f"two polls took {time.monotonic() - began:.0f} s")
    if pwned.exists():
        broken.append("something that it said was run")
    lines = [*result_lines(last), *status_lines(scene.site.agent(), last)]
    if not "".join(lines).isprintable():
        broken.append("it can write to the administrator's terminal")
    broken += _delay_is_bounded(scene, last)
    return broken + _goes_on(scene, honest, outbox, before)


def _delay_is_bounded(scene: Scene, last: Any) -> list[str]:
    loop = Loop(scene.site.agent(), scene.site.stop)
    delay = next_delay(loop.outlook(last, 0), Random(1))
    return [] if 0 < delay < LONGEST_DELAY_SECONDS else [f"the next poll comes in {delay:.0f} s"]


def _goes_on(scene: Scene, honest: RolloutPlan, outbox: Outbox, before: int) -> list[str]:
    """An honest server again: 2.0 is installed, and every report reaches it once."""
    vars(scene.plane).pop("handle", None)
    scene.plane.retry_after, scene.plane.down = "", False
    scene.site.write_policy("")
    publish(scene, honest.to_bytes())
    first = scene.poll_well()
    broken = first and scene.poll_well()  # the first may still be under what was last heard
    written = range(before + 1, outbox.last_sequence() + 1)
    lost = [number for number in written if (scene.site.site_id, number) not in scene.plane.reports]
    if lost:
        broken.append(f"the reports {lost} were lost")
    return broken
