"""Programs that tests talk to: fetched once into ``build/peers`` if they are no packages of this
project's environment, without root; and started so that they end with the test.

Test processes wait for one another where they fetch.
"""

import ctypes
import fcntl
import shutil
import signal
import subprocess
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
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
