"""Debian packages, for real: installed, upgraded, put back, by dpkg in a system of its own."""

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from client_updater import commands
from client_updater.errors import InstallFailed
from client_updater.packages import Dpkg
from manifests.install import PackageInstall, Program
from tests.simulators.control_plane import ControlPlane
from tests.simulators.debian import DebianSystem, build_deb
from tests.simulators.repository import SimulatedRepository
from tests.simulators.root import as_root
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields

NAME = "hsp-test-notes"
HERE = "usr/share/notes/app.py"


@pytest.fixture
def system(tmp_path: Path, site: SimulatedSite) -> DebianSystem:
    made = DebianSystem(tmp_path / "system").make()
    (site.folder / "agent.toml").write_text(f'dpkg_root = "{made.root}"\n')
    return made


class Notes:
    """A product that comes as a package."""

    def __init__(self, folder: Path, system: DebianSystem, repository: SimulatedRepository) -> None:
        self.folder, self.system, self.repository = folder / "debs", system, repository

    def deb(self, version: str, program: bytes = PROGRAM, **control: Any) -> bytes:
        """Its package."""
        files = {HERE: program, "etc/notes.conf": f"version {version}\n".encode()}
        return build_deb(
            self.folder, NAME, version, files, **{"conffiles": ("etc/notes.conf",), **control}
        )

    def offer(self, version: str, deb: bytes, **more: Any) -> None:
        """Release and roll out."""
        program = Program(
            command=("python3", "-S", str(self.system.root / HERE), "{port}"),
            stop_grace_seconds=1,
        )
        install = PackageInstall(packages=(NAME,), service=program)
        fields = {**program_fields(attempts=20), "install": install, **more}
        self.repository.release("notes", version, {f"{NAME}.deb": deb}, **fields)
        self.repository.roll_out("notes", version)


@pytest.fixture
def notes(tmp_path: Path, system: DebianSystem, repository: SimulatedRepository) -> Notes:
    return Notes(tmp_path, system, repository)


def test_a_package_is_installed_upgraded_and_its_configuration_kept(
    site: SimulatedSite, notes: Notes, system: DebianSystem, plane: ControlPlane
) -> None:
    notes.offer("1.0", notes.deb("1.0"))
    site.poll()
    assert (system.version(NAME), site.answer()["version"]) == ("1.0", "1.0")
    (system.root / "etc/notes.conf").write_text("ours\n")

    notes.offer("2.0", notes.deb("2.0"))
    site.poll()
    assert (system.version(NAME), site.answer()["version"]) == ("2.0", "2.0")
    assert (system.root / "etc/notes.conf").read_text() == "ours\n"
    assert plane.phases("2.0") == ["downloading", "activating", "confirmed"]

    assert site.command("revert", "notes").exit_code == 0
    assert (system.version(NAME), site.current()) == ("1.0", "1.0")


def test_an_unhealthy_package_is_reverted_to_the_one_before(
    site: SimulatedSite, notes: Notes, system: DebianSystem, plane: ControlPlane
) -> None:
    notes.offer("1.0", notes.deb("1.0"))
    site.poll()
    notes.offer("2.0", notes.deb("2.0", b"import sys; print('no'); sys.exit(3)\n"))
    site.poll()
    assert plane.phases("2.0")[-1] == "reverted"
    assert (system.version(NAME), site.answer()["version"]) == ("1.0", "1.0")


@pytest.mark.parametrize(
    "control",
    [{"scripts": {"postinst": "echo broken; exit 7"}}, {"depends": "not-to-be-had (>= 3)"}],
    ids=["its script fails", "what it depends on is missing"],
)
def test_a_package_that_cannot_be_installed_leaves_the_one_before(
    site: SimulatedSite,
    notes: Notes,
    system: DebianSystem,
    plane: ControlPlane,
    control: dict[str, Any],
) -> None:
    notes.offer("1.0", notes.deb("1.0"))
    site.poll()
    notes.offer("2.0", notes.deb("2.0", **control))
    site.poll()
    last = plane.received[-1]
    assert (last.phase, last.code) == ("reverted", "install_failed"), last.detail
    assert "dpkg" in last.log_tail
    assert (system.version(NAME), site.answer()["version"]) == ("1.0", "1.0")


def test_a_first_package_that_fails_is_removed_again(
    site: SimulatedSite, notes: Notes, system: DebianSystem, plane: ControlPlane
) -> None:
    notes.offer("1.0", notes.deb("1.0", b"import sys; sys.exit(3)\n"))
    site.poll()
    assert plane.phases("1.0")[-1] == "failed"
    assert system.version(NAME) in ("none", "rc")
    assert not (system.root / HERE).exists()
    assert site.current() is None


