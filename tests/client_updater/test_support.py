"""What support asks for is done once, as far as the site's own administrator and limits allow."""

import itertools
import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from client_updater import durable
from client_updater.step_book import Taken
from client_updater.step_doing import Doing, Done
from client_updater.step_rules import why_not
from client_updater.support import CUT_OFF
from manifests.failures import FailureCode
from manifests.remote_steps import MOST_STEPS, Outcome, RemoteStep, StepKind, StepResult
from manifests.site import SitePolicy, SiteProfile
from tests.client_updater.test_crashes import Died, DyingDisk
from tests.simulators.control_plane import ControlPlane
from tests.simulators.power import PLAIN, Recorder, crashed, moments, write_image
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields

FILES = {"app.py": PROGRAM, "data/prices": b"1 2 3"}
_numbers = itertools.count(1)


def step(kind: str, product: str | None = None, **changed: Any) -> RemoteStep:
    """As the server asks for it now."""
    now = datetime.now(UTC)
    plain = {
        "step_id": f"{next(_numbers):032x}",
        "kind": kind,
        "product": product,
        "asked_by": "l2",
        "asked_at": now,
        "expires_at": now + timedelta(hours=24),
        **changed,
    }
    return RemoteStep.model_validate(plain)


@pytest.fixture
def prices(site: SimulatedSite, repository: SimulatedRepository) -> Path:
    """A file of the version that runs."""
    repository.release("notes", "1.0", FILES, **program_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    return site.folder / "slots/notes/1.0/data/prices"


@pytest.fixture
def asked(site: SimulatedSite, plane: ControlPlane, prices: Path) -> Callable[..., StepResult]:
    """Ask for a step, let the site poll, and hear what it says."""

    def ask(kind: str, product: str | None = None, **changed: Any) -> StepResult:
        wanted = step(kind, product, **changed)
        plane.steps.append(wanted)
        site.poll()
        return plane.step_results[wanted.step_id]

    return ask


Asked = Callable[..., StepResult]


# --- what is done


def test_what_was_damaged_is_found_and_then_mended(asked: Asked, prices: Path) -> None:
    assert asked("verify").drift[0].different == 0
    prices.write_bytes(b"1 2 4")
    [found] = asked("verify", "notes").drift
    assert (found.product, found.version, found.different) == ("notes", "1.0", 1)
    assert "data/prices is not what was signed" in found.differences[0]
    result = asked("repair")
    assert result.outcome is Outcome.DONE
    assert (result.drift[0].mended, result.drift[0].different) == (1, 0)
    assert prices.read_bytes() == b"1 2 3"


def test_a_service_is_restarted_and_its_health_is_told(asked: Asked, site: SimulatedSite) -> None:
    before = site.answer()["pid"]
    result = asked("restart", "notes")
    assert (result.outcome, result.sentence) == (
        Outcome.DONE,
        "notes 1.0 was restarted and is healthy",
    )
    assert site.answer()["pid"] != before
    told = site.command("status").output
    assert "Support asked for restart notes at 20" in told, "the administrator sees it"


def test_a_service_that_is_not_well_after_it_is_said_to_be_so(asked: Asked, prices: Path) -> None:
    (prices.parents[1] / "app.py").write_bytes(b"raise SystemExit(3)\n")
    result = asked("restart", "notes")
    assert result.outcome is Outcome.FAILED
    assert "does not stay up" in result.sentence


def test_a_version_that_failed_here_is_tried_again_behind_every_gate(
    asked: Asked, site: SimulatedSite, repository: SimulatedRepository
) -> None:
    repository.release("notes", "2.0", {"app.py": b"raise SystemExit(3)\n"}, **program_fields())
    repository.roll_out("notes", "2.0")
    site.poll()
    record = site.agent().products.read("notes")
    assert record.failed == {"2.0": FailureCode.START_FAILED}
    refused = asked("retry", "notes", version="3.0")
    assert (refused.outcome, "has not failed here" in refused.sentence) == (Outcome.REFUSED, True)
    opens = f"{datetime.now(UTC) + timedelta(days=90):%Y-%m-%dT%H:00}"
    site.write_policy(f'[[windows]]\nzone = "UTC"\nstarts = "{opens}"\nduration_seconds = 3600\n')
    assert asked("retry", "notes", version="2.0").outcome is Outcome.DONE
    assert site.agent().products.read("notes").failed == {}
    site.poll()
    assert site.current() == "1.0", "the window is closed"
    assert site.agent().products.read("notes").failed == {}, "and it was not tried"


def test_diagnostics_are_sent_within_their_size(asked: Asked, site: SimulatedSite) -> None:
    for log in (site.folder / "logs").glob("notes-*.log"):
        log.write_text("a line of a program that talks\n" * 100_000)
    result = asked("collect")
    assert result.diagnostics is not None
    assert len(result.diagnostics.to_bytes()) <= 512 * 1024
    parts = {section.name: section.text for section in result.diagnostics.sections}
    assert set(parts) >= {"disk", "policy", "journal", "last poll", "log notes 1.0", "agent log"}
    assert json.loads(parts["disk"])["free_bytes"] > 0
    assert json.loads(parts["versions"])["notes"]["current"] == "1.0"
    assert "http: well" in parts["health"]
    assert "is what was signed" in parts["drift"]
    assert parts["log notes 1.0"].endswith("talks\n")


# --- what is refused


def test_the_administrator_says_which_steps_there_are(asked: Asked, site: SimulatedSite) -> None:
    site.write_policy('[support]\nremote = ["verify"]')
    assert asked("verify").outcome is Outcome.DONE
    before = site.answer()["pid"]
    for kind, product in (("restart", "notes"), ("collect", None), ("repair", None)):
        result = asked(kind, product)
        assert result.outcome is Outcome.REFUSED
        assert "policy does not let support" in result.sentence
        assert result.diagnostics is None
    site.write_policy("[support]\nremote = []")
    assert asked("verify").outcome is Outcome.REFUSED
    site.write_policy("[support]\nremote = 'nothing'")
    assert "have a mistake" in asked("verify").sentence
    assert site.answer()["pid"] == before


@pytest.mark.parametrize(
    "policy",
    [
        '[brake]\nby = "Budi"\nat = "2026-01-01T00:00:00Z"\nreason = "audit"\n',
        '[[blackouts]]\nname = "audit"\nstarts_at = 2020-01-01T00:00:00Z\n'
        "ends_at = 2090-01-01T00:00:00Z\n",
    ],
    ids=["brake", "blackout"],
)
def test_a_site_that_holds_still_is_looked_at_and_not_changed(
    asked: Asked, site: SimulatedSite, prices: Path, policy: str
) -> None:
    site.write_policy(policy)
    prices.write_bytes(b"1 2 4")
    assert asked("verify").drift[0].different == 1
    assert asked("collect").outcome is Outcome.DONE
    for kind in ("repair", "restart"):
        result = asked(kind, "notes")
        assert (result.outcome, "audit" in result.sentence) == (Outcome.REFUSED, True)
    assert prices.read_bytes() == b"1 2 4"


NOW, DAY = datetime.now(UTC), timedelta(days=1)
LATE = {"asked_at": NOW - 2 * DAY, "expires_at": NOW - DAY}
EARLY = {"asked_at": NOW + 2 * DAY, "expires_at": NOW + 3 * DAY}


@pytest.mark.parametrize(
    ("kind", "changed", "why"),
    [
        ("dance", {}, "does not know the step 'dance'"),
        ("restart", {}, "needs a product"),
        ("retry", {"product": "notes"}, "needs a version"),
        ("restart", {"product": "other"}, "has no product 'other'"),
        ("verify", LATE, "was to be done until"),
        ("verify", EARLY, "in the future"),
    ],
)
def test_what_makes_no_sense_here_is_refused_with_a_reason(
    kind: str, changed: dict[str, Any], why: str
) -> None:
    profile = SiteProfile(site_id="site-1", client_id="client-1", products=("notes",))
    assert why in why_not(step(kind, **changed), profile, SitePolicy(), (), NOW)
    assert why_not(step("verify", "notes"), profile, SitePolicy(), (), NOW) == ""


@pytest.mark.parametrize(("kind", "most"), [("restart", 12), ("retry", 6)])
def test_a_clock_that_is_set_back_earns_nobody_more(kind: str, most: int) -> None:
    profile = SiteProfile(site_id="site-1", client_id="client-1", products=("notes",))
    wanted = step(kind, "notes", version="1.0")
    done = [
        Taken(
            step_id=f"{n + 99:032x}", kind=kind, at=NOW + timedelta(hours=n), outcome=Outcome.DONE
        )
        for n in range(-most // 2, most // 2)
    ]
    assert f"no more than {most}" in why_not(wanted, profile, SitePolicy(), done, NOW)


def test_nothing_is_done_twice_however_often_it_is_asked(
    asked: Asked, site: SimulatedSite, plane: ControlPlane
) -> None:
    result = asked("restart", "notes")
    pid = site.answer()["pid"]
    plane.answer = plane.answer.model_copy(
        update={"steps": (step("restart", "notes", step_id=result.step_id),)}
    )
    for _ in range(3):
        site.poll()
    assert site.answer()["pid"] == pid
    assert len(plane.step_results) == 1


def test_a_stolen_server_gets_three_restarts_and_few_answers(
    site: SimulatedSite, plane: ControlPlane, prices: Path
) -> None:
    plane.steps = [step("restart", "notes") for _ in range(100)]
    pids = {site.answer()["pid"]}
    for _ in range(12):
        site.poll()
        pids.add(site.answer()["pid"])
    outcomes = [result.outcome for result in plane.step_results.values()]
    assert outcomes.count(Outcome.DONE) == 3
    assert len(pids) <= 4
    assert len(outcomes) == 30, "and then it does not even answer"
    size = sum(path.stat().st_size for path in (site.folder / "steps").iterdir())
    assert size < 16 * 1024


def test_between_attempts_only_and_collecting_at_any_time(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, prices: Path
) -> None:
    fields = program_fields(soak_seconds=3600)
    repository.release("notes", "2.0", {**FILES, "new": b"x"}, **fields)
    repository.roll_out("notes", "2.0")
    plane.steps = [step("restart", "notes"), step("verify"), step("collect")]
    site.poll()
    site.poll()
    assert [result.kind for result in plane.step_results.values()] == [StepKind.COLLECT]
    later = datetime.now(UTC) + timedelta(hours=2)
    site.poll(clock=lambda: later)
    assert len(plane.step_results) == 3
    assert {result.outcome for result in plane.step_results.values()} == {Outcome.DONE}


# --- what goes wrong in between


def test_an_answer_waits_for_the_server_and_comes_once(
    site: SimulatedSite, plane: ControlPlane, prices: Path
) -> None:
    wanted = step("verify")
    plane.steps = [wanted]
    honest, answers = plane.handle, itertools.count()

    def lossy(path: str, body: bytes) -> tuple[int, bytes]:
        if path != "/v1/step-results":
            return honest(path, body)
        if next(answers) < 3:
            return 503, b"{}"
        honest(path, body)  # it arrives, and nobody hears of that
        return 503, b"{}"

    vars(plane)["handle"] = lossy
    (site.folder / "agent.toml").write_text("tries = 1\n")
    for _ in range(3):
        site.poll()
    assert list(plane.step_results) == [wanted.step_id]
    sealed = list((site.folder / "steps").glob("*.dsse"))
    assert len(sealed) == 1, "nobody has said yet that it is there"
    del vars(plane)["handle"]
    assert site.poll().server_problem == ""
    assert list((site.folder / "steps").glob("*.dsse")) == []
    assert len(plane.step_results) == 1


def test_wherever_the_agent_dies_a_step_is_done_once_and_always_answered(
    site: SimulatedSite, plane: ControlPlane, prices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def counted(self: Doing, wanted: RemoteStep) -> Done:
        done.append(wanted.step_id)
        durable.write(self.agent.state / "steps" / "trace", b"done")  # it is cut off within, too
        return Done(Outcome.DONE, "restarted")

    monkeypatch.setattr(Doing, "_restart", counted)
    monkeypatch.setattr("client_updater.step_rules.LIMITS", {StepKind.RESTART: ()})
    monkeypatch.setattr("client_updater.step_rules.MOST_ANSWERS", 10_000)
    cut_off = 0
    for operation in itertools.count(1, 2):
        wanted = step("restart", "notes")
        plane.steps = [wanted]
        whole = durable.disk
        durable.disk = dying = DyingDisk(operation)
        try:
            site.poll()
        except Died:
            pass
        finally:
            durable.disk = whole
        site.poll()
        result = plane.step_results[wanted.step_id]
        if result.sentence == CUT_OFF:
            cut_off += 1
        else:
            assert (result.outcome, done.count(wanted.step_id)) == (Outcome.DONE, 1)
        assert done.count(wanted.step_id) <= 1
        if dying.count < operation:
            break
    assert cut_off >= 2
    assert len(plane.step_results) > 8


def test_wherever_the_power_goes_a_step_that_was_done_is_not_done_again(
    site: SimulatedSite,
    plane: ControlPlane,
    prices: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[int] = []

    def noted(self: Doing, wanted: RemoteStep) -> Done:
        done.append(time.monotonic_ns())
        return Done(Outcome.DONE, "restarted")

    monkeypatch.setattr(Doing, "_restart", noted)
    base, whole = tmp_path / "base", durable.disk
    shutil.copytree(site.folder, base, symlinks=True)
    base.chmod(0o700)
    wanted = step("restart", "notes")
    plane.steps = [wanted]
    recorder, honest, heard = Recorder(site.folder, ["metadata"]), plane.handle, list[int]()

    def noting(path: str, body: bytes) -> tuple[int, bytes]:
        heard.extend([time.monotonic_ns()] * (path == "/v1/step-results"))
        return honest(path, body)

    vars(plane)["handle"] = noting
    recorder.install()
    site.poll()
    durable.disk, calls = whole, recorder.calls
    [first], [answered_at], tried = done, heard, set()
    for number, top in moments(base, calls):
        if number == 0 or calls[number - 1].at < first:
            continue  # it had not begun
        for loss in PLAIN:
            image = crashed(top, loss)
            if image in tried:
                continue
            tried.add(image)
            done.clear()
            if calls[number - 1].at < answered_at:
                plane.step_results.clear()
                plane.step_bodies.clear()
            shutil.rmtree(site.folder)
            write_image(image, site.folder)
            site.poll()
            assert (len(done), wanted.step_id in plane.step_results) == (0, True), (number, loss)
    assert len(tried) > 5


def test_no_more_than_ten_at_once_are_heard_of(plane: ControlPlane, site: SimulatedSite) -> None:
    many = [step("verify").model_dump(mode="json")] * (MOST_STEPS + 1)
    plain = {"format": 1, "poll_seconds": 300, "steps": many}
    honest = plane.handle

    def evil(path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/v1/check-in":
            return 200, json.dumps(plain).encode()
        return honest(path, body)

    vars(plane)["handle"] = evil
    assert "answered something else" in site.poll().server_problem
    assert list((site.folder / "steps").iterdir()) == []
