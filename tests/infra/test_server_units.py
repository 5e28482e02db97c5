"""The units of a single machine: the API without keys, the scheduler with them, nginx in front."""

import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from distribution.cli import main
from distribution.server import PASSPHRASE_FILE_VARIABLE
from distribution.settings import Settings
from tests.simulators.certificates import certificate
from tests.simulators.debian_packages import unpacked
from tests.simulators.ports import free_port

UNITS = Path(__file__).parents[2] / "infra" / "systemd"
NAMES = ("hsp-serve.service", "hsp-schedule.service")
BACKUP = ("hsp-backup.service", "hsp-backup.timer")
MOST_EXPOSURE = 1.5
"""Of 10, as systemd counts; a service without any sandbox has 9.6."""


def assignments(name: str) -> set[str]:
    """Every line of a unit that says something."""
    lines = (UNITS / name).read_text().splitlines()
    return {line for line in lines if "=" in line and not line.startswith("#")}


@pytest.fixture
def installed(tmp_path: Path) -> list[Path]:
    """The units as a machine has them, with a program where they name one."""
    program = tmp_path / "hsp"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in (*NAMES, *BACKUP):
        text = (UNITS / name).read_text().replace("/opt/hsp/bin/hsp", str(program))
        (tmp_path / name).write_text(text)
    return [tmp_path / name for name in (*NAMES, *BACKUP)]


def analyzed(*words: str | Path) -> str:
    """What systemd says of it."""
    done = subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_systemd_finds_nothing_wrong(installed: list[Path]) -> None:
    analyzed("verify", *installed)


def test_the_sandbox_is_as_tight_as_it_was(installed: list[Path]) -> None:
    for unit in (path for path in installed if path.suffix == ".service"):
        told = analyzed("security", "--offline=true", "--no-pager", unit)
        found = re.search(r"exposure level for \S+: ([\d.]+)", told)
        assert found is not None
        assert float(found[1]) <= MOST_EXPOSURE


def test_the_two_differ_in_who_has_the_keys() -> None:
    serve, schedule = (assignments(name) for name in NAMES)
    named = ("Description", "ExecStart", "EnvironmentFile")
    assert {one for one in serve - schedule if not one.startswith(named)} == {
        "User=hsp",
        "Environment=HSP_API_ONLY=true",
        "InaccessiblePaths=-/var/lib/hsp/keys/online",
        "SystemCallFilter=~@privileged @resources",
        "RestartPreventExitStatus=78",
    }
    assert {one for one in schedule - serve if not one.startswith(named)} == {
        "User=hsp-signer",
        "LoadCredential=online-passphrase:/etc/hsp/online-passphrase",
        f"Environment={PASSPHRASE_FILE_VARIABLE}=%d/online-passphrase",
        "SystemCallFilter=~@privileged",
        "RestartPreventExitStatus=77 78",
    }


def test_the_backup_runs_as_who_may_read_the_home_and_is_given_no_passphrase() -> None:
    [service, timer] = map(assignments, BACKUP)
    schedule = assignments("hsp-schedule.service")
    assert {"User=hsp-signer", "Group=hsp", "Type=oneshot"} <= service
    assert not {line for line in service if "passphrase" in line.lower()}
    made = {line for line in schedule if line.startswith(("Protect", "Private", "Restrict", "No"))}
    assert made <= service | {"RestartPreventExitStatus=77 78"}
    assert {"OnCalendar=*-*-* 02:30:00", "Persistent=true", "WantedBy=timers.target"} <= timer
    told = subprocess.run(
        ["systemd-analyze", "calendar", "*-*-* 02:30:00"], capture_output=True, check=True
    )
    assert b"Next elapse" in told.stdout


def test_the_backups_command_is_one_that_the_program_knows(tmp_path: Path) -> None:
    lines = assignments(BACKUP[0])
    [command] = [line.split("=", 1)[1] for line in lines if line.startswith("ExecStart=")]
    given = {"${KEPT}": "14", "${FOLDER}": str(tmp_path / "backups")}
    assert all(f"Environment={name.strip('${}')}=" in "".join(lines) for name in given)
    words = [given.get(word, word) for word in command.split()[1:]]
    (tmp_path / "wrong").mkdir()
    done = CliRunner().invoke(main, ["--home", str(tmp_path / "wrong"), *words])
    assert "there is nothing to back up" in done.output
    assert not (tmp_path / "backups").exists(), "so a wrong home pushes no good backup out"


def test_the_units_set_what_the_server_reads() -> None:
    known = {f"HSP_{name.upper()}" for name in Settings.model_fields}
    lines = assignments(NAMES[0]) | assignments(NAMES[1]) | assignments(BACKUP[0])
    given = {line.split("=")[1] for line in lines if line.startswith("Environment=HSP_")}
    assert given - {PASSPHRASE_FILE_VARIABLE} <= known


def test_nginx_takes_the_example(tmp_path: Path) -> None:
    certificate(tmp_path / "both.pem")
    text = (UNITS / "nginx.conf.example").read_text()
    for name in ("fullchain.pem", "privkey.pem"):
        text = text.replace(f"/etc/ssl/hsp/{name}", str(tmp_path / "both.pem"))
    text = re.sub(r"listen (\[::\]:)?\d+", lambda _: f"listen 127.0.0.1:{free_port()}", text)
    paths = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    own = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in paths)
    whole = f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{own}{text}}}\n"
    (tmp_path / "nginx.conf").write_text(whole)
    nginx = unpacked("nginx", "nginx") / "usr/sbin/nginx"
    done = subprocess.run(
        [nginx, "-t", "-e", tmp_path / "log", "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