def test_a_package_that_we_did_not_install_is_replaced_only_if_it_can_be_put_back(
    site: SimulatedSite,
    notes: Notes,
    system: DebianSystem,
    plane: ControlPlane,
    tmp_path: Path,
) -> None:
    theirs = notes.deb("0.5")
    (tmp_path / "theirs.deb").write_bytes(theirs)
    system.dpkg("--install", tmp_path / "theirs.deb")
    notes.offer("1.0", notes.deb("1.0", b"import sys; sys.exit(3)\n"))
    last = site.poll()
    assert (plane.received[-1].phase, plane.received[-1].code) == ("refused", "incompatible")
    assert "nobody could put it back" in last.products[0].reason
    assert system.version(NAME) == "0.5"

    cached = system.root / f"var/cache/apt/archives/{NAME}_0.5_all.deb"
    cached.write_bytes(theirs)
    site.poll()
    assert plane.phases("1.0")[-1] == "failed"
    assert system.version(NAME) == "0.5", "it is back, from the copy that was kept"


def test_the_administrator_may_let_a_package_be_lost_and_then_a_person_is_paged(
    site: SimulatedSite,
    notes: Notes,
    system: DebianSystem,
    plane: ControlPlane,
    tmp_path: Path,
) -> None:
    (tmp_path / "theirs.deb").write_bytes(notes.deb("0.5"))
    system.dpkg("--install", tmp_path / "theirs.deb")
    site.write_policy(f'irreplaceable_packages = ["{NAME}"]')
    notes.offer("1.0", notes.deb("1.0", b"import sys; sys.exit(3)\n"))
    site.poll()
    assert plane.received[-1].phase == "revert_failed"
    assert "0.5 was here before" in plane.received[-1].detail


def test_packages_that_the_manifest_does_not_name_are_not_installed(
    site: SimulatedSite, notes: Notes, system: DebianSystem, plane: ControlPlane
) -> None:
    deb = build_deb(notes.folder, "other", "1.0", {"usr/x": b"x"})
    notes.offer("1.0", deb)
    site.poll()
    assert plane.received[-1].phase == "failed"
    assert "manifest names" in plane.received[-1].detail
    assert system.version("other") == "none"


def test_a_script_that_hangs_is_ended_and_the_old_package_is_back(
    site: SimulatedSite,
    notes: Notes,
    system: DebianSystem,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(commands, "GRACE_SECONDS", 0.5)
    notes.offer("1.0", notes.deb("1.0"))
    site.poll()
    program = Program(command=("python3", "-S", str(system.root / HERE), "{port}"))
    install = PackageInstall(packages=(NAME,), service=program, deadline_seconds=2)
    hanging = notes.deb("2.0", scripts={"postinst": "sleep 1000"})
    notes.offer("2.0", hanging, install=install)
    began = time.monotonic()
    site.poll()
    assert time.monotonic() - began < 20
    assert plane.phases("2.0")[-1] == "reverted"
    assert (system.version(NAME), site.answer()["version"]) == ("1.0", "1.0")


def test_while_somebody_else_holds_dpkg_it_is_waited_for(tmp_path: Path) -> None:
    system = DebianSystem(tmp_path / "system").make()
    deb = tmp_path / "a.deb"
    deb.write_bytes(build_deb(tmp_path, NAME, "1.0", {"usr/x": b"x"}))
    holder = "import fcntl,sys,time; f=open(sys.argv[1],'w'); fcntl.lockf(f,fcntl.LOCK_EX);"
    holder += "print('held',flush=True); time.sleep(1.5)"
    lock = system.root / "var/lib/dpkg/lock"
    with subprocess.Popen(
        ["python3", "-c", holder, str(lock)], stdout=subprocess.PIPE, text=True
    ) as held:
        assert held.stdout is not None and held.stdout.readline() == "held\n"
        Dpkg(tmp_path / "log", system.root).install([deb], "refuse", 30)
    assert system.version(NAME) == "1.0"


@as_root
def test_this_machines_own_dpkg_and_apt(tmp_path: Path) -> None:
    dpkg, name = Dpkg(tmp_path / "log"), "hsp-test-zz-unlikely"
    debs = [tmp_path / f"{version}.deb" for version in ("1.0", "2.0")]
    for deb in debs:
        deb.write_bytes(build_deb(tmp_path, name, deb.stem, {f"usr/share/{name}/a": b"x"}))
    try:
        dpkg.install([debs[1]], "refuse", 120)
        dpkg.check([dpkg.read(debs[1])])
        dpkg.install([debs[0]], "apt", 120)
        dpkg.check([dpkg.read(debs[0])])
        Path(f"/usr/share/{name}/a").write_bytes(b"tampered")
        with pytest.raises(InstallFailed, match="is not what it brought"):
            dpkg.check([dpkg.read(debs[0])])
    finally:
        subprocess.run(["dpkg", "--purge", name], check=True, capture_output=True)
    assert dpkg.installed(name) is None
