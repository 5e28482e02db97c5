"""Check-ins of 10,000 sites: beside gooseBit's poll, and beside the least that ASGI can do.

    python -m tests.benchmarks.checkins

Each site says what it runs, what it was offered and why it waits, by its session's token; the
server knows all of them, and each answer says what the site is to do. gooseBit's devices poll, and
its rollout offers each of them an update. One server process each, 32 connections kept alive, a
load generator in a process of its own. Each with the database with which it is faster (gooseBit:
tried beforehand, SQLite or PostgreSQL; ours on PostgreSQL, as the goal's 10,000 sites would have
it). Rounds take turns, and the figures are medians, so that what else happens on the machine meets
all of them.

A last row says what the agent's signature costs: the same check-in signed, by an agent that knows
of no sessions; and what a check-in costs that asks for a session, as one with news does: it is
written down, with others, before it is answered.
"""

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import click

from tests.benchmarks import load, ours
from tests.benchmarks.rows import Row, save
from tests.simulators.chorus import Chorus
from tests.simulators.goosebit import Goosebit
from tests.simulators.postgres import Postgres

SITES = 10_000
ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 32
GOAL_GOOSEBIT, GOAL_BARE, GOAL_SIGNED = 60.0, 0.4, 0.1
_PATH = "/v1/check-in"
_ANSWERED = b'"poll_seconds":300'

Kinds = dict[str, tuple[int, Path]]
"""By name: the port to send to, and what."""


def _prepared(folder: Path, chorus: Chorus) -> Iterator[tuple[str, Path]]:
    """The requests of ours."""
    kinds = {
        "token": [load.post(_PATH, body, [header]) for body, header in chorus.repeated()],
        "signed": [load.post(_PATH, body) for body in chorus.signed()],
        "news": [load.post(_PATH, body, ["Hsp-Session: wanted"]) for body in chorus.signed()],
    }
    for name, requests in kinds.items():
        yield name, load.prepare(folder / name, requests, _ANSWERED)


def _rates(kinds: Kinds) -> dict[str, float]:
    """The median rate of each kind; every answer was right."""
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (port, file) in kinds.items():
            outcome = load.run(port, file, CONNECTIONS, SECONDS)
            assert not outcome.wrong, (name, outcome)
            found[name].append(outcome.rate)
    return {name: statistics.median(rates) for name, rates in found.items()}


def _peer(folder: Path, url: str) -> float:
    """gooseBit's rate with this database."""
    with Goosebit(SITES, url) as goose:
        polls = [load.get(goose.poll(name)) for name in goose.names]
        file = load.prepare(folder / "polls", polls, b"deploymentBase")
        return _rates({"poll": (goose.port, file)})["poll"]


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    chorus = Chorus(SITES, datetime.now(UTC))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(Postgres())
        peers = {
            "SQLite": _peer(folder, ""),
            "PostgreSQL": _peer(folder, postgres.empty_database()),
        }
        served = stack.enter_context(ours.served(folder, chorus, postgres.new_database()))
        bare = stack.enter_context(ours.bare(folder))
        ours.settle()
        kinds = {name: (served.port, file) for name, file in _prepared(folder, chorus)}
        rates = _rates({**kinds, "bare": (bare, kinds["token"][1])})
    database, peer = max(peers.items(), key=lambda each: each[1])
    click.echo(
        f"check-ins a second: {rates['token']:,.0f} by token, {rates['signed']:,.0f} signed, "
        f"{rates['news']:,.0f} written down at once; a bare ASGI route {rates['bare']:,.0f}; "
        f"gooseBit's polls {peer:,.0f} ({database}; "
        + ", ".join(f"{name} {rate:,.0f}" for name, rate in peers.items())
        + ")"
    )
    mine, bare_rate, signed = rates["token"], rates["bare"], rates["signed"]
    save(
        [
            Row("checkin_vs_goosebit", mine, peer, "1/s", mine / peer, GOAL_GOOSEBIT),
            Row("checkin_vs_bare_asgi", mine, bare_rate, "1/s", mine / bare_rate, GOAL_BARE),
            Row("signed_checkin_vs_token", signed, mine, "1/s", signed / mine, GOAL_SIGNED),
        ]
    )


if __name__ == "__main__":
    main()
