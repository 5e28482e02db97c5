"""What a site obeys, what it refuses, and that it says so: policies, holds, plans and clocks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from manifests.check_in import CheckInAnswer
from manifests.rollout import RolloutState, Wave
from manifests.target_paths import Lane, manifest_path
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Replaced, Status, Web, WrongDate

CLOSED = """
[[windows]]
zone = "UTC"
starts = "2020-01-01T00:00"
rule = "FREQ=YEARLY"
duration_seconds = 3600
"""


def _offer(repository: SimulatedRepository, version: str, **roll_out: object) -> None:
    repository.release("notes", version, {"a": version.encode()})
    repository.roll_out("notes", version, **roll_out)  # type: ignore[arg-type]


def _gate(plane: ControlPlane) -> str:
    return plane.check_ins[-1].products[0].gate


def test_up_to_date_is_two_requests_and_no_word(
    site: SimulatedSite, repository: SimulatedRepository, web: Web
) -> None:
    _offer(repository, "1.0")
    site.poll()
    web.requests.clear()
    last = site.poll()
    assert (last.problem, last.products[0].installed.version) == ("", "1.0")
    assert len(web.requests) == 2


def test_a_closed_window_is_waited_for_and_said(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    site.write_policy(CLOSED)
    _offer(repository, "1.0")
    last = site.poll()
    assert site.current() is None
    status = last.products[0]
    assert (status.decision, status.gate) == ("wait", "window_open")
    assert status.until is not None
    assert status.candidate == manifest_path(Lane.RELEASES, "notes", "1.0")
    assert _gate(plane) == "window_open"


def test_a_hotfix_passes_a_closed_window_as_the_policy_says(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    _offer(repository, "1.0")
    site.poll()
    site.write_policy('hotfix = "ask"\n' + CLOSED)
    repository.release("notes", "1.0.post1", {"a": b"mended"}, lane=Lane.HOTFIXES)
    repository.roll_out("notes", "1.0.post1", lane=Lane.HOTFIXES)
    site.poll()
    assert site.current() == "1.0"
    assert site.command("approve", "notes", "1.0.post1").exit_code == 0
    site.poll()
    assert site.current() == "1.0.post1"


@pytest.mark.parametrize(
    "text",
    ["this is not TOML", "hotfx = 'ask'", "[[windows]]\nzone = 'Mars/Olympus'", "\xff", None],
)
def test_an_invalid_policy_holds_the_site_and_says_so(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, text: str | None
) -> None:
    _offer(repository, "1.0")
    site.poll()
    path = site.folder / "site.toml"
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text.encode("latin-1"))
    _offer(repository, "2.0")
    last = site.poll()
    assert site.current() == "1.0"
    assert last.problem == "policy_invalid"
    assert plane.check_ins[-1].problem == "policy_invalid"
    assert "site.toml" in plane.check_ins[-1].detail
    assert _gate(plane) == "held"
    site.poll()
    refused = [report for report in plane.received if report.phase == "refused"]
    assert len(refused) == 1, "the same cause is reported once"
    site.write_policy("")
    site.poll()
    assert site.current() == "2.0"


def test_a_pause_is_seen_at_the_next_poll(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _offer(repository, "1.0", state=RolloutState.PAUSED, reason="too many failures")
    site.poll()
    assert site.current() is None
    assert "too many failures" in plane.check_ins[-1].products[0].reason


def test_a_version_that_a_site_has_seen_stopped_stays_stopped_there(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _offer(repository, "1.0", state=RolloutState.STOPPED)
    site.poll()
    repository.roll_out("notes", "1.0", state=RolloutState.RUNNING)
    site.poll()
    assert site.current() is None
    assert "stopped" in plane.check_ins[-1].products[0].reason
    _offer(repository, "1.1")
    site.poll()
    assert site.current() == "1.1"


def test_a_site_never_goes_back_to_an_older_version_even_if_it_lost_what_it_ran(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    _offer(repository, "1.0")
    _offer(repository, "2.0")
    site.poll()
    assert site.current() == "2.0"
    (site.folder / "slots/notes/current").unlink()
    repository.roll_out("notes", "2.0", state=RolloutState.PAUSED)
    site.poll()
    assert site.current() is None
    repository.roll_out("notes", "2.0")
    site.poll()
    assert site.current() == "2.0"


def test_the_server_can_hold_a_site_and_nothing_more(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.answer = CheckInAnswer(poll_seconds=60, hold="known issue K-7, wait for support")
    site.poll()
    _offer(repository, "1.0")
    last = site.poll()
    assert site.current() is None
    assert last.products[0].reason == "known issue K-7, wait for support"
    plane.answer = CheckInAnswer(poll_seconds=60)
    site.poll()
    site.poll()
    assert site.current() == "1.0"


def test_a_root_that_is_withheld_holds_the_site(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.answer = CheckInAnswer(poll_seconds=60, root_version=2)
    site.poll()
    _offer(repository, "1.0")
    last = site.poll()
    assert (site.current(), last.problem) == (None, "root_withheld")
    repository.rotate("root")
    last = site.poll()
    assert (site.current(), last.problem) == ("1.0", "")


def test_retry_after_and_failures_are_kept_for_the_next_delay(
    site: SimulatedSite, plane: ControlPlane
) -> None:
    plane.down, plane.retry_after = True, "120"
    assert site.poll().retry_after == 120
    assert site.poll().failures == 2
    plane.down = False
    assert site.poll().failures == 0


def test_with_the_bucket_down_the_site_keeps_what_it_runs_and_says_so(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    site.poll()
    web.faults["*"] = [Status(status=500)]
    last = site.poll()
    assert (site.current(), last.problem) == ("1.0", "unreachable")
    assert plane.check_ins[-1].problem == "unreachable"


def test_a_site_that_the_server_no_longer_knows_goes_on_with_what_is_signed(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.sites.clear()
    _offer(repository, "1.0")
    last = site.poll()
    assert site.current() == "1.0"
    assert "no such site" in last.server_problem


def test_a_missing_value_is_a_clear_refusal_before_anything_is_fetched(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, web: Web
) -> None:
    repository.release("notes", "1.0", {"a": b"x"}, variables=("port", "region_code"))
    repository.roll_out("notes", "1.0")
    site.poll()
    site.poll()
    assert site.current() is None
    assert web.asked(".tar.zst") == []
    (report,) = plane.received
    assert (report.phase, report.code) == ("refused", "incompatible")
    assert "region_code" in report.detail
    assert _gate(plane) == "values"


def test_an_artifact_that_is_not_what_was_signed_is_refused_and_the_next_honest_one_installed(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    (path,) = [path for path in repository.files if path.endswith(".tar.zst")]
    web.faults[path] = [Replaced(body=b"?" * len(repository.files[path]))]
    site.poll()
    assert (site.current(), plane.received[-1].code) == (None, "artifact_mismatch")
    web.faults.clear()
    site.poll()
    assert _gate(plane) == "pause", "not at once: the same mirror would cost its bytes again"
    later = datetime.now(UTC) + timedelta(minutes=4)
    site.poll(clock=lambda: later)
    assert site.current() == "1.0"


def test_a_signed_archive_that_is_not_its_signed_list_is_refused(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "1.0", {"a": b"x"}, artifact=b"no archive at all")
    repository.roll_out("notes", "1.0")
    site.poll()
    assert plane.received[-1].code == "artifact_mismatch"
    assert list((site.folder / "staging").iterdir()) == []
    assert list((site.folder / "downloads").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "releases/other/1.0/manifest.json",
        "releases/notes/1.0/notes-1.0.tar.zst",
        "releases/notes/9.9/manifest.json",
        "releases/notes/v1/manifest.json",
        "../../etc/passwd",
        "",
    ],
)
def test_an_evil_plan_is_refused_and_its_honest_part_still_works(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, path: str
) -> None:
    _offer(repository, "1.0")
    repository.roll_out("notes", "1.0", path=path)
    site.poll()
    assert site.current() == "1.0"
    assert plane.received[0].phase == "refused"
    assert plane.received[0].code == "untrusted_metadata"
    known = len(plane.received)
    site.poll()
    assert len(plane.received) == known, "the same cause is reported once"


def test_a_plan_cannot_hasten_what_the_signed_pace_forbids(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release(
        "notes", "1.0", {"a": b"x"}, issued_at=datetime.now(UTC) + timedelta(hours=1)
    )
    repository.roll_out(
        "notes",
        "1.0",
        waves=(Wave(opens_at=datetime(2020, 1, 1, tzinfo=UTC), up_to_basis_points=10_000),),
    )
    site.poll()
    assert (site.current(), _gate(plane)) == (None, "wave_open")


def test_a_release_whose_role_has_expired_is_a_problem_of_that_release_alone(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "2.0", {"a": b"x"}, lane=Lane.HOTFIXES)
    repository.roll_out("notes", "2.0", lane=Lane.HOTFIXES)
    _offer(repository, "1.0")
    repository.life["hotfixes"] = timedelta(seconds=-1)
    repository.sign_targets("hotfixes")
    repository.commit()
    site.poll()
    assert site.current() == "1.0"
    assert plane.received[0].code == "expired_metadata"


@pytest.mark.parametrize(
    ("lane", "state"),
    [
        (Lane.HOTFIXES, RolloutState.FINISHED),
        (Lane.HOTFIXES, RolloutState.STOPPED),
        (Lane.BREAKGLASS, RolloutState.RUNNING),
        (Lane.BREAKGLASS, RolloutState.FINISHED),
    ],
)
def test_an_emergencys_role_that_nobody_uses_any_more_expires_and_no_site_minds(
    site: SimulatedSite,
    repository: SimulatedRepository,
    plane: ControlPlane,
    lane: Lane,
    state: RolloutState,
) -> None:
    """The plan still names what was for others, or what this site was away for."""
    until = repository.now + timedelta(hours=1)
    named: dict[str, Any] = {"sites": ("site-2",), "expires_at": until}
    fields = named | {"issued_at": repository.now} if lane is Lane.BREAKGLASS else {}
    repository.release("notes", "2.0", {"a": b"x"}, lane=lane, **fields)
    repository.roll_out("notes", "2.0", lane=lane, state=state)
    _offer(repository, "1.0")
    repository.life[lane.value] = timedelta(seconds=-1)
    repository.sign_targets(lane.value)
    repository.commit()
    record = site.poll()
    assert site.current() == "1.0"
    assert record.problem == ""
    assert "expired_metadata" not in [report.code for report in plane.received]


def test_breakglass_for_other_sites_is_not_for_this_one(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    now = datetime.now(UTC)
    repository.release(
        "notes",
        "1.0",
        {"a": b"x"},
        lane=Lane.BREAKGLASS,
        sites=("site-2",),
        issued_at=now - timedelta(hours=1),
        expires_at=now + timedelta(hours=1),
    )
    repository.roll_out("notes", "1.0", lane=Lane.BREAKGLASS)
    site.poll()
    assert (site.current(), _gate(plane)) == (None, "applicable")


@pytest.mark.parametrize(("sites", "hours"), [(11, 1), (0, 1), (10, 73), (1, 0)])
def test_breakglass_without_its_limits_is_refused_although_the_signature_is_valid(
    site: SimulatedSite,
    repository: SimulatedRepository,
    plane: ControlPlane,
    sites: int,
    hours: int,
) -> None:
    """One stolen L3 key: ten sites that it names, and 72 hours, whatever it signs."""
    issued_at = datetime.now(UTC)
    repository.release(
        "notes",
        "1.0",
        {"a": b"x"},
        lane=Lane.BREAKGLASS,
        sites=tuple(f"site-{n + 1}" for n in range(sites)),
        issued_at=issued_at,
        expires_at=issued_at + timedelta(hours=hours),
    )
    repository.roll_out("notes", "1.0", lane=Lane.BREAKGLASS)
    site.poll()
    assert site.current() is None
    assert plane.received[0].phase == "refused"


@pytest.mark.parametrize(
    ("policy", "hours_ago", "runs"),
    [
        ('breakglass = "immediate"', 71, "1.0"),
        ("", 71, None),
        ('breakglass = "immediate"', 72, None),
    ],
)
def test_breakglass_within_its_limits_runs_where_the_site_lets_it_and_until_it_ends(
    site: SimulatedSite,
    repository: SimulatedRepository,
    policy: str,
    hours_ago: int,
    runs: str | None,
) -> None:
    issued_at = datetime.now(UTC) - timedelta(hours=hours_ago)
    repository.release(
        "notes",
        "1.0",
        {"a": b"x"},
        lane=Lane.BREAKGLASS,
        sites=("site-1", *(f"other-{n}" for n in range(9))),
        issued_at=issued_at,
        expires_at=issued_at + timedelta(hours=72),
    )
    repository.roll_out("notes", "1.0", lane=Lane.BREAKGLASS)
    site.write_policy(policy)
    site.poll()
    assert site.current() == runs


def test_a_clock_far_from_everybody_elses_holds_the_site_and_recovers_at_once(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    web.faults["*"] = [WrongDate(ahead_seconds=-3600)]
    last = site.poll()
    assert (site.current(), last.problem) == (None, "clock")
    assert "1 h 0 min ahead" in last.detail
    web.faults.clear()
    last = site.poll()
    assert (site.current(), last.problem) == ("1.0", "")


def test_a_clock_before_a_proven_moment_installs_nothing(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    site.poll()
    _offer(repository, "1.0")
    earlier = datetime.now(UTC) - timedelta(hours=1)
    last = site.poll(clock=lambda: earlier)
    assert (site.current(), last.problem) == (None, "clock")
    assert site.poll().problem == ""
    assert site.current() == "1.0"


def test_a_lost_floor_polls_and_reports_and_installs_nothing_until_it_is_rearmed(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    site.poll()
    for name in ("floor.a", "floor.b"):
        (site.folder / "trust" / name).write_bytes(b"?")
    _offer(repository, "2.0")
    last = site.poll()
    assert (site.current(), last.problem) == ("1.0", "trust_lost")
    assert plane.check_ins[-1].problem == "trust_lost"
    assert plane.received[-1].code == "trust_lost"
    assert site.command("rearm", "--trust", "--yes").exit_code == 0
    site.poll()
    assert site.current() == "2.0"
    assert [report.sequence for report in plane.received] == list(range(1, 8))


def test_a_rollback_is_reported_once_and_not_at_every_poll(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    import shutil

    yesterday = dict(repository.files)
    _offer(repository, "1.0")
    site.poll()
    today = dict(repository.files)
    repository.files.update(yesterday)
    shutil.rmtree(site.folder / "metadata")
    for _ in range(3):
        assert site.poll().problem == "rollback"
    assert [report.code for report in plane.received].count("rollback") == 1
    repository.files.update(today)
    assert site.poll().problem == ""


def test_downloads_that_stall_are_given_up_after_three_polls_and_reported(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    (path,) = [path for path in repository.files if path.endswith(".tar.zst")]
    web.faults[path] = [Status(status=404)]
    assert [site.poll().problem for _ in range(3)] == ["download_failed"] * 2 + [""]
    assert plane.phases() == ["downloading", "failed"]
    assert plane.received[-1].code == "download_failed"
    web.faults.clear()
    later = datetime.now(UTC) + timedelta(minutes=4)
    site.poll(clock=lambda: later)
    assert site.current() == "1.0"


def test_too_little_room_is_refused_before_anything_is_fetched(
    site: SimulatedSite,
    repository: SimulatedRepository,
    web: Web,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import os

    _offer(repository, "1.0")
    real = os.statvfs(site.folder)
    nearly_full = os.statvfs_result([*real[:3], 1000, 1000, *real[5:10]])
    monkeypatch.setattr(os, "statvfs", lambda path: nearly_full)
    site.poll()
    assert web.asked(".tar.zst") == []
    assert plane.received[-1].code == "disk_full"
    assert "MiB are free" in plane.received[-1].detail


def test_a_newer_release_overtakes_one_that_waits_half_downloaded(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    (path,) = [path for path in repository.files if path.endswith(".tar.zst")]
    web.faults[path] = [Status(status=404)]
    site.poll()
    _offer(repository, "1.1")
    site.poll()
    assert site.current() == "1.1"
    assert plane.phases("1.0") == ["downloading", "failed"]
    assert plane.received[1].code == "interrupted"


def test_a_stopped_rollout_ends_an_attempt_that_has_changed_nothing(
    site: SimulatedSite, repository: SimulatedRepository, web: Web, plane: ControlPlane
) -> None:
    _offer(repository, "1.0")
    (path,) = [path for path in repository.files if path.endswith(".tar.zst")]
    web.faults[path] = [Status(status=404)]
    site.poll()
    repository.roll_out("notes", "1.0", state=RolloutState.STOPPED)
    web.faults.clear()
    site.poll()
    assert plane.phases("1.0") == ["downloading", "failed"]
    assert list((site.folder / "journal").iterdir()) == []


@pytest.mark.parametrize("text", ["prxy = 'http://x'", "ca_file = '/nowhere.pem'", "not TOML"])
def test_a_mistake_in_the_agents_settings_holds_the_site_and_nothing_else(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, text: str
) -> None:
    _offer(repository, "1.0")
    (site.folder / "agent.toml").write_text(text)
    last = site.poll()
    assert (site.current(), last.problem) == (None, "policy_invalid")
    assert "agent.toml" in plane.check_ins[-1].detail
    (site.folder / "agent.toml").write_text("tries = 2\n")
    site.poll()
    assert site.current() == "1.0"


def test_the_agents_settings_may_say_that_the_repository_has_moved(
    site: SimulatedSite, repository: SimulatedRepository
) -> None:
    _offer(repository, "1.0")
    with Web(repository.files) as mirror:
        (site.folder / "agent.toml").write_text(
            f'metadata_url = "{mirror.url}/metadata"\ntargets_url = "{mirror.url}/targets"\n'
        )
        site.poll()
        assert mirror.asked(".tar.zst") != []
    assert site.current() == "1.0"


def test_a_damaged_report_does_not_end_the_agent(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.down = True
    _offer(repository, "1.0")
    site.poll()
    first, second, _ = sorted((site.folder / "outbox").glob("*.dsse"))
    first.write_bytes(b"junk")
    second.chmod(0o666)
    plane.down = False
    site.poll()
    assert plane.phases() == ["confirmed"]
    assert len(list((site.folder / "outbox/refused").iterdir())) == 2
