"""Power loss without a power switch: record what the agent does to the disk, and lose parts of it.

``Recorder`` takes the place of ``durable.disk`` and notes every call. ``Replay`` makes the calls
again on a disk in memory, and ``crashed`` says how that disk could look after a power loss at this
moment. What was synced is there; what was not is kept or lost as the crash model says:

- ``DATA``: names are kept, unsynced contents and modes are lost;
- ``NAMES``: contents are kept, unsynced names are lost;
- ``BOTH``: neither is kept;
- ``FORGOTTEN``: everything is kept but what a forgotten sync was for;
- by chance: each unsynced name change is kept or lost on its own, and of each unsynced content
  there is nothing, a part, zeros of the right length, or all.

The model is stricter than any journaling file system: nothing is durable before its own sync, and a
rename between two folders may lose the one name before it gains the other.
"""

import errno
import os
import random
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from client_updater import durable

Image = tuple[Any, ...]
"""A disk as it is found: ``("file", mode, bytes)``, ``("link", target)`` or
``("folder", mode, ((name, image), ...))``. Two that are equal are the same disk."""


class Loss(Enum):
    """What a power loss takes away."""

    DATA = "unsynced data lost"
    NAMES = "unsynced names lost"
    BOTH = "both lost"
    FORGOTTEN = "only that lost which a forgotten sync was for"


PLAIN = (Loss.DATA, Loss.NAMES, Loss.BOTH)
"""What an agent must stand that forgets nothing."""


@dataclass
class Node:
    """A file, a folder or a symbolic link, as it is and as it was last synced."""

    kind: str
    mode: int = 0o600
    data: bytes = b""
    target: str = ""
    names: dict[str, "Node"] = field(default_factory=dict)
    synced_mode: int = 0
    synced_data: bytes = b""
    synced_names: dict[str, "Node"] = field(default_factory=dict)
    pending: list[dict[str, "Node | None"]] = field(default_factory=list)
    """Name changes since the last sync, each kept or lost as one."""
    forgotten_names: int = 0
    """So many of these should have been synced."""
    forgotten_data: bool = False

    def __post_init__(self) -> None:
        self.synced_mode = self.mode  # it is made with this one

    def change(self, changes: dict[str, "Node | None"]) -> None:
        """Add and remove names in one step."""
        _apply(self.names, changes)
        self.pending.append(changes)

    def sync(self) -> None:
        """Make the content of a file, or the names in a folder, durable."""
        self.synced_data, self.synced_mode = self.data, self.mode
        self.synced_names = dict(self.names)
        self.pending.clear()
        self.forgotten_names, self.forgotten_data = 0, False

    def forget(self) -> None:
        """What is not synced here should have been."""
        self.forgotten_names, self.forgotten_data = len(self.pending), True


