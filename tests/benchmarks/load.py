"""A load generator: so many connections, each sending one prepared request after the other.

    with requests as (path of a file made by ``prepare``)
    python -m tests.benchmarks.load PORT CONNECTIONS SECONDS FILE

It runs in a process of its own, on uvloop, without an HTTP library, so that it is never the limit
(``Outcome.generator`` says how busy it was). Every answer is read whole and looked at: its status,
and whether it has the words that it must have. With 0 seconds each request is sent once.
"""

import asyncio
import json
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop


@dataclass(frozen=True)
class Outcome:
    """What a run came to.

    Attributes:
        wrong: answers without the status or the words that they must have; ``example``: one.
        generator: the part of the time in which the generator itself was busy.
    """

    answers: int
    wrong: int
    seconds: float
    generator: float
    example: str

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return (self.answers - self.wrong) / self.seconds


def post(path: str, body: bytes, headers: Sequence[str] = ()) -> bytes:
    """A request as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
    lines += ["Content-Type: application/json", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(path: str) -> bytes:
    """The same without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def prepare(file: Path, requests: Sequence[bytes], words: bytes) -> Path:
    """Write down what is to be sent, and what each answer must have in it."""
    file.write_bytes(pickle.dumps((list(requests), words)))
    return file


def run(port: int, file: Path, connections: int = 32, seconds: float = 5) -> Outcome:
    """Send, in another process."""
    words = [sys.executable, "-m", "tests.benchmarks.load"]
    words += [str(port), str(connections), str(seconds), str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the load generator failed: {done.stderr[-2000:]}")
    return Outcome(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], words: bytes, *, once: bool) -> None:
        self._requests, self._words, self._once = requests, words, once
        self._next, self._buffer = 0, b""
        self.answers = self.wrong = 0
        self.example = b""
        self.over = asyncio.get_running_loop().create_future()
        self.ending = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def begin(self) -> None:
        """Send the first."""
        self._send()

    def _send(self) -> None:
        if self._next == len(self._requests):
            self._next = 0
            self.ending = self.ending or self._once
        if self.ending:
            self.over.set_result(None)
            return
        self._transport.write(self._requests[self._next])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        self._buffer = data = self._buffer + data if self._buffer else data
        end = data.find(b"\r\n\r\n")
        at = data.lower().find(b"content-length: ", 0, end)
        if end < 0 or len(data) - end - 4 < int(data[at + 16 : data.index(b"\r\n", at)]):
            return
        self._buffer = b""
        self.answers += 1
        if not data.startswith(b"HTTP/1.1 200") or self._words not in data:
            self.wrong += 1
            self.example = data
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.over.done():
            self.over.set_exception(error or ConnectionError("the server hung up"))


async def _main(port: int, connections: int, seconds: float, file: Path) -> Outcome:
    requests, words = pickle.loads(file.read_bytes())  # noqa: S301 - written by ``prepare``
    loop, made = asyncio.get_running_loop(), []
    for number in range(connections):
        mine = requests[number::connections]
        one = _Connection(mine, words, once=not seconds)
        await loop.create_connection(lambda one=one: one, "127.0.0.1", port)
        made.append(one)
    began, busy = time.perf_counter(), time.process_time()
    for one in made:
        one.begin()
    if seconds:
        await asyncio.sleep(seconds)
        for one in made:
            one.ending = True
    await asyncio.gather(*(one.over for one in made))
    took = time.perf_counter() - began
    return Outcome(
        answers=sum(one.answers for one in made),
        wrong=sum(one.wrong for one in made),
        seconds=took,
        generator=(time.process_time() - busy) / took,
        example=next((one.example for one in made if one.wrong), b"").decode("latin-1")[:600],
    )


if __name__ == "__main__":
    port, connections, seconds, file = sys.argv[1:]
    outcome = uvloop.run(_main(int(port), int(connections), float(seconds), Path(file)))
    print(json.dumps(outcome.__dict__))
