"""The patch coder, in a process of its own: native code that must not take the agent with it.

The child gets bytes and gives bytes. It opens nothing and knows no paths; it cannot write a file,
start a program, or take more memory and time than it is given. What it answers is checked by the
signed hashes like anything else from outside, so all that a malformed patch can do is to fail.
"""

import resource
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from client_updater.errors import ArtifactMismatch

MEMORY_BYTES = 384 * 1024 * 1024
"""Of addresses, not of memory: the libraries alone take a good part of it."""
CPU_SECONDS = 600
SILENCE_SECONDS = 300
_CHUNK_BYTES = 256 * 1024

_CHILD = """\
import os, resource, socket, sys
sys.path[:] = {path!r}
import hdiffpatch
from manifests import sparse_patch
for limit, most in {limits!r}:
    resource.setrlimit(limit, (most, most))
line = socket.socket(fileno=0).makefile("rwb")
def take():
    size = int.from_bytes(line.read(8), "big")
    data = line.read(size)
    if len(data) != size:
        os._exit(1)
    return data
while line.peek(1):
    old, patch = take(), take()
    is_sparse = patch.startswith(sparse_patch.MAGIC)
    new = sparse_patch.applied(old, patch) if is_sparse else hdiffpatch.apply(old, patch)
    del old, patch
    line.write(len(new).to_bytes(8, "big"))
    line.write(new)
    line.flush()
    del new
"""


def _child_text() -> str:
    limits = (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 16),
        (resource.RLIMIT_CORE, 0),
    )
    return _CHILD.format(path=sys.path, limits=limits)


class Patcher:
    """The child, which applies one patch after the other."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(SILENCE_SECONDS)
        self._line = ours
        with theirs:
            try:
                self._child = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _child_text()],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    env={},
                )
            except OSError as error:
                ours.close()
                raise ArtifactMismatch(f"the patch coder does not start: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._line.close()
        self._child.kill()
        self._child.wait()

    def apply(
        self,
        old: Iterable[bytes],
        old_size: int,
        patch: Iterable[bytes],
        patch_size: int,
        new_size: int,
    ) -> Iterator[bytes]:
        """The new bytes, in pieces.

        Raises:
            ArtifactMismatch: the child failed, or was ended by a limit; or another size came.
        """
        try:
            self._send(old, old_size)
            self._send(patch, patch_size)
            if int.from_bytes(self._receive(8), "big") != new_size:
                raise ArtifactMismatch("the delta makes another number of bytes than was signed")
            left = new_size
            while left:
                piece = self._line.recv(min(left, _CHUNK_BYTES))
                if not piece:
                    raise ConnectionError
                left -= len(piece)
                yield piece
        except OSError as error:
            raise ArtifactMismatch("the delta cannot be applied: its patch coder failed") from error

    def _send(self, pieces: Iterable[bytes], size: int) -> None:
        self._line.sendall(size.to_bytes(8, "big"))
        for piece in pieces:
            self._line.sendall(piece)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self._line.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        return data
