"""A whole update recorded, and what becomes of a site that loses power anywhere in it."""

import random
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from client_updater.agent import Agent
from client_updater.errors import AgentError, Rollback, TrustLost
from client_updater.floor import FloorFile
from client_updater.journal import Journal, Step
from client_updater.programs import Process, Programs
from client_updater.state import StateFolder
from manifests.envelope import peek
from manifests.install_report import REPORT_TYPE, Phase
from tests.simulators.mortal import Ending, in_child
from tests.simulators.power import (
    PLAIN,
    Call,
    Image,
    Loss,
    Recorder,
    crashed,
    moments,
    part,
    write_image,
)
from tests.simulators.site import SimulatedSite
from tests.torture.bench import NEW, OLD, PRODUCT, Bench, Heard, Settled, Story, new_boot, settle
from tests.torture.judge import Expected, judge
from tests.torture.kills import noted_attempts

_ACTS = ("metadata/verified/", "slots/", "journal/")
"""Where the agent first writes something that follows from what the repository shows."""


@dataclass(frozen=True)
class Promise:
    """A report that was sealed and written durably: behind call ``number`` it is never lost."""

    number: int
    sequence: int
    content: bytes


@dataclass(frozen=True)
class Recording:
    """The calls of one update, and when the control plane received its reports."""

    calls: tuple[Call, ...]
    received_at: tuple[int, ...]
    earlier_reports: int
    knows: Heard
    """What the control plane knows in the end."""

    @cached_property
    def acted(self) -> int:
        """The number of calls before the agent acts on the new metadata."""
        acting = (n for n, call in enumerate(self.calls) if call.path.startswith(_ACTS))
        return next(acting)

    @cached_property
    def promises(self) -> tuple[Promise, ...]:
        """All reports, each from the call on that made it durable."""
        return tuple(_promises(self.calls))

    @cached_property
    def starts(self) -> tuple[tuple[int, str], ...]:
        """The versions whose programs were started, each with the call that let it go."""
        return tuple(_starts(self.calls))

    @cached_property
    def unwell(self) -> int:
        """The number of calls after which 2.0 is known to be unwell, for good."""
        return _durable_from(self.calls, "journal", b'"step":"revert"')

    @property
    def fsyncs(self) -> list[int]:
        """The positions of all syncs."""
        return [n for n, call in enumerate(self.calls) if call.name == "fsync"]

    def heard(self, number: int) -> int:
        """How many reports the control plane can have before call ``number``, counted from 0."""
        if number == len(self.calls):
            return self.earlier_reports + len(self.received_at)
        return self.earlier_reports + sum(at < self.calls[number].at for at in self.received_at)

    def without(self, position: int) -> "Recording":
        """The recording of an agent that forgets this one sync."""
        calls = list(self.calls)
        calls[position] = calls[position].forgotten
        mutant = replace(self, calls=tuple(calls))
        mutant.__dict__.update(  # it owes the same
            acted=self.acted, promises=self.promises, starts=self.starts, unwell=self.unwell
        )
        return mutant


def _promises(calls: tuple[Call, ...]) -> Iterator[Promise]:
    unsynced: dict[int, bytes] = {}
    sealed: dict[str, bytes] = {}
    for number, call in enumerate(calls, 1):
        if call.name == "write" and call.path.startswith("outbox/."):
            sealed[call.path] = sealed.get(call.path, b"") + call.data
        elif call.name == "rename" and call.other.endswith(".dsse"):
            sequence = int(Path(call.other).stem)
            unsynced[sequence] = peek(sealed[call.path], REPORT_TYPE)
        elif call.name == "fsync" and call.path == "outbox":
            for sequence, content in unsynced.items():
                yield Promise(number, sequence, content)
            unsynced = {}


def _starts(calls: tuple[Call, ...]) -> Iterator[tuple[int, str]]:
    note = b""
    for number, call in enumerate(calls, 1):
        if call.name == "write" and call.path == f"run/.{PRODUCT}.json.new":
            note = call.data
        elif call.name == "rename" and call.other == f"run/{PRODUCT}.json":
            yield number, Process.from_bytes(note).version


def _durable_from(calls: tuple[Call, ...], folder: str, words: bytes) -> int:
    """The number of calls after which what was written with these words is durable."""
    written = False
    for number, call in enumerate(calls, 1):
        inside = call.path == folder or call.path.startswith(f"{folder}/")
        written = written or (inside and call.name == "write" and words in call.data)
        if written and call.name == "fsync" and call.path == folder:
            return number
    return len(calls) + 1


def record(ready: Bench) -> Recording:
    """Record one whole update; the bench is left as it is after it."""
    ready.restore()
    received_at: list[int] = []
    plane, handle = ready.plane, ready.plane.handle

    def noting(path: str, body: bytes) -> tuple[int, bytes]:
        before, reply = len(plane.received), handle(path, body)
        received_at.extend([time.monotonic_ns()] * (len(plane.received) - before))
        return reply

    def poll() -> list[Call]:
        recorder = Recorder(ready.site.folder, ["metadata"])
        recorder.install()
        ready.site.poll()
        return recorder.calls

    vars(plane)["handle"] = noting
    ending = in_child(poll)
    del vars(plane)["handle"]
    assert ending.how == "done", ending.answer
    return Recording(
        tuple(ending.answer), tuple(received_at), len(ready.began.received), ready.heard()
    )


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
