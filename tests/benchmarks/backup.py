"""Backup and restore of a large fleet, on SQLite and on a real PostgreSQL.

    python -m tests.benchmarks.backup [SITES]

Each site has three finished attempts and the nine signed reports of them, one in fifty an incident.
The figures are minutes for 100,000 sites; fewer sites are measured and multiplied, which the row's
name says by nothing: the printed line does. The promise is half an hour.
"""

import base64
import secrets
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import insert

from distribution.backup import making, restoring
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, Receipt
from distribution.people.roles import Role
from distribution.settings import Settings
from manifests.documents import to_json
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from tests.benchmarks.rows import Row, save
from tests.simulators.big_fleet import PRODUCT, fill
from tests.simulators.postgres import Postgres
from tests.simulators.staff import hire

GOAL_MINUTES = 30.0
GOAL_SITES = 100_000
ATTEMPTS = 3
_PHASES = (Phase.DOWNLOADING, Phase.ACTIVATING, Phase.CONFIRMED)
_BATCH = 500
"""Sites whose rows are written at once."""


def fill_history(database: Database, sites: int, now: datetime) -> None:
    """What the reports of so many sites would leave."""
    with database.engine.begin() as connection:
        for first in range(0, sites, _BATCH):
            numbers = range(first, min(first + _BATCH, sites))
            connection.execute(insert(Attempt), [a for n in numbers for a in _attempts(n, now)])
            connection.execute(insert(Receipt), [r for n in numbers for r in _receipts(n, now)])


def _attempts(number: int, now: datetime) -> Iterator[dict[str, object]]:
    for attempt in range(ATTEMPTS):
        yield {
            "site_id": f"site-{number:06}",
            "attempt_id": f"{number:024x}{attempt:08x}",
            "product": PRODUCT,
            "version": f"{attempt}.0",
            "release": f"releases/{PRODUCT}/{attempt}.0/manifest.json",
            "phase": Phase.CONFIRMED,
            "detail": "",
            "place": 3 * attempt + 3,
            "started_at": now,
            "moved_at": now,
            "ended_at": now,
            "duration_seconds": 12.5,
            "downloaded_bytes": 50_000_000,
            "saved_bytes": 0,
        }


def _receipts(number: int, now: datetime) -> Iterator[dict[str, object]]:
    for place in range(1, 3 * ATTEMPTS + 1):
        attempt = (place - 1) // 3
        report = InstallReport(
            site_id=f"site-{number:06}",
            sequence=place,
            boot_id="0b6ef7ba-4e0f-4f5e-9f3a-5a0f2f4ad1c5",
            attempt_id=f"{number:024x}{attempt:08x}",
            at=now,
            product=PRODUCT,
            release=f"releases/{PRODUCT}/{attempt}.0/manifest.json",
            version=f"{attempt}.0",
            phase=_PHASES[(place - 1) % 3],
            duration_seconds=12.5,
        )
        payload = base64.b64encode(report.to_bytes()).decode()
        signature = {"keyid": f"{number:064x}", "sig": secrets.token_hex(64)}
        sealed = {"payload": payload, "payloadType": REPORT_TYPE, "signatures": [signature]}
        yield {
            "site_id": report.site_id,
            "place": place,
            "sequence": place,
            "envelope": to_json(sealed),
            "sha256": secrets.token_hex(32),
            "public_key": f"{number:064x}",
            "received_at": now,
            "phase": report.phase,
            "code": None,
            "processed_at": now,
            "tries": 0,
        }


def measure(folder: Path, url: str, empty_url: str, sites: int) -> tuple[float, float, int, int]:
    """Seconds of a backup and of a restore, the backup's bytes, and its rows."""
    now = datetime.now(UTC)
    (folder / "home").mkdir(parents=True)
    settings = Settings(home=folder / "home", database_url=url)
    database = Database.open(settings)
    hire(database, now, {"wati": (Role.L3,)})
    fill(database, sites, now)
    fill_history(database, sites, now)
    began = time.perf_counter()
    made = making.make(database, settings, folder / "backup", "wati", "l3", now)
    backup_seconds = time.perf_counter() - began
    database.close()
    home = folder / "new"
    home.mkdir()
    (home / "hsp.toml").write_text(f'database_url = "{empty_url}"\n' if empty_url else "")
    began = time.perf_counter()
    restoring.restore(home, folder / "backup", "wati", now)
    restore_seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in (folder / "backup").rglob("*") if path.is_file())
    return backup_seconds, restore_seconds, size, made.manifest.rows


def main(words: tuple[str, ...] = ()) -> None:
    """Measure both engines; the rows are of the slower one."""
    sites = int(words[0]) if words else GOAL_SITES
    slowest = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder, Postgres() as postgres:
        engines = {
            "SQLite": ("", ""),
            "PostgreSQL": (postgres.new_database(), postgres.empty_database()),
        }
        for name, (url, empty_url) in engines.items():
            *took, size, count = measure(Path(folder) / name, url, empty_url, sites)
            minutes = [seconds / 60 * GOAL_SITES / sites for seconds in took]
            slowest = [max(pair) for pair in zip(slowest, minutes, strict=True)]
            click.echo(
                f"{name}, {sites:,} sites, {count:,} rows: backup {took[0]:.1f} s "
                f"({size / 1e6:.0f} MB), restore {took[1]:.1f} s; for {GOAL_SITES:,} sites "
                f"{minutes[0]:.2f} and {minutes[1]:.2f} minutes"
            )
    names = ("backup_100k_sites", "restore_100k_sites")
    save(
        Row(name, found, GOAL_MINUTES, "minutes", GOAL_MINUTES / found, 1.0)
        for name, found in zip(names, slowest, strict=True)
    )


if __name__ == "__main__":
    import sys

    main(tuple(sys.argv[1:]))
