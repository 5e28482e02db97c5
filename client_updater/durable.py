"""The only module of the agent that writes, renames, syncs or unlinks.

Two promises are made here and used everywhere. ``write``, ``link``, ``move`` and ``make_folders``
are durable when they return: a power loss afterwards does not undo them, one in the middle leaves
the old state or the new one. Everything else is fast and may be lost, so it is used only for what
can be made again.

``disk`` holds the system calls themselves. Tests replace it to kill the process before a call, to
let a call fail, or to record all of them and replay any prefix as a power loss would.

Raises:
    DiskFull, DiskError: from everything here, when the system refuses; what a durable function
        was to replace is still the old one then.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Self

from client_updater.errors import InstallFailed, disk_trouble

PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_FICLONE = 0x40049409
_MORE = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class Disk:
    """The system calls that change a disk, and nothing else. A test's subclass overrides them."""

    open = staticmethod(os.open)
    write = staticmethod(os.write)
    truncate = staticmethod(os.ftruncate)
    chmod = staticmethod(os.fchmod)
    fsync = staticmethod(os.fsync)
    rename = staticmethod(os.rename)
    symlink = staticmethod(os.symlink)
    mkdir = staticmethod(os.mkdir)
    unlink = staticmethod(os.unlink)
    rmdir = staticmethod(os.rmdir)
    chown = staticmethod(os.fchown)
    utime = staticmethod(os.utime)

    @staticmethod
    def clone(fd: int, source: int) -> None:
        """Share what ``source`` holds, where the file system can. Source: ioctl_ficlone(2)."""
        fcntl.ioctl(fd, _FICLONE, source)


disk = Disk()


