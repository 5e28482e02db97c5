"""``hsp`` for those who run the place, on a home that the real commands made."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distribution.cli import main
from distribution.database.tables import Site
from distribution.repository import catalogue
from distribution.server import utc_now
from manifests.check_in import Invitation
from manifests.failures import FailureCode
from manifests.install_report import Phase
from manifests.rollout import Ring, RolloutPlan, RolloutState, SiteFilter
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, House, Talker, schedule

SCHEDULE = """
format = 1
name = "quick"
[gates]
soak_seconds = 1
success_threshold_percent = 95
error_threshold_percent = 5
[[waves]]
after_seconds = 0
up_to_basis_points = 10000
"""


def hsp(house: House, *words: object) -> Result:
    command = ["--home", str(house.server.settings.home), *(str(word) for word in words)]
    result = CliRunner().invoke(main, command)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def done(house: House, *words: object) -> str:
    result = hsp(house, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(house: House, status: int, *words: object) -> str:
    result = hsp(house, *words)
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    assert "next:" in result.stderr
    return result.stderr


def state(house: House) -> RolloutState:
    data = catalogue.read_target(house.server.store, plan_path(PRODUCT))
    return RolloutPlan.from_bytes(data).rollouts[0].state


def test_inviting_a_site_prints_one_line_and_the_hash_to_compare(house: House) -> None:
    words = ("site", "invite", "shop", "--client", "warung", "--ring", "pilot")
    result = hsp(house, *words, "--product", PRODUCT, "--tag", "24h", "--region", "java")
    invitation = Invitation.from_text(result.stdout)
    assert invitation.profile.ring is Ring.PILOT
    assert (invitation.profile.tags, invitation.profile.region) == (("24h",), "java")
    assert house.estate.root_sha256 in result.stderr
    assert "another way" in result.stderr


def test_an_invitation_goes_into_a_new_file_that_only_its_owner_reads(house: House) -> None:
    out = house.estate.folder / "shop.invitation"
    words = ("site", "invite", "shop", "--client", "warung", "--product", PRODUCT, "--out", out)
    assert house.estate.root_sha256 in done(house, *words)
    assert out.stat().st_mode & 0o777 == 0o600
    talker = Talker("shop", house.server, invitation=Invitation.from_text(out.read_text()))
    talker.enrol()
    assert "is there already" in refused(house, 65, *words)
    nowhere = house.estate.folder / "nowhere" / "shop.invitation"
    assert "the invitation is lost" in refused(house, 78, *words[:-1], nowhere)


def test_an_unknown_product_and_a_bad_name_are_told_apart(house: House) -> None:
    words = ("site", "invite", "shop", "--client", "warung", "--product")
    assert "no product 'kasir'; it has: app" in refused(house, 66, *words, "kasir")
    result = hsp(house, "site", "invite", "S H O P", "--client", "w", "--product", PRODUCT)
    assert (result.exit_code, "site_id" in result.stderr) == (65, True)


def test_a_rollout_from_the_command_line(house: House) -> None:
    house.site("shop", ring=Ring.PILOT)
    house.estate.publish("2.0")
    file = house.estate.folder / "quick.toml"
    file.write_text(SCHEDULE)
    done(house, "rollout", "start", PRODUCT, "2.0", "--schedule", file)
    assert state(house) is RolloutState.RUNNING
    reason = ("--reason", "prices are missing", "--by", "ani")
    done(house, "rollout", "pause", PRODUCT, "2.0", *reason)
    assert state(house) is RolloutState.PAUSED
    told = done(house, "rollout", "status", PRODUCT)
    assert "paused since" in told
    assert "ani: prices are missing" in told
    done(house, "rollout", "resume", PRODUCT, "2.0", *reason)
    done(house, "rollout", "stop", PRODUCT, "2.0", *reason)
    assert state(house) is RolloutState.STOPPED
    refused_words = ("rollout", "resume", PRODUCT, "2.0", *reason)
    assert "cannot be running" in hsp(house, *refused_words).stderr


def test_a_rollout_is_started_for_some_sites_only(house: House) -> None:
    house.estate.publish("2.0")
    words = ("--client", "warung", "--site", "shop", "--tag", "lab", "--tag", "x-ray")
    more = ("--region", "bali", "--platform", "any", "--installed", ">=1,<2")
    done(house, "rollout", "start", PRODUCT, "2.0", *words, *more)
    plan = RolloutPlan.from_bytes(catalogue.read_target(house.server.store, plan_path(PRODUCT)))
    assert plan.rollouts[0].only == SiteFilter(
        clients=("warung",), sites=("shop",), tags=("lab", "x-ray"),
        regions=("bali",), platforms=("any",), installed=">=1,<2",
    )  # fmt: skip
    refused_words = ("rollout", "start", PRODUCT, "2.0", "--installed", "newest")
    assert "not a version range" in hsp(house, *refused_words).stderr


def test_status_says_how_soon_all_sites_knew_of_a_pause(house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(10_000))
    reason = ("--reason", "prices are missing", "--by", "ani")
    house.clock.now = house.clock.now.now(house.clock.now.tzinfo)
    house.site("till")
    done(house, "rollout", "pause", PRODUCT, "2.0", *reason)
    assert "0 of 1 online sites know of it by now; sites ask every 300 s" in done(
        house, "rollout", "status"
    )


@pytest.mark.parametrize("name", ["standard", "accelerated", "emergency"])
def test_our_schedules_are_known_by_name(house: House, name: str) -> None:
    house.estate.publish("2.0")
    assert name in done(house, "rollout", "start", PRODUCT, "2.0", "--schedule", name)


def test_what_cannot_be_rolled_out_is_said_and_nothing_is_started(house: House) -> None:
    house.estate.publish("2.0")
    start = ("rollout", "start")
    assert "there are: 2.0" in refused(house, 66, *start, PRODUCT, "3.0")
    refused(house, 65, *start, PRODUCT, "2.0", "--schedule", "hasty")
    bad = house.estate.folder / "bad.toml"
    bad.write_text(SCHEDULE.replace("10000", "5000"))
    result = hsp(house, *start, PRODUCT, "2.0", "--schedule", bad)
    assert (result.exit_code, "end at 10000" in result.stderr) == (65, True)
    assert hsp(house, *start, "kasir", "2.0").exit_code == 66
    assert "no rollout was started yet" in done(house, "rollout", "status")
    assert "was started" in refused(house, 66, "rollout", "status", PRODUCT, "2.0")


def test_the_desk_sees_the_queue_of_a_tier_and_every_failure_has_a_ticket(house: House) -> None:
    house.site("shop").fails(detail="the prices are missing")
    house.tick()
    told = done(house, "tickets", "--tier", "L2", "--sites")
    assert "the prices are missing" in told
    assert "docs/runbooks/unhealthy.md" in told
    assert "failures without a ticket: 0" in told
    assert "the prices" not in done(house, "tickets", "--tier", "L1")


def test_what_a_hostile_site_writes_does_not_steer_a_terminal(house: House) -> None:
    house.site("shop").fails(detail="\x1b]0;gotcha\x07\x1b[2J\u202eevil")
    house.tick()
    told = done(house, "tickets", "--sites")
    assert not set("\x1b\x07\u202e") & set(told)


def test_a_site_whose_stick_is_on_its_way_is_offline(house: House) -> None:
    site, now = house.site("warung-1"), utc_now()
    for due, state in ((timedelta(days=14), "offline"), (-timedelta(minutes=1), "silent")):
        with house.database.writing() as session:
            row = session.get_one(Site, site.site_id)
            row.last_seen, row.expected_by = now - timedelta(days=1), now + due
            session.add(row)
        assert state in done(house, "site", "list").split()


def test_sites_are_listed_with_what_they_run_and_say(house: House) -> None:
    house.clock.now = house.clock.now.now(house.clock.now.tzinfo)
    site = house.site("shop")
    site.installed = "1.0"
    site.check_in(decision="wait", gate="window_open", reason="its window is closed")
    told = done(house, "site", "list")
    for word in ("shop", "warung", "online", "app 1.0", "its window is closed"):
        assert word in told


def test_explain_names_every_gate_and_who_can_lift_it(house: House) -> None:
    house.site("shop")
    house.start("2.0", schedule(10_000))
    done(house, "rollout", "pause", PRODUCT, "2.0", "--reason", "prices", "--by", "ani")
    told = done(house, "explain", "shop", PRODUCT)
    for word in ("newer", "held", "window_open", "an approver", "paused (ani: prices)"):
        assert word in told
    assert "no site 'nobody'" in refused(house, 66, "explain", "nobody")


def test_without_a_home_every_command_says_what_to_do(tmp_path: Path) -> None:
    for words in (["serve"], ["tickets"], ["site", "list"], ["rollout", "status"]):
        result = CliRunner().invoke(main, ["--home", str(tmp_path / "none"), *words])
        assert result.exit_code == 78
        assert "run 'hsp init'" in result.stderr


def test_a_mistake_in_the_settings_is_a_sentence(house: House) -> None:
    file = house.server.settings.home / "hsp.toml"
    file.write_text("poll_second = 3\n")
    assert "poll_second" in refused(house, 78, "tickets")
    file.write_text("poll_seconds = \n")
    result = hsp(house, "tickets")
    assert (result.exit_code, "not valid TOML" in result.stderr) == (78, True)


def test_the_environment_wins_over_the_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with (house.server.settings.home / "hsp.toml").open("a") as file:
        file.write('public_url = "http://file"\n')
    words = ("site", "invite", "shop", "--client", "warung", "--product", PRODUCT)
    assert Invitation.from_text(done(house, *words)).server_url == "http://file"
    monkeypatch.setenv("HSP_PUBLIC_URL", "http://environment")
    assert Invitation.from_text(done(house, *words)).server_url == "http://environment"


# --- hsp serve, as a process


def serve(house: House, *words: str, **settings: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from distribution.cli import main; main()"]
    return subprocess.Popen(
        [*command, "--home", str(house.server.settings.home), "serve", *words],
        env={**os.environ, "HSP_SCHEDULER_SECONDS": "0.1", **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_serve_answers_schedules_and_ends_gracefully(house: House) -> None:
    site = house.site("shop")
    site.report(Phase.REVERTED, code=FailureCode.UNHEALTHY)
    process = serve(house, "--listen", "127.0.0.1:0")
    assert process.stdout is not None
    url = process.stdout.readline().split()[2]
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    timestamp = f"{url}/repository/metadata/timestamp.json"
    with urllib.request.urlopen(timestamp, timeout=10) as answer:
        assert b"timestamp" in answer.read()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "failures without a ticket: 0" in done(house, "tickets")


def test_serve_says_that_it_is_about_to_end_before_it_does(house: House) -> None:
    settings = {"HSP_DRAIN_SECONDS": "60", "HSP_LOG_FORMAT": "json"}
    process = serve(house, "--listen", "127.0.0.1:0", **settings)
    assert process.stdout is not None
    url = process.stdout.readline().split()[2]
    with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
        assert json.load(answer) == {"status": "ok"}
    process.send_signal(signal.SIGTERM)
    while (told := _status(f"{url}/readyz")) == 200:
        pass
    assert (told, _status(f"{url}/healthz")) == (503, 200), "others are sent elsewhere meanwhile"
    process.send_signal(signal.SIGTERM)  # a person does not want to wait
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    lines = [json.loads(line) for line in errors.splitlines()]
    (led,) = [line for line in lines if line["logger"] == "distribution.scheduling.loop"]
    assert (led["level"], "leads the scheduling" in led["event"]) == ("info", True)
    (failed,) = [line for line in lines if line["logger"] == "distribution.requests"][:1]
    assert (failed["status"], failed["event"]) == (503, "GET /readyz")
    assert len(failed["request"]) == 16


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_serve_on_a_taken_port_says_so(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = serve(house, "--listen", f"127.0.0.1:{port}")
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 78
    assert f"cannot listen on 127.0.0.1:{port}" in errors
    assert "cannot listen on" not in hsp(house, "serve", "--listen", "nonsense").stderr
