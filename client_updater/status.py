"""What the agent remembers of its last poll, for people and for its next one.

It is only a note: losing it loses no protection, since what protects is in the trust floor.
"""

from contextlib import suppress
from pathlib import Path

from pydantic import Field

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.quiet import LAST_POLL_FILE as LAST_POLL_FILE
from client_updater.state import read_private
from manifests.check_in import CheckInAnswer, ProductStatus
from manifests.documents import Document, UtcDatetime
from manifests.errors import ManifestError


class LastPoll(Document):
    """How the last poll went, and what the server last said."""

    at: UtcDatetime | None = None
    problem: str = ""
    """A failure code; empty when nothing keeps the site from being updated."""
    detail: str = ""
    products: tuple[ProductStatus, ...] = ()
    read: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Per product, the verified files behind its decision: target paths with their sha256."""
    withdrawn: dict[str, str] = Field(default_factory=dict)
    """Why releases among them were withdrawn, by their paths."""
    root_version: int = 0
    timestamp_version: int = 0
    failures: int = 0
    """Polls in a row in which the repository or the server could not be reached."""
    retry_after: float = 0
    refreshed_at: UtcDatetime | None = None
    """When the repository last verified."""
    heard_at: UtcDatetime | None = None
    """When the server last answered."""
    answer: CheckInAnswer | None = None
    server_problem: str = ""


def read_last_poll(path: Path) -> LastPoll:
    """The note, or an empty one."""
    with suppress(FileNotFoundError, StateUnusable, ManifestError):
        return LastPoll.from_bytes(read_private(path))
    return LastPoll()


def write_last_poll(path: Path, poll: LastPoll) -> None:
    """Keep the note.

    Raises:
        DiskFull, DiskError: it is the old one still.
    """
    durable.write_unsynced(path, poll.to_bytes())
