"""What a full poll leaves behind where nothing is to be done: enough to see whether that changes.

``Quiet`` is a note of everything that the poll went by: what lies in the state folder, the
repository's timestamp, the words of the check-in and of its answer, and until when the time itself
changes nothing. It allows nothing and decides nothing. Whoever finds all of it as it is noted may
leave a full poll out; whatever differs, is missing or cannot be read asks for one.
"""

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from client_updater import AGENT_VERSION, durable
from client_updater.errors import StateUnusable
from client_updater.state import FOLDERS, StateFolder, read_private
from manifests.errors import ManifestError
from manifests.json_text import parse_json, to_json

QUIET_FILE = "quiet.json"
LAST_POLL_FILE = "last-poll.json"
WITNESS_FILE = "witness.json"

TRUST, METADATA = "trust", "metadata"
_MOMENTS = ("made_at", "until", "fresh_until")
_BESIDE = frozenset({QUIET_FILE, LAST_POLL_FILE, WITNESS_FILE, "agent.lock", "work.lock"})
"""What changes with every poll, light ones too, and is read by none of them to decide anything."""
_NAMES_ONLY = frozenset({"outbox"})
"""A thousand reports may be kept there; none is ever changed but by taking its name."""


class Changed(Exception):
    """Something is not as it was noted: a full poll finds out what follows."""

    def __init__(self, what: str, retry_after: float = 0) -> None:
        super().__init__(what)
        self.retry_after = retry_after
        """Seconds that somebody asked to be left alone for."""


@dataclass(frozen=True)
class Service:
    """How to see that the current version of a product is up; a release without one has none."""

    product: str
    version: str
    unit: str = ""
    """Of systemd."""
    order: Mapping[str, Any] | None = None
    """A command that says so, as the fields of ``commands.Order``; else it is a program of ours."""


@dataclass(frozen=True)
class Quiet:
    """One site between two changes."""

    agent: str
    """The agent that wrote it."""
    made_at: datetime
    until: datetime
    """Then, at the latest, time alone has changed something."""
    fresh_until: datetime
    """When timestamp or snapshot expires, unless newer ones come first."""
    urls: tuple[str, str, str]
    """Server, metadata, targets."""
    line: Mapping[str, Any]
    """The fields of the ``LineSettings``."""
    pinned_sha256: str
    """Of the root that this site has pinned."""
    root_version: int
    timestamp_sha256: str
    """Of the verified timestamp."""
    concerns: tuple[str, ...]
    """The roles that the trust floor remembers."""
    roles: Mapping[str, Any]
    """How the snapshot lists these, and all others that were read; see ``listing``."""
    check_in: str
    """What the server was told."""
    answer: str
    """The likeness of what it said, see ``session.likeness``."""
    poll_seconds: float
    services: tuple[Service, ...]
    prints: Mapping[str, str]
    """Per folder, what lies in it, see ``prints``."""

    @property
    def end(self) -> datetime:
        """Not a moment longer is it as noted."""
        return min(self.until, self.fresh_until)

    @property
    def heard(self) -> tuple[object, ...]:
        """What repository and server have said that may ask something of this site."""
        return self.root_version, self.roles, self.answer

    def to_bytes(self) -> bytes:
        """For the disk, with a sum: a note that suffered must not be believed by halves."""
        plain = asdict(self)
        plain |= {name: plain[name].isoformat() for name in _MOMENTS}
        body = to_json(plain)
        return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def write_quiet(state: StateFolder, note: Quiet) -> None:
    """Keep the note.

    Raises:
        DiskFull, DiskError: there is none, or the old one still.
    """
    durable.write_unsynced(state / QUIET_FILE, note.to_bytes())


def forget_quiet(state: StateFolder) -> None:
    """From now on nothing is known.

    Raises:
        DiskFull, DiskError: it is still there.
    """
    if (state / QUIET_FILE).is_symlink() or (state / QUIET_FILE).exists():
        durable.remove(state / QUIET_FILE)


def read_quiet(state: StateFolder) -> Quiet | None:
    """The note of this very agent; None for none, a damaged one, or another version's."""
    with suppress(FileNotFoundError, StateUnusable, ManifestError, KeyError, TypeError, ValueError):
        total, _, body = read_private(state / QUIET_FILE).partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != total:
            return None
        plain = parse_json(body, "the note of the last poll")
        if plain["agent"] != AGENT_VERSION:
            return None
        server, metadata, targets = plain["urls"]
        moments = {name: datetime.fromisoformat(plain[name]) for name in _MOMENTS}
        services = tuple(Service(**each) for each in plain["services"])
        known = {"urls": (server, metadata, targets), "services": services}
        known["concerns"] = tuple(plain["concerns"])
        return Quiet(**{**plain, **moments, **known})
    return None


def cached(state: StateFolder, role: str) -> tuple[str, dict[str, Any], datetime]:
    """Of metadata as it lies here: the sha256 of its bytes, its signed part, when it expires.

    Raises:
        OSError, ValueError, KeyError: it is not there, or damaged.
    """
    data = (state / METADATA / f"{role}.json").read_bytes()
    signed = json.loads(data)["signed"]
    expires = datetime.fromisoformat(signed["expires"]).astimezone(UTC)
    return hashlib.sha256(data).hexdigest(), signed, expires


def cached_roles(state: StateFolder) -> list[str]:
    """The roles whose metadata lies here."""
    return sorted(path.stem for path in (state / METADATA).glob("*.json"))


def listing(state: StateFolder, roles: Iterable[str]) -> dict[str, Any]:
    """What the snapshot says of these roles, word for word; None for one that it does not list.

    Raises:
        OSError, ValueError, KeyError: as ``cached``.
    """
    meta = cached(state, "snapshot")[1]["meta"]
    return {role: meta.get(f"{role}.json") for role in roles}


def prints(state: StateFolder) -> dict[str, str]:
    """Per folder of the state, what lies in it: names, kinds, owners, sizes and times of change.

    It looks only, so that it costs less than reading. What a program of ours cannot change unseen
    is a file's time of change (``st_ctime``); where two changes fall into one tick of the clock,
    the inode or the size tells them apart.
    """
    places = {"": state.path, **{name: state / name for name in FOLDERS if name != "logs"}}
    with suppress(OSError), os.scandir(state / "slots") as products:
        for product in products:
            places[f"slots/{product.name}"] = Path(product.path)
    return {name: print_of(name, path) for name, path in places.items()}


def print_of(name: str, path: Path) -> str:
    """The same of one folder."""
    found = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if name in _NAMES_ONLY:
                    found.append(entry.name)
                elif name or not (entry.name in _BESIDE or entry.is_dir(follow_symlinks=False)):
                    found.append(f"{entry.name} {_marks(entry)}")
    except OSError as error:
        found.append(f"unreadable: {error.errno}")
    return hashlib.sha256("\n".join(sorted(found)).encode("utf-8", "surrogateescape")).hexdigest()


def _marks(entry: "os.DirEntry[str]") -> str:
    it = entry.stat(follow_symlinks=False)
    which = f"{it.st_ino} {it.st_mode} {it.st_uid}"
    if stat.S_ISDIR(it.st_mode):  # what a program writes in its slot is no news
        return which
    return f"{which} {it.st_size} {it.st_mtime_ns} {it.st_ctime_ns}"
