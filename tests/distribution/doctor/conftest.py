"""A deployment that lacks nothing; whatever a test breaks is the one thing that is wrong."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from distribution import audit
from distribution.backup.making import MADE
from distribution.database.engines import is_postgres
from distribution.doctor.checks import ALL
from distribution.doctor.findings import Context, Finding, run
from distribution.scheduling import lease
from distribution.server import Server
from distribution.settings import Settings
from tests.simulators.house import Clock, House, Talker
from tests.simulators.ports import free_port
from tests.simulators.served import Served


@dataclass
class Deployment:
    """The house, its web server, and what the doctor says of them."""

    house: House
    served: Served
    site: Talker
    settings: Settings

    def look(self, *only: str, send_to: str = "", **changed: Any) -> list[Finding]:
        """What is found by these checks, or by all; with some settings changed."""
        settings = self.settings.model_copy(update=changed)
        chosen = [each for each in ALL if not only or each[0].startswith(only)]
        return list(run(chosen, Context(settings, self.house.clock, send_to)))

    def names(self, *only: str, **changed: Any) -> list[str]:
        """The checks that have found something."""
        return sorted(finding.check for finding in self.look(*only, **changed))

    def sql(self, statement: str) -> None:
        """Change the database past everything."""
        with self.house.database.engine.begin() as connection:
            connection.execute(text(statement))


@pytest.fixture
def well(tmp_path: Path, database_kind: str) -> Iterator[Deployment]:
    """It."""
    house = House.build(tmp_path, Clock(datetime.now(UTC)))
    port = free_port()
    settings = house.server.settings.model_copy(update={"public_url": f"http://127.0.0.1:{port}"})
    server = replace(house.server, settings=settings)
    house = House(server, house.estate, house.clock)
    site = house.site("shop")
    house.tick()
    _note_a_backup(server, house.clock.now)
    lease.take(house.database, "a scheduler", timedelta(seconds=60), house.clock.now)
    if is_postgres(house.database.engine):
        with house.database.engine.begin() as connection:  # tests' own server does not wait
            name = connection.engine.url.database
            connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = on'))
        house.database.engine.dispose()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, before[1]), before[1]))
    with Served(server, port) as served:
        yield Deployment(house, served, site, settings)
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
    house.database.close()


def _note_a_backup(server: Server, now: datetime) -> None:
    with server.database.writing() as session:
        audit.note(session, audit.Deed("ani", MADE, "a backup"), now)
