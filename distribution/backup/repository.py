"""The repository's part of a backup.

A directory is copied whole: it is on the disk whose loss the backup is for, and nobody else has the
artifacts. What lies in a bucket stays there: S3 keeps it in several places, old versions come back
by themselves, and a copy of terabytes on the server's disk would be no better. Of a bucket the
metadata is copied, and the listing says which artifacts it leans on, with their hashes, so that
whoever restores can see that all of them are there.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from distribution.backup import files
from distribution.backup.manifest import LISTING, REPOSITORY, Manifest, RepositoryPart
from distribution.errors import Invalid
from distribution.repository.store_errors import in_server_words
from distribution.settings import Settings
from signing.errors import AlreadyStored, NotStored
from signing.metadata import TIMESTAMP_KEY, target_key
from signing.roles import TARGETS, delegations_of
from signing.store import DirectoryStore, Store
from signing.update_repository import Repository

METADATA = "metadata/"
PREFIXES = (METADATA, "targets/", "audit/")


@dataclass(frozen=True)
class Listed:
    """One file of the repository."""

    key: str
    size: int
    """In bytes."""
    sha256: str
    copied: bool

    @property
    def line(self) -> bytes:
        """As the listing has it."""
        return json.dumps(vars(self)).encode()


def copy(store: Store, settings: Settings, folder: Path) -> RepositoryPart | None:
    """Copy and list it; None where there is none yet.

    The timestamp is read first, so that everything it leads to is there when the rest is copied.

    Raises:
        Unavailable: the store does not answer.
        OSError: the copy cannot be written.
    """
    with in_server_words():
        try:
            timestamp = store.read(TIMESTAMP_KEY)
        except NotStored:
            return None
        found = [_copied(TIMESTAMP_KEY, iter([timestamp]), folder)]
        is_directory = isinstance(store, DirectoryStore)
        for prefix in PREFIXES if is_directory else (METADATA,):
            for key in store.keys(prefix):
                if key != TIMESTAMP_KEY:
                    found.append(_copied(key, store.chunks(key), folder))
        if not is_directory:
            found += _leant_on(store)
    sha256, count = files.write_lines(folder / LISTING, (each.line for each in found))
    os.sync()
    return RepositoryPart(
        kind="directory" if is_directory else "s3",
        address=str(settings.repository_folder) if is_directory else settings.store_url,
        files=count,
        copied=sum(each.copied for each in found),
        bytes=sum(each.size for each in found),
        sha256=sha256,
    )


def _copied(key: str, pieces: Iterator[bytes], folder: Path) -> Listed:
    path = folder / REPOSITORY / key
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    sha256, size = files.write(path, pieces, synced=False)
    return Listed(key, size, sha256, copied=True)


def _leant_on(store: Store) -> Iterator[Listed]:
    """The files of targets that the metadata lists."""
    repository = Repository.read(store)
    for role in (TARGETS, *(delegations_of(repository.targets).roles or {})):
        metadata = repository.role(role)
        for path, file in (metadata.signed.targets if metadata else {}).items():
            sha256 = file.hashes["sha256"]
            yield Listed(target_key(path, sha256), file.length, sha256, copied=False)


def listed(folder: Path) -> Iterator[Listed]:
    """What a backup says of the repository.

    Raises:
        Invalid: the listing is damaged.
    """
    for line in files.read_lines(folder / LISTING):
        try:
            yield Listed(**json.loads(line))
        except (ValueError, TypeError) as error:
            where = folder / LISTING
            raise Invalid(f"{where} has a line that is no file: {line[:80]!r}") from error


def check(folder: Path, manifest: Manifest) -> None:
    """Whether every copied file is what the listing says.

    Raises:
        Invalid: one is not.
    """
    if manifest.repository is None:
        return
    for each in listed(folder):
        if each.copied:
            files.check(folder / REPOSITORY / each.key, each.sha256)


def is_empty(store: Store) -> bool:
    """Whether there is no repository in a store.

    Raises:
        Unavailable: it does not answer.
    """
    with in_server_words():
        try:
            store.read(TIMESTAMP_KEY)
        except NotStored:
            return True
    return False


def missing(store: Store, folder: Path) -> list[str]:
    """Keys that the backup leans on and the store does not have.

    Raises:
        Unavailable: it does not answer.
    """
    with in_server_words():
        there = {key for prefix in PREFIXES for key in store.keys(prefix)}
    return [each.key for each in listed(folder) if each.key not in there]


def put_back(store: Store, folder: Path) -> int:
    """Copy a repository into an empty store, the timestamp last; how many files. Again is no harm.

    Raises:
        Unavailable: the store does not answer, or is full.
    """
    count = 0
    with in_server_words():
        for each in listed(folder):
            if each.copied and each.key != TIMESTAMP_KEY:
                count += 1
                try:
                    store.create(each.key, folder / REPOSITORY / each.key)
                except AlreadyStored:
                    continue  # by an earlier try, which was cut off
        timestamp = (folder / REPOSITORY / TIMESTAMP_KEY).read_bytes()
        store.replace(TIMESTAMP_KEY, timestamp, None)
    return count + 1
