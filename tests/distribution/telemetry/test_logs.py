"""Lines for people and lines for programs, each saying what it is about."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest

from distribution.audit.records import REQUEST
from distribution.settings import LogFormat
from distribution.sites import attempts
from distribution.telemetry import logs
from manifests.failures import FailureCode
from manifests.install_report import Phase
from tests.simulators.house import House

log = logging.getLogger("distribution.a_test")


@pytest.fixture(autouse=True)
def _root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_program_reads_each_line_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogFormat.JSON)
    with logs.about(site="shop", attempt="a-1"):
        log.warning("%s did not\nanswer", "it", extra={"milliseconds": 1.5})
    log.info("nothing to do with it", extra={"color_message": "as uvicorn adds it"})
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.fromisoformat(first.pop("time")).utcoffset() is not None
    assert first == {
        "level": "warning",
        "logger": "distribution.a_test",
        "event": "it did not\nanswer",
        "site": "shop",
        "attempt": "a-1",
        "milliseconds": 1.5,
    }
    assert second.keys() == {"time", "level", "logger", "event"}


def test_a_fault_is_one_line_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(LogFormat.JSON)
    try:
        raise ZeroDivisionError("secret")
    except ZeroDivisionError:
        log.exception("it failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["exception"].endswith("ZeroDivisionError: secret")


def test_a_person_reads_the_same_in_one_line_that_nobody_can_forge(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.set_up(LogFormat.TEXT)
    number = REQUEST.set("0123456789abcdef")
    try:
        log.info("%s", "a name\n2026-11-25T02:00:00Z INFO forged: line")
    finally:
        REQUEST.reset(number)
    (line,) = capsys.readouterr().err.splitlines()
    assert " INFO distribution.a_test: a name?2026" in line
    assert line.endswith(" [request=0123456789abcdef]")


def test_a_failure_that_is_processed_is_logged_with_its_site_and_attempt(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(LogFormat.JSON)
    house.site("shop").report(Phase.REVERTED, code=FailureCode.UNHEALTHY)
    attempts.process_new(house.database, house.clock())
    (line,) = [
        line
        for line in map(json.loads, capsys.readouterr().err.splitlines())
        if line["logger"] == "distribution.sites.attempts"
    ]
    assert (line["site"], line["event"].split(": ")[1]) == ("shop", "unhealthy")
    assert line["attempt"]
