"""Which agent this process is, and which one is to run: as the launcher sees it."""

import os
from pathlib import Path

AGENT_PRODUCT = "hsp-updater"
VERSION_VARIABLE = "HSP_UPDATER_SLOT"
"""Set by the launcher: the version in whose slot this agent lies; empty for the machine's own."""


def started_from() -> str | None:
    """The version that the launcher started; None without a launcher."""
    return os.environ.get(VERSION_VARIABLE)


def current_agent(slots: Path) -> str:
    """The version that is to run; empty for the machine's own."""
    try:
        version = os.readlink(slots / AGENT_PRODUCT / "current")
    except OSError:
        return ""
    return version if (slots / AGENT_PRODUCT / version).is_dir() else ""
