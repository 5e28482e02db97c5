"""A house whose server tells people, the desk's news written by hand, and its receivers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from distribution.audit import Deed, note
from distribution.control.rollouts import Word
from distribution.database.tables import Client, Incident, Problem, Site
from distribution.desk import news
from distribution.desk.news import News
from distribution.notify import channels, reading, sending
from distribution.notify.channels import NewChannel
from distribution.notify.states import Kind
from distribution.notify.tables import Delivery
from distribution.notify.wishes import Wish
from distribution.server import Server
from distribution.settings import Settings
from manifests.failures import FAILURES, FailureCode, Tier
from tests.simulators.house import House
from tests.simulators.mail_server import MailServer
from tests.simulators.receiver import Receiver

WATI = Word("wati", "they asked for it")
LOOPBACK = "127.0.0.0/8"


@dataclass
class Desk:
    """Problems with their news, and what becomes of them."""

    house: House
    server: Server

    @property
    def now(self) -> datetime:
        """The house's time."""
        return self.house.clock.now

    def problem(self, tier: Tier = Tier.L2, **fields: Any) -> int:
        """A problem that nobody has been told of."""
        code = fields.pop("code", FailureCode.UNHEALTHY)
        plain = {"product": "app", "version": "2.0", "signature": "s", "detail": "prices missing"}
        with self.house.database.writing() as session:
            row = Problem(
                **{**plain, **fields},
                code=code,
                tier=tier,
                state="open",
                opened_at=self.now,
                due_at=self.now + FAILURES[code].answer_within,
            )
            session.add(row)
            session.flush()
            return row.id or 0

    def tell(self, kind: News, problem: int, site: str = "", *, tier: Tier | None = None) -> None:
        """A line of news, with what makes it true: about a site or about the whole problem."""
        with self.house.database.writing() as session:
            row = session.get_one(Problem, problem)
            row.tier = tier or row.tier
            incident = self._incident(session, row, site) if site else None
            about: Problem | Incident = incident or row
            about.state = "closed" if kind is News.CLOSED else "open"
            about.closed_at = self.now if kind is News.CLOSED else None
            session.add(row)
            session.flush()
            news.tell(session, kind, row, self.now, incident)

    def _incident(self, session: Session, problem: Problem, site: str) -> Incident:
        wanted = select(Incident).where(Incident.problem_id == problem.id, Incident.site_id == site)
        found = session.exec(wanted).one_or_none() or Incident(
            problem_id=problem.id or 0,
            site_id=site,
            client_id=session.get_one(Site, site).client_id,
            tier=problem.tier,
            state="open",
            opened_at=self.now,
            last_at=self.now,
        )
        session.add(found)
        session.flush()
        return found

    def channel(self, kind: Kind, address: str, *, secret: str = "", **wish: Any) -> NewChannel:
        """One that somebody has added."""
        wanted = Wish(kind=kind, address=address, **wish)
        args = self.house.database, self.server.settings, wanted, WATI, self.now
        return channels.add(*args, secret=secret)

    def send(self, seconds: float = 0) -> None:
        """Time passes, and the scheduler does what is due."""
        now = self.house.clock.forward(seconds)
        reading.read(self.house.database, now)
        sending.send_due(self.server, now, wait_seconds=60)

    def deliveries(self) -> list[Delivery]:
        """All there are."""
        with self.house.database.reading() as session:
            return list(session.exec(select(Delivery).order_by(col(Delivery.id))).all())


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server whose certificate this process trusts."""
    with MailServer(tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
        yield server


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """Somebody's webhook."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def settings(house: House, mail: MailServer) -> Settings:
    """The house's, with mail, and with clients whose webhooks are on this machine."""
    told = {**mail.settings(), "client_webhook_networks": LOOPBACK}
    return house.server.settings.model_copy(update=told)


@pytest.fixture
def desk(house: House, settings: Settings) -> Desk:
    """Two clients with sites: Warung's shop and stall, Klinik's ward."""
    for site, client in (("shop", "warung"), ("stall", "warung"), ("ward", "klinik")):
        add_site(house, site, client)
    return Desk(house, replace(house.server, settings=settings))


def add_site(house: House, site: str, client: str) -> None:
    """A site as the desk needs it: a row."""
    with house.database.writing() as session:
        put_site(session, site, client, house.clock.now)
        note(session, Deed("test", "site.add", site), house.clock.now)


def put_site(session: Session, site: str, client: str, now: datetime) -> None:
    """The rows of a site."""
    if session.get(Client, client) is None:
        session.add(Client(id=client, created_at=now))
        session.flush()
    row = {"id": site, "client_id": client, "public_key": "", "enrolled_at": now}
    session.add(Site(**row, last_seen=now))
