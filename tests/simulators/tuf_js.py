"""A second TUF client that we did not write: ``tuf-js``, on the node of a wheel.

It is used as ``TufReader`` is, and fails with the same errors, so a test can be about both. It
reads over real HTTP. One process of node polls for all clients of a test process.

The machine's own node and npm are not used, and need not be there.
"""

import atexit
import json
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tuf.api.exceptions import DownloadHTTPError, RepositoryError

from tests.simulators.npm import NODE, modules
from tests.simulators.tuf_reader import TufReader

_HERE = Path(__file__).with_name("tuf_js")


class TufJsReader:
    """One client with its own cache; each ``read`` is one poll.

    Args:
        source: the URL below which ``metadata/`` and ``targets/`` are.
        root: what it trusts at first.
    """

    def __init__(self, folder: Path, source: str, root: bytes) -> None:
        self._metadata, self._targets = folder / "metadata", folder / "targets"
        for each in (self._metadata, self._targets):
            each.mkdir(parents=True, exist_ok=True)
        self._url = source
        (self._metadata / "root.json").write_bytes(root)

    def read(self, *paths: str) -> dict[str, bytes | None]:
        """Refresh, and fetch what there is of ``paths``; None for what no role lists.

        Raises:
            DownloadHTTPError: the server has no such file; with its status.
            RepositoryError: anything else that tuf-js refuses; with its words.
        """
        order = {
            "metadata": str(self._metadata),
            "targets": str(self._targets),
            "url": self._url,
            "paths": paths,
        }
        answer = _node()(order)
        if answer.get("error") == DownloadHTTPError.__name__:
            raise DownloadHTTPError(answer["message"], answer["status"])
        if "error" in answer:
            raise RepositoryError(f"{answer['error']}: {answer['message']}")
        files: dict[str, str | None] = answer["files"]
        return {path: Path(file).read_bytes() if file else None for path, file in files.items()}


class _Node:
    """The process that all polls of this one are done in; it ends when this one does."""

    def __init__(self) -> None:
        packages = modules(_HERE)
        self._process = subprocess.Popen(
            [NODE, _HERE / "reader.mjs", packages],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"NODE_COMPILE_CACHE": str(packages / "compiled")},
            text=True,
        )
        atexit.register(self._end)

    def __call__(self, order: dict[str, Any]) -> dict[str, Any]:
        """What it answers to one order."""
        orders, answers = self._process.stdin, self._process.stdout
        assert orders
        assert answers
        print(json.dumps(order), file=orders, flush=True)
        answer: dict[str, Any] = json.loads(
            answers.readline() or '{"error": "node", "message": ""}'
        )
        return answer

    def _end(self) -> None:
        self._process.communicate()


@cache
def _node() -> _Node:
    return _Node()


Reader = TufReader | TufJsReader
READERS: dict[str, Callable[[Path, str, bytes], Reader]] = {
    "python-tuf": TufReader,
    "tuf-js": TufJsReader,
}
"""Clients that others wrote, each to be made of a folder, a URL and a root."""
