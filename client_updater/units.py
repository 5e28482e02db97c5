"""Programs that systemd runs: the agent only asks it to restart, start or stop a unit."""

import subprocess

from client_updater.errors import StartFailed

DEADLINE_SECONDS = 120.0


def restart(unit: str) -> None:
    """Restart ``unit``, which then runs from the current slot.

    Raises:
        StartFailed: systemd says no, is not there, or does not answer in time.
    """
    _ask("restart", unit)


def stop(unit: str) -> None:
    """Stop ``unit``.

    Raises:
        StartFailed: as ``restart``.
    """
    _ask("stop", unit)


def is_up(unit: str) -> bool:
    """Whether systemd counts ``unit`` as active.

    Raises:
        StartFailed: systemd is not there, or does not answer in time.
    """
    return _systemctl("is-active", "--quiet", unit).returncode == 0


def _ask(verb: str, unit: str) -> None:
    done = _systemctl(verb, unit)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[:500]
        raise StartFailed(f"systemctl {verb} {unit} ended with {done.returncode}: {said}")


def _systemctl(*words: str) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["systemctl", *words],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=DEADLINE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StartFailed(
            f"systemctl {words[0]} did not end within {DEADLINE_SECONDS:.0f} s"
        ) from error
    except OSError as error:
        raise StartFailed(f"systemctl cannot be run: {error}") from error
