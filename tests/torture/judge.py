"""What must be true of a site after all that was done to it; a broken promise is one sentence."""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from client_updater.errors import AgentError, UpdateError
from client_updater.floor import FloorFile
from client_updater.slots import Slots, verify_tree
from manifests.install_report import InstallReport, Phase
from tests.simulators.mortal import Ending, children
from tests.torture.bench import NEW, OLD, PRODUCT, Bench, Settled, answer

FINAL = frozenset({Phase.CONFIRMED, Phase.REVERTED, Phase.FAILED, Phase.REVERT_FAILED})


@dataclass(frozen=True)
class Expected:
    """What a try must come to."""

    versions: Collection[str]
    """One of these runs in the end."""
    attempts: Collection[str] = ()
    """Attempts that were seen in the journal: each has a final report."""
    finals: Collection[Phase] = FINAL
    """How the attempts at 2.0 may end."""
    repeated: Collection[Phase] = ()
    """Phases that an attempt may honestly come to twice, such as a download that was lost."""
    most_attempts: int = 1
    """At 2.0, of which the control plane has heard."""
    kept_in_downloads: int = 0
    """Files of one download that may come back after they were removed, to stay for a week."""


def judge(bench: Bench, ending: Ending, expected: Expected) -> list[str]:
    """The promises that are broken, after a fresh agent has settled (or has not)."""
    if ending.how != "done":
        return [f"the agent {ending.how}: {ending.answer}"]
    settled: Settled = ending.answer
    if not settled.settled:
        return [f"after {settled.polls} polls there is something left to do: {settled.problems}"]
    return [
        *_runs(bench, expected),
        *_reports(bench, expected),
        *_leftovers(bench.site.folder, expected.kept_in_downloads),
    ]


def whole(bench: Bench) -> str:
    """The version that the link points at, if all of it is there, with what belongs to it.

    Raises:
        UpdateError: it is not.
    """
    slots = Slots(bench.site.folder / "slots", bench.site.folder / "staging")
    version = slots.current(PRODUCT)
    if version is None:
        raise UpdateError("there is no current version")
    for each in {version, slots.previous(PRODUCT) or version}:
        (artifact,) = slots.release(PRODUCT, each).manifest.artifacts
        verify_tree(slots.path(PRODUCT, each), artifact.files)
    return version


def _runs(bench: Bench, expected: Expected) -> Iterator[str]:
    try:
        version = whole(bench)
    except (UpdateError, AgentError) as error:
        yield f"no whole version: {error}"
        return
    if version not in expected.versions:
        yield f"{version} is current, expected one of {expected.versions}"
    said = answer(bench.site)
    if said != {"version": version, "content": version}:
        yield f"the program of {version} says {said}"
    slots = Slots(bench.site.folder / "slots", bench.site.folder / "staging")
    if slots.previous(PRODUCT) != (OLD if version == NEW else None):
        yield f"with {version} the previous one is {slots.previous(PRODUCT)}"
    confirmed = FloorFile(bench.site.folder / "trust").load().releases.get(PRODUCT)
    if confirmed != version:
        yield f"the floor says that {confirmed} was confirmed and {version} runs"
    running = list(children())
    if len(running) != 1:
        yield f"{len(running)} programs run"


def _reports(bench: Bench, expected: Expected) -> Iterator[str]:
    received = bench.plane.received
    numbers = [report.sequence for report in received]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the reports' numbers are {numbers}"
    by_attempt: dict[str, list[InstallReport]] = {each: [] for each in expected.attempts}
    for report in received:
        if report.phase is not Phase.REFUSED:
            by_attempt.setdefault(report.attempt_id, []).append(report)
    at_new = {report.attempt_id for report in received if report.version == NEW}
    if len(at_new) > expected.most_attempts:
        yield f"{NEW} was tried {len(at_new)} times: {_names(received)}"
    for attempt, reports in by_attempt.items():
        phases = Counter(report.phase for report in reports)
        ends = [phase for phase in phases if phase in FINAL]
        if len(ends) != 1 or reports[-1].phase not in FINAL:
            yield f"attempt {attempt} has the reports {_names(reports)}"
        elif reports[-1].version == NEW and ends[0] not in expected.finals:
            yield f"attempt {attempt} at {NEW} ended as {ends[0]}: {reports[-1].detail}"
        if any(times > 1 and phase not in expected.repeated for phase, times in phases.items()):
            yield f"attempt {attempt} reported twice: {_names(reports)}"
    yield from _outbox(bench.site.folder / "outbox", len(numbers))


def _names(reports: list[InstallReport]) -> list[str]:
    return [f"{report.sequence}:{report.phase}" for report in reports]


def _outbox(outbox: Path, newest: int) -> Iterator[str]:
    refused = list((outbox / "refused").glob("*"))
    if refused:
        yield f"the control plane refused {[path.name for path in refused]}"
    acknowledged = (outbox / "acknowledged").read_text()
    if acknowledged != str(newest):
        yield f"{acknowledged!r} is acknowledged of {newest} reports"


def _leftovers(state: Path, kept_in_downloads: int) -> Iterator[str]:
    for name, most in {"staging": 0, "journal": 0, "downloads": kept_in_downloads}.items():
        left = [path.name for path in (state / name).iterdir() if not path.name.startswith(".")]
        if len(left) > most:
            yield f"{name} still holds {left}"
    unfinished = [str(path.relative_to(state)) for path in state.rglob(".*.new")]
    if unfinished:
        yield f"unfinished files are left: {unfinished}"
    known = {OLD, NEW, f"{OLD}.release", f"{NEW}.release", "current", "previous"}
    strangers = {path.name for path in (state / "slots" / PRODUCT).iterdir()} - known
    if {name for name in strangers if not name.startswith(".")}:
        yield f"slots hold {strangers}"
