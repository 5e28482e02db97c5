"""Everything that the agent sends and receives goes through here, on one pool of connections.

What urllib3 leaves open is closed here: no redirect is followed; a whole exchange has a deadline,
however it trickles, headers included; a transfer that stays slower than a minimum is given up; a
body is never read beyond its limit; every fault of the transport comes out as ``Unreachable``.
"""

import http.client
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import urllib3

from client_updater import AGENT_VERSION
from client_updater.compression import ACCEPTED, inflated
from client_updater.deadline import Deadline, WatchedHTTPPool, WatchedHTTPSPool
from client_updater.errors import PolicyInvalid, Stopping, Unreachable
from client_updater.line_settings import LineSettings
from client_updater.minimum_rate import MinimumRate

_Headers = Mapping[str, str]

CHUNK_BYTES = 256 * 1024
MAX_ERROR_BYTES = 64 * 1024
MAX_RETRY_AFTER_SECONDS = 24 * 3600
_PASSING = frozenset({500, 502, 503, 504})
_FAULTS = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


class TooLong(Unreachable):
    """A body beyond its limit; it was not read to its end."""


@dataclass(frozen=True)
class Answer:
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Transfer:
    """A response whose body is still to come."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


def never() -> bool:
    """For a fetcher that nobody asks to stop."""
    return False


@dataclass
class Fetcher:
    """An HTTP client with one pool."""

    settings: LineSettings = field(default_factory=LineSettings)
    stopping: Callable[[], bool] = never
    _heard: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    """Per host, the time that it said, and the uptime then."""
    download_bytes_per_second: int | None = None
    """The limit of the site's policy; each poll reads it anew."""

    def __post_init__(self) -> None:
        self._pool = _pool(self.settings)

    @property
    def skews(self) -> dict[str, timedelta]:
        """Per host, how far its clock is ahead of ours now: ours may have jumped since it spoke."""
        now = datetime.now(UTC) - timedelta(seconds=_uptime())
        heard = self._heard.items()
        return {host: said - timedelta(seconds=uptime) - now for host, (said, uptime) in heard}

    def forget_clocks(self) -> None:
        """Before each poll: what was heard in an earlier one proves nothing now."""
        self._heard.clear()

    def get(self, url: str, most_bytes: int, *, compressed: bool = False) -> Answer:
        """Fetch a small file, with the settings' number of tries.

        Args:
            compressed: whether it may be compressed on its way.

        Raises:
            Unreachable: no whole answer came. TooLong: it is longer than ``most_bytes``.
        """
        if not compressed:
            return self._persist("GET", url, None, most_bytes, {})
        answer = self._persist("GET", url, None, most_bytes, ACCEPTED)
        body = inflated(url, answer.headers.get("content-encoding", ""), answer.body, most_bytes)
        if len(body) > most_bytes and answer.status < 300:
            raise TooLong(f"{url} inflates to more than the {most_bytes} bytes it may have")
        return Answer(answer.status, answer.headers, body)

    def post(
        self, url: str, body: bytes, most_bytes: int, headers: _Headers | None = None
    ) -> Answer:
        """Send a message that may be sent twice.

        Raises:
            Unreachable: no whole answer came. TooLong: it is longer than ``most_bytes``.
        """
        return self._persist("POST", url, body, most_bytes, headers or {})

    def _persist(
        self, method: str, url: str, body: bytes | None, most_bytes: int, headers: _Headers
    ) -> Answer:
        for attempt in range(self.settings.tries - 1):
            try:
                answer = self._exchange(method, url, body, most_bytes, headers)
            except TooLong:
                raise
            except Unreachable:
                pass
            else:
                if answer.status not in _PASSING or "retry-after" in answer.headers:
                    return answer
            time.sleep(random.uniform(0, 0.25 * 2**attempt))  # noqa: S311 - jitter, not a secret
        return self._exchange(method, url, body, most_bytes, headers)

    def _exchange(
        self, method: str, url: str, body: bytes | None, most_bytes: int, headers: _Headers
    ) -> Answer:
        with self.stream(url, method=method, body=body, headers=headers) as transfer:
            content = bytearray()
            for chunk in transfer.chunks:
                content += chunk
                if transfer.status >= 300 and len(content) > MAX_ERROR_BYTES:
                    break
                if len(content) > most_bytes and transfer.status < 300:
                    raise TooLong(f"{url} goes on after the {most_bytes} bytes it may have")
            return Answer(transfer.status, transfer.headers, bytes(content))

    @contextmanager
    def stream(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
    ) -> Iterator[Transfer]:
        """One request, without another try; its body is read chunk by chunk.

        Raises:
            Unreachable: no answer, a broken, slow or endless one.
            Stopping: the agent is to end.
        """
        with Deadline(seconds or self.settings.request_seconds) as deadline:
            try:
                response = self._pool.urlopen(
                    method,
                    url,
                    body=body,
                    headers={**_HEADERS, **(headers or {})},
                    redirect=False,
                    retries=False,
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(
                        self.settings.connect_seconds, self.settings.read_seconds
                    ),
                )
            except _FAULTS as error:
                raise _unreachable(url, error, deadline) from error
            try:
                self._note_clock(url, response.headers)
                chunks = self._chunks(url, response, deadline)
                yield Transfer(response.status, _lower(response.headers), chunks)
            finally:
                response.close()  # a connection whose body was read to its end is kept

    def _chunks(
        self, url: str, response: urllib3.BaseHTTPResponse, deadline: Deadline
    ) -> Iterator[bytes]:
        rate = MinimumRate(self.settings)
        while True:
            if self.stopping():
                raise Stopping
            try:
                chunk = response.read1(CHUNK_BYTES)
            except _FAULTS as error:
                raise _unreachable(url, error, deadline) from error
            if deadline.passed:
                raise _too_slow(url, deadline)
            if not chunk:
                return
            rate.check(url, len(chunk))
            yield chunk

    def _note_clock(self, url: str, headers: Mapping[str, str]) -> None:
        try:
            served = parsedate_to_datetime(headers["Date"]).astimezone(UTC)
            served += timedelta(seconds=int(headers.get("Age", "0")))
        except (KeyError, ValueError, TypeError, OverflowError):
            return
        self._heard[urlsplit(url).netloc] = (served, _uptime())


