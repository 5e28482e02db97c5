"""Programs that tests talk to: fetched once into ``build/peers`` if they are no packages of this
project's environment, without root; and started so that they end with the test.

Test processes wait for one another where they fetch.
"""

import ctypes
import fcntl
import hashlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "peers"
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def peer(name: str, make: Callable[[Path], None]) -> Path:
    """The folder of a program; if it is missing, ``make`` fills the folder that it is given.

    Raises:
        RuntimeError: it cannot be had. A test that needs it has failed then.
    """
    folder = FOLDER / name
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = FOLDER / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            make(unfinished)
            unfinished.rename(folder)
    return folder


def python_with(lock: Path) -> Path:
    """The interpreter of an environment that holds exactly the packages of a hashed lock file.

    Raises:
        RuntimeError: as ``peer``.
    """

    def make(folder: Path) -> None:
        what = f"the packages of {lock.name}"
        run(what, [sys.executable, "-m", "venv", "--without-pip", folder], folder)
        python = str(folder / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "--no-input", "install", "--quiet"]
        run(what, [*pip, "--require-hashes", "-r", str(lock)], folder)

    version = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    return peer(f"{lock.stem}-{version}", make) / "bin" / "python"


def run(
    what: str,
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> None:
    """One step of fetching, in ``folder``.

    Raises:
        RuntimeError: it failed; with what it was for and what it said.
    """
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise RuntimeError(f"{what} failed, and tests need it: {said}")


def start(
    command: Sequence[str | Path],
    folder: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> "subprocess.Popen[bytes]":
    """A server in the background; the kernel kills it when this process ends, however it does."""
    with log.open("wb") as opened:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def end_with_parent(how: signal.Signals = signal.SIGKILL) -> None:
    """In a child that is about to become a program: it gets this signal when its parent ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, how)
