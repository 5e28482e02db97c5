"""The site's own limit on what a download may take of its line."""

import time
from collections.abc import Callable, Iterator

from client_updater.errors import Stopping

_LONGEST_NAP = 0.25


def throttled(
    chunks: Iterator[bytes], bytes_per_second: int | None, stopping: Callable[[], bool]
) -> Iterator[bytes]:
    """The chunks, no faster than that on average; the sender waits by TCP's own means.

    Raises:
        Stopping: the agent is to end.
    """
    began, passed = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        passed += len(chunk)
        while (
            bytes_per_second and (wait := began + passed / bytes_per_second - time.monotonic()) > 0
        ):
            if stopping():
                raise Stopping
            time.sleep(min(wait, _LONGEST_NAP))
