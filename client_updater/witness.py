"""The site as a witness: it remembers the newest checkpoint of the server's audit log.

What is remembered is told back at every check-in, so a log that was rewritten meets somebody who
knows better. It changes nothing about updates.
"""

from contextlib import suppress

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.quiet import WITNESS_FILE as WITNESS_FILE
from client_updater.state import StateFolder, read_private
from manifests.audit_checkpoint import MAX_CHECKPOINT_BYTES, newer


def witnessed(state: StateFolder) -> str:
    """The newest checkpoint that this site was told, as it was signed; empty for none."""
    with suppress(FileNotFoundError, StateUnusable, UnicodeDecodeError):
        return read_private(state / WITNESS_FILE, MAX_CHECKPOINT_BYTES).decode("utf-8")
    return ""


def keep(state: StateFolder, told: str) -> None:
    """Remember a checkpoint durably if it is newer than what is remembered.

    Raises:
        DiskFull, DiskError: it is the old one still.
    """
    known = witnessed(state)
    kept = newer(known, told)
    if kept != known:
        durable.write(state / WITNESS_FILE, kept.encode())
