"""What real sites install, from two people's signatures to what runs there, and back again."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import client_updater.agent
from client_updater import commands
from distribution.desk.ticket_views import TicketLine
from manifests.failures import FailureCode
from manifests.target_paths import AGENT_PRODUCT
from tests.simulators.debian import DebianSystem, build_deb
from tests.simulators.village import PROGRAM, Village, VillageSite, program_fields

ROOT = Path(__file__).parents[2]
NAME = "hsp-test-app"
FRAIL = PROGRAM.replace(b"import json,", b"import os, json,").replace(
    b"self.send_response(200)", b"self.send_response(500 if (HERE / '../ill').exists() else 200)"
)


@pytest.fixture
def site(village: Village) -> VillageSite:
    """It runs 1.0."""
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    assert site.serves() == "1.0"
    return site


def rolled_out(village: Village, version: str, **described: Any) -> None:
    """Signed by two, and started."""
    village.publish(version, **described)
    village.start(version)


def tickets(village: Village) -> list[TicketLine]:
    """What the site has; that the rollout stands still for its only site is another matter."""
    return [t for t in village.tickets() if t.code is not FailureCode.ROLLOUT_STANDS_STILL]


def health(**more: Any) -> dict[str, Any]:
    """The program's checks, and more."""
    return {**program_fields("-")["health"], "checks": [PLAIN], **more}


PLAIN = {"kind": "http", "url": "http://127.0.0.1:{port}/"}


def sick_files(version: str) -> dict[str, bytes]:
    """A program that falls ill when somebody says so."""
    return {"serve.py": FRAIL, "RELEASE": version.encode(), "health.txt": b"yes"}


def test_unhealthy_in_its_soak_it_is_reverted_and_the_desk_hears_of_it(
    village: Village, site: VillageSite
) -> None:
    rolled_out(village, "1.1", instead=sick_files("1.1"), health=health(soak_seconds=3600))
    site.poll()
    assert site.serves() == "1.1"
    site.poll()
    assert "watched for a while" in site.command("status").output
    (site.state / "slots/app/ill").touch()
    site.poll()
    village.tick()
    assert site.soon_serves() == "1.0"
    (ticket,) = tickets(village)
    assert ticket.code == "unhealthy"


def test_data_that_a_failed_version_has_changed_is_restored(
    village: Village, site: VillageSite, tmp_path: Path
) -> None:
    data = tmp_path / "orders"
    data.mkdir()
    (data / "orders.json").write_text('["nasi goreng", "es teh"]')
    site.set_policy(f'[data_folders]\napp = ["{data}"]\n')
    spoiling = f"import pathlib; pathlib.Path({str(data)!r}, 'orders.json').write_text('[]')\n"
    files = {"serve.py": spoiling.encode(), "RELEASE": b"1.1"}
    rolled_out(village, "1.1", instead=files, data_folders=[str(data)])
    site.poll()
    village.tick()
    assert site.soon_serves() == "1.0"
    assert json.loads((data / "orders.json").read_text()) == ["nasi goreng", "es teh"]
    [ticket] = tickets(village)
    assert ticket.code == "start_failed"
    assert ticket.signature.startswith("start_failed reverted [0]: "), "with its exit status"


def test_a_debian_package_is_upgraded_and_reverted_with_its_service_running_again(
    village: Village, tmp_path: Path
) -> None:
    system = DebianSystem(tmp_path / "system").make()
    site = village.site("warung-1")
    (site.state / "agent.toml").write_text(f'dpkg_root = "{system.root}"\n')
    here = "usr/share/app"

    def release(version: str, **control: Any) -> None:
        files = {"serve.py": PROGRAM, "RELEASE": version.encode(), "health.txt": b"yes"}
        whole = {f"{here}/{name}": content for name, content in files.items()}
        deb = build_deb(tmp_path / "debs", NAME, version, whole, **control)
        command = ["python3", "-S", str(system.root / here / "serve.py"), "{port}"]
        service = {"kind": "program", "command": command, "stop_grace_seconds": 1}
        install = {"kind": "package", "packages": [NAME], "service": service}
        rolled_out(village, version, instead={f"{NAME}.deb": deb}, install=install)

    release("1.0")
    site.poll()
    release("1.1")
    site.poll()
    assert (system.version(NAME), site.serves()) == ("1.1", "1.1")

    release("1.2", scripts={"postinst": "echo 'no such device'; exit 1"})
    site.poll()
    village.tick()
    assert (system.version(NAME), site.soon_serves()) == ("1.1", "1.1")
    assert [ticket.code for ticket in tickets(village)] == ["install_failed"]

    assert site.command("revert", "app").exit_code == 0
    assert (system.version(NAME), site.soon_serves()) == ("1.0", "1.0")


