"""A million reports (at full length) on a bad network, while servers are killed every five seconds.

Of the acknowledgements 10 % are lost, 20 % of the reports are doubled and 20 % overtaken by others;
three servers over one PostgreSQL are killed one after the other, schedulers too. In the end the
database holds what it holds after the same reports in order, from a network that does nothing.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from distribution.database.sessions import Database
from distribution.database.tables import Attempt, Incident, Problem, Receipt
from distribution.sites import attempts
from tests.simulators.cluster import Cluster
from tests.simulators.house import PRODUCT
from tests.torture import voices
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Tally
from tests.torture.voices import Heard, Trouble

SIZES = {Scale.TEST: (40, 30), Scale.TORTURE: (1000, 1000)}
"""So many sites with so many reports each."""
KILL_EVERY_SECONDS = {Scale.TEST: 2.0, Scale.TORTURE: 5.0}
BAD = Trouble(lost=10, doubled=20, reordered=20)
GOOD = Trouble()

State = dict[str, set[tuple[Any, ...]]]


def run(scale: Scale) -> Outcome:
    """Tell everything twice, and compare."""
    sites, each = SIZES[scale]
    tally = Tally(tried=sites * each)
    bad, wrong = _told(scale, BAD, KILL_EVERY_SECONDS[scale])
    good, also_wrong = _told(scale, GOOD, 0)
    for words in [*wrong, *also_wrong, *_differences(bad, good)]:
        tally.wrong += 1
        tally.note(words)
    return tally.outcome


def _told(scale: Scale, trouble: Trouble, kill_every: float) -> tuple[State, list[str]]:
    sites, each = SIZES[scale]
    with tempfile.TemporaryDirectory(prefix="hsp-reports-") as folder:
        opened = Cluster.open(Path(folder), PRODUCT, servers=3, schedulers=1)
        with opened as cluster:
            voices.settle(cluster.database, sites, datetime.now(UTC))
            cluster.start()
            with killing(cluster, kill_every):
                begun = voices.tell(cluster.ports, sites, each, trouble)
                heard = [future.result() for future in begun]
            cluster.stop()
            attempts.process_new(cluster.database, datetime.now(UTC))
            return _state(cluster.database), list(_broken(cluster, scale, heard))


def _broken(cluster: Cluster, scale: Scale, heard: list[Heard]) -> Iterator[str]:
    sites, each = SIZES[scale]
    for one in heard:
        yield from one.wrong
        if one.without_retry_after:
            yield f"{one.without_retry_after} refusals did not say when to come again"
    if sum(one.acknowledged for one in heard) != sites * each:
        yield f"{sum(one.acknowledged for one in heard)} of {sites * each} were acknowledged"
    wanted = select(Receipt.site_id, Receipt.place, Receipt.sha256)
    with cluster.database.reading() as session:
        stored = [tuple(row) for row in session.exec(wanted)]
    if len(stored) != len(set(stored)):
        yield f"{len(stored) - len(set(stored))} are there twice"
    expected = voices.digests(sites, each)
    if lost := expected - set(stored):
        yield f"{len(lost)} acknowledged reports are lost, such as {min(lost)}"
    if strange := set(stored) - expected:
        yield f"{len(strange)} are none that a site sent, such as {min(strange)}"


def _state(database: Database) -> State:
    """What the reports came to, but for the moments at which they did."""
    about = select(
        Problem.product, Problem.version, Problem.signature, Problem.code, Problem.tier
    ).where(col(Problem.product) != "")
    at_sites = select(
        Problem.signature, Problem.version, Incident.site_id, Incident.state
    ).join_from(Incident, Problem)
    told = select(
        Attempt.site_id,
        Attempt.attempt_id,
        Attempt.phase,
        Attempt.place,
        Attempt.version,
        Attempt.code,
    )
    with database.reading() as session:
        return {
            name: {tuple(row) for row in session.exec(wanted)}
            for name, wanted in (("attempt", told), ("problem", about), ("incident", at_sites))
        }


def _differences(bad: State, good: State) -> Iterator[str]:
    for name, expected in good.items():
        if not expected:
            yield f"no {name} came of the reports in order: nothing was compared"
        if different := bad[name] ^ expected:
            yield f"{len(different)} rows of {name} differ, such as {min(different, key=repr)}"


@contextmanager
def killing(
    cluster: Cluster, every: float, more: Callable[[int], None] = lambda number: None
) -> Iterator[None]:
    """Meanwhile a server is killed and started again, every so many seconds; 0: never.

    Args:
        more: what else is done at each time.
    """
    over = threading.Event()

    def kill() -> None:
        number = 0
        while every and not over.wait(every):
            cluster.start_again()
            cluster.kill_one("schedule" if number % 3 == 2 else "serve")
            more(number)
            number += 1

    killer = cluster.thread.submit(kill)
    try:
        yield
    finally:
        over.set()
        killer.result()
        cluster.thread.submit(cluster.start_again).result()


if __name__ == "__main__":
    begin = time.monotonic()
    print(run(Scale.TEST), time.monotonic() - begin)
