"""A client's data, as a picture of all of it that can be compared."""

import os
from pathlib import Path
from typing import Any


def picture(folder: Path) -> dict[str, Any]:
    """Everything that a client would miss."""
    found: dict[str, Any] = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            what = (path.read_bytes(), status.st_mode, status.st_uid, status.st_mtime_ns)
            found[str(path)] = what
        else:
            found[str(path)] = (status.st_mode, status.st_uid)
    return found
