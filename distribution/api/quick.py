"""The quick way of what sites send: answered on the loop, before any framework.

It answers only what the full way (``agents``) would have answered, byte by byte, and only good
news: a check-in that says what is known or something plain, a report that is stored. Whatever else
there is about a request (a problem, a wrong signature, a host that is not ours, a database that is
away) is left to the full way, which reads the same body again.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from distribution.api.headers import PROGRAM
from distribution.api.quick_check_ins import QuickCheckIns
from distribution.api.quick_reports import QuickReports
from distribution.api.request_ids import HEADER, new_id
from distribution.api.shield import host_of
from distribution.people.limits import Limits
from distribution.quick.check_in_batches import CheckIns
from distribution.quick.memory import Memory
from distribution.quick.report_batches import Batches
from distribution.settings import Settings
from distribution.sites.check_ins import MAX_CHECK_IN_BYTES
from distribution.sites.told import Newest
from distribution.telemetry import counters
from manifests.install_report import MAX_REPORT_BYTES

CHECK_IN, REPORT = "/v1/check-in", "/v1/reports"
log = logging.getLogger(__name__)

_REQUEST_ID = HEADER.lower().encode()
_MOST_HOSTS = 1000


@dataclass(frozen=True)
class _Way:
    """How one path is answered quickly; ``heard`` is told of what went the full way."""

    limit: int
    answer: Callable[[Scope, bytes], Awaitable[bytes | None]]
    heard: Callable[[bytes], None]
    counted: Callable[[float], None]


class Quick:
    """The application inside of it gets what has no quick answer."""

    def __init__(
        self,
        app: ASGIApp,
        memory: Memory,
        batches: Batches,
        news: CheckIns,
        settings: Settings,
        limits: Limits,
        clock: Callable[[], datetime],
        newest: Callable[[datetime], Newest | None],
    ) -> None:
        check_ins = QuickCheckIns(memory, news, limits.check_in, clock, newest)
        reports = QuickReports(memory, batches, limits.report, clock)
        self._ways = {
            CHECK_IN: _Way(
                MAX_CHECK_IN_BYTES, check_ins.answer, check_ins.heard,
                counters.answered(CHECK_IN, 200),
            ),
            REPORT: _Way(
                MAX_REPORT_BYTES, reports.answer, reports.heard, counters.answered(REPORT, 200)
            ),
        }  # fmt: skip
        self._app, self._hosts = app, settings.hosts
        self._known_hosts: dict[bytes, bool] = {}
        plain = {"Content-Type": "application/json", **PROGRAM}
        self._headers = [(name.lower().encode(), text.encode()) for name, text in plain.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        way = self._ways.get(scope.get("path", ""))
        if way is None or scope.get("method") != "POST" or not self._is_for_us(scope, way.limit):
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        body, messages = await _read(receive, way.limit)
        answer = None
        if body is not None:
            try:
                answer = await way.answer(scope, body)
            except Exception:
                log.exception("a fault of ours: %s goes the full way", scope["path"])
        if answer is not None:
            await self._send(send, answer)
            way.counted(time.perf_counter() - began)
        elif await self._in_full(scope, _again(messages, receive), send) and body:
            way.heard(body)

    async def _in_full(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Leave a request to the application; says whether its answer was a success."""
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, receive, watched)
        return status == 200

    async def _send(self, send: Send, answer: bytes) -> None:
        length = (b"content-length", b"%d" % len(answer))
        headers = [length, *self._headers, (_REQUEST_ID, new_id().encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def _is_for_us(self, scope: Scope, limit: int) -> bool:
        """Whether it names a host of ours, once, and no more bytes than it may have."""
        hosts = 0
        for name, value in scope["headers"]:
            if name == b"host":
                hosts += 1 if self._is_ours(value) else 2
            elif name == b"content-length" and not (value.isdigit() and int(value[:20]) <= limit):
                return False
        return hosts == 1

    def _is_ours(self, host: bytes) -> bool:
        found = self._known_hosts.get(host)
        if found is None:
            found = host_of(host.decode("latin-1")) in self._hosts
            if found and len(self._known_hosts) < _MOST_HOSTS:
                self._known_hosts[host] = found
        return found


async def _read(receive: Receive, limit: int) -> tuple[bytes | None, list[Message]]:
    """The body, None where it is too long or the client is gone; and the messages it came in."""
    message = await receive()
    messages, body = [message], b""
    while message["type"] == "http.request" and message.get("more_body", False):
        body += message.get("body", b"")
        if len(body) > limit:
            return None, messages
        message = await receive()
        messages.append(message)
    if message["type"] != "http.request":
        return None, messages
    body += message.get("body", b"")
    return (body if len(body) <= limit else None), messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """The same messages once more, then what comes."""
    waiting = iter(messages)

    async def replayed() -> Message:
        return next(waiting, None) or await receive()

    return replayed
