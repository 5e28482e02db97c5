"""The agent's answers in plain words, and the same as JSON for programs."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import wraps
from typing import ParamSpec

from client_updater.agent import Agent
from client_updater.explanation import Explained
from client_updater.status import LastPoll
from client_updater.step_book import StepBook
from client_updater.witness import witnessed
from manifests.audit_checkpoint import claimed
from manifests.check_in import ProductStatus
from manifests.decision import Answer, Wait

P = ParamSpec("P")

_LAST_STEPS = 5

_GATES = {
    "newer": "is it newer?",
    "applicable": "is it for this site?",
    "held": "does nobody hold it?",
    "stepping_stone": "can it follow what runs?",
    "requires": "does what it needs run?",
    "not_failed_here": "has it not failed here?",
    "approved": "has who must be asked said yes?",
    "wave_open": "has this site's turn come?",
    "window_open": "may the site be changed now?",
}


def _printable(lines: Callable[P, Iterable[str]]) -> Callable[P, Iterator[str]]:
    """Lines with nothing in them that a terminal would obey: servers write some of the words."""

    @wraps(lines)
    def safe(*args: P.args, **kwargs: P.kwargs) -> Iterator[str]:
        for line in lines(*args, **kwargs):
            yield "".join(letter if letter.isprintable() else "?" for letter in line)

    return safe


@_printable
def status_lines(agent: Agent, last: LastPoll) -> Iterator[str]:
    """``status``, for people."""
    profile = agent.enrolment.profile
    yield f"Site {profile.site_id} of {profile.client_id} ({profile.ring})"
    for product in profile.products:
        yield f"  {_runs(agent, product)}"
    yield from (f"  {line}" for line in _waits(last.products))
    yield from result_lines(last)
    yield f"Server: {_server(last)}"
    for taken in StepBook(agent.state / "steps").taken()[-_LAST_STEPS:]:
        what = f"{taken.kind} {taken.product or ''}".strip()
        yield f"Support asked for {what} at {said(taken.at)}: {taken.outcome or 'cut off'}"
    made = agent.reporter.outbox.last_sequence()
    yield f"Public key: {agent.reporter.key.public_hex}; reports signed so far: {made}"
    pending = made - agent.reporter.outbox.acknowledged()
    if pending:
        yield f"Reports that the server has not acknowledged yet: {pending}"


@_printable
def result_lines(last: LastPoll) -> Iterator[str]:
    """How the last poll went."""
    if last.at is None:
        yield "It has not polled yet."
        return
    yield f"Last poll: {said(last.at)}"
    if last.problem:
        yield f"Nothing new can be installed ({last.problem}): {last.detail}"
        yield "What is installed keeps running."
    for status in last.products:
        version = status.installed.version or "nothing"
        yield f"{status.product}: {version}" + (f", {_why(status)}" if status.decision else "")
    if last.server_problem:
        yield f"The server could not be told: {last.server_problem}"


def _runs(agent: Agent, product: str) -> str:
    version = agent.slots.current(product)
    if version is None:
        return f"{product}: nothing is installed yet"
    process = agent.services.programs.running(product)
    running = f", running as process {process.pid}" if process else ""
    previous = agent.slots.previous(product)
    back = f" (can go back to {previous})" if previous and previous != version else ""
    return f"{product}: {version}{running}{back}"


def _waits(statuses: Iterable[ProductStatus]) -> Iterator[str]:
    for status in statuses:
        for version, code in status.installed.failed.items():
            yield f"{status.product}: {version} failed here ({code})"


def _why(status: ProductStatus) -> str:
    if status.decision == "install":
        return f"{status.candidate} is being installed"
    words = f"{status.reason}"
    if status.until:
        words += f", until {said(status.until)}"
    return f"{words} (lifted by: {status.lifted_by})" if status.lifted_by else words


def _server(last: LastPoll) -> str:
    heard = f"last heard {said(last.heard_at)}" if last.heard_at else "never heard yet"
    hold = (
        f"; it asks to hold still: {last.answer.hold}" if last.answer and last.answer.hold else ""
    )
    return heard + hold


@_printable
def explained_lines(product: str, releases: list[Explained], last: LastPoll) -> Iterator[str]:
    """``explain``, for people."""
    yield f"{product}:"
    if last.problem:
        yield f"  nothing is installed at the moment ({last.problem}): {last.detail}"
    if not releases:
        yield "  no newer release is offered to this site"
    for explained in releases:
        yield f"  {explained.release.version} ({explained.release.path})"
        for gate, answer in explained.gates:
            yield f"    {_GATES.get(gate, gate):30} {_answer(answer)}"


def _answer(answer: Answer) -> str:
    if answer is None:
        return "yes"
    when = f", until {said(answer.until)}" if isinstance(answer, Wait) and answer.until else ""
    word = "not yet" if isinstance(answer, Wait) else "no"
    return f"{word}: {answer.reason}{when} (lifted by: {answer.lifted_by})"


def _checkpoint(agent: Agent) -> dict[str, object] | None:
    """What this site remembers of the server's audit log, for an auditor to compare."""
    told = witnessed(agent.state)
    said = claimed(told)
    return {**said.model_dump(mode="json"), "envelope": told} if said else None


def status_json(agent: Agent, last: LastPoll) -> str:
    """``status``, for programs."""
    profile, outbox = agent.enrolment.profile, agent.reporter.outbox
    running = {name: agent.services.programs.running(name) for name in profile.products}
    plain = {
        "site_id": profile.site_id,
        "client_id": profile.client_id,
        "installed": {name: agent.slots.current(name) for name in profile.products},
        "previous": {name: agent.slots.previous(name) for name in profile.products},
        "running": {name: process.pid for name, process in running.items() if process},
        "audit_checkpoint": _checkpoint(agent),
        "public_key": agent.reporter.key.public_hex,
        "signed_reports": outbox.last_sequence(),
        "unacknowledged_reports": outbox.last_sequence() - outbox.acknowledged(),
        "last_poll": last.model_dump(mode="json", exclude={"read"}),
    }
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False)


def said(moment: datetime) -> str:
    """A moment as people read it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
