"""What holds a client's updates back at the moment: brakes, freezes, and the sites' own answers."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, col, select

from distribution.calendars import freeze_records
from distribution.calendars.freeze_records import Scope as FreezeScope
from distribution.client_reports.model import HoldKind, OpenHold
from distribution.control import brakes, gate_sentences
from distribution.database.tables import Site, SiteProduct
from distribution.languages import Language, message, translate
from manifests.errors import ManifestError
from manifests.freeze import Freeze
from manifests.target_paths import ReleasePath
from manifests.window import HORIZON

NO_HOLDS = frozenset({"", "newer", "applicable"})
"""A site that runs it already, or for which it is not meant, is not held."""

BRAKE = message("All updates are on hold here. The reason: {reason}")
FREEZE = message("Nothing is changed in this time: {name}. The reason: {reason}")


class Standing(NamedTuple):
    """What one site runs of one product, and what it said of the newest release."""

    site_id: str
    product: str
    version: str | None
    candidate: str | None
    gate: str
    decision: str
    reason: str
    lifted_by: str
    until: datetime | None


def standings(session: Session, client_id: str) -> list[Standing]:
    """Of all sites of a client that are not revoked."""
    names = Standing._fields
    wanted = (
        select(*(getattr(SiteProduct, name) for name in names))
        .join(Site, col(Site.id) == col(SiteProduct.site_id))
        .where(col(Site.client_id) == client_id, col(Site.revoked_at).is_(None))
        .order_by(col(SiteProduct.site_id), col(SiteProduct.product))
    )
    return [Standing(*row) for row in session.exec(wanted)]


def of_client(
    session: Session,
    client_id: str,
    standing: Sequence[Standing],
    zone: str,
    language: Language,
    now: datetime,
) -> tuple[OpenHold, ...]:
    """Brakes, then freezes, then what sites wait for."""
    sites = {each.site_id for each in standing}
    products = {each.product for each in standing}
    places = {("client", client_id), ("global", "")}
    places |= {("site", site) for site in sites} | {("product", product) for product in products}
    return (
        *_brakes(session, places, language),
        *_freezes(session, places, language, now),
        *_gates(standing, zone, language),
    )


Places = set[tuple[str, str]]


def _brakes(session: Session, places: Places, language: Language) -> Iterable[OpenHold]:
    for brake in brakes.listed(session):
        if (brake.scope.value, brake.target) in places:
            yield OpenHold(
                kind=HoldKind.BRAKE,
                scope=brake.scope,
                target=brake.target,
                by=brake.by,
                reason=brake.reason,
                sentence=translate(BRAKE, language).format(reason=brake.reason),
                since=brake.at,
                until=None,
            )


def _freezes(
    session: Session, places: Places, language: Language, now: datetime
) -> Iterable[OpenHold]:
    for one in freeze_records.announced(session, now):
        if (FreezeScope(one.scope).value, one.subject) in places:
            starts, ends = _next(one.freeze, now)
            words = translate(FREEZE, language)
            yield OpenHold(
                kind=HoldKind.FREEZE,
                scope=one.scope,
                target=one.subject,
                by=one.by,
                reason=one.reason,
                sentence=words.format(name=one.freeze.name, reason=one.reason),
                since=starts,
                until=ends,
            )


def _next(freeze: Freeze, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when to when it is in force next, or now."""
    found = next(freeze.blackouts(now, now + HORIZON), None)
    return (found.starts_at, found.ends_at) if found else (None, None)


def _gates(standing: Sequence[Standing], zone: str, language: Language) -> Iterable[OpenHold]:
    """Sites that wait for the same thing for the same reason are one hold."""
    waiting: dict[tuple[str, str, str, str, str], list[Standing]] = defaultdict(list)
    for each in standing:
        if each.gate not in NO_HOLDS and each.candidate:
            key = (_release(each.candidate), each.gate, each.decision, each.reason, each.lifted_by)
            waiting[key].append(each)
    for (release, gate, decision, reason, lifted_by), those in sorted(waiting.items()):
        until = min((each.until for each in those if each.until), default=None)
        yield OpenHold(
            kind=HoldKind.GATE,
            scope="product",
            target=release,
            by=lifted_by,
            reason=reason,
            sentence=gate_sentences.said(gate, decision, reason, until, zone, language),
            since=None,
            until=until,
            gate=gate,
            sites=tuple(each.site_id for each in those),
        )


def _release(candidate: str) -> str:
    """Product and version; what a site told that is no release's path, as it told it."""
    try:
        path = ReleasePath.parse(candidate)
    except ManifestError:
        return candidate[:200]
    return f"{path.product} {path.version}"
