"""Power loss without a power switch: record what the agent does to the disk, and lose parts of it.

``Recorder`` takes the place of ``durable.disk`` and notes every call. ``crashed`` then builds the disk
as it could look after a power loss behind any of the calls. What was synced is there; what was not is
kept or lost as the crash model says:

- ``DATA``: names are kept, unsynced contents are lost;
- ``NAMES``: contents are kept, unsynced names are lost;
- ``BOTH``: neither is kept;
- a seed: each unsynced name change and the end of each unsynced content is kept or lost by chance.

The model is stricter than any journaling file system: nothing is durable until its own sync.
"""

import os
import random
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from client_updater import durable


class Loss(Enum):
    """What a power loss takes away."""

    DATA = "unsynced data lost"
    NAMES = "unsynced names lost"
    BOTH = "both lost"


@dataclass
class Node:
    """A file, a folder or a symbolic link, as it is and as it was last synced."""

    kind: str
    mode: int = 0o600
    data: bytearray = field(default_factory=bytearray)
    synced_bytes: bytes = b""
    target: str = ""
    names: dict[str, "Node"] = field(default_factory=dict)
    synced_names: dict[str, "Node"] = field(default_factory=dict)
    pending: list[dict[str, "Node | None"]] = field(default_factory=list)
    """Name changes since the last sync, each kept or lost as one."""

    def change(self, changes: dict[str, "Node | None"]) -> None:
        """Add and remove names in one step."""
        _apply(self.names, changes)
        self.pending.append(changes)

    def sync(self) -> None:
        """Make the content of a file, or the names in a folder, durable."""
        self.synced_bytes = bytes(self.data)
        self.synced_names = dict(self.names)
        self.pending.clear()


def _apply(names: dict[str, Node], changes: dict[str, "Node | None"]) -> None:
    for name, node in changes.items():
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


@dataclass(frozen=True)
class Call:
    """One recorded call: its name, the paths it touches, and what it writes."""

    name: str
    path: str
    other: str = ""
    data: bytes = b""
    mode: int = 0
    offset: int = 0


class Recorder(durable.Disk):
    """Does every call for real and notes it, with absolute paths below ``root``."""

    def __init__(self, root: Path, *, without_fsync: int = -1) -> None:
        self.root = root.resolve()
        self.calls: list[Call] = []
        self.fsyncs = 0
        self._without = without_fsync

    def _note(self, name: str, path: str, **more: Any) -> None:
        if Path(path).is_relative_to(self.root):
            relative = {k: self._below(v) if k == "other" else v for k, v in more.items()}
            self.calls.append(Call(name, self._below(path), **relative))

    def _below(self, path: str) -> str:
        return str(Path(path).relative_to(self.root))

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        """As ``os.open``."""
        whole = _whole(path, dir_fd)
        new = bool(flags & os.O_CREAT) and not os.path.lexists(whole)
        fd = os.open(path, flags, mode, dir_fd=dir_fd)
        if new:
            self._note("create", whole, mode=stat.S_IMODE(os.fstat(fd).st_mode))
        return fd

    def write(self, fd: int, data: Any) -> int:
        """As ``os.write``."""
        path, offset = _of(fd), os.fstat(fd).st_size
        done = os.write(fd, data)
        self._note("write", path, data=bytes(data[:done]), offset=offset)
        return done

    def truncate(self, fd: int, length: int) -> None:
        """As ``os.ftruncate``."""
        os.ftruncate(fd, length)
        self._note("truncate", _of(fd), offset=length)

    def chmod(self, fd: int, mode: int) -> None:
        """As ``os.fchmod``."""
        os.fchmod(fd, mode)
        self._note("chmod", _of(fd), mode=mode)

    def fsync(self, fd: int) -> None:
        """As ``os.fsync``, unless it is the one that a mutant of the agent forgot."""
        self.fsyncs += 1
        if self.fsyncs - 1 != self._without:
            self._note("fsync", _of(fd))

    def rename(self, old: Any, new: Any) -> None:
        """As ``os.rename``."""
        os.rename(old, new)
        self._note("rename", str(old), other=str(new))

    def symlink(self, target: str, path: Any) -> None:
        """As ``os.symlink``."""
        os.symlink(target, path)
        self._note("symlink", str(path), data=target.encode())

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        """As ``os.mkdir``."""
        os.mkdir(path, mode, dir_fd=dir_fd)
        self._note("mkdir", _whole(path, dir_fd), mode=mode)

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        """As ``os.unlink``."""
        os.unlink(path, dir_fd=dir_fd)
        self._note("unlink", _whole(path, dir_fd))

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        """As ``os.rmdir``."""
        os.rmdir(path, dir_fd=dir_fd)
        self._note("unlink", _whole(path, dir_fd))


