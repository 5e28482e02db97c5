"""The only way to anything that was signed: python-tuf verifies, the trust floor remembers.

A ``Trusted`` is one poll's view of the repository. It holds a ``tuf.ngclient.Updater`` and starts
it from the pinned root every time; python-tuf's folder below it is a cache, and any content of it,
or none, is safe. Nothing here is handed out before the floor was raised durably.
"""

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Timestamp
from tuf.ngclient import Updater

from client_updater import durable
from client_updater.errors import (
    DiskError,
    ExpiredMetadata,
    Rollback,
    StateUnusable,
    TrustLost,
    Unreachable,
    UntrustedMetadata,
    disk_trouble,
)
from client_updater.fetcher import Answer, Fetcher, refusal
from client_updater.floor import Floor, FloorFile, Seen
from client_updater.metadata_fetcher import MetadataFetcher
from client_updater.state import StateFolder, read_private
from manifests.json_text import to_json

_DIGEST = re.compile(r"[0-9a-f]{64}|[0-9a-f]{128}")


@dataclass(frozen=True)
class Target:
    """A file that the repository's metadata lists: where it is and what it must be."""

    path: str
    url: str
    length: int
    sha256: str
    sha512: str = ""
    """Only where no sha256 was signed. Ours always is; the specification lets others choose."""
    withdrawn: str = ""
    """Of a release's manifest: why it must run nowhere else."""

    @property
    def digest(self) -> str:
        """What the content is known by."""
        return self.sha256 or self.sha512

    def hasher(self) -> "hashlib._Hash":
        """A new hash of the kind that ``digest`` is of."""
        return hashlib.sha256() if self.sha256 else hashlib.sha512()


@dataclass(frozen=True)
class Place:
    """Where one site's trust comes from and where it is kept."""

    root: bytes
    """The pinned root: every refresh starts from it."""
    metadata_url: str
    targets_url: str
    cache: Path
    verified: Path
    """Small verified files by their sha256; a cache as well."""


@dataclass
class Trusted:
    """The repository as it verifiably is at one poll. ``refresh`` comes first, once."""

    place: Place
    fetcher: Fetcher
    floors: FloorFile
    concerns: Collection[str]
    """The roles that this site's floor remembers."""
    listed: dict[str, int] = field(default_factory=dict)
    """Every role that the snapshot lists, with its version."""
    floor: Floor = field(default_factory=Floor)
    asked: dict[str, Answer] = field(default_factory=dict)
    """By URL, what came a moment ago and need not be asked for again."""
    _read: set[str] = field(default_factory=set)

    def refresh(self) -> Seen:
        """Walk the roots, then timestamp, snapshot and targets, and raise the floor.

        Raises:
            Unreachable: the repository does not answer.
            Untrusted: what it answers is expired, older than before, or does not verify; or the
                floor is lost.
        """
        before = self.floors.load()
        try:
            self._updater = self._refreshed()
        except DiskError:
            self._forget_cache()
            self._updater = self._refreshed()
        seen = self._seen()
        self.floor = self.floors.save(before.raised(seen))
        return seen

    def _refreshed(self) -> Updater:
        with _translated():
            updater = Updater(
                str(self.place.cache),
                self.place.metadata_url,
                fetcher=MetadataFetcher(self.fetcher, self.asked),
                bootstrap=self.place.root,
            )
            updater.refresh()
            return updater

    def _forget_cache(self) -> None:
        for entry in self.place.cache.iterdir():
            if entry != self.place.verified:
                durable.remove(entry)

    def _seen(self) -> Seen:
        with _translated():
            root_bytes = self._cached("root")
            root = Metadata[Root].from_bytes(root_bytes).signed
            timestamp = Metadata[Timestamp].from_bytes(self._cached("timestamp")).signed
            snapshot = Metadata[Snapshot].from_bytes(self._cached("snapshot")).signed
        self._hash_prefix = bool(root.consistent_snapshot)
        self.listed = {
            name.removesuffix(".json"): info.version for name, info in snapshot.meta.items()
        }
        return Seen(
            root_version=root.version,
            root_sha256=hashlib.sha256(root_bytes).hexdigest(),
            keyset=_keyset(root),
            timestamp=timestamp.version,
            snapshot=snapshot.version,
            roles={name: self.listed[name] for name in self.concerns if name in self.listed},
        )

    def _cached(self, role: str) -> bytes:
        return (self.place.cache / f"{role}.json").read_bytes()

    def find(self, path: str, role: str | None = None) -> Target | None:
        """The target at ``path``, or None where nothing of that name was signed.

        Args:
            path: a target path.
            role: the role that it can only come from. One that has signed nothing yet is no
                fault: there is no such target then.

        Raises:
            Untrusted: the role's metadata is expired or does not verify.
            Unreachable: it cannot be fetched.
        """
        if role is not None and role not in self.listed:
            return None
        with _translated():
            info = self._updater.get_targetinfo(path)
        return None if info is None else self._target(info)

    def _target(self, info: TargetFile) -> Target:
        from manifests.withdrawal import withdrawn  # a model, which no refresh needs

        sha256, sha512 = info.hashes.get("sha256", ""), info.hashes.get("sha512", "")
        digest = sha256 or sha512
        if not _DIGEST.fullmatch(digest):  # it becomes the name of a file, before anything is read
            raise UntrustedMetadata(f"{info.path} is listed without a sha256 or sha512")
        folder, slash, name = info.path.rpartition("/")
        stored = f"{folder}{slash}{digest}.{name}" if self._hash_prefix else info.path
        url = self.place.targets_url + stored
        sha512 = "" if sha256 else sha512
        return Target(info.path, url, info.length, sha256, sha512, withdrawn(info))

    def read(self, target: Target, most_bytes: int) -> bytes:
        """The verified content of a small target; fetched only when it is new.

        Raises:
            UntrustedMetadata: longer than ``most_bytes``, or not what was signed.
            Unreachable: it cannot be fetched.
        """
        if target.length > most_bytes:
            raise UntrustedMetadata(f"{target.path} has {target.length} bytes, over {most_bytes}")
        self._read.add(target.digest)
        kept = self.place.verified / target.digest
        with suppress(FileNotFoundError, StateUnusable):
            data = read_private(kept, target.length)
            if _hash_of(target, data) == target.digest:
                return data
        data = self._fetch(target)
        durable.write_unsynced(kept, data)
        return data

    def _fetch(self, target: Target) -> bytes:
        answer = self.fetcher.get(target.url, target.length)
        if answer.status != 200:
            raise refusal(target.url, answer)
        found = _hash_of(target, answer.body)
        if len(answer.body) != target.length or found != target.digest:
            raise UntrustedMetadata(
                f"{target.path}: {len(answer.body)} bytes of hash {found} came from "
                f"{target.url}, signed were {target.length} of {target.digest}"
            )
        return answer.body

    def forget_unread(self) -> None:
        """Remove verified files that this poll had no use for, and python-tuf's leftovers."""
        for entry in self.place.verified.iterdir():
            if entry.name not in self._read:
                durable.remove(entry)
        for entry in self.place.cache.glob("tmp*"):
            durable.remove(entry)


