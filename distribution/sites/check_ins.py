"""A site's sign of life: what it runs, what it decided and why, and what it should know from us.

The answer can slow an agent down or hold it still, pass on its client's yes where the site's own
policy waits for one, and ask for a step of support's fixed list; there is nothing in it that could
make it install anything.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from sqlmodel import Session

from distribution import audit, events
from distribution.audit import witness
from distribution.backup import asking
from distribution.backup.tables import AskAgain
from distribution.calendars import freeze_records, openings
from distribution.control import fleet, notices
from distribution.database.sessions import Database
from distribution.database.tables import Site, SiteProduct
from distribution.drills import records
from distribution.events import EventKind
from distribution.settings import Settings
from distribution.sites import alarms, site_identity, site_keys, site_sessions, told
from distribution.sites.reports import known_site
from distribution.sites.sealed import freely, peeked, unauthorised
from distribution.sites.told import Newest
from manifests.check_in import CHECK_IN_TYPE, CheckIn, CheckInAnswer, ProductStatus
from manifests.documents import to_json
from manifests.repetition import Spoken, spoken, witnessed_text

MAX_CHECK_IN_BYTES = 256 * 1024


def accept(
    database: Database,
    data: bytes,
    settings: Settings,
    newest: Newest,
    now: datetime,
    *,
    next_by: datetime | None = None,
    admit: Callable[[str], None] = freely,
    wants_session: bool = False,
) -> CheckInAnswer:
    """Note a check-in and answer it. One that came on a stick names when the next one is due.

    Args:
        admit: asked with the site's name once its signature is right; it may refuse.
        wants_session: whether the site would like to repeat it without a signature.

    Raises:
        TooMany: by ``admit``.
        Malformed: not an envelope with a check-in.
        ManifestError: a field of it is wrong.
        Unauthorised: no such site, or not signed by its key.
        Unavailable: the database does not answer.
    """
    said = peeked(data, CHECK_IN_TYPE, CheckIn)
    site = known_site(database, said.site_id)
    body = site_keys.opened(database, site, data, CHECK_IN_TYPE, said.at, now)
    admit(site.id)
    with database.writing() as session:
        site = session.get_one(Site, said.site_id)
        known = fleet.check_in_of(site)
        if not _is_stale(known, said):
            is_newest = _hear(session, site, said, settings, now)
            may_repeat = is_newest and not said.problem and next_by is None
            site.check_in_digest = _digest(body) if may_repeat else ""
        asked = asking.known_sequence(session, site, said) if next_by is None else None
        if asked is not None:
            site.check_in_digest = ""  # the next check-in is heard in full, too
        given = None
        if wants_session and site.check_in_digest and site_sessions.is_new(known, said, now):
            given = site_sessions.begin(session, site, now)
        _note_life(session, site, now, next_by)
        runs = {status.product: status.installed.version for status in said.products}
        tell(session, site.id, runs, site.problem, now)
        witness.hear(session, site.id, said.audit_checkpoint, settings, now)
        found = told.of_site(session, site, now, calls=next_by is None)
    return told.answer(found, settings, newest, given).model_copy(update={"known_sequence": asked})


def repeat(
    database: Database,
    token: str,
    body: bytes,
    settings: Settings,
    newest: Newest,
    now: datetime,
    *,
    admit: Callable[[str], None] = freely,
) -> CheckInAnswer:
    """Note that a site says the same again, by the token it was given, and answer it.

    Raises:
        TooMany: by ``admit``.
        Unauthorised: the token is no (longer) good, or this is something else than the site has
            signed: then it signs what it says.
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        site = site_sessions.site_of(session, token, now)
    admit(site.id)
    with database.writing() as session:
        site = site_sessions.site_of(session, token, now)
        said, known = spoken(body), fleet.check_in_of(site)
        if said is None or known is None or not _repeats(session, site, said, known):
            raise unauthorised()
        _note_life(session, site, now, None)
        runs = {status.product: status.installed.version for status in known.products}
        tell(session, site.id, runs, site.problem, now)
        found = told.of_site(session, site, now, calls=True)
    return told.answer(found, settings, newest)


def _repeats(session: Session, site: Site, said: Spoken, known: CheckIn) -> bool:
    is_the_same = said.digest.hex() == site.check_in_digest and said.at >= known.at
    is_asked = session.get(AskAgain, site.id) is not None
    return is_the_same and not is_asked and witness.holds(session, witnessed_text(said.witnessed))


def _digest(body: bytes) -> str:
    said = spoken(body)
    return said.digest.hex() if said is not None else ""


def _note_life(session: Session, site: Site, now: datetime, next_by: datetime | None) -> None:
    site.last_seen, site.expected_by = max(site.last_seen, now), next_by
    session.add(site)


def tell(
    session: Session, site_id: str, runs: Mapping[str, str | None], problem: str, now: datetime
) -> None:
    """Let whoever watches know of a check-in."""
    events.tell(session, EventKind.CHECK_IN, now, site_id=site_id, runs=runs, problem=problem)


def _is_stale(known: CheckIn | None, said: CheckIn) -> bool:
    """Older than what we have from the same run of the agent: overtaken on the way, or replayed."""
    return known is not None and known.boot_id == said.boot_id and said.at < known.at


def _hear(session: Session, site: Site, said: CheckIn, settings: Settings, now: datetime) -> bool:
    """Take over what is said; says whether it comes from the site's newest boot."""
    online_since = now - timedelta(seconds=settings.silent_after_seconds)
    seen = said.root_version, said.timestamp_version
    notices.heard(session, site, *seen, online_since, now)
    _note(session, site, said, now)
    return site_identity.note_boot(session, site, said, now)


def _note(session: Session, site: Site, said: CheckIn, now: datetime) -> None:
    code = alarms.code_of(said.problem) if said.problem else None
    if code is not None:
        records.poll_failed(session, code)
    if code is not None and code != site.problem:
        alarms.ring(session, site.id, code, code, said.detail or said.problem[:200], now)
    site.problem = code or ""
    known = fleet.check_in_of(site)
    freeze_records.note_policy(session, site.id, known.policy if known else None, said.policy, now)
    openings.note(session, site.id, known.policy if known else None, said.policy, now)
    site.check_in = said.to_bytes().decode()
    profile = fleet.profile_of(site).model_copy(update={"ring": said.ring})
    before, site.profile = site.profile, to_json(profile.model_dump(mode="json")).decode()
    if site.profile != before:
        deed = audit.Deed(f"site:{site.id}", "site.profile", f"site {site.id}", f"ring {said.ring}")
        audit.note(session, deed, now)
    for status in said.products:
        if status.product in profile.products:
            session.merge(_row(site.id, status))


def _row(site_id: str, status: ProductStatus) -> SiteProduct:
    return SiteProduct(
        site_id=site_id,
        product=status.product,
        version=status.installed.version,
        candidate=status.candidate,
        decision=status.decision,
        gate=status.gate,
        reason=status.reason,
        lifted_by=status.lifted_by,
        until=status.until,
    )
