"""Making a backup: one moment of the database, and what belongs to it, while servers go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func
from sqlalchemy import select as select_columns
from sqlalchemy.engine import make_url
from sqlmodel import Session, col, select

from distribution import audit
from distribution.audit.chain import BEGINNING
from distribution.audit.tables import AuditRow
from distribution.backup import contents, files, repository
from distribution.backup.manifest import FILE, KEYS, SETTINGS, TABLES, Manifest, TableFile
from distribution.control.control_tables import EventRow
from distribution.database import schema
from distribution.database.engines import answers, reader_of
from distribution.database.sessions import Database
from distribution.errors import Unavailable
from distribution.repository.bucket import open_store
from distribution.settings import Settings

MADE = "backup.make"
AT_ONCE = 5000


@dataclass(frozen=True)
class Made:
    """A backup, and the sha256 of its manifest, by which it can be told from any other."""

    manifest: Manifest
    sha256: str


def last_made(session: Session) -> datetime | None:
    """Of which moment the newest backup is that is on record; None: there is none."""
    wanted = select(AuditRow.at).where(AuditRow.action == MADE)
    at = session.exec(wanted.order_by(col(AuditRow.seq).desc()).limit(1)).first()
    return datetime.fromisoformat(at) if at is not None else None


def make(
    database: Database, settings: Settings, folder: Path, by: str, role: str, now: datetime
) -> Made:
    """Write a backup into a folder that is not there yet, and note that it was made.

    Raises:
        Conflict: the folder is there already.
        Unavailable: the database or the store does not answer, or the folder cannot be written.
    """
    with files.new_folder(folder) as unfinished:
        (unfinished / TABLES).mkdir(mode=0o700)
        with answers(), snapshot(database) as connection:
            moment = _moment(connection, database, now)
            written = [_write_table(connection, each, unfinished) for each in contents.tables()]
        manifest = Manifest(
            **moment,
            release=version("hsp-distribution"),
            tables=tuple(written),
            settings_sha256=files.write(unfinished / SETTINGS, [shown(settings)])[0],
            public_keys=dict(_public_keys(settings, unfinished)),
            repository=repository.copy(open_store(settings), settings, unfinished),
        )
        sha256, _ = files.write(unfinished / FILE, [manifest.to_bytes()])
    about = f"the backup of {now:%Y-%m-%d %H:%M:%S} UTC"
    deed = audit.Deed(by, MADE, about, f"manifest sha256:{sha256}", role)
    with database.writing() as session:
        audit.note(session, deed, now)
    return Made(manifest, sha256)


@contextmanager
def snapshot(database: Database) -> Iterator[Connection]:
    """All tables as they were at one moment, whoever writes meanwhile."""
    with reader_of(database.engine).connect() as connection, connection.begin():
        yield connection


def _moment(connection: Connection, database: Database, now: datetime) -> dict[str, Any]:
    newest = select(AuditRow.seq, AuditRow.hash).order_by(col(AuditRow.seq).desc()).limit(1)
    end = connection.execute(newest).one_or_none()
    return {
        "made_at": now,
        "engine": database.engine.dialect.name,
        "schema_revision": schema.state(database.engine).revision,
        "audit_seq": end.seq if end else 0,
        "audit_hash": end.hash if end else BEGINNING,
        "newest_event": connection.execute(select(func.max(col(EventRow.id)))).scalar() or 0,
    }


def _write_table(connection: Connection, table: Table, folder: Path) -> TableFile:
    columns = list(table.columns)
    keys = table.primary_key.columns
    wanted = select_columns(*columns).order_by(*keys).execution_options(yield_per=AT_ONCE)
    encoded = contents.encoder()

    def lines() -> Iterator[bytes]:
        for batch in connection.execute(wanted).partitions():
            yield from map(encoded, map(tuple, batch))

    path = folder / TABLES / f"{table.name}.jsonl.zst"
    sha256, rows = files.write_lines(path, lines())
    names = tuple(column.name for column in columns)
    return TableFile(name=table.name, columns=names, rows=rows, sha256=sha256)


def shown(settings: Settings) -> bytes:
    """The settings as they are in effect, those that differ from their defaults, without secrets.

    They hold places of secrets only, but for a password in the database's address.
    """
    lines = ["# Settings of the server that this is a backup of. No secret is in it.", ""]
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if name == "home" or value == field.get_default(call_default_factory=True):
            continue
        if name == "database_url":
            hidden = make_url(value).render_as_string(hide_password=True)
            lines.append(f"# {name} = {json.dumps(hidden)}  # give it again, by HSP_DATABASE_URL")
        else:
            lines.append(f"{name} = {_toml(value)}")
    return ("\n".join(lines) + "\n").encode()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value)  # texts, numbers and truth are spelt in the same way


def _public_keys(settings: Settings, folder: Path) -> Iterator[tuple[str, str]]:
    for kind in (settings.online_keys_folder, settings.audit_keys_folder):
        for file in sorted(kind.rglob("*.pub")):
            name = f"{kind.name}/{file.relative_to(kind)}"
            path = folder / KEYS / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                yield name, files.write(path, [file.read_bytes()])[0]
            except OSError as error:
                raise Unavailable(f"{file} cannot be read: {error.strerror}") from error


def not_in_it(settings: Settings) -> list[str]:
    """What a backup never has, and how to keep it: one sentence each."""
    keys = settings.home / "keys"
    private = sorted(
        str(file.relative_to(settings.home))
        for file in keys.rglob("*")
        if file.is_file() and file.suffix != ".pub"
    )
    said = [
        f"private keys and passphrases: {', '.join(private) or 'none are files here'}. Keep them "
        "sealed, apart from this folder, or place them in KMS (docs/keys.md); without the online "
        "keys the officers must list new ones before anything can be signed",
        "what people sign with: it never was on this machine",
        "secrets: the database's password, the files that smtp_password_file and "
        "oidc_client_secret_file name, notify/ in the home, HSP_* variables. Keep them in your "
        "store of secrets",
        "tokens and logins: they end with a restore, and are made anew",
        "proposals/: what is not published yet; whoever made it makes it again",
    ]
    checkpoints = settings.audit_store_url or settings.store_url
    if checkpoints:
        said.append(
            f"the locked checkpoints of the audit log: they are in {checkpoints}, out of this "
            "server's hands, and bear witness there; the backup has the database's copies of them"
        )
    if settings.store_url:
        said.append(
            f"the artifacts: they are in {settings.store_url}; keep its versioning on, and copy it "
            "to another region if you must survive the loss of one"
        )
    return said
