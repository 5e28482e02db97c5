"""Verifying an audit log: the chain beside plain hashing, and ``hsp audit verify`` as a whole.

    python -m tests.benchmarks.audit_log

The whole reads a log from SQLite, in a process of its own and on one core. Its peer's column holds
the promise of issue 6: 20,000 records a second. The chain's holds what sha256 alone needs for the
same bytes, spelled by the same JSON encoder.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from distribution.audit import chain
from distribution.audit.chain import FIELDS, Record
from distribution.audit.tables import AuditRow
from distribution.database.sessions import Database
from distribution.settings import Settings
from manifests.documents import to_json
from tests.benchmarks.rows import Row, save

RECORDS = 200_000
PROMISED = 20_000
_CHANGES = (
    '[{"columns":{"change_reason":["wave 1","prices are missing"],"changed_by":["ani","wati"],'
    '"state":["running","paused"]},"key":"3","table":"rolloutrow"}]'
)


def a_log() -> list[Record]:
    """Records such as a pause makes."""
    link, records = chain.BEGINNING, []
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for seq in range(1, RECORDS + 1):
        at = f"{begin + timedelta(seconds=seq):%Y-%m-%dT%H:%M:%S.%fZ}"
        deed = ("wati", "l1", "rollout.pause", f"rollout kasir {seq % 90}.0", "prices are missing")
        values = (seq, at, *deed, "", _CHANGES, link)
        link = chain.digest(values)
        records.append((*values, link))
    return records


def of_the_chain(records: Sequence[Record]) -> float:
    """Records a second of processor time: the walk."""
    began = time.process_time()
    found = chain.verify(records, {RECORDS: {records[-1][-1]}})
    assert not found.findings
    return RECORDS / (time.process_time() - began)


def of_hashing(records: Sequence[Record]) -> float:
    """The same: sha256 of each record's JSON, and nothing else."""
    began = time.process_time()
    for record in records:
        hashlib.sha256(to_json(dict(zip(FIELDS, record[:-1], strict=True)))).hexdigest()
    return RECORDS / (time.process_time() - began)


def of_the_command(records: Sequence[Record]) -> float:
    """Records a second, as ``hsp audit verify`` itself tells."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        database = Database.open(Settings(home=home))
        columns = chain.COLUMNS
        with database.engine.begin() as connection:
            plain = [dict(zip(columns, record, strict=True)) for record in records]
            connection.execute(AuditRow.__table__.insert(), plain)  # type: ignore[attr-defined]
        database.close()
        words = ("-m", "tests.benchmarks.audit_log", "one", "--home", folder)
        command = [sys.executable, *words, "audit", "verify", "--json"]
        told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert told["records"] == RECORDS
        return RECORDS / float(told["seconds"])


def one(words: list[str]) -> None:
    """The command, in this process."""
    from distribution.cli import main as hsp

    hsp.main(words, standalone_mode=False)


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    records = a_log()
    whole, alone, plain = of_the_command(records), of_the_chain(records), of_hashing(records)
    click.echo(f"hsp audit verify: {whole:,.0f} records/s of {RECORDS:,}, from SQLite")
    click.echo(f"the chain alone: {alone:,.0f} records/s; plain hashing: {plain:,.0f}")
    unit = "records/s"
    save(
        [
            Row("hsp audit verify", whole, PROMISED, unit, whole / PROMISED, 1.0),
            Row("audit chain and plain hashing", alone, plain, unit, alone / plain, 0.5),
        ]
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2:])
    else:
        main()