def _of(fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{fd}").removesuffix(" (deleted)")


def _whole(path: Any, dir_fd: int | None) -> str:
    return str(Path(_of(dir_fd), path)) if dir_fd is not None else os.path.abspath(path)


def read_disk(root: Path) -> Node:
    """The disk before the recording: everything on it is durable."""
    top = _read(root)
    return top


def _read(path: Path) -> Node:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        return Node("link", target=os.readlink(path))
    if stat.S_ISDIR(found.st_mode):
        node = Node("folder", stat.S_IMODE(found.st_mode))
        node.names = {child.name: _read(child) for child in path.iterdir()}
    else:
        node = Node("file", stat.S_IMODE(found.st_mode), bytearray(path.read_bytes()))
    node.sync()
    return node


class Replay:
    """The disk as the calls change it, one after another."""

    def __init__(self, top: Node) -> None:
        self.top = top
        self._gone: dict[str, Node] = {}

    def play(self, call: Call) -> None:
        """Make one recorded call."""
        parent, name = self._parent(call.path)
        if call.name in ("create", "mkdir", "symlink"):
            kind = {"create": "file", "mkdir": "folder", "symlink": "link"}[call.name]
            parent.change({name: Node(kind, call.mode, target=call.data.decode("utf-8"))})
        elif call.name == "unlink":
            self._gone[call.path] = parent.names[name]
            parent.change({name: None})
        elif call.name == "rename":
            self._rename(parent, name, call.other)
        else:
            self._content(call)

    def _content(self, call: Call) -> None:
        node = self._find(call.path)
        if call.name == "write":
            node.data[call.offset :] = call.data
        elif call.name == "truncate":
            del node.data[call.offset :]
        elif call.name == "chmod":
            node.mode = call.mode
        elif call.name == "fsync":
            node.sync()

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
            if part not in node.names:
                return self._gone[path]
            node = node.names[part]
        return node

    def _parent(self, path: str) -> tuple[Node, str]:
        whole = Path(path)
        return self._find(str(whole.parent)) if whole.parent.parts else self.top, whole.name


def crashed(node: Node, loss: "Loss | random.Random", into: Path) -> None:
    """Write the disk as it looks after the power loss."""
    keep_name, keep_data = _rules(loss)
    _write(node, into, keep_name, keep_data)


def _rules(
    loss: "Loss | random.Random",
) -> tuple[Callable[[], bool], Callable[[bytes, bytes], bytes]]:
    if isinstance(loss, random.Random):
        return lambda: loss.random() < 0.5, lambda synced, now: _cut(synced, now, loss)
    names, data = loss is Loss.DATA, loss is Loss.NAMES
    return lambda: names, lambda synced, now: now if data else synced


def _cut(synced: bytes, now: bytes, chance: random.Random) -> bytes:
    """The new content up to some byte, or what was synced."""
    if synced == now or chance.random() < 0.3:
        return synced
    return now[: chance.randint(0, len(now))]


def _write(
    node: Node,
    path: Path,
    keep_name: Callable[[], bool],
    keep_data: Callable[[bytes, bytes], bytes],
) -> None:
    if node.kind == "link":
        path.symlink_to(node.target)
    elif node.kind == "file":
        path.write_bytes(keep_data(node.synced_bytes, bytes(node.data)))
        path.chmod(node.mode)
    else:
        path.mkdir(mode=node.mode)
        names = dict(node.synced_names)
        for changes in node.pending:
            if keep_name():
                _apply(names, changes)
        for name, child in names.items():
            _write(child, path / name, keep_name, keep_data)


def play_all(top: Node, calls: Sequence[Call], visit: Callable[[int, Node], None]) -> None:
    """Show ``visit`` the disk before the first call and behind each of them."""
    replay = Replay(top)
    visit(0, replay.top)
    for number, call in enumerate(calls, 1):
        replay.play(call)
        visit(number, replay.top)
