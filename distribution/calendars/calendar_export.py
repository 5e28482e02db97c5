"""A client's calendar as iCalendar (RFC 5545): windows, blackouts, freezes, and planned installs.

Windows and freezes keep their local rules and zones, so that a calendar program moves them over a
DST night as the agents do. What a site has said it waits for is a planned install.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vRecur
from sqlmodel import Session, select

from distribution.calendars import freeze_records
from distribution.calendars.freeze_records import Announced, Scope
from distribution.control import fleet
from distribution.database.tables import Client, RolloutRow, Site, SiteProduct
from distribution.errors import NotFound
from manifests.documents import to_json
from manifests.freeze import Freeze
from manifests.release import Release
from manifests.window import Blackout, MaintenanceWindow

REFRESH = timedelta(hours=1)
"""How often a calendar program should ask again."""

_SHUT = "Nothing is installed in this time; it wins over every window."


@dataclass(frozen=True)
class Entry:
    """One event of a calendar; ``what`` is the document that it shows, which makes its UID."""

    kind: str
    title: str
    text: str
    what: Any
    start: datetime
    duration: timedelta
    rule: str = ""
    except_starts: tuple[datetime, ...] = ()


def of_client(session: Session, client_id: str, now: datetime) -> bytes:
    """The calendar of all sites of a client.

    Raises:
        NotFound: there is no such client.
    """
    if session.get(Client, client_id) is None:
        raise NotFound(f"there is no client {client_id!r}", hint="see 'hsp site list'")
    return _written(client_id, _entries(session, client_id, now), now)


def _entries(session: Session, client_id: str, now: datetime) -> Iterator[Entry]:
    wanted = select(Site).where(Site.client_id == client_id).order_by(Site.id)
    sites = [site for site in session.exec(wanted) if site.revoked_at is None]
    products: set[str] = set()
    for site in sites:
        products.update(fleet.profile_of(site).products)
        policy = fleet.whole_site(site).policy
        yield from (_window(site.id, window) for window in policy.windows)
        yield from (_blackout(site.id, blackout) for blackout in policy.blackouts)
        yield from (_freeze(site.id, freeze) for freeze in policy.freezes)
        yield from _planned(session, site.id, now)
    names = {site.id for site in sites}
    for one in freeze_records.announced(session, now):
        if _concerns(one, client_id, names, products):
            yield _freeze(one.subject or "all sites", one.freeze, one.reason)


def _concerns(one: Announced, client_id: str, sites: set[str], products: set[str]) -> bool:
    places = {
        Scope.SITE: one.subject in sites,
        Scope.CLIENT: one.subject == client_id,
        Scope.PRODUCT: one.subject in products,
        Scope.EVERYTHING: True,
    }
    return places[one.scope]


def _window(site_id: str, window: MaintenanceWindow) -> Entry:
    text = f"Updates may be installed at {site_id}."
    if window.cutoff_seconds:
        text += f" Nothing starts in the last {window.cutoff_seconds} seconds."
    return Entry(
        kind="window",
        title=f"{site_id}: {window.name}",
        text=text,
        what=[site_id, window.model_dump(mode="json")],
        start=window.starts.replace(tzinfo=ZoneInfo(window.zone)),
        duration=timedelta(seconds=window.duration_seconds),
        rule=window.rule,
    )


def _blackout(site_id: str, blackout: Blackout) -> Entry:
    return Entry(
        kind="blackout",
        title=f"{site_id}: no updates ({blackout.name})",
        text=_SHUT,
        what=[site_id, blackout.model_dump(mode="json")],
        start=blackout.starts_at,
        duration=blackout.ends_at - blackout.starts_at,
    )


def _freeze(whose: str, freeze: Freeze, reason: str = "") -> Entry:
    return Entry(
        kind="freeze",
        title=f"{whose}: no updates ({freeze.name})",
        text=f"{_SHUT} {reason}".strip(),
        what=[whose, freeze.model_dump(mode="json")],
        start=freeze.starts.replace(tzinfo=ZoneInfo(freeze.zone)),
        duration=timedelta(seconds=freeze.duration_seconds),
        rule=freeze.rule,
        except_starts=tuple(s.replace(tzinfo=ZoneInfo(freeze.zone)) for s in freeze.except_starts),
    )


def _planned(session: Session, site_id: str, now: datetime) -> Iterator[Entry]:
    """What the site has said it waits for, where it knows until when."""
    wanted = (
        select(SiteProduct, RolloutRow)
        .where(SiteProduct.site_id == site_id, SiteProduct.candidate == RolloutRow.release)
        .where(SiteProduct.decision == "wait")
    )
    for status, row in session.exec(wanted):
        if status.until is None or status.until < now - timedelta(days=1):
            continue
        manifest = Release.read(row.release, row.manifest.encode()).manifest
        yield Entry(
            kind="install",
            title=f"{site_id}: {row.product} {row.version} is planned",
            text=f"The earliest time at which it may start. {status.reason}",
            what=[site_id, row.release],
            start=status.until,
            duration=timedelta(seconds=max(manifest.expected_duration_seconds, 60)),
        )


def _written(client_id: str, entries: Iterable[Entry], now: datetime) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", "-//HSP distribution//calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", f"Updates at {client_id}")
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    events = {str(event["uid"]): event for event in (_event(entry, now) for entry in entries)}
    for event in events.values():
        calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _event(entry: Entry, now: datetime) -> Event:
    digest = hashlib.sha256(to_json([entry.kind, entry.what])).hexdigest()[:32]
    event = Event()
    event.add("uid", f"{digest}@hsp-distribution")
    event.add("dtstamp", now)
    event.add("summary", entry.title)
    event.add("description", entry.text)
    event.add("dtstart", entry.start)
    event.add("duration", entry.duration)
    event.add("categories", [entry.kind])
    event.add("transp", "TRANSPARENT")
    if entry.rule:
        event.add("rrule", vRecur.from_ical(entry.rule.upper().removeprefix("RRULE:")))
    if entry.except_starts:
        event.add("exdate", list(entry.except_starts))
    return event
