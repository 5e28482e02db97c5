"""Is the new version well? The manifest's checks, round after round, until all pass at once.

A release without checks is well when its service is up after the start grace. A program that has
ended is not waited for: it is reported at once, with the end of its output.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from client_updater.errors import StartFailed, Unhealthy, Unreachable
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.running import Installed
from client_updater.values import fill
from manifests.documents import parse_json
from manifests.errors import ManifestError
from manifests.release import Check, CommandCheck, FileAgeCheck, HttpCheck, TcpCheck

MAX_BODY_BYTES = 1024 * 1024
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})
_GLANCE_SECONDS = 0.25

Pause = Callable[[float], None]
"""Sleeps; raises ``Stopping`` when the agent is to end."""


@dataclass(frozen=True)
class Patient:
    """One installed version, and how to see whether its service is up at all."""

    installed: Installed
    is_up: Callable[[], bool]
    pause: Pause
    ended_with: Callable[[], int | None] = lambda: None
    """The status of a service that is not up any more, where that is known."""


def check(patient: Patient) -> None:
    """Watch a freshly started version until it is well.

    Raises:
        StartFailed: its service is not up, or does not stay up.
        Unhealthy: no round of checks passed within the manifest's attempts.
        Stopping: the agent is to end; nothing is decided.
    """
    health = patient.installed.release.manifest.health
    _wait_watching(patient, health.start_grace_seconds)
    last: Unhealthy | None = None
    for attempt in range(health.attempts):
        if attempt:
            _wait_watching(patient, health.interval_seconds)
        _see_that_it_is_up(patient)
        try:
            return _round(patient.installed)
        except Unhealthy as error:
            last = error
    ill = Unhealthy(f"not well after {health.attempts} rounds of checks; the last one: {last}")
    raise ill.ended_with(last.hook_status if last else None)


def _wait_watching(patient: Patient, seconds: float) -> None:
    """Wait, but not for a program that has ended."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        _see_that_it_is_up(patient)
        patient.pause(min(left, _GLANCE_SECONDS))


def _see_that_it_is_up(patient: Patient) -> None:
    if not patient.is_up():
        installed = patient.installed
        error = StartFailed(f"{installed.product} {installed.version} does not stay up")
        raise error.ended_with(patient.ended_with())


def _round(installed: Installed) -> None:
    for one in installed.release.manifest.health.checks:
        run(one, installed, installed.release.manifest.health.timeout_seconds)


def run(one: Check, installed: Installed, seconds: float) -> None:
    """One check, once.

    Raises:
        Unhealthy: it does not pass within ``seconds``.
    """
    if isinstance(one, HttpCheck):
        _http(one, installed, seconds)
    elif isinstance(one, TcpCheck):
        _tcp(one, installed, seconds)
    elif isinstance(one, CommandCheck):
        _command(one, installed, seconds)
    else:
        _file_age(one, installed)


def _http(one: HttpCheck, installed: Installed, seconds: float) -> None:
    url = fill(one.url, installed.values)
    if urlsplit(url).hostname not in _THIS_MACHINE:
        raise Unhealthy(f"{url} is not on this machine")
    settings = LineSettings(
        connect_seconds=seconds, read_seconds=seconds, request_seconds=seconds, tries=1
    )
    try:
        answer = Fetcher(settings).get(url, MAX_BODY_BYTES)
    except Unreachable as error:
        raise Unhealthy(error.message) from error
    if answer.status != one.expect_status:
        raise Unhealthy(f"{url} answered {answer.status}, expected {one.expect_status}")
    if one.expect_json:
        _expect_values(url, answer.body, one.expect_json)


def _expect_values(url: str, body: bytes, wanted: dict[str, str]) -> None:
    try:
        found = parse_json(body, url)
    except ManifestError as error:
        raise Unhealthy(error.message) from error
    for name, value in wanted.items():
        said = _text(found.get(name)) if isinstance(found, dict) else "nothing"
        if said != value:
            raise Unhealthy(f"{url} says {name}={said[:200]!r}, expected {value!r}")


def _text(value: Any) -> str:
    """A JSON value as a manifest spells it: ``true``, ``3``, or a string as it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _tcp(one: TcpCheck, installed: Installed, seconds: float) -> None:
    text = fill(one.port, installed.values)
    try:
        socket.create_connection(("127.0.0.1", int(text)), timeout=seconds).close()
    except (OSError, ValueError, OverflowError) as error:
        raise Unhealthy(f"port {text} of this machine: {error}") from error


def _command(one: CommandCheck, installed: Installed, seconds: float) -> None:
    words = [fill(word, installed.values) for word in one.command]
    try:
        child = subprocess.Popen(
            words,
            cwd=installed.slot,
            env=installed.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise Unhealthy(f"the check {words[0]!r} cannot be run: {error}") from error
    try:
        status = child.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise Unhealthy(f"the check {words[0]!r} did not end within {seconds:.0f} s") from error
    finally:
        _end_group(child)
    if status != 0:
        ill = Unhealthy(f"the check {words[0]!r} ended with status {status}")
        raise ill.ended_with(status)


def _end_group(child: "subprocess.Popen[bytes]") -> None:
    """Also what the check has started and left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _file_age(one: FileAgeCheck, installed: Installed) -> None:
    path = installed.slot / one.path
    try:
        age = time.time() - path.lstat().st_mtime
    except OSError as error:
        raise Unhealthy(f"{one.path} is missing: {error.strerror}") from error
    if age > one.max_age_seconds:
        raise Unhealthy(f"{one.path} changed {age:.0f} s ago, at most {one.max_age_seconds} s")
