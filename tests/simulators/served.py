"""The product's own web server over a repository, which a test may put another in the place of.

with Served(server) as served:
    served.folder = shape.folder            # from the next request on
    served.before = lambda path: ...        # called before each request is answered
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import uvicorn

from distribution.api.application import application
from distribution.server import Server
from signing.store import DirectoryStore
from tests.simulators.ports import free_port


@dataclass(frozen=True)
class Answer:
    """What was asked for, below ``/repository/``, and how it came."""

    path: str
    status: int
    encoding: str


@dataclass
class Served:
    """The server, on loopback, for the length of a ``with`` block."""

    server: Server
    port: int = field(default_factory=free_port)
    before: Callable[[str], None] = lambda path: None
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._store = DirectoryStore(self.server.settings.repository_folder)
        self._application = application(replace(self.server, store=self._store))
        config = uvicorn.Config(self, port=self.port, log_config=None, access_log=False)
        self._web = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._web.run)

    @property
    def url(self) -> str:
        """Below which ``metadata/`` and ``targets/`` are."""
        return f"http://127.0.0.1:{self.port}/repository"

    @property
    def folder(self) -> Path:
        """The repository that is served."""
        return self._store.folder

    @folder.setter
    def folder(self, folder: Path) -> None:
        self._store.folder = folder

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._web.started:
            assert self._thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *error: object) -> None:
        self._web.should_exit = True
        self._thread.join()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Look at each request and its answer on their way."""

        async def seen(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = dict(message["headers"])
                encoding = headers.get(b"content-encoding", b"").decode()
                path = scope["path"].removeprefix("/repository/")
                self.answers.append(Answer(path, message["status"], encoding))
            await send(message)

        if scope["type"] == "http":
            self.before(scope["path"].removeprefix("/repository/"))
        await self._application(scope, receive, seen)
