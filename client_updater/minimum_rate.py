"""Slow retrieval: a transfer that trickles is given up, whatever its deadline."""

import time

from client_updater.errors import Unreachable
from client_updater.line_settings import LineSettings


class MinimumRate:
    """Notices a transfer that stays below the minimum rate over a whole window."""

    def __init__(self, settings: LineSettings) -> None:
        self._window = settings.rate_window_seconds
        self._wanted = settings.minimum_bytes_per_second * self._window
        self._since, self._bytes = time.monotonic(), 0

    def check(self, url: str, size: int) -> None:
        """Count ``size`` more bytes.

        Raises:
            Unreachable: the window that ends now had too few.
        """
        self._bytes += size
        if time.monotonic() - self._since < self._window:
            return
        if self._bytes < self._wanted:
            raise Unreachable(
                f"{url} is too slow: {self._bytes} bytes in {self._window:.0f} s, "
                f"at least {self._wanted:.0f} are expected"
            )
        self._since, self._bytes = time.monotonic(), 0
