"""An answer goes out at once: uvicorn writes its head and its body one after the other, and each
write costs a packet, and wakes whoever waits for it."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_BYTES = 64 * 1024
"""More is not kept back: who streams has to hear soon that nobody reads."""


class _Joined:
    """A transport that sends together what is written in one turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._bytes = 0

    def write(self, data: bytes) -> None:
        """Keep it until the turn is over, or there is much of it."""
        if not self._parts:
            self._loop.call_soon(self._send)
        self._parts.append(data)
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            self._send()

    def _send(self) -> None:
        data = b"".join(self._parts)
        self._parts, self._bytes = [], 0
        if data and not self._transport.is_closing():  # whoever called may have hung up meanwhile
            self._transport.write(data)

    def close(self) -> None:
        """What was written is sent before."""
        self._send()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OnePacket(HttpToolsProtocol):
    """uvicorn's protocol, over such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has called."""
        super().connection_made(_Joined(transport, self.loop))  # type: ignore[arg-type]
