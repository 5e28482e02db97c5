"""What becomes of a site that loses power anywhere in a recorded update."""

import random
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from client_updater.agent import Agent
from client_updater.errors import AgentError, Rollback, TrustLost
from client_updater.floor import FloorFile
from client_updater.journal import Journal, Step
from client_updater.programs import Programs
from client_updater.state import StateFolder
from manifests.install_report import Phase
from tests.simulators.mortal import Ending, in_child
from tests.simulators.power import PLAIN, Image, Loss, crashed, moments, part, write_image
from tests.simulators.site import SimulatedSite
from tests.torture.bench import NEW, OLD, Bench, Settled, Story, new_boot, settle
from tests.torture.judge import Expected, judge
from tests.torture.kills import noted_attempts
from tests.torture.recording import Recording


@dataclass(frozen=True)
class State:
    """One disk after a power loss, and how many reports the control plane has by then."""

    number: int
    loss: str
    image: Image = field(repr=False)
    heard: int

    def __str__(self) -> str:
        return f"power lost behind call {self.number}, {self.loss}"

    def key(self, recording: Recording) -> Any:
        """Two states with the same key must be judged alike."""
        owed = sum(promise.number <= self.number for promise in recording.promises)
        started = sum(number <= self.number for number, _ in recording.starts)
        known = (self.number >= recording.acted, self.number >= recording.unwell)
        return (self.image, self.heard, owed, started, known)


def states(ready: Bench, recording: Recording, losses: Sequence[Loss] = PLAIN) -> Iterator[State]:
    """What can be left behind each call, under each of these models."""
    for number, top in moments(ready.base, recording.calls):
        for loss in losses:
            yield State(number, loss.value, crashed(top, loss), recording.heard(number))


def states_by_chance(
    ready: Bench, recording: Recording, seed: str, numbers: list[int]
) -> Iterator[State]:
    """One reordering behind each of the given calls, the numbers in ascending order."""
    wanted = list(numbers)
    for number, top in moments(ready.base, recording.calls):
        while wanted and wanted[0] == number:
            name = f"reordering {seed}/{len(wanted)}"
            heard = recording.heard(number)
            yield State(number, name, crashed(top, random.Random(name)), heard)
            wanted.pop(0)


@dataclass
class Harness:
    """Tries states of one recording; disks that it has seen already are not tried again."""

    ready: Bench
    recording: Recording
    verdicts: dict[Any, list[str]] = field(default_factory=dict)
    _sound_floors: set[Any] = field(default_factory=set)

    def verdict(self, state: State) -> list[str]:
        """The promises that are broken after a power loss into this state."""
        key = state.key(self.recording)
        if key not in self.verdicts:
            self.verdicts[key] = self._try(state)
        return self.verdicts[key]

    def _try(self, state: State) -> list[str]:
        ready, recording = self.ready, self.recording
        ready.fresh(recording.knows.first(state.heard))
        write_image(state.image, ready.site.folder)
        acted = state.number >= recording.acted
        floor = (part(state.image, "trust"), acted)
        ask = floor not in self._sound_floors
        attempts = noted_attempts(ready)
        broken = list(_uncounted(ready, recording, state))
        ending = in_child(lambda: _recover(ready.site, ask=ask, acted=acted))
        if ending.how == "done":
            doubts, started, settled = ending.answer
            broken += doubts
            if not doubts:
                self._sound_floors.add(floor)
            if NEW in started and state.number >= recording.unwell:
                broken.append(f"{NEW} was found unwell and is started again")
            ending = Ending("done", settled)
        broken += judge(ready, ending, _expected(ready.story, attempts))
        return [*broken, *_broken_promises(ready, recording, state)]


def _expected(story: Story, attempts: set[str]) -> Expected:
    """As if nothing had happened, but for a download that has to be made again."""
    version, final = (NEW, Phase.CONFIRMED) if story is Story.UPDATE else (OLD, Phase.REVERTED)
    return Expected([version], attempts, [final], repeated=[Phase.DOWNLOADING], kept_in_downloads=3)


def _broken_promises(ready: Bench, recording: Recording, state: State) -> Iterator[str]:
    for promise in recording.promises:
        found = ready.plane.reports.get((ready.site.site_id, promise.sequence))
        if promise.number <= state.number and found != promise.content:
            yield f"report {promise.sequence} was written durably and is lost"


def _uncounted(ready: Bench, recording: Recording, state: State) -> Iterator[str]:
    """Starts of 2.0 that nobody counted: it could take the machine with it for ever."""
    started = sum(version == NEW and number <= state.number for number, version in recording.starts)
    for attempt in Journal(ready.site.folder / "journal").unfinished():
        if attempt.step in (Step.ACTIVATE, Step.CONFIRM) and attempt.starts < started:
            yield f"{NEW} was started {started} times, and {attempt.starts} are noted"


def _recover(
    site: SimulatedSite, *, ask: bool, acted: bool
) -> tuple[list[str], list[str], Settled]:
    """Doubts of the floor, the versions that were started, and how it settled."""
    started: list[str] = []
    start = Programs.start

    def noting(self: Programs, product: str, version: str, *rest: Any) -> None:
        started.append(version)
        start(self, product, version, *rest)

    type.__setattr__(Programs, "start", noting)  # in this process alone
    doubts = list(doubts_of_floor(site, acted=acted)) if ask else []
    return doubts, started, settle(site, boot=new_boot())


def doubts_of_floor(site: SimulatedSite, *, acted: bool) -> Iterator[str]:
    """Hold both copies of the trust floor, and each alone, against yesterday's repository."""
    for lost in ("neither copy", "floor.a", "floor.b"):
        scratch = site.folder.with_name("scratch")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(site.folder / "trust", scratch / "trust")
        (scratch / "metadata/verified").mkdir(parents=True)
        (scratch / "trust" / lost).unlink(missing_ok=True)
        said = _looks_at_yesterday(site, scratch) if acted else _loads(scratch)
        if said:
            yield f"with {lost} of the floor lost, {said}"


def _loads(scratch: Path) -> str:
    try:
        FloorFile(scratch / "trust").load()
    except TrustLost:
        return "nothing is trusted any more"
    return ""


def _looks_at_yesterday(site: SimulatedSite, scratch: Path) -> str:
    agent: Agent = site.agent()
    floors, old = FloorFile(scratch / "trust"), f"{site.web.url}/old"
    agent = replace(
        agent,
        state=StateFolder(scratch),
        urls=(agent.urls[0], f"{old}/metadata", f"{old}/targets/"),
        reporter=replace(agent.reporter, floors=floors),
    )
    try:
        agent.trusted().refresh()
    except Rollback:
        return ""
    except AgentError as error:
        return f"it says {error.code}: {error}"
    return "yesterday's repository is believed"