class Sink:
    """A file that is being written. Nothing of it is durable before somebody syncs it."""

    def __init__(self, fd: int, name: str) -> None:
        self._fd, self._name = fd, name

    def write(self, data: bytes | memoryview) -> None:
        """Write all of ``data``."""
        rest = memoryview(data)
        with _doing(f"write {self._name}"):
            while rest:
                rest = rest[disk.write(self._fd, rest) :]

    def fileno(self) -> int:
        """Its descriptor, for ``disk``."""
        return self._fd

    def sync(self) -> None:
        """Make what was written durable."""
        with _doing(f"sync {self._name}"):
            disk.fsync(self._fd)

    def truncate(self) -> None:
        """Forget everything that was written."""
        with _doing(f"empty {self._name}"):
            disk.truncate(self._fd, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        with _doing(f"close {self._name}"):
            os.close(self._fd)


def create(name: Path | str, *, mode: int = PRIVATE_FILE, dir_fd: int | None = None) -> Sink:
    """A new file of exactly ``mode``; whatever is at that name already is an error."""
    with _doing(f"make {name}"):
        fd = disk.open(name, _NEW_FILE, mode, dir_fd=dir_fd)
        if mode != PRIVATE_FILE:
            disk.chmod(fd, mode)  # the process's umask must not decide what was signed
        return Sink(fd, str(name))


def append(path: Path) -> Sink:
    """An existing file, to be written on from its end."""
    with _doing(f"write on {path}"):
        return Sink(disk.open(path, _MORE, PRIVATE_FILE), str(path))


def write(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` durably: afterwards it is new, whatever happens."""
    write_in_order(path, data)
    sync_folder(path.parent)


def write_in_order(path: Path, data: bytes) -> None:
    """Replace ``path`` in one step, for power losses too; durable when its folder is synced."""
    _replace(path, data, synced=True)


def write_unsynced(path: Path, data: bytes) -> None:
    """Replace the content of ``path`` in one step for other processes, not for power losses."""
    _replace(path, data, synced=False)


def _replace(path: Path, data: bytes, *, synced: bool) -> None:
    def fill(new: Path) -> None:
        with create(new) as file:
            file.write(data)
            if synced:
                file.sync()

    with _doing(f"write {path}"):
        _swap(path, fill)


def link(path: Path, target: str) -> None:
    """Point the symbolic link ``path`` at ``target`` durably, from the old target in one step."""
    with _doing(f"point {path} at {target}"):
        _swap(path, lambda new: disk.symlink(target, new))
        sync_folder(path.parent)


def _swap(path: Path, make: Callable[[Path], None]) -> None:
    new = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        disk.unlink(new)
    try:
        make(new)
        disk.rename(new, path)
    except (OSError, InstallFailed):
        with suppress(OSError):
            disk.unlink(new)
        raise


def unlink_durably(path: Path) -> None:
    """Remove a file or a link, so that it does not come back."""
    with _doing(f"remove {path}"):
        with suppress(FileNotFoundError):
            disk.unlink(path)
        sync_folder(path.parent)


def move(old: Path, new: Path) -> None:
    """Give a synced file or tree its final name, durably."""
    with _doing(f"move {old} to {new}"):
        disk.rename(old, new)
        sync_folder(new.parent)


def rename_unsynced(old: Path, new: Path) -> None:
    """Give a file another name, until the next power loss at least."""
    with _doing(f"rename {old} to {new}"):
        disk.rename(old, new)


def make_folders(*paths: Path, synced: bool = True) -> None:
    """Make private folders durably, where they are not there yet; parents come first.

    The parents are synced even for folders that exist, since a process may have died in between;
    with ``synced=False`` they are not, for what is moved elsewhere or made again.
    """
    for path in paths:
        with _doing(f"make the folder {path}"), suppress(FileExistsError):
            disk.mkdir(path, PRIVATE_FOLDER)
    for parent in sorted({path.parent for path in paths}) if synced else ():
        sync_folder(parent)


def make_folder_at(name: str, dir_fd: int) -> int:
    """Make the folder ``name`` below an open one where it is not there yet, and open it."""
    with _doing(f"make the folder {name}"):
        with suppress(FileExistsError):
            disk.mkdir(name, 0o755, dir_fd=dir_fd)
        return os.open(name, _FOLDER, dir_fd=dir_fd)


def open_folder(path: Path) -> int:
    """Open a folder, to work below it."""
    with _doing(f"open the folder {path}"):
        return os.open(path, _FOLDER)


def sync_tree(path: Path) -> None:
    """Make a whole tree of files and folders durable, except for its own name."""
    with _doing(f"sync {path}"):
        for _, _, names, folder in os.fwalk(path, onerror=_raise):
            for name in names:
                _sync(name, _OLD_FILE, folder)
            disk.fsync(folder)


def _raise(error: OSError) -> NoReturn:
    raise error


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    with _doing(f"sync the folder {path}"):
        _sync(path, _FOLDER)


def _sync(name: Path | str, flags: int, dir_fd: int | None = None) -> None:
    fd = os.open(name, flags, dir_fd=dir_fd)
    try:
        disk.fsync(fd)
    finally:
        os.close(fd)


def remove(path: Path) -> None:
    """Remove a file, a link or a whole tree; nothing is followed. It may come back."""
    with _doing(f"remove {path}"):
        try:
            is_folder = stat.S_ISDIR(path.lstat().st_mode)
        except FileNotFoundError:
            return
        if is_folder:
            fd = os.open(path, _FOLDER)
            try:
                _empty(fd)
            finally:
                os.close(fd)
            disk.rmdir(path)
        else:
            disk.unlink(path)


def _empty(folder: int) -> None:
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            disk.unlink(name, dir_fd=folder)
            continue
        fd = os.open(name, _FOLDER, dir_fd=folder)
        try:
            _empty(fd)
        finally:
            os.close(fd)
        disk.rmdir(name, dir_fd=folder)


def open_lock(path: Path) -> int:
    """A descriptor to lock on; the file stays empty."""
    with _doing(f"open {path}"):
        return disk.open(path, _LOCK, PRIVATE_FILE)


def open_log(path: Path) -> int:
    """A descriptor that appends to ``path``, for a program's output."""
    with _doing(f"open {path}"):
        return disk.open(path, _MORE | os.O_CREAT, PRIVATE_FILE)


def trim_log(path: Path, most_bytes: int, kept_bytes: int) -> None:
    """Cut a log that has grown beyond ``most_bytes`` down to its end.

    Whoever writes to it goes on: it was opened for appending.
    """
    with _doing(f"shorten {path}"), suppress(FileNotFoundError):
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            if size > most_bytes:
                tail = os.pread(fd, kept_bytes, size - kept_bytes)
                disk.truncate(fd, 0)
                disk.write(fd, tail)
        finally:
            os.close(fd)


@contextmanager
def _doing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise disk_trouble(error, what) from error
