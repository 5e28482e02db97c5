"""Putting a client's data back as a snapshot has it: in place, file by file, and then checked.

What did not change is not touched, and what is put back gets its name in one step; so after a
crash in the middle the same function goes on. Everything happens below open folders and through no
link, since the data's owner may not be who the agent runs as.
"""

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from client_updater import durable
from client_updater.errors import RevertFailed, disk_trouble
from client_updater.snapshots import FILE, FOLDER, Entry, KeptFolder, Snapshots, decoded

_TEMPORARY = ".hsp-updater.restored"
_PIECE_BYTES = 1024 * 1024


def restore(snapshots: Snapshots, attempt_id: str) -> None:
    """Make every data folder what it was before an attempt, and see that it is.

    Nothing happens where no snapshot was finished: then nothing was changed either.

    Raises:
        RevertFailed: a copy is damaged, or something still differs in the end.
        DiskFull, DiskError: the system refuses; it can be done again.
    """
    snapshot = snapshots.read(attempt_id)
    for folder in snapshot.folders if snapshot is not None else ():
        path = Path(folder.path)
        try:
            _restore(folder, path, snapshots.path(attempt_id))
            different = next(_differences(folder, path), None)
        except OSError as error:
            raise disk_trouble(error, f"put back the data in {path}") from error
        if different is not None:
            raise RevertFailed(f"the data in {path} could not be put back: {different} differs")


@dataclass
class _Node:
    """An entry with what is below it."""

    entry: Entry
    below: "dict[str, _Node]" = field(default_factory=dict)


def _tree(folder: KeptFolder) -> _Node:
    top = _Node(folder.entries[0])
    for entry in folder.entries[1:]:
        node = top
        *parents, name = entry.parts
        for parent in parents:
            node = node.below[parent]
        node.below[name] = _Node(entry)
    return top


def _restore(folder: KeptFolder, path: Path, copies: Path) -> None:
    if not folder.entries:
        durable.remove(path)
        return
    with suppress(FileExistsError):
        durable.disk.mkdir(path, durable.PRIVATE_FOLDER)
    top = os.open(path, FOLDER)
    try:
        _folder(_tree(folder), top, copies)
    finally:
        os.close(top)


def _folder(node: _Node, fd: int, copies: Path) -> None:
    for name in os.listdir(fd):
        if name not in node.below:
            _remove(name, fd)
    for name, child in node.below.items():
        _one(child, name, fd, copies)
    _set_owner(fd, node.entry)
    durable.disk.fsync(fd)


def _one(node: _Node, name: str, parent: int, copies: Path) -> None:
    entry = node.entry
    if entry.kind == "folder":
        _below(node, name, parent, copies)
    elif entry.kind == "link":
        if not _is_link(name, parent, entry):
            _link(entry, name, parent)
    elif _digest(name, parent) != entry.sha256:
        _file(entry, name, parent, copies)
    else:
        fd = os.open(name, FILE, dir_fd=parent)
        try:
            _set_owner(fd, entry)
        finally:
            os.close(fd)


def _below(node: _Node, name: str, parent: int, copies: Path) -> None:
    if not _is(name, parent, stat.S_ISDIR):
        _remove(name, parent)
        durable.disk.mkdir(name, durable.PRIVATE_FOLDER, dir_fd=parent)
    fd = os.open(name, FOLDER, dir_fd=parent)
    try:
        _folder(node, fd, copies)
    finally:
        os.close(fd)


def _file(entry: Entry, name: str, parent: int, copies: Path) -> None:
    _remove(_TEMPORARY, parent)
    with (copies / str(entry.number)).open("rb") as copy:
        digest = hashlib.sha256()
        with durable.create(_TEMPORARY, dir_fd=parent) as file:
            while piece := copy.read(_PIECE_BYTES):
                digest.update(piece)
                file.write(piece)
            _set_owner(file.fileno(), entry)
            file.sync()
    if digest.hexdigest() != entry.sha256:
        _remove(_TEMPORARY, parent)
        raise RevertFailed(f"the copy of {decoded(entry.path)} is damaged; it is not put back")
    _put(name, parent)


def _link(entry: Entry, name: str, parent: int) -> None:
    _remove(_TEMPORARY, parent)
    durable.disk.symlink(decoded(entry.target), _path(_TEMPORARY, parent))
    _put(name, parent)


def _put(name: str, parent: int) -> None:
    """Give the temporary file its name; a folder in its place goes first."""
    if _is(name, parent, stat.S_ISDIR):
        _remove(name, parent)
    durable.disk.rename(_path(_TEMPORARY, parent), _path(name, parent))


def _path(name: str, parent: int) -> str:
    """A name below an open folder, whatever the folder is called by now."""
    return f"/proc/self/fd/{parent}/{name}"


def _remove(name: str, parent: int) -> None:
    """Remove what the snapshot does not have; sockets, pipes and devices were never in it."""
    try:
        mode = os.lstat(name, dir_fd=parent).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        fd = os.open(name, FOLDER, dir_fd=parent)
        try:
            for below in os.listdir(fd):
                _remove(below, fd)
        finally:
            os.close(fd)
        durable.disk.rmdir(name, dir_fd=parent)
    elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
        durable.disk.unlink(name, dir_fd=parent)


def _set_owner(fd: int, entry: Entry) -> None:
    found = os.fstat(fd)
    if (found.st_uid, found.st_gid) != (entry.uid, entry.gid):
        durable.disk.chown(fd, entry.uid, entry.gid)
    if stat.S_IMODE(os.fstat(fd).st_mode) != entry.mode:
        durable.disk.chmod(fd, entry.mode)
    if found.st_mtime_ns != entry.changed_ns:
        durable.disk.utime(fd, ns=(entry.changed_ns, entry.changed_ns))


def _differences(folder: KeptFolder, path: Path) -> Iterator[str]:
    """Read everything back, from the folder's own path."""
    for entry in folder.entries:
        where = path.joinpath(*entry.parts)
        parent = os.open(where.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not _is_back(entry, where.name, parent):
                yield decoded(entry.path) or "the folder itself"
        finally:
            os.close(parent)
    if not folder.entries and os.path.lexists(path):
        yield "the folder itself"


def _is_back(entry: Entry, name: str, parent: int) -> bool:
    if entry.kind == "file":
        return _digest(name, parent) == entry.sha256
    if entry.kind == "link":
        return _is_link(name, parent, entry)
    return _is(name, parent, stat.S_ISDIR)


def _is_link(name: str, parent: int, entry: Entry) -> bool:
    with suppress(OSError):
        return os.readlink(name, dir_fd=parent) == decoded(entry.target)
    return False


def _is(name: str, parent: int, kind: Callable[[int], bool]) -> bool:
    with suppress(FileNotFoundError):
        return kind(os.lstat(name, dir_fd=parent).st_mode)
    return False


def _digest(name: str, parent: int) -> str:
    """The hash of a regular file; nothing for anything else."""
    try:
        fd = os.open(name, FILE, dir_fd=parent)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        digest = hashlib.sha256()
        while piece := os.read(fd, _PIECE_BYTES):
            digest.update(piece)
        return digest.hexdigest()
    finally:
        os.close(fd)
