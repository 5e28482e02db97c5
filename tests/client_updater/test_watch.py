"""Between updates a small process watches: it sees every kind of change, and takes no doubt."""

import errno
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from client_updater import durable
from client_updater.agent_log import MOST_LOG_BYTES
from client_updater.commands import Order
from client_updater.errors import ExpiredMetadata, Rollback
from client_updater.light_poll import LightPoll
from client_updater.quiet import QUIET_FILE, Changed, Quiet, Service, read_quiet
from client_updater.settings import last_policy, read_enrolment
from client_updater.stop import Stop
from client_updater.watch import Watch
from manifests.audit_checkpoint import CHECKPOINT_TYPE, AuditCheckpoint
from manifests.check_in import CheckIn
from manifests.envelope import seal
from manifests.errors import UpdateError
from manifests.freeze import Freeze
from manifests.rollout import RolloutState, Wave
from manifests.site import SitePolicy
from manifests.target_paths import Lane
from tests.client_updater.test_crashes import Died, DyingDisk, RefusingDisk
from tests.client_updater.test_early import _window
from tests.client_updater.test_support import step
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields
from tests.simulators.web import Replaced, Status, Web, WrongDate

FREEZE = Freeze(
    zone="UTC", starts=datetime.fromisoformat("2026-01-01T00:00:00"), duration_seconds=3600
)


@dataclass
class Watched:
    """A site that has 1.0, after a poll that found nothing to do."""

    site: SimulatedSite
    repository: SimulatedRepository
    web: Web
    plane: ControlPlane
    now: datetime | None = None

    @property
    def folder(self) -> Path:
        return self.site.folder

    @property
    def note(self) -> Quiet | None:
        return read_quiet(self.site.state)

    def clock(self) -> datetime:
        return self.now or datetime.now(UTC)

    def light(self) -> LightPoll:
        note = self.note
        assert note is not None
        return LightPoll(self.site.state, note, self.clock)

    def answer(self, **changed: object) -> None:
        self.plane.answer = self.plane.answer.model_copy(update=changed)

    def linger(self, seconds: float) -> None:
        (self.folder / "agent.toml").write_text(f"linger_seconds = {seconds}\n")

    def offer(self, version: str, **how: object) -> None:
        self.repository.release("notes", version, {"a": b"2"})
        self.repository.roll_out("notes", version, **how)  # type: ignore[arg-type]


