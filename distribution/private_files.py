"""Small files that only their owner may read: passphrases, tokens, invitations."""

import os
from pathlib import Path


def write_new(file: Path, line: str) -> None:
    """Write one line to a new file of mode 0600.

    Raises:
        OSError: it exists, or cannot be written.
    """
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as opened:
        opened.write(line + "\n")


def write_over(file: Path, line: str) -> None:
    """The same in the place of a file that may be there.

    Raises:
        OSError: it cannot be written.
    """
    file.unlink(missing_ok=True)
    write_new(file, line)
