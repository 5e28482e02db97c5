"""One POST over HTTP to a receiver that nobody vouches for: bounded in time and size.

No redirect is followed, the connection goes to an address that was checked, and it ends after
``DEADLINE_SECONDS`` however slowly the other side dribbles.
"""

import email.utils
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence

from distribution.notify.errors import NotDelivered
from distribution.notify.reach import Reach, Target, looked_up, taken_apart

OPERATION_SECONDS = 5.0
"""For connecting, and for each byte that we wait for."""
TRIED_ADDRESSES = 2
"""Of a name that has several."""
DEADLINE_SECONDS = 15.0
MAX_ANSWER_BYTES = 64 * 1024
MAX_RETRY_AFTER = 24 * 3600.0


def post(url: str, body: bytes, headers: Mapping[str, str], reach: Reach) -> bytes:
    """Send; the beginning of the answer's body.

    Raises:
        NotDelivered: not reached, too slow, or the answer is no success.
        Invalid: not an address of the web.
        Misconfigured: see ``reach``.
    """
    target = taken_apart(url)
    connection = _Connection(target, looked_up(target, reach))
    timer = threading.Timer(DEADLINE_SECONDS, connection.cut)
    timer.daemon = True
    timer.start()
    try:
        connection.request("POST", target.path, body, dict(headers))
        answer = connection.getresponse()
        said = answer.read(MAX_ANSWER_BYTES)
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = "it took too long" if connection.was_cut else _in_words(error)
        raise NotDelivered(f"{target.host}: {why}") from error
    finally:
        timer.cancel()
        connection.close()
    if connection.was_cut:  # headers that end in the middle read like whole ones
        raise NotDelivered(f"{target.host}: it took too long")
    if not 200 <= answer.status < 300:
        raise _refusal(target, answer)
    return said


class _Connection(http.client.HTTPConnection):
    """To an address that is known already, under the name that was asked for."""

    def __init__(self, target: Target, addresses: Sequence[str]) -> None:
        super().__init__(target.host, target.port, timeout=OPERATION_SECONDS)
        self.default_port = 443 if target.is_tls else 80  # of an instance: what Host leaves out
        self._addresses = addresses[:TRIED_ADDRESSES]
        self._tls = ssl.create_default_context() if target.is_tls else None
        self.was_cut = False

    def connect(self) -> None:
        """See ``http.client``."""
        self.sock = self._connected()
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock.do_handshake()

    def _connected(self) -> socket.socket:
        *others, last = self._addresses
        for address in others:
            try:
                return socket.create_connection((address, self.port), OPERATION_SECONDS)
            except OSError:
                continue  # a machine without IPv6 has a name's IPv4 left
        return socket.create_connection((last, self.port), OPERATION_SECONDS)

    def cut(self) -> None:
        """End it from another thread, whatever it is waiting for."""
        self.was_cut = True
        if self.sock is not None:
            try:
                # The plain socket's: that of TLS would forget its state under the reader.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
            except OSError:
                return  # it has ended by itself


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError):
        return "the connection was refused or ended"
    return f"no HTTP: {type(error).__name__}"


def _refusal(target: Target, answer: http.client.HTTPResponse) -> NotDelivered:
    if 300 <= answer.status < 400:
        return NotDelivered(
            f"{target.host} answered {answer.status}, a redirect, which is not followed",
            hint="name the address that it leads to",
        )
    wait = _seconds(answer.getheader("Retry-After", "")) if answer.status in (429, 503) else 0
    return NotDelivered(f"{target.host} answered {answer.status}", retry_after=wait)


def _seconds(retry_after: str) -> float:
    """What the header asks for, as seconds or as a date; 0 if it makes no sense."""
    if retry_after.strip().isdecimal():
        return min(float(retry_after.strip()[:9]), MAX_RETRY_AFTER)
    try:
        at = email.utils.parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(at - time.time(), 0), MAX_RETRY_AFTER)
