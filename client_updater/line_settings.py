"""How patient the agent is on the line, and by which way it goes there.

``settings.AgentSettings`` is what an administrator writes of it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LineSettings:
    """What a ``Fetcher`` needs to know; the defaults of ``agent.toml``."""

    proxy: str | None = None
    ca_file: str | None = None
    connect_seconds: float = 15
    read_seconds: float = 30
    request_seconds: float = 120
    download_seconds: float = 6 * 3600
    minimum_bytes_per_second: int = 8 * 1024
    rate_window_seconds: float = 60
    tries: int = 3