def _apply(names: dict[str, Node], changes: dict[str, "Node | None"]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


@dataclass(frozen=True)
class Call:
    """One recorded call: its name, the path it touches, and what it does there."""

    name: str
    path: str
    other: str = ""
    data: bytes = b""
    mode: int = 0
    offset: int = 0
    at: int = 0
    """When it was made: ``time.monotonic_ns``, just before."""

    def __str__(self) -> str:
        return f"{self.name} {self.path}" + (f" to {self.other}" if self.other else "")

    @property
    def forgotten(self) -> "Call":
        """The call that was not made after all; it keeps its place in the row."""
        return Call("forget", self.path, at=self.at)


class Recorder(durable.Disk):
    """Does every call (but for syncing) for real and notes it, with paths relative to ``root``.

    Args:
        root: only calls below it are noted.
        strangers: folders below it in which somebody writes who knows nothing of ``durable``, such
            as python-tuf's cache; a file that is new or another one is noted, never synced.
    """

    def __init__(self, root: Path, strangers: Sequence[str] = ()) -> None:
        self.root = root.resolve()
        self.calls: list[Call] = []
        self._strangers = [self.root / name for name in strangers]
        self._known = self._strange_files()

    def install(self) -> None:
        """Take the disk's place in this process."""
        durable.disk = self

    def _strange_files(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for folder in self._strangers:
            for path in folder.glob("*.json"):
                status = path.lstat()
                found[path] = (status.st_ino, status.st_mtime_ns)
        return found

    def _note_strangers(self) -> None:
        found = self._strange_files()
        for path, status in found.items():
            if self._known.get(path) != status:
                data = path.read_bytes()
                self.calls.append(
                    Call("replace", self._below(path), data=data, at=time.monotonic_ns())
                )
        self._known = found

    def _begin(self) -> int:
        self._note_strangers()
        return time.monotonic_ns()

    def _note(self, at: int, name: str, path: str, **more: Any) -> None:
        if Path(path).is_relative_to(self.root):
            self.calls.append(Call(name, self._below(path), at=at, **more))

    def _below(self, path: str | Path) -> str:
        return str(Path(path).relative_to(self.root))

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """As ``os.open``."""
        at, whole = self._begin(), _whole(path, dir_fd)
        new = bool(flags & os.O_CREAT) and not os.path.lexists(whole)
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        if new:
            self._note(at, "create", whole, mode=stat.S_IMODE(os.fstat(fd).st_mode))
        return fd

    def write(self, fd: int, data: Any) -> int:
        """As ``os.write``; the agent only ever writes at the end of a file."""
        at, path, offset = self._begin(), _of(fd), os.fstat(fd).st_size
        done = os.write(fd, data)
        self._note(at, "write", path, data=bytes(data[:done]), offset=offset)
        return done

    def truncate(self, fd: int, length: int) -> None:
        """As ``os.ftruncate``."""
        at = self._begin()
        os.ftruncate(fd, length)
        self._note(at, "truncate", _of(fd), offset=length)

    def chmod(self, fd: int, mode: int) -> None:
        """As ``os.fchmod``."""
        at = self._begin()
        os.fchmod(fd, mode)
        self._note(at, "chmod", _of(fd), mode=mode)

    def fsync(self, fd: int) -> None:
        """Noted only: the disk of a recording does not lose power."""
        self._note(self._begin(), "fsync", _of(fd))

    def rename(self, old: Any, new: Any) -> None:
        """As ``os.rename``."""
        at = self._begin()
        os.rename(old, new)
        self._note(at, "rename", str(old), other=self._below(new))

    def symlink(self, target: str, path: Any) -> None:
        """As ``os.symlink``."""
        at = self._begin()
        os.symlink(target, path)
        self._note(at, "symlink", str(path), other=target)

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """As ``os.mkdir``."""
        at, whole = self._begin(), _whole(path, dir_fd)
        os.mkdir(path, mode, dir_fd=dir_fd)
        self._note(at, "mkdir", whole, mode=stat.S_IMODE(os.lstat(whole).st_mode))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        """As ``os.unlink``."""
        at, whole = self._begin(), _whole(path, dir_fd)
        os.unlink(path, dir_fd=dir_fd)
        self._note(at, "unlink", whole)

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """As ``os.rmdir``."""
        at, whole = self._begin(), _whole(path, dir_fd)
        os.rmdir(path, dir_fd=dir_fd)
        self._note(at, "unlink", whole)

    def clone(self, fd: int, source: int) -> None:
        """As the disk of a recording is: it cannot share blocks, so data is copied and noted."""
        raise OSError(errno.EOPNOTSUPP, "not on this disk")

    def chown(self, fd: int, uid: int, gid: int) -> None:
        """As ``os.fchown``; whose a file is, is no part of the model."""
        os.fchown(fd, uid, gid)

    def utime(self, fd: int, *, ns: tuple[int, int]) -> None:
        """As ``os.utime``; nor is its time."""
        os.utime(fd, ns=ns)


_UNKNOWN = {name for name in vars(durable.Disk) if not name.startswith("_")} - set(vars(Recorder))
assert not _UNKNOWN, f"the recorder does not know {_UNKNOWN}: they would not be replayed"


def _of(fd: int) -> str:
    path = os.readlink(f"/proc/self/fd/{fd}")
    assert not path.endswith(" (deleted)"), f"{path}: what has no name any more cannot be replayed"
    return path


def _whole(path: Any, dir_fd: int | None) -> str:
    return str(Path(_of(dir_fd), path)) if dir_fd is not None else os.path.abspath(path)


def read_disk(path: Path) -> Node:
    """The disk before the recording: everything on it is durable."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return Node("link", target=os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        node = Node("folder", stat.S_IMODE(found.st_mode))
        node.names = {child.name: read_disk(child) for child in path.iterdir()}
    else:
        node = Node("file", stat.S_IMODE(found.st_mode), path.read_bytes())
    node.sync()
    return node


@dataclass
class Replay:
    """The disk as the calls change it, one after another."""

    top: Node

    def play(self, call: Call) -> None:
        """Make one recorded call."""
        parent, name = self._parent(call.path)
        if call.name in ("create", "mkdir", "symlink", "replace"):
            parent.change({name: _made(call)})
        elif call.name == "unlink":
            parent.change({name: None})
        elif call.name == "rename":
            self._rename(parent, name, call.other)
        elif call.name == "forget":
            self._find(call.path).forget()
        else:
            _change_content(self._find(call.path), call)

    def _rename(self, parent: Node, name: str, other: str) -> None:
        node = parent.names[name]
        new_parent, new_name = self._parent(other)
        if new_parent is parent:
            parent.change({name: None, new_name: node})
        else:
            new_parent.change({new_name: node})
            parent.change({name: None})

    def _find(self, path: str) -> Node:
        node = self.top
        for part in Path(path).parts:
            node = node.names[part]
        return node

    def _parent(self, path: str) -> tuple[Node, str]:
        whole = Path(path)
        return self._find(str(whole.parent)), whole.name


def _made(call: Call) -> Node:
    if call.name == "mkdir":
        return Node("folder", call.mode)
    if call.name == "symlink":
        return Node("link", target=call.other)
    return Node("file", call.mode or 0o600, call.data)


def _change_content(node: Node, call: Call) -> None:
    if call.name == "write":
        node.data = node.data[: call.offset] + call.data
    elif call.name == "truncate":
        node.data = node.data[: call.offset]
    elif call.name == "chmod":
        node.mode = call.mode
    else:
        assert call.name == "fsync", call
        node.sync()


def crashed(top: Node, loss: Loss | random.Random) -> Image:
    """The disk as it is found after a power loss at this moment."""
    if isinstance(loss, random.Random):
        chance = loss
        return _left(
            top,
            lambda node: [each for each in node.pending if chance.random() < 0.5],
            lambda node: _by_chance(node, chance),
        )
    return _left(top, *_MODELS[loss])


Names = Callable[[Node], Sequence[dict[str, "Node | None"]]]
Content = Callable[[Node], tuple[int, bytes]]


def _now(node: Node) -> tuple[int, bytes]:
    return node.mode, node.data


def _synced(node: Node) -> tuple[int, bytes]:
    return node.synced_mode, node.synced_data


_MODELS: dict[Loss, tuple[Names, Content]] = {
    Loss.DATA: (lambda node: node.pending, _synced),
    Loss.NAMES: (lambda node: [], _now),
    Loss.BOTH: (lambda node: [], _synced),
    Loss.FORGOTTEN: (
        lambda node: node.pending[node.forgotten_names :],
        lambda node: _synced(node) if node.forgotten_data else _now(node),
    ),
}
"""For each model, which name changes of a folder are kept, and what of a file."""


def _left(node: Node, kept: Names, content: Content) -> Image:
    if node.kind == "link":
        return ("link", node.target)
    if node.kind == "file":
        return ("file", *content(node))
    names = dict(node.synced_names)
    for changes in kept(node):
        _apply(names, changes)
    found = ((name, _left(child, kept, content)) for name, child in sorted(names.items()))
    return ("folder", node.mode, tuple(found))


def _by_chance(node: Node, chance: random.Random) -> tuple[int, bytes]:
    """What may be left of a file: old, cut off, full of zeros, or new."""
    if _now(node) == _synced(node):
        return _now(node)
    cut = node.data[: chance.randint(0, len(node.data))]
    data = chance.choice([node.synced_data, cut, bytes(len(node.data)), node.data])
    return chance.choice([node.mode, node.synced_mode]), data


def write_image(image: Image, path: Path) -> None:
    """Make the disk at a path where nothing is yet."""
    kind, *rest = image
    if kind == "link":
        path.symlink_to(rest[0])
    elif kind == "file":
        path.write_bytes(rest[1])
        path.chmod(rest[0])
    else:
        path.mkdir()
        for name, child in rest[1]:
            write_image(child, path / name)
        path.chmod(rest[0])


def part(image: Image, name: str) -> Image | None:
    """The image of one entry of a folder."""
    return next((child for found, child in image[2] if found == name), None)


def moments(top: Path, calls: Sequence[Call]) -> Iterator[tuple[int, Node]]:
    """The disk at ``top`` before the first call and behind each of them."""
    replay = Replay(read_disk(top))
    yield 0, replay.top
    for number, call in enumerate(calls, 1):
        replay.play(call)
        yield number, replay.top
