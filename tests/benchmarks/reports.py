"""Install reports, signed and durable before the answer: beside gooseBit's feedback.

    python -m tests.benchmarks.reports

Both write to a PostgreSQL with fsync on, one server process each, 32 connections. Ours verifies a
signature of each report; gooseBit's devices show nothing of the kind. Rounds take turns, and the
figures are medians. Afterwards what was acknowledged is counted: with us each report must be there
once; gooseBit's rollout says itself how many successes it has counted.
"""

import statistics
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlmodel import func, select

from distribution.database.sessions import Database
from distribution.database.tables import Receipt
from tests.benchmarks import load, ours
from tests.benchmarks.rows import Row, save
from tests.simulators.chorus import Chorus
from tests.simulators.goosebit import Goosebit
from tests.simulators.postgres import Postgres

SITES = 10_000
ROUNDS = 3
GOAL = 25.0
PEERS_OF_EACH_ROUND = 600
CONNECTIONS = 32


def _stored(database: Database) -> int:
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(Receipt)).one()


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the row."""
    chorus = Chorus(SITES, datetime.now(UTC))
    with tempfile.TemporaryDirectory() as name, Postgres() as postgres:
        folder = Path(name)
        goose = Goosebit(SITES, postgres.empty_database())
        with ours.served(folder, chorus, postgres.new_database()) as served, goose:
            mine, theirs, sent = [], [], 0
            ours.settle()
            for turn in range(ROUNDS):
                reports = [load.post("/v1/reports", each) for each in chorus.reports(1, turn + 1)]
                file = load.prepare(folder / "ours", reports, b'"duplicate":false')
                mine.append(load.run(served.port, file, CONNECTIONS, 0))
                some = goose.names[PEERS_OF_EACH_ROUND * turn :][:PEERS_OF_EACH_ROUND]
                told = [load.post(*goose.feedback(device)) for device in some]
                theirs.append(load.run(goose.port, load.prepare(folder / "peer", told, b'"id"')))
                sent += len(some)
            stored, (counted, _) = _stored(served.database), goose.counted()
    acknowledged = sum(each.answers - each.wrong for each in mine)
    assert stored == acknowledged == ROUNDS * SITES, (stored, acknowledged, mine)
    ours_rate = statistics.median(each.rate for each in mine)
    peer_rate = statistics.median(each.rate for each in theirs)
    click.echo(
        f"reports: {ours_rate:,.0f}/s signed, verified and durable ({stored:,} of {acknowledged:,} "
        f"acknowledged are there); gooseBit's feedback {peer_rate:,.0f}/s, of {sent} acknowledged "
        f"successes its rollout has counted {counted}"
    )
    save([Row("report_vs_goosebit", ours_rate, peer_rate, "1/s", ours_rate / peer_rate, GOAL)])


if __name__ == "__main__":
    main()
