"""A client's month, read out of the database in a handful of queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.calendars.openings import WindowOutcome
from distribution.client_reports import installs, open_holds, severities
from distribution.client_reports.model import (
    ClientMonth,
    IncidentRecord,
    InstallRecord,
    Outcome,
    PatchTime,
    SiteTally,
    VersionTally,
)
from distribution.client_reports.open_holds import Standing
from distribution.client_reports.period import Period
from distribution.client_reports.severities import Rolled
from distribution.client_reports.statistics import median, p95
from distribution.control.control_tables import WindowRow
from distribution.database.tables import Incident, Problem, Site
from distribution.desk import failure_table
from distribution.errors import Invalid
from distribution.languages import Language
from distribution.sites import clients
from manifests.failures import FailureCode
from manifests.release import Severity


def month(
    session: Session,
    client_id: str,
    period: Period,
    now: datetime,
    language: Language = Language.ENGLISH,
) -> ClientMonth:
    """What happened at a client's sites in a month, and what is open at ``now``.

    Args:
        language: of the sentences in it.

    Raises:
        NotFound: there is no such client.
        Invalid: the month has not begun.
    """
    clients.known(session, client_id)
    span = (period.starts_at, period.ends_at)
    if span[0] > now:
        raise Invalid(f"the month {period} has not begun in {period.zone}")
    standing = open_holds.standings(session, client_id)
    products = {each.product for each in standing}
    enrolled = _enrolled(session, client_id)
    releases = severities.rolled(session, products, span[1])
    found = installs.of_client(session, client_id, span, releases, language)
    missing = severities.without(session, releases.values(), _runs(standing), now)
    return ClientMonth(
        client_id=client_id,
        month=str(period),
        zone=period.zone,
        starts_at=span[0],
        ends_at=span[1],
        made_at=now,
        is_over=span[1] <= now,
        sites=len(enrolled),
        tally=installs.tally(found),
        windows=_windows(session, client_id, span),
        patch_times=tuple(_patch_times(found, releases, enrolled, missing)),
        versions=tuple(_versions(found, releases)),
        by_site=tuple(_by_site(found)),
        installs=found,
        holds=open_holds.of_client(session, client_id, standing, period.zone, language, now),
        incidents=tuple(_incidents(session, client_id, span, language)),
    )


def _enrolled(session: Session, client_id: str) -> dict[str, datetime]:
    """The client's sites, and since when."""
    wanted = select(Site.id, Site.enrolled_at).where(
        Site.client_id == client_id, col(Site.revoked_at).is_(None)
    )
    return dict(session.exec(wanted).all())


def _runs(standing: Sequence[Standing]) -> severities.Runs:
    found: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for each in standing:
        found[each.product, each.version].append(each.site_id)
    return found


def _windows(
    session: Session, client_id: str, span: tuple[datetime, datetime]
) -> dict[WindowOutcome, int]:
    wanted = (
        select(WindowRow.outcome, func.count())
        .join(Site, col(Site.id) == col(WindowRow.site_id))
        .where(Site.client_id == client_id, WindowRow.outcome != "")
        .where(WindowRow.ends_at >= span[0], WindowRow.ends_at < span[1])
        .group_by(WindowRow.outcome)
    )
    counted = dict(session.exec(wanted).all())
    return {outcome: counted.get(outcome, 0) for outcome in WindowOutcome}


def _patch_times(
    records: Iterable[InstallRecord],
    releases: Mapping[str, Rolled],
    enrolled: Mapping[str, datetime],
    missing: Mapping[Severity, set[str]],
) -> Iterable[PatchTime]:
    """Of each severity, the worst first."""
    by_version = {(r.path.product, r.path.version): r for r in releases.values()}
    times: dict[Severity, dict[tuple[str, str, str], float]] = defaultdict(dict)
    for record in records:
        release = by_version.get((record.product, record.version))
        if record.outcome is Outcome.INSTALLED and record.ended_at is not None and release:
            since = _due_since(release, enrolled.get(record.site_id), record.ended_at)
            key = (record.site_id, record.product, record.version)
            # The first install counts: who put it in once more had it before.
            times[release.severity].setdefault(key, (record.ended_at - since).total_seconds())
    for severity in reversed(Severity):
        values = list(times[severity].values())
        without = len(missing.get(severity, ()))
        yield PatchTime(severity, len(values), median(values), p95(values), without)


def _due_since(release: Rolled, enrolled_at: datetime | None, ended_at: datetime) -> datetime:
    """From when on a site could have had it: its rollout's start, or its own if that was later."""
    joined = enrolled_at if enrolled_at and enrolled_at <= ended_at else release.started_at
    return min(max(release.started_at, joined), ended_at)


def _versions(
    records: Sequence[InstallRecord], releases: Mapping[str, Rolled]
) -> Iterable[VersionTally]:
    known = {(r.path.product, r.path.version): r for r in releases.values()}
    grouped: dict[tuple[str, str], list[InstallRecord]] = defaultdict(list)
    for record in records:
        grouped[record.product, record.version].append(record)
    for (product, version), those in sorted(grouped.items()):
        release = known.get((product, version))
        yield VersionTally(
            product=product,
            version=version,
            severity=release.severity if release else None,
            fixed_cves=release.fixed_cves if release else (),
            released_at=release.started_at if release else None,
            tally=installs.tally(those),
        )


def _by_site(records: Iterable[InstallRecord]) -> Iterable[SiteTally]:
    grouped: dict[str, list[InstallRecord]] = defaultdict(list)
    for record in records:
        grouped[record.site_id].append(record)
    return (SiteTally(site, installs.tally(those)) for site, those in sorted(grouped.items()))


def _incidents(
    session: Session, client_id: str, span: tuple[datetime, datetime], language: Language
) -> Iterable[IncidentRecord]:
    """Those that were open at some moment of the month, oldest first."""
    wanted = (
        select(Incident, Problem.code, Problem.product, Problem.version)
        .join(Site, col(Site.id) == col(Incident.site_id))
        .join(Problem, col(Problem.id) == col(Incident.problem_id))
        .where(Site.client_id == client_id, Incident.opened_at < span[1])
        .where(col(Incident.closed_at).is_(None) | (col(Incident.closed_at) >= span[0]))
        .order_by(col(Incident.opened_at), col(Incident.id))
    )
    sentences: dict[str, str] = {}
    for incident, code, product, version in session.exec(wanted):
        if code not in sentences:
            sentences[code] = failure_table.sentence(session, FailureCode(code), language)
        yield IncidentRecord(
            number=incident.id or 0,
            site_id=incident.site_id,
            code=FailureCode(code),
            product=product,
            version=version,
            sentence=sentences[code],
            occurrences=incident.occurrences,
            opened_at=incident.opened_at,
            closed_at=incident.closed_at,
        )
