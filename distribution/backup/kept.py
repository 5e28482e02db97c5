"""A folder of backups for a timer: one more each time, and the newest few stay."""

import re
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from distribution.backup.manifest import FILE
from distribution.errors import Unavailable

_NAME = re.compile(r"\d{4}-\d\d-\d\dT\d{6}Z")
_UNFINISHED = ".{}.unfinished"


def name_of(now: datetime) -> str:
    """Of the backup of a moment; names sort as moments do."""
    return f"{now:%Y-%m-%dT%H%M%SZ}"


def remove_old(folder: Path, keep: int) -> list[str]:
    """Remove all but the newest ``keep`` backups, and what was never finished before the newest.

    Nothing is touched but folders with names of ``name_of`` that hold a backup.

    Raises:
        Unavailable: one cannot be removed.
    """
    try:
        whole = [path.name for path in _named(folder) if (path / FILE).is_file()]
        old = whole[:-keep]
        for name in old:
            # A backup that is half removed must not look like one.
            (folder / name).rename(folder / _UNFINISHED.format(name))
        newest = whole[-1] if whole else ""
        for path in sorted(folder.glob(_UNFINISHED.format("*"))):
            if path.name < _UNFINISHED.format(newest) and path.is_dir():
                shutil.rmtree(path)
    except OSError as error:
        raise Unavailable(
            f"the new backup is whole, but old ones cannot be removed: {error.filename}: "
            f"{error.strerror}",
            hint="remove them by hand, or the disk will be full one day",
        ) from error
    return old


def _named(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            yield path