def test_a_vendors_installer_that_hangs_is_ended_and_undone(
    village: Village, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "GRACE_SECONDS", 0.3)
    site, there = village.site("warung-1"), tmp_path / "opt"
    there.mkdir()

    def release(version: str, mood: str) -> None:
        script = f"""#!/bin/sh
set -e
case $1 in
install) test ! -e {there}/app || cp {there}/app {there}/before; cp app {there}/app; {mood} ;;
verify) cmp app {there}/app ;;
undo) if test -e {there}/before; then mv {there}/before {there}/app; else rm {there}/app; fi ;;
esac
"""
        verbs = {verb: {"command": ["./setup.sh", verb]} for verb in ("verify", "undo")}
        verbs["install"] = {"command": ["./setup.sh", "install"], "deadline_seconds": 2}  # type: ignore[dict-item]
        files = {"setup.sh": script.encode(), "app": version.encode()}
        install = {"kind": "command", **verbs}
        rolled_out(village, version, instead=files, install=install, health={})

    release("1.0", "true")
    site.poll()
    assert (there / "app").read_text() == "1.0"
    release("1.1", "sleep 1000 & wait")
    began = time.monotonic()
    site.poll()
    assert time.monotonic() - began < 60
    village.tick()
    assert (there / "app").read_text() == "1.0"
    (ticket,) = tickets(village)
    assert ticket.code == "install_failed"


def test_a_version_that_needs_a_restart_is_checked_after_it(
    village: Village, site: VillageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled_out(village, "1.1", reboot_required=True)
    site.poll()
    assert site.serves() == "1.0", "it goes on until the restart"
    assert "when this machine is restarted" in site.command("status").output
    site.stop_program()
    monkeypatch.setattr(client_updater.agent, "boot_id", lambda: "the-next-boot")
    site.poll()
    village.tick()
    assert site.soon_serves() == "1.1"
    assert tickets(village) == []


def test_an_agent_that_is_killed_by_its_own_update_is_the_old_one_again(
    village: Village, tmp_path: Path
) -> None:
    village.estate.add_product(AGENT_PRODUCT)
    site = village.site("warung-1", products=(AGENT_PRODUCT,))
    agent = (
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from client_updater.cli import main\nmain()\n"
    ).encode()
    base = tmp_path / "machines-own"
    base.write_bytes(agent)
    base.chmod(0o755)

    def launch() -> None:
        environment = {
            **os.environ,
            "HSP_UPDATER_STATE": str(site.state),
            "HSP_UPDATER_BASE": str(base),
        }
        launcher = ROOT / "infra/systemd/hsp-updater-launcher"
        subprocess.run([launcher, "once"], env=environment, timeout=60, check=False)

    def release(version: str, content: bytes) -> None:
        plain = {"variables": [], "install": {"kind": "slot"}, "health": {}}
        files = {"hsp-updater": content}
        village.publish(version, product=AGENT_PRODUCT, instead=files, **plain)
        village.start(version, product=AGENT_PRODUCT)

    def runs() -> str:
        return os.readlink(site.state / "slots" / AGENT_PRODUCT / "current")

    release("1.0", agent)
    for _ in range(3):
        launch()
    assert runs() == "1.0"
    release("2.0", b"#!/bin/sh\nkill -9 $$\n")
    launch()
    assert runs() == "2.0"
    for _ in range(4):
        launch()
    assert runs() == "1.0"
    launch()
    village.tick()
    assert [ticket.code for ticket in tickets(village)] == ["start_failed"]
