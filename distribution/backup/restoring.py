"""Taking up a backup: verified first, then all of the database or nothing, then the present."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, text
from sqlmodel import col, select

from distribution.audit import checkpoints, keys, publications
from distribution.audit.tables import CheckpointRow
from distribution.backup import aftermath, files, loading, repository
from distribution.backup import manifest as described
from distribution.backup.manifest import KEYS, SETTINGS, Manifest
from distribution.database import engines, schema
from distribution.database.engines import answers
from distribution.database.sessions import Database
from distribution.errors import Conflict, DistributionError, Invalid, NotFound, Unavailable
from distribution.repository import catalogue
from distribution.repository.bucket import open_audit_store, open_store
from distribution.repository.store_errors import in_server_words
from distribution.scheduling import repair
from distribution.settings import SETTINGS_FILE, Settings
from manifests.audit_checkpoint import AuditCheckpoint
from signing.store import Store

_LOOKED_AT = 20
"""So many of the newest checkpoints are looked at for one that is signed by the log's key."""


@dataclass
class Caught:
    """What was caught up with, and what is not as it should be yet, in words."""

    taken_over: list[str] = field(default_factory=list)
    open_ends: list[str] = field(default_factory=list)


@dataclass
class Restored(Caught):
    """What was done."""

    manifest: Manifest = field(kw_only=True)
    audit_lost: int = 0
    put_back: int = 0
    """Files of the repository."""
    wrote: list[str] = field(default_factory=list)
    """Files of the home."""


def verified(folder: Path, sha256: str = "") -> Manifest:
    """Read a whole backup and compare every file with its manifest; nothing is changed.

    Args:
        sha256: of the manifest, as ``hsp backup`` said it; empty where nobody kept it.

    Raises:
        NotFound: there is no backup.
        Invalid: it is damaged, changed, or of another release.
    """
    manifest, found = described.read(folder)
    if sha256 and found != sha256.lower():
        raise Invalid(
            f"the manifest in {folder} has the sha256 {found}, not the one that was given",
            hint="this is another backup, or somebody has changed it; nothing was restored",
        )
    loading.check_known(manifest)
    for name, expected in manifest.files():
        files.check(folder / name, expected)
    repository.check(folder, manifest)
    return manifest


def restore(
    home: Path, folder: Path, by: str, now: datetime, *, replace: bool = False, sha256: str = ""
) -> Restored:
    """Put a server's memory back, into the home and the database that its settings name.

    Args:
        replace: remove what the database holds now.
        sha256: see ``verified``.

    Raises:
        NotFound, Invalid: see ``verified``.
        Conflict: the database is not empty, and nobody said that it may be replaced.
        NotAllowed: who restores has no account in the backup, or no role that allows it.
        Unavailable: the database or the store does not answer, or the home cannot be written.
            The same command again goes on.
    """
    manifest = verified(folder, sha256)
    done = Restored(manifest=manifest)
    settings = _home(home, folder, manifest, done)
    store = open_store(settings)
    _put_back(store, folder, manifest, done)
    seen = witnessed(settings)
    done.audit_lost = max(manifest.audit_seq, seen)
    database = _opened(settings)
    with refilled(database) as connection:
        _make_room(connection, replace=replace)
        loading.load(connection, manifest, folder)
        aftermath.settle(connection, manifest.moment, settings, by, done.audit_lost, now)
        done.open_ends += _unseen(connection, settings, seen)
    reconcile(database, store, by, now, done)
    database.close()
    return done


# --- the home


