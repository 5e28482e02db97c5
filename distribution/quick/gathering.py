"""Things that come one by one and are done together: while some are under way, others gather."""

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
    """For the thread of one loop; the work is done in threads of its own."""

    def __init__(
        self, work: Callable[[Sequence[T]], Sequence[R]], undone: R, in_flight: int, what: str
    ) -> None:
        """Of ``in_flight`` groups at once.

        Args:
            work: gives a result for each; in another thread.
            undone: the result of each one of a group whose work has failed.
        """
        self._work, self._undone, self._in_flight, self._what = work, undone, in_flight, what
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._workers: set[asyncio.Task[None]] = set()
        self._threads: ThreadPoolExecutor | None = None

    async def do(self, one: T) -> R:
        """What came of it."""
        done: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, done))
        if len(self._workers) < self._in_flight:
            worker = asyncio.create_task(self._go_on())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        return await done

    async def _go_on(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            results = await self._done([one for one, _ in group])
            for (_, done), result in zip(group, results, strict=True):
                if not done.done():
                    done.set_result(result)

    async def _done(self, group: Sequence[T]) -> Sequence[R]:
        loop = asyncio.get_running_loop()
        self._threads = self._threads or ThreadPoolExecutor(self._in_flight, self._what)
        try:
            return await loop.run_in_executor(self._threads, self._work, group)
        except UpdateError as error:
            log.warning("%d %s: %s", len(group), self._what, error)
        except Exception:
            log.exception("a fault of ours, or of one of %d %s", len(group), self._what)
        return [self._undone] * len(group)

    def close(self) -> None:
        """What is under way comes to its end."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
