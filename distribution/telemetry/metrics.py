"""Figures for Prometheus: from the database and the store, read at each scrape, and from this
process.

What the database says is the same at every server, and a restart loses nothing of it; ``counters``
are each server's own. No figure names a client or a site.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution import events
from distribution.backup import asking, making
from distribution.control import brakes, fleet, notices, rollouts
from distribution.control.control_tables import WindowRow
from distribution.control.standing import tally
from distribution.database.tables import Alarm, Receipt, RolloutRow, Site, SiteProduct
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import by_tier, failures_unexplained
from distribution.notify.figures import figures
from distribution.scheduling import aging, lease
from distribution.server import Server
from distribution.telemetry import counters
from manifests.errors import UpdateError
from manifests.rollout import RolloutState

Family = GaugeMetricFamily


def text(server: Server, now: datetime) -> bytes:
    """All figures in Prometheus' text format; those of the store are left out while it is away.

    Raises:
        Unavailable: the database does not answer.
    """
    registry = CollectorRegistry()
    registry.register(_Figures(server, now))
    return generate_latest(registry) + generate_latest(counters.REGISTRY)


class _Figures:
    """What one scrape finds."""

    def __init__(self, server: Server, now: datetime) -> None:
        self._server = server
        self._now = now

    def collect(self) -> Iterator[Family]:
        with self._server.database.reading() as session:
            yield self._sites(session)
            yield _versions(session)
            yield from self._rollouts(session)
            yield _queues(session)
            yield _one("hsp_failures_unexplained", "Failures without a ticket; 0 is right.",
                       failures_unexplained(session))  # fmt: skip
            yield _brakes(session)
            yield _windows(session)
            yield from _notifications(session, self._now)
            yield _one("hsp_sites_to_be_asked", "Sites that a restore still waits for.",
                       asking.count_left(session))  # fmt: skip
            yield self._backup(session)
            yield self._lease(session)
            yield _one("hsp_events_newest", "Number of the newest event.", events.newest(session))
        yield from self._ages()

    @property
    def _online_since(self) -> datetime:
        return self._now - timedelta(seconds=self._server.settings.silent_after_seconds)

    def _sites(self, session: Session) -> Family:
        wanted = select(Site.last_seen, Site.expected_by, Site.problem)
        found = session.exec(wanted.where(col(Site.revoked_at).is_(None)))
        states = Counter(self._state(*each) for each in found)
        family = Family("hsp_sites", "Enrolled sites by state.", labels=["state"])
        for state in ("online", "problem", "offline", "silent"):
            family.add_metric([state], states[state])
        return family

    def _state(self, last_seen: datetime, expected_by: datetime | None, problem: str) -> str:
        if last_seen >= self._online_since:
            return "problem" if problem else "online"
        return "offline" if expected_by and expected_by >= self._now else "silent"

    def _rollouts(self, session: Session) -> Iterator[Family]:
        waves = Family(
            "hsp_rollout_sites",
            "Sites of rollouts under way, by wave and by where they stand.",
            labels=["product", "version", "wave", "standing"],
        )
        states = Family(
            "hsp_rollout_state", "1 for the state it is in.", labels=["product", "version", "state"]
        )
        unknowing, known = _notices()
        for row in rollouts.all_rollouts(session):
            states.add_metric([row.product, row.version, row.state], 1)
            notice = notices.newest(session, row, self._online_since)
            if notice is not None:
                about = [row.product, row.version]
                unknowing.add_metric(about, notice.sites - notice.knowing)
                if notice.seconds is not None:
                    known.add_metric(about, notice.seconds)
            if row.state in (RolloutState.RUNNING, RolloutState.PAUSED):
                self._add_waves(waves, session, row)
        yield from (waves, states, unknowing, known)

    def _add_waves(self, family: Family, session: Session, row: RolloutRow) -> None:
        course = rollouts.course_of(session, row)
        candidates = fleet.candidates(session, row, self._online_since)
        for number, counts in enumerate(tally(course, candidates, self._now), 1):
            for standing, count in asdict(counts).items():
                family.add_metric([row.product, row.version, str(number), standing], count)

    def _lease(self, session: Session) -> Family:
        row = lease.leader(session)
        left = (row.until - self._now).total_seconds() if row and row.holder else 0
        text = "Until when a scheduler leads; 0 when none does."
        return _one("hsp_scheduler_lease_seconds", text, max(left, 0))

    def _backup(self, session: Session) -> Family:
        made = making.last_made(session)
        age = (self._now - made).total_seconds() if made is not None else math.inf
        return _one("hsp_backup_age_seconds", "Of the last backup; infinite: there is none.", age)

    def _ages(self) -> Iterator[Family]:
        try:
            found = aging.ages(self._server.store)
        except UpdateError:
            return
        text = "Seconds until a role's metadata expires."
        left = Family("hsp_metadata_seconds_left", text, labels=["role"])
        life = Family("hsp_metadata_life_seconds", "Its whole life.", labels=["role"])
        for age in found:
            left.add_metric([age.role], (age.expires - self._now).total_seconds())
            life.add_metric([age.role], age.life.total_seconds())
        yield left
        yield life


def _one(name: str, text: str, value: float) -> Family:
    return Family(name, text, value=value)


def _notices() -> tuple[Family, Family]:
    labels = ["product", "version"]
    text = "Online sites that do not know yet of its newest pause or stop."
    unknowing = Family("hsp_hold_unknown_sites", text, labels=labels)
    text = "Seconds from its newest pause or stop until every online site knew."
    return unknowing, Family("hsp_hold_known_seconds", text, labels=labels)


def _versions(session: Session) -> Family:
    family = Family("hsp_site_versions", "Sites by what they run.", labels=["product", "version"])
    wanted = select(SiteProduct.product, SiteProduct.version, func.count()).group_by(
        SiteProduct.product, col(SiteProduct.version)
    )
    for product, version, count in session.exec(wanted):
        family.add_metric([product, version or "none"], count)
    return family


def _queues(session: Session) -> Family:
    family = Family("hsp_queue_length", "What waits to be dealt with.", labels=["queue"])
    reports = select(func.count()).where(col(Receipt.processed_at).is_(None))
    alarms = select(func.count()).where(col(Alarm.seen) > col(Alarm.noted))
    family.add_metric(["reports"], session.exec(reports).one())
    family.add_metric(["alarms"], session.exec(alarms).one())
    for tier, count in by_tier(session, Which.OPEN).items():
        family.add_metric([f"tickets_{tier}"], count)
    return family


def _brakes(session: Session) -> Family:
    family = Family("hsp_brakes", "Brakes that are on, by what they are on.", labels=["scope"])
    found = Counter(record.scope for record in brakes.listed(session))
    for scope in brakes.Scope:
        family.add_metric([scope], found[scope])
    return family


def _windows(session: Session) -> Family:
    family = Family("hsp_windows", "Maintenance windows by outcome.", labels=["outcome"])
    wanted = select(WindowRow.outcome, func.count()).group_by(WindowRow.outcome)
    for outcome, count in session.exec(wanted):
        family.add_metric([outcome or "to_come"], count)
    return family


def _notifications(session: Session, now: datetime) -> Iterator[Family]:
    found = figures(session, now)
    family = Family("hsp_notifications", "Messages by state, of 30 days.", labels=["state"])
    for state, count in found.by_state.items():
        family.add_metric([state], count)
    yield family
    text = "Tried in vain, and tried again."
    yield _one("hsp_notifications_failing", text, found.failing)
    text = "How long the oldest message has been due that no receiver has refused."
    yield _one("hsp_notification_oldest_seconds", text, found.oldest_seconds)