def _hash_of(target: Target, data: bytes) -> str:
    hasher = target.hasher()
    hasher.update(data)
    return hasher.hexdigest()


def place_in(state: StateFolder, root_sha256: str, metadata_url: str, targets_url: str) -> Place:
    """Where a site's trust is kept, below its state folder.

    Raises:
        TrustLost: the pinned root is gone.
    """
    root = pinned_root(state / "trust/root.json", root_sha256)
    cache = state / "metadata"
    return Place(root, metadata_url, targets_url, cache, cache / "verified")


def pinned_root(path: Path, sha256: str) -> bytes:
    """The root that this site pinned when it joined.

    Raises:
        TrustLost: it is missing or another one. Nothing is ever run unverified instead.
    """
    try:
        root = read_private(path)
    except (FileNotFoundError, StateUnusable) as error:
        raise TrustLost(f"the pinned root {path} is lost: {error}", hint=_PINNED) from error
    if hashlib.sha256(root).hexdigest() != sha256:
        raise TrustLost(f"the pinned root {path} is not the one of the enrolment", hint=_PINNED)
    return root


_PINNED = "restore trust/root.json from your backup, or enrol this site again"


def _keyset(root: Root) -> str:
    keys = {name: sorted(root.roles[name].keyids) for name in ("timestamp", "snapshot")}
    return hashlib.sha256(to_json(keys)).hexdigest()


@contextmanager
def _translated() -> Iterator[None]:
    """python-tuf's errors, by what the agent does next."""
    try:
        yield
    except ExpiredMetadataError as error:
        raise ExpiredMetadata(f"{error}", hint="check the clock; else ask support") from error
    except BadVersionNumberError as error:
        raise Rollback(f"the repository went back: {error}") from error
    except (DownloadLengthMismatchError, RepositoryError) as error:
        raise UntrustedMetadata(f"the repository does not verify: {error}") from error
    except DownloadError as error:
        if isinstance(error.__cause__, Unreachable):
            raise error.__cause__ from None  # the fetcher said it better
        raise Unreachable(f"{error}") from error
    except OSError as error:
        raise disk_trouble(error, "keep the repository's metadata") from error
