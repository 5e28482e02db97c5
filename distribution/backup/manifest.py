"""``manifest.json`` of a backup: what is in it, of which moment, with a sha256 for each file."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from distribution.errors import Invalid, NotFound

FILE = "manifest.json"
TABLES, REPOSITORY, KEYS = "tables", "repository", "keys"
LISTING = "repository.jsonl.zst"
"""What the repository held: an object a line with ``key``, ``size`` and ``sha256``."""
SETTINGS = "settings.toml"

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TableFile(_Part):
    """One table's rows."""

    name: Annotated[str, Field(pattern=r"^[a-z_]{1,60}$")]
    columns: tuple[str, ...]
    rows: int
    sha256: Digest

    @property
    def path(self) -> str:
        """Where they are, below the backup's folder."""
        return f"{TABLES}/{self.name}.jsonl.zst"


class RepositoryPart(_Part):
    """What there is of the repository."""

    kind: Literal["directory", "s3"]
    """Of a directory every file is here; what lies in a bucket stays there, and its metadata is
    here as well."""
    address: str
    files: int
    copied: int
    bytes: int
    """Of all files, copied or not."""
    sha256: Digest
    """Of the listing."""


@dataclass(frozen=True)
class Moment:
    """Which one a database shows: the time, the audit log's last record, the newest event."""

    at: datetime
    audit_seq: int
    newest_event: int


class Manifest(_Part):
    """The whole of a backup."""

    format: Literal[1] = 1
    release: str
    """The version of this program that made it."""
    made_at: datetime
    """The moment that it shows."""
    engine: str
    schema_revision: str
    audit_seq: int
    audit_hash: str
    newest_event: int
    tables: tuple[TableFile, ...]
    settings_sha256: Digest
    public_keys: dict[str, Digest]
    repository: RepositoryPart | None
    """None: there was none yet."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def moment(self) -> Moment:
        """That it shows."""
        return Moment(self.made_at, self.audit_seq, self.newest_event)

    def files(self) -> Iterator[tuple[str, str]]:
        """Each file but those of the repository, below the folder, with its sha256."""
        yield from ((table.path, table.sha256) for table in self.tables)
        yield from ((f"{KEYS}/{name}", sha256) for name, sha256 in self.public_keys.items())
        yield SETTINGS, self.settings_sha256
        if self.repository:
            yield LISTING, self.repository.sha256

    def to_bytes(self) -> bytes:
        """As it is written."""
        return (json.dumps(self.model_dump(mode="json"), indent=1) + "\n").encode()


def read(folder: Path) -> tuple[Manifest, str]:
    """The manifest of a backup, and its sha256.

    Raises:
        NotFound: there is no backup.
        Invalid: it is none that this program can read.
    """
    file = folder / FILE
    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotFound(
            f"there is no backup in {folder}: {FILE}: {error.strerror}",
            hint="name the folder that 'hsp backup' has written; with --keep, one of those in it",
        ) from error
    try:
        return Manifest.model_validate_json(data), hashlib.sha256(data).hexdigest()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(
            f"{file} is no manifest of a backup: {where}: {first['msg']}",
            hint="it was changed, or another release of this program wrote it",
        ) from error
