"""A vendor's own installer: what it may do, and what happens when it fails, hangs or is cut off."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from client_updater import commands, processes
from client_updater.placing import Placing
from manifests.failures import FailureCode
from manifests.install import CommandInstall, Instruction, ServiceCommands
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

SETUP = b"""\
#!/bin/sh
# What a vendor ships: it installs into a folder of its own, outside of any slot.
set -e
there=$2
echo "$1 $HSP_VERSION from $HSP_FROM_VERSION" >> "$there/log"
case $1 in
install) mkdir "$there/lock" || exit 9
         test ! -e version || cp version "$there/halfway"
         . ./mood
         test ! -e "$there/version" || cp "$there/version" "$there/version.before"
         cp version "$there/version"; rm -r "$there/lock" ;;
verify)  cmp -s version "$there/version" ;;
undo)    rm -rf "$there/lock" "$there/halfway"
         if test -e "$there/version.before"; then mv "$there/version.before" "$there/version"
         else rm -f "$there/version"; fi ;;
esac
"""
HANGING = b'sleep 1000 & echo $! > "$there/pid"; trap "" TERM; wait; sleep 1000\n'


class Vendor:
    """A product with an installer that works in ``there``."""

    def __init__(self, there: Path, repository: SimulatedRepository) -> None:
        there.mkdir()
        self.there, self.repository = there, repository

    def offer(self, version: str, mood: bytes = b"true\n", **more: Any) -> None:
        """Release and roll out; ``mood`` is shell text in the middle of the installation."""
        files = {"setup.sh": SETUP, "mood": mood, "version": version.encode()}

        def order(verb: str, seconds: int = 20) -> Instruction:
            return Instruction(
                command=("./setup.sh", verb, str(self.there)), deadline_seconds=seconds
            )

        install = CommandInstall(
            install=order("install", more.pop("seconds", 20)),
            verify=order("verify"),
            undo=order("undo"),
            failures={"28": FailureCode.DISK_FULL},
            **more,
        )
        self.repository.release("notes", version, files, install=install)
        self.repository.roll_out("notes", version)

    @property
    def installed(self) -> str | None:
        """What is there."""
        file = self.there / "version"
        return file.read_text() if file.exists() else None

    @property
    def log(self) -> list[str]:
        """What it was asked."""
        return (self.there / "log").read_text().splitlines()


@pytest.fixture
def vendor(tmp_path: Path, repository: SimulatedRepository) -> Vendor:
    return Vendor(tmp_path / "opt", repository)


def test_it_installs_verifies_and_upgrades(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane
) -> None:
    vendor.offer("1.0")
    site.poll()
    vendor.offer("2.0")
    site.poll()
    assert vendor.installed == "2.0"
    assert vendor.log[-2:] == ["install 2.0 from 1.0", "verify 2.0 from 1.0"]
    assert plane.phases("2.0") == ["downloading", "activating", "confirmed"]

    assert site.command("revert", "notes").exit_code == 0
    assert vendor.installed == "1.0"


@pytest.mark.parametrize(
    ("mood", "code"),
    [(b"exit 28\n", "disk_full"), (b"exit 3\n", "install_failed"), (b"rm version\n", None)],
)
def test_its_exit_status_is_what_the_manifest_says_and_all_is_undone(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane, mood: bytes, code: str | None
) -> None:
    vendor.offer("1.0")
    site.poll()
    vendor.offer("2.0", b'echo "no luck"; ' + mood)
    site.poll()
    last = plane.received[-1]
    assert (last.phase, last.code) == ("reverted", code or "install_failed")
    assert "no luck" in last.log_tail
    assert vendor.installed == "1.0"
    assert not (vendor.there / "lock").exists()


def test_one_that_hangs_is_ended_with_all_that_it_started(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "GRACE_SECONDS", 0.3)
    vendor.offer("1.0")
    site.poll()
    vendor.offer("2.0", HANGING, seconds=1)
    began = time.monotonic()
    site.poll()
    assert time.monotonic() - began < 15
    assert (plane.received[-1].phase, vendor.installed) == ("reverted", "1.0")
    assert "did not end within 1 s" in plane.received[-1].detail
    assert processes.look_at(int((vendor.there / "pid").read_text())) is None


def test_a_first_installation_that_fails_leaves_nothing(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane
) -> None:
    vendor.offer("1.0", b"exit 1\n")
    site.poll()
    assert (plane.received[-1].phase, vendor.installed) == ("failed", None)
    assert site.current() is None


def test_an_undo_that_fails_pages_a_person(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane
) -> None:
    vendor.offer("1.0", b"chmod 644 setup.sh; exit 1\n")
    site.poll()
    assert plane.received[-1].phase == "revert_failed"


class Died(BaseException):
    """The agent is gone."""


def test_one_whose_agent_died_is_undone_and_begun_again(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.offer("1.0")
    site.poll()
    vendor.offer("2.0", b'test -e "$there/again" || { touch "$there/again"; sleep 1000; }\n')
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(commands, "_wait", _dying)
        site.poll()
    left = processes.marked(f"HSP_ATTEMPT={_attempt(site)}")
    assert left, "its installer goes on without it"
    site.poll()
    assert not any(processes.look_at(pid) for pid in left)
    assert vendor.installed == "2.0"
    assert [line.split()[0] for line in vendor.log[2:]] == ["install", "undo", "install", "verify"]
    assert plane.phases("2.0") == ["downloading", "activating", "confirmed"]


def _attempt(site: SimulatedSite) -> str:
    (attempt,) = site.agent().journal.unfinished()
    return attempt.attempt_id


def _dying(order: commands.Order, child: Any, deadline: float | None = None) -> int:
    processes.adopt(child)
    if order.command[1] == "install":
        time.sleep(0.3)
        raise Died
    return int(child.wait())


def test_one_that_takes_the_agent_down_each_time_is_given_up(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.offer("1.0")
    site.poll()
    vendor.offer("2.0")
    run, begun = Placing._run_installer, []

    def deadly(placing: Placing, kind: Any, attempt: Any, installed: Any) -> None:
        if installed.version == "2.0":
            begun.append(attempt.placings)
            raise Died
        run(placing, kind, attempt, installed)

    monkeypatch.setattr(Placing, "_run_installer", deadly)
    for _ in range(6):
        with suppress(Died):
            site.poll()
    assert begun == [1, 2, 3]
    assert (plane.received[-1].phase, vendor.installed) == ("reverted", "1.0")


def test_a_service_with_commands_of_its_own(
    site: SimulatedSite, vendor: Vendor, plane: ControlPlane, tmp_path: Path
) -> None:
    there = vendor.there

    def service(start: str = "") -> ServiceCommands:
        script = (
            "case $0 in start) " + start + ' sleep 1000 & echo $! > "$1" ;;'
            ' stop) kill "$(cat "$1")"; rm "$1" ;;'
            ' status) grep -q "^State:.[RSD]" "/proc/$(cat "$1")/status" ;; esac'
        )
        words = {verb: ("/bin/sh", "-c", script, verb, str(there / "service")) for verb in VERBS}
        return ServiceCommands(**words, deadline_seconds=20)

    vendor.offer("1.0", service=service())
    site.poll()
    first = int((there / "service").read_text())
    assert processes.look_at(first), "what a command leaves running goes on"
    vendor.offer("2.0", service=service("exit 4;"))
    site.poll()
    last = plane.received[-1]
    assert (last.phase, last.code, last.hook_status) == ("reverted", "start_failed", 4)
    again = int((there / "service").read_text())
    assert again != first and processes.look_at(again)
    os.kill(again, 9)
    while processes.look_at(again):
        time.sleep(0.01)
    site.poll()
    assert processes.look_at(int((there / "service").read_text())), "a poll sees to it that it runs"
    os.kill(int((there / "service").read_text()), 9)


VERBS = ("start", "stop", "status")
