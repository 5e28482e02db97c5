"""Things that come one by one and are done together: while some are under way, others gather.

There is one group under way at a time: two would be smaller, and most of a small one is the group
itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from manifests.errors import UpdateError

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500

T = TypeVar("T")
R = TypeVar("R")


class Gathering(Generic[T, R]):
    """For the thread of one loop; the work is done in a thread of its own."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], undone: R, what: str) -> None:
        """Nothing is under way.

        Args:
            work: gives a result for each; in another thread.
            undone: the result of each one of a group whose work has failed.
            what: they are called in the log.
        """
        self._work, self._undone, self._what = work, undone, what
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._worker: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    async def do(self, one: T) -> R:
        """What came of it."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, done))
        if self._worker is None:
            self._worker = asyncio.create_task(self._go_on())
        return await done

    async def _go_on(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                results = await self._done([one for one, _ in group])
                for (_, done), result in zip(group, results, strict=True):
                    if not done.done():
                        done.set_result(result)
        finally:
            self._worker = None  # however this ends, the next one begins anew

    async def _done(self, group: Sequence[T]) -> Sequence[R]:
        loop = asyncio.get_running_loop()
        self._thread = self._thread or ThreadPoolExecutor(1, self._what)
        try:
            results = await loop.run_in_executor(self._thread, self._work, group)
            return [result for _, result in zip(group, results, strict=True)]
        except UpdateError as error:
            log.warning("%d %s: %s", len(group), self._what, error)
        except Exception:
            log.exception("a fault of ours, or of one of %d %s", len(group), self._what)
        return [self._undone] * len(group)

    def close(self) -> None:
        """What is under way comes to its end."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