def _uptime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # goes on while a machine sleeps


def refusal(url: str, answer: Answer | Transfer) -> Unreachable:
    """The error that an unwelcome status amounts to."""
    if 300 <= answer.status < 400:
        where = answer.headers.get("location", "elsewhere")
        return Unreachable(f"{url} redirects to {where[:200]}, and no redirect is followed")
    return Unreachable(
        f"{url} answered with status {answer.status}",
        retry_after=_retry_after(answer.headers.get("retry-after", "")),
    )


def _retry_after(text: str) -> float:
    """RFC 9110, 10.2.3: seconds or a date; never longer than a day."""
    try:
        seconds = float(int(text))
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return 0
    return min(max(seconds, 0), MAX_RETRY_AFTER_SECONDS)


_HEADERS = {"User-Agent": f"hsp-updater/{AGENT_VERSION}", "Accept-Encoding": "identity"}


def _pool(settings: LineSettings) -> urllib3.PoolManager:
    context = _tls_context(settings.ca_file)
    pool = (
        urllib3.ProxyManager(settings.proxy, num_pools=4, ssl_context=context)
        if settings.proxy
        else urllib3.PoolManager(num_pools=4, ssl_context=context)
    )
    pool.pool_classes_by_scheme = {"http": WatchedHTTPPool, "https": WatchedHTTPSPool}
    return pool


def _tls_context(ca_file: str | None) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise PolicyInvalid(f"agent.toml: ca_file {ca_file!r} cannot be read: {error}") from error


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _unreachable(url: str, error: Exception, deadline: Deadline) -> Unreachable:
    if deadline.passed:
        return _too_slow(url, deadline)
    return Unreachable(f"{url} cannot be reached: {error}")


def _too_slow(url: str, deadline: Deadline) -> Unreachable:
    return Unreachable(f"{url} is too slow: not done after {deadline.seconds:.0f} s")