def _home(home: Path, folder: Path, manifest: Manifest, done: Restored) -> Settings:
    """Settings and public keys, where there are none; what is there stays."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        wanted = {home / "keys" / name: folder / KEYS / name for name in manifest.public_keys}
        wanted[home / SETTINGS_FILE] = folder / SETTINGS
        for path, source in wanted.items():
            if not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(source, path)
                done.wrote.append(str(path.relative_to(home)))
    except OSError as error:
        raise Unavailable(f"{error.filename} cannot be written: {error.strerror}") from error
    return Settings.load(home)


# --- the repository


def _put_back(store: Store, folder: Path, manifest: Manifest, done: Restored) -> None:
    if manifest.repository is None:
        return
    if not repository.is_empty(store):
        gone = repository.missing(store, folder)
        if gone:
            done.open_ends.append(
                f"{len(gone)} files that the repository had at the backup's moment are not in the "
                f"store, {gone[0]} for one. Where retention has removed them since, that is right"
            )
    elif manifest.repository.kind == "directory":
        done.put_back = repository.put_back(store, folder)
        done.open_ends.append(
            "the repository is as old as the backup: sites that have seen newer metadata refuse it "
            "until 'hsp repair ahead', and until its people publish again what they have published "
            "since; do that first if you still have the repository's own disk"
        )
    else:
        raise Conflict(
            f"the backup's artifacts are in {manifest.repository.address}, and the store that the "
            "settings name is empty",
            hint="set store_url to that bucket, or bring its content back first",
        )


def witnessed(settings: Settings) -> int:
    """The newest record of the log that a checkpoint in the store knows of.

    Raises:
        Unavailable: it does not answer.
    """
    store, known = open_audit_store(settings), keys.known(settings)
    with in_server_words():
        newest = sorted(store.keys(checkpoints.FOLDER), reverse=True)[:_LOOKED_AT]
        for key in newest:
            found: AuditCheckpoint | None = checkpoints.opened(store.read(key), known)
            if found is not None:
                return found.seq
    return 0


def _unseen(connection: Connection, settings: Settings, seen: int) -> Iterator[str]:
    """What to say where the store does not have the checkpoints that the backup knows of."""
    known = connection.execute(select(func.max(col(CheckpointRow.seq)))).scalar() or 0
    if known > seen:
        where = settings.audit_store_url or settings.store_url or "the repository's directory"
        yield (
            f"the newest checkpoint of the audit log that is in {where} is of record {seen}, and "
            f"the backup knows one of record {known}: bring that place back as it was, or set "
            "audit_store_url to it; without it nobody can show how long the log was"
        )


# --- the database


def _opened(settings: Settings) -> Database:
    """With tables, on any engine: a restore takes the place of ``hsp init``."""
    database = Database.connect(settings)
    if schema.state(database.engine).is_empty:
        schema.upgrade(database.engine)
    database.close()
    return Database.open(settings)


@contextmanager
def refilled(database: Database) -> Iterator[Connection]:
    """One transaction past the audit log: what comes in was audited where it comes from."""
    writers = database.engine.execution_options(**{engines.WRITES: True})
    with answers(), writers.begin() as connection:
        if engines.is_postgres(database.engine):
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": engines.TURN})
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection


def _make_room(connection: Connection, *, replace: bool) -> None:
    there = loading.rows_in(connection)
    if not there:
        return
    if not replace:
        names = sorted(there, key=lambda name: -there[name])
        what = ", ".join(f"{there[name]} {name}" for name in names[:5])
        raise Conflict(
            f"the database is not empty ({what})",
            hint="stop all servers and give --replace to remove what it holds, or name another "
            "database; nothing was changed",
        )
    loading.empty(connection)


# --- the present


def reconcile(database: Database, store: Store, by: str, now: datetime, done: Caught) -> None:
    """Take over what was published since. What fails here can be done later, and is said."""
    try:
        for each in publications.record(database, store, by, now):
            done.taken_over.append(f"{each.role} {each.version}, which the backup did not know")
        products = catalogue.products(store)
    except NotFound:
        return  # no repository yet
    except DistributionError as error:
        done.open_ends.append(
            f"the repository cannot be read: {error.message}. When it can, run 'hsp repair "
            "plan-serial PRODUCT' for each product"
        )
        return
    for product in products:
        try:
            taken = repair.take_floor(database, store, product, by, now)
        except (Conflict, NotFound):
            continue  # the database is not behind
        except DistributionError as error:
            hint = f"'hsp repair plan-serial {product}' does it later"
            done.open_ends.append(f"the plan of {product}: {error.message}; {hint}")
            continue
        done.taken_over.append(
            f"the plan of {product}: serial {taken.published} was published, the database had "
            f"{taken.had} and goes on with {taken.writes}"
        )
        done.taken_over += [f"{product} {words}" for words in taken.taken_over]


TO_DO = (
    "give the private keys back: keys/online/*.key and keys/audit/*.key with their passphrases, or "
    "the places in KMS that the settings name; then 'hsp doctor'",
    "start 'hsp serve'; sites send again what they have reported since the backup, at their next "
    "poll ('hsp doctor' names those that have not after a day)",
    "tokens and logins have ended: 'hsp staff token make' for programs, a new login for people; "
    "passwords are those of the backup's moment",
    "say again what was taken away since: 'hsp site revoke', 'hsp staff disable', 'hsp staff "
    "revoke', calendar addresses that were ended. The sites and people of 'hsp audit list' end "
    "where the backup ends",
    "sites that joined, or changed their key, since the backup are not known: invite them again; "
    "'hsp-updater enroll --again' there keeps what they have to report",
    "brakes, freezes and yeses of single clients and sites since the backup are lost: 'hsp brake "
    "list', 'hsp freeze list'. Tickets since then are lost too, and their numbers come again",
    "sites will tell security that the audit log contradicts what they remember: that is this "
    "restore. Compare the gap that is on record ('hsp audit list --action backup') with what they "
    "say; whatever lies outside of it is another matter",
)
"""What a person must do, in this order."""