@pytest.fixture
def watched(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> Watched:
    repository.release("notes", "1.0", {"a": b"1"})
    repository.roll_out("notes", "1.0")
    return _quiet(Watched(site, repository, web, plane))


@pytest.fixture
def running(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> Watched:
    """Another one, with a program that runs."""
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")
    return _quiet(Watched(site, repository, web, plane))


def _quiet(it: Watched) -> Watched:
    it.linger(0)
    it.site.poll()
    it.site.poll()
    return it


def _now() -> datetime:
    return datetime.now(UTC)


def _known(message: CheckIn) -> CheckIn:
    return message.model_copy(update={"at": datetime(2026, 1, 1, tzinfo=UTC)})


def test_while_nothing_changes_it_says_what_a_full_poll_says(watched: Watched) -> None:
    before = json.loads((watched.folder / "last-poll.json").read_text())
    light = watched.light()
    for _ in range(3):
        light.look()
    site_says = watched.plane.check_ins[-1]
    last = watched.site.poll()
    assert last.at is not None
    assert _known(site_says) == _known(watched.plane.check_ins[-1])
    after = json.loads((watched.folder / "last-poll.json").read_text())
    assert before["heard_at"] < after["heard_at"]
    assert watched.note is not None, "the full poll has found nothing either"


def test_a_light_poll_asks_for_root_timestamp_and_the_server_and_moves_no_other_file(
    watched: Watched,
) -> None:
    light = watched.light()
    light.look()
    watched.web.requests.clear()
    asked, files = len(watched.plane.check_ins), _files(watched.folder)
    light.look()
    paths = [request.path for request in watched.web.requests]
    assert paths == ["/metadata/2.root.json", "/metadata/timestamp.json"]
    assert len(watched.plane.check_ins) == asked + 1
    changed = {name for name, what in _files(watched.folder).items() if files.get(name) != what}
    assert changed == {"last-poll.json"}


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = [path for path in folder.rglob("*") if path.is_file() and "logs" not in path.parts]
    marks = {str(path.relative_to(folder)): path.stat() for path in found}
    return {name: (it.st_ino, it.st_mtime_ns) for name, it in marks.items()}


def _write(name: str, text: str) -> Callable[[Watched], None]:
    def write(it: Watched) -> None:
        path = it.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)

    return write


def _damage(name: str) -> Callable[[Watched], None]:
    def damage(it: Watched) -> None:
        path = it.folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        with path.open("r+b") as file:  # in place: the same file, of the same size
            file.write(data)

    return damage


def _at(moment: Callable[[Quiet], datetime]) -> Callable[[Watched], None]:
    def travel(it: Watched) -> None:
        assert it.note is not None
        it.now = moment(it.note)

    return travel


def _long_log(it: Watched) -> None:
    with (it.folder / "logs/notes-1.0.log").open("ab") as file:
        file.truncate(MOST_LOG_BYTES + 1)


def _policy(it: Watched) -> None:
    it.site.write_policy('hotfix = "ask"')


def _rotate(it: Watched) -> None:
    it.repository.rotate("timestamp")


def _fault(path: str, fault: object) -> Callable[[Watched], None]:
    def show(it: Watched) -> None:
        it.web.faults[path] = [fault]  # type: ignore[list-item]

    return show


CHANGES: dict[str, Callable[[Watched], object]] = {
    "a release": lambda it: it.offer("2.0"),
    "a plan": lambda it: it.repository.roll_out("notes", "1.0", state=RolloutState.PAUSED),
    "an emergency": lambda it: it.repository.release("notes", "1.1", {}, lane=Lane.HOTFIXES),
    "a root": _rotate,
    "another timestamp": _fault("/metadata/timestamp.json", Replaced(body=b"{}")),
    "no repository": _fault("*", Status(status=503)),
    "no answer for the root": _fault("/metadata/2.root.json", Status(status=500)),
    "another clock there": _fault("*", WrongDate(ahead_seconds=3600)),
    "a hold": lambda it: it.answer(hold="stocktaking"),
    "a yes": lambda it: it.answer(approved={"notes": ("2.0",)}),
    "another pace": lambda it: it.answer(poll_seconds=60),
    "a root that is kept back": lambda it: it.answer(root_version=9),
    "a restored server": lambda it: it.answer(known_sequence=1),
    "a step of support": lambda it: it.plane.steps.append(step("verify", "notes")),
    "no server": lambda it: setattr(it.plane, "down", True),
    "a server that does not know us": lambda it: it.plane.sites.clear(),
    "the policy": _policy,
    "the settings": _write("agent.toml", "tries = 1\n"),
    "the enrolment": lambda it: os.utime(it.folder / "enrolment.json"),
    "the key": lambda it: os.utime(it.folder / "site.key"),
    "a new key that is open": _write("site.key.next", "x"),
    "an attempt": _write("journal/notes.json", "{}"),
    "a report that waits": _write("outbox/000000000099.dsse", "{}"),
    "an answer to support that waits": _write("steps/0123456789abcdef.dsse", "{}"),
    "a command of the administrator": lambda it: it.site.command("approve", "notes", "2.0"),
    "the current version": lambda it: (it.folder / "slots/notes/current").unlink(),
    "the record of a version": _damage("slots/notes/1.0.release"),
    "one copy of the floor": _damage("trust/floor.a"),
    "the pinned root": _damage("trust/root.json"),
    "the cache of metadata": _damage("metadata/snapshot.json"),
    "a folder that is gone": lambda it: (it.folder / "staging").rmdir(),
    "the last poll's record": lambda it: (it.folder / "last-poll.json").unlink(),
    "a long log": _long_log,
    "the end of its time": _at(lambda note: note.end),
    "a clock that was set back": _at(lambda note: note.made_at - timedelta(seconds=1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_kind_of_change_is_seen_before_anything_is_said_to_be_well(
    watched: Watched, change: Callable[[Watched], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # between two tries of a request
    light = watched.light()
    light.look()
    record = (watched.folder / "last-poll.json").read_bytes()
    change(watched)
    with pytest.raises((Changed, UpdateError)):
        light.look()
    path = watched.folder / "last-poll.json"
    assert not path.exists() or path.read_bytes() == record


def test_a_new_timestamp_that_moves_nothing_here_is_believed_and_remembered(
    watched: Watched,
) -> None:
    light, others = watched.light(), len(watched.plane.check_ins)
    watched.repository.sign_timestamp()
    light.look()
    floor = watched.site.agent().floors.load()
    assert floor.timestamp == watched.repository.versions["timestamp"]
    said = watched.plane.check_ins[-1]
    assert (said.timestamp_version, len(watched.plane.check_ins)) == (floor.timestamp, others + 1)
    light.look()
    watched.light().look()  # who starts anew goes on from there
    watched.web.requests.clear()
    watched.site.poll()
    assert _known(watched.plane.check_ins[-1]) == _known(said)
    last = json.loads((watched.folder / "last-poll.json").read_text())
    assert last["timestamp_version"] == floor.timestamp
    assert [it.path for it in watched.web.requests] == [
        "/metadata/2.root.json",
        "/metadata/timestamp.json",
    ], "the light poll has left the cache as a full one does"


def test_a_new_snapshot_is_no_news_while_it_says_the_same_of_our_roles(watched: Watched) -> None:
    light = watched.light()
    watched.repository.listed["else.rollouts"] = 7  # somebody else's plan, at its first time
    watched.repository.commit()
    light.look()
    floor = watched.site.agent().floors.load()
    assert floor.snapshot == watched.repository.versions["snapshot"]
    assert "else.rollouts" not in floor.roles
    watched.repository.sign_targets("notes")
    watched.repository.commit()
    with pytest.raises(Changed, match="news for this site"):
        light.look()


def test_a_timestamp_that_expired_or_goes_back_is_an_error_that_is_seen(watched: Watched) -> None:
    before = watched.repository.files["/metadata/timestamp.json"]
    watched.repository.sign_timestamp()
    watched.light().look()
    watched.web.faults["/metadata/timestamp.json"] = [Replaced(body=before)]
    with pytest.raises(Rollback):
        watched.light().look()
    assert watched.site.poll().problem == "rollback"
    watched.web.faults.clear()
    watched.site.poll()
    watched.repository.life["timestamp"] = timedelta(seconds=-1)
    watched.repository.sign_timestamp()
    with pytest.raises(ExpiredMetadata):
        watched.light().look()
    assert watched.site.poll().problem == "expired_metadata"


def test_a_program_that_is_down_is_seen_and_the_poll_that_starts_it_is_not_the_last(
    running: Watched,
) -> None:
    light = running.light()
    light.look()
    running.site.agent().services.programs.stop("notes", 1)
    with pytest.raises(Changed):
        light.look()
    running.site.poll()
    assert running.note is None, "it has to be seen whether it stays up"
    running.site.poll()
    running.light().look()
    note = running.light().quiet
    others = replace(note, services=(replace(note.services[0], version="0.9"),))
    with pytest.raises(Changed, match=r"0\.9 is not running"):
        LightPoll(running.site.state, others, running.clock).look_at_services()


@pytest.mark.parametrize(("status", "is_up"), [(0, True), (3, False)])
def test_a_service_of_somebody_elses_is_asked_for_by_its_own_command(
    watched: Watched, status: int, is_up: bool
) -> None:
    asks = Order(["sh", "-c", f"exit {status}"], watched.folder, {}, 5, watched.folder / "logs/x")
    service = Service("notes", "1.0", order=json.loads(json.dumps(asks.to_plain())))
    light = LightPoll(watched.site.state, replace(watched.light().quiet, services=(service,)), _now)
    if is_up:
        light.look_at_services()
    else:
        with pytest.raises(Changed):
            light.look_at_services()


def test_a_command_at_work_is_waited_for_by_a_full_poll(watched: Watched) -> None:
    light = watched.light()
    with watched.site.state.at_work(), pytest.raises(UpdateError):
        light.look()
    light.look()


def test_a_checkpoint_is_witnessed_and_told_back_and_an_older_one_is_not(watched: Watched) -> None:
    def sealed(number: int) -> str:
        point = AuditCheckpoint(seq=number, hash="a" * 64, at=datetime.now(UTC))
        key = watched.site.agent().reporter.key
        return seal(point.to_bytes(), CHECKPOINT_TYPE, key.signer).decode()

    light, newest = watched.light(), sealed(7)
    for told in (sealed(5), newest, sealed(6), "", newest):
        watched.answer(audit_checkpoint=told)
        light.look()
    assert (watched.folder / "witness.json").read_text() == newest
    assert watched.plane.check_ins[-1].audit_checkpoint == newest
    watched.answer(audit_checkpoint="{}")
    with pytest.raises(Changed, match="spelling"):
        light.look()


def test_the_proven_time_goes_on_and_the_note_with_it(watched: Watched) -> None:
    before = watched.site.agent().floors.load().proven_time
    assert before is not None
    watched.now = datetime.now(UTC) + timedelta(minutes=4)
    light = watched.light()
    light.look()
    assert watched.site.agent().floors.load().proven_time == before
    ahead = timedelta(minutes=11)
    watched.web.faults["*"] = [WrongDate(ahead_seconds=0)]
    watched.now = datetime.now(UTC) + ahead
    light.look()
    assert watched.site.agent().floors.load().proven_time == watched.now
    watched.light().look()  # who starts anew finds the note as it has to be


@pytest.mark.parametrize(
    "spoilt", [b"", b"{}", b"0" * 64 + b"\n{}", "another version's"], ids=["1", "2", "3", "4"]
)
def test_a_note_that_suffered_or_is_anothers_is_none(watched: Watched, spoilt: bytes | str) -> None:
    path = watched.folder / QUIET_FILE
    if isinstance(spoilt, bytes):
        path.write_bytes(spoilt)
    else:
        assert watched.note is not None
        path.write_bytes(replace(watched.note, agent="0.0.1").to_bytes())
    assert watched.note is None


# --- when there is no note, and until when there is one


@pytest.mark.parametrize(
    "restless",
    [
        lambda it: it.offer("2.0"),
        lambda it: it.site.write_policy(_window(23)) or it.offer("2.0"),
        lambda it: it.site.write_policy("[[windows]]"),
        lambda it: it.plane.steps.append(step("verify", "notes")),
        lambda it: it.answer(hold="stocktaking"),
        lambda it: setattr(it.plane, "down", True),
        lambda it: it.web.faults.update({"/metadata/timestamp.json": [Status(status=404)]}),
        _write("agent.toml", "nonsense = 1\n"),
    ],
    ids=[
        *("an installation", "something to fetch", "a wrong policy", "a step", "another answer"),
        *("no server", "no repository", "wrong settings"),
    ],
)
def test_a_poll_that_has_met_anything_leaves_no_note(
    watched: Watched, restless: Callable[[Watched], object]
) -> None:
    assert watched.note is not None
    restless(watched)
    watched.site.poll()
    assert watched.note is None


def test_an_opening_and_an_expiry_are_the_ends_of_a_note(watched: Watched) -> None:
    assert watched.note is not None
    assert watched.note.end <= watched.note.made_at + timedelta(hours=24)

    opening = datetime.now(UTC) + timedelta(hours=2)
    watched.offer("2.0", waves=(Wave(opens_at=opening, up_to_basis_points=10_000),))
    watched.site.poll()
    note = watched.note
    assert note is not None, "a site that waits for its wave is watched"
    assert note.end <= opening - timedelta(seconds=4 * watched.plane.answer.poll_seconds)

    watched.repository.life["timestamp"] = timedelta(minutes=5)
    watched.repository.sign_timestamp()
    watched.site.poll()
    note = watched.note
    assert note is not None
    assert note.end < datetime.now(UTC) + timedelta(minutes=6)
    with time_machine.travel(note.end + timedelta(seconds=1)):
        with pytest.raises(Changed):
            watched.light().look()
        assert watched.site.poll().problem == "expired_metadata"


def _opening(policy: SitePolicy) -> datetime:
    (window,) = policy.windows
    return window.starts.replace(tzinfo=UTC)


def test_what_waits_for_a_window_is_watched_until_it_may_be_fetched_and_until_the_window_opens(
    watched: Watched,
) -> None:
    soon = timedelta(seconds=4 * watched.plane.answer.poll_seconds)
    watched.site.write_policy(_window(72))
    watched.offer("2.0")
    watched.site.poll()
    note, opening = watched.note, _opening(last_policy(watched.site.state))
    assert note is not None
    assert note.end <= note.made_at + timedelta(hours=24)

    with time_machine.travel(opening - timedelta(hours=30), tick=False):
        watched.repository.sign_timestamp()
        watched.site.poll()
        note = watched.note
        assert note is not None
        assert note.until == opening - timedelta(hours=24) - soon
    with time_machine.travel(opening - timedelta(hours=23), tick=False):
        watched.repository.sign_timestamp()
        watched.site.poll()
        assert watched.note is None, "it has fetched it"
        watched.site.poll()
        note = watched.note
        assert note is not None
        assert note.until == opening - soon
        watched.light().look()
        said = watched.plane.check_ins[-1]
        watched.site.poll()
        assert _known(said) == _known(watched.plane.check_ins[-1])
        assert watched.note is not None
    with time_machine.travel(opening - soon, tick=False):
        with pytest.raises(Changed):
            watched.light().look()
        watched.repository.sign_timestamp()
        watched.site.poll()
        assert watched.note is None, "from now on it polls the whole way"
    with time_machine.travel(opening, tick=False):
        watched.site.poll()
        assert watched.site.current() == "2.0"


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.site.write_policy(""),
        lambda it: it.repository.roll_out("notes", "2.0", state=RolloutState.STOPPED),
        lambda it: it.offer("2.1"),
        lambda it: it.answer(freezes=(FREEZE,)),
        lambda it: (it.folder / "journal/notes.json").unlink(),
        lambda it: shutil.rmtree(it.folder / "slots/notes/2.0"),
    ],
    ids=["the window", "a stop", "a newer one", "a freeze", "the attempt", "what was staged"],
)
def test_what_waits_for_its_window_is_staged_and_all_that_changes_that_is_seen(
    watched: Watched, change: Callable[[Watched], object]
) -> None:
    watched.site.write_policy(_window(3))
    watched.offer("2.0")
    watched.site.poll()
    watched.site.poll()
    light = watched.light()
    light.look()
    change(watched)
    with pytest.raises(Changed):
        light.look()


def test_what_was_put_off_may_go_on_at_any_time_so_it_is_not_only_watched(watched: Watched) -> None:
    watched.site.write_policy(_window(3))
    watched.offer("2.0")
    (path,) = [each for each in watched.repository.files if each.endswith("2.0.tar.zst")]
    watched.web.faults[path] = [Status(status=404)]
    while "failed" not in watched.plane.phases("2.0"):
        watched.site.poll()
        assert watched.note is None
    last = watched.site.poll()
    assert (last.problem, last.products[0].gate, watched.note) == ("", "window_open", None)
    watched.site.write_policy(_window(72))
    watched.site.poll()
    assert watched.note is not None, "a poll would not fetch it today, put off or not"


def test_whoever_asks_to_be_left_alone_is_and_the_programs_are_watched_meanwhile(
    running: Watched,
) -> None:
    running.web.faults["/metadata/timestamp.json"] = [
        Status(status=503, headers={"Retry-After": "3600"})
    ]
    note = running.note
    assert note is not None
    stop = Stop()
    watch = Watch(running.site.state, stop, running.clock)
    watching = threading.Thread(target=watch._watch, args=(note, 0.0))
    watching.start()
    assert _eventually(lambda: len(running.web.asked("timestamp.json")) > 2)
    watching.join(1)
    assert watching.is_alive(), "it waits as it was asked to"
    running.site.agent().services.programs.stop("notes", 1)
    watching.join(20)
    assert not watching.is_alive()
    assert not stop(), "for the program it does not wait"


@pytest.mark.parametrize("refuses", [False, True], ids=["it dies", "the disk is full"])
def test_wherever_a_light_poll_is_cut_off_the_next_one_goes_on(
    watched: Watched, refuses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all that it ever writes: a new timestamp, a moment that is proven, a checkpoint."""
    key, whole = watched.site.agent().reporter.key, durable.disk
    for number in itertools.count(1):
        assert number < 100
        point = AuditCheckpoint(seq=number, hash="a" * 64, at=datetime.now(UTC))
        told = seal(point.to_bytes(), CHECKPOINT_TYPE, key.signer).decode()
        watched.answer(audit_checkpoint=told)
        watched.repository.sign_timestamp()
        watched.now = (watched.now or datetime.now(UTC)) + timedelta(minutes=11)
        with time_machine.travel(watched.now):
            floor = watched.site.agent().floors.load()
            disk = RefusingDisk(number, errno.ENOSPC) if refuses else DyingDisk(number)
            monkeypatch.setattr(durable, "disk", disk)
            with suppress(Died, Changed, UpdateError):
                watched.light().look()
            monkeypatch.setattr(durable, "disk", whole)
            assert watched.site.agent().floors.load().timestamp >= floor.timestamp
            with suppress(Changed):
                watched.light().look()
            last = watched.site.poll()
            assert (last.problem, last.server_problem) == ("", "")
            after = watched.site.agent().floors.load()
            assert after.timestamp == watched.repository.versions["timestamp"]
            assert after.proven_time is not None
            assert watched.now - after.proven_time < timedelta(seconds=10)
            assert (watched.folder / "witness.json").read_text() == told
            assert watched.note is not None
        if disk.count < number:
            return


def test_settings_that_no_line_can_be_made_of_are_for_a_full_poll(watched: Watched) -> None:
    note = watched.note
    assert note is not None
    lost = replace(note, line={**note.line, "ca_file": "/nowhere/ca.pem"})
    Watch(watched.site.state, Stop(), watched.clock)._watch(lost, 0.0)
    assert len(watched.web.asked("timestamp.json")) == 2, "of the two full polls before"


# --- the real program


def test_what_keeps_an_agent_from_running_is_said_with_its_status(
    newcomer: SimulatedSite,
) -> None:
    for made, words in ((False, "join first"), (True, "belongs to no site yet")):
        if made:
            newcomer.folder.mkdir(mode=0o700)
        agent = newcomer.start("run")
        said = agent.communicate(timeout=60)[0]
        assert (agent.returncode, words in said, "Traceback" in said) == (78, True, False), said


_OLDER_AT_FIRST = """
import pathlib, sys
import client_updater
begun = pathlib.Path(sys.argv.pop(1))
if not begun.exists():
    begun.touch()
    client_updater.AGENT_VERSION = "0.0.1"
from client_updater.cli import main
main()
"""


def test_where_another_agent_lies_by_now_it_starts_itself_anew(
    watched: Watched, tmp_path: Path
) -> None:
    """As after ``pip install --upgrade``: what it starts as its child is the new one already."""
    watched.answer(poll_seconds=1)
    words = [str(tmp_path / "begun"), "--state", str(watched.folder), "run"]
    agent = subprocess.Popen(
        [sys.executable, "-c", _OLDER_AT_FIRST, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        log = watched.folder / "logs/agent.log"
        assert _eventually(lambda: log.exists() and "nothing has changed" in log.read_text())
        assert _children(agent.pid) == []
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output


def test_a_part_of_it_is_no_agent_of_its_own(watched: Watched) -> None:
    with (watched.folder / "site.toml").open() as file:
        agent = watched.site.start("work", "--lock", str(file.fileno()))
        said = agent.communicate(timeout=60)[0]
    assert (agent.returncode, "a part of 'hsp-updater run'" in said) == (75, True), said


def _eventually(is_so: Callable[[], bool], seconds: float = 40) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def test_it_works_in_a_child_while_there_is_work_and_is_alone_otherwise(watched: Watched) -> None:
    watched.answer(poll_seconds=1)
    watched.site.poll()
    agent = watched.site.start("run")
    try:
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 2)
        assert _children(agent.pid) == []
        opening = datetime.now(UTC) + timedelta(seconds=8)
        watched.offer("2.0", waves=(Wave(opens_at=opening, up_to_basis_points=10_000),))
        assert _eventually(lambda: "confirmed" in watched.plane.phases("2.0"))
        opened = next(r.at for r in watched.plane.received if r.version == "2.0")
        assert opening <= opened < opening + timedelta(seconds=4)
        assert _eventually(lambda: _children(agent.pid) == [])
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 2)
        assert _children(agent.pid) == []
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output


def _lingering(watched: Watched, seconds: float) -> "tuple[subprocess.Popen[str], int]":
    """An agent that polls each second, and its child, which has nothing to do any more."""
    watched.linger(seconds)
    watched.answer(poll_seconds=1)
    watched.offer("2.0")
    agent = watched.site.start("run")
    assert _eventually(lambda: "confirmed" in watched.plane.phases("2.0"))
    assert _eventually(lambda: watched.note is not None)
    (child,) = _children(agent.pid)
    return agent, child


def test_a_site_that_polls_often_keeps_its_child_until_no_news_has_come_for_a_while(
    watched: Watched,
) -> None:
    agent, child = _lingering(watched, 5)
    try:
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 2)
        assert _children(agent.pid) == [child], "nothing is to be done, and it polls"
        news = time.monotonic()
        watched.repository.roll_out("notes", "2.0", state=RolloutState.PAUSED)
        assert _eventually(lambda: _children(agent.pid) == [])
        assert 5 - 1 <= time.monotonic() - news < 20, "the last poll before it is over ends it"
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 2)
        assert _children(agent.pid) == []
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output


def test_a_site_that_polls_rarely_has_no_child_between_two_polls(watched: Watched) -> None:
    (watched.folder / "agent.toml").unlink()  # as sites have it
    watched.answer(poll_seconds=900)
    watched.site.poll()
    (watched.folder / QUIET_FILE).unlink()
    agent = watched.site.start("run")
    try:
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun)
        assert _eventually(lambda: _children(agent.pid) == [], 10)
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "next poll in" in output) == (0, True), output


def test_an_order_to_stop_ends_a_child_that_only_stays_for_a_while(watched: Watched) -> None:
    agent, child = _lingering(watched, 600)
    agent.send_signal(signal.SIGTERM)
    output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output
    assert not Path(f"/proc/{child}").exists()


def _enrolled_anew(it: Watched) -> None:
    path = it.folder / "enrolment.json"
    enrolment = read_enrolment(it.site.state)
    path.write_bytes(enrolment.model_copy(update={"poll_seconds": 7}).to_bytes())


@pytest.mark.parametrize(
    ("change", "stays"),
    [
        (lambda it: it.linger(0), False),
        (_write("agent.toml", "nonsense = 1\n"), True),
        (_enrolled_anew, True),
    ],
    ids=["settings", "a mistake in them", "the enrolment"],
)
def test_a_child_does_not_stay_when_what_it_was_opened_with_has_changed(
    watched: Watched, change: Callable[[Watched], None], stays: bool
) -> None:
    agent, child = _lingering(watched, 600)
    try:
        change(watched)
        assert _eventually(lambda: not Path(f"/proc/{child}").exists(), 10)
        begun = len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 1)
        assert _eventually(lambda: bool(_children(agent.pid)) is stays)
        others, begun = _children(agent.pid), len(watched.plane.check_ins)
        assert _eventually(lambda: len(watched.plane.check_ins) > begun + 3)
        assert _children(agent.pid) == others, "once is enough"
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output


def test_a_staged_release_waits_without_a_child_and_is_installed_when_its_window_opens(
    watched: Watched,
) -> None:
    """With polls each second, a child is there again from four seconds before the opening on."""
    watched.answer(poll_seconds=1)
    watched.site.write_policy(_window(25 / 3600))
    watched.offer("2.0")
    agent = watched.site.start("run")
    try:
        assert _eventually(lambda: last_policy(watched.site.state).windows != ())
        opening = _opening(last_policy(watched.site.state))
        assert _eventually(lambda: watched.note is not None and watched.note.until < opening)
        assert _eventually(lambda: _children(agent.pid) == [])
        assert (watched.folder / "slots/notes/2.0/a").is_file()
        assert datetime.now(UTC) < opening - timedelta(seconds=4)
        assert _eventually(lambda: watched.site.current() == "2.0")
        assert opening <= datetime.now(UTC) < opening + timedelta(seconds=6)
        assert _eventually(lambda: _children(agent.pid) == [])
    finally:
        agent.send_signal(signal.SIGTERM)
        output, _ = agent.communicate(timeout=20)
    assert (agent.returncode, "Traceback" in output) == (0, False), output


def _busy(watched: Watched) -> "tuple[subprocess.Popen[str], int]":
    """An agent whose child waits for a window that opens soon."""
    watched.answer(poll_seconds=1200)
    watched.site.write_policy(_window(1))
    watched.offer("2.0")
    agent = watched.site.start("run")
    begun = len(watched.plane.check_ins)
    assert _eventually(lambda: len(watched.plane.check_ins) > begun)
    (child,) = _children(agent.pid)
    return agent, child


@pytest.mark.parametrize("order", [signal.SIGTERM, signal.SIGINT])
def test_an_order_to_stop_reaches_the_child_and_waits_for_it(
    watched: Watched, order: signal.Signals
) -> None:
    agent, child = _busy(watched)
    agent.send_signal(order)
    output, _ = agent.communicate(timeout=20)
    assert agent.returncode == 0, output
    assert not Path(f"/proc/{child}").exists()


def test_a_child_that_lost_its_parent_ends_and_until_then_nobody_else_is_the_agent(
    watched: Watched,
) -> None:
    agent, child = _busy(watched)
    os.kill(child, signal.SIGSTOP)  # at work for a while
    agent.kill()
    agent.wait()
    busy = watched.site.start("run")
    said = busy.communicate(timeout=30)[0]
    assert (busy.returncode, "another hsp-updater is at work" in said) == (75, True), said
    os.kill(child, signal.SIGCONT)
    assert _eventually(lambda: not Path(f"/proc/{child}").exists())
    agent.communicate()
    with watched.site.state.as_the_agent():
        assert watched.site.current() == "1.0"


def test_a_child_that_was_killed_ends_the_agent_so_that_who_started_it_sees(
    watched: Watched,
) -> None:
    agent, child = _busy(watched)
    os.kill(child, signal.SIGKILL)
    agent.communicate(timeout=20)
    assert agent.returncode == 128 + signal.SIGKILL


def test_a_program_that_died_between_two_polls_is_started_again(running: Watched) -> None:
    running.answer(poll_seconds=300)
    running.site.poll()
    agent = running.site.start("run")
    try:
        begun = len(running.plane.check_ins)
        assert _eventually(lambda: len(running.plane.check_ins) > begun)
        before = running.site.answer()["pid"]
        os.kill(before, signal.SIGKILL)

        def runs_again() -> bool:
            try:
                return bool(running.site.answer()["pid"] != before)
            except OSError:
                return False

        assert _eventually(runs_again)
    finally:
        agent.send_signal(signal.SIGTERM)
        agent.communicate(timeout=20)


def test_a_look_never_comes_after_the_end_of_the_note(running: Watched) -> None:
    note = running.note
    assert note is not None
    watch = Watch(running.site.state, Stop(), running.clock)
    for left in (0.5, 3.0, 250.0):
        running.now = note.end - timedelta(seconds=left)
        assert 0 <= watch._delay(note, 0) <= left
