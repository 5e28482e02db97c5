"""The queue of a tier, site by site: what is wrong there, what to say, and who can lift it.

For every tier these are the open incidents at it. L1 has three more kinds, which are no failures
and make no tickets: credentials that are of no use, windows that were missed, sites that wait for
somebody's yes. The lines are found by indexes; only those that are shown are explained.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.control import explanation
from distribution.control.control_tables import WindowRow
from distribution.control.explanation import Explanation
from distribution.database.tables import Incident, Invitation, Problem, Site, SiteProduct
from distribution.desk import failure_table
from distribution.desk.states import TicketState
from distribution.languages import Language, message, translate
from manifests.documents import parse_json
from manifests.failures import FailureCode, Tier
from manifests.release import Release

PAGE = 25
LOOKS_BACK = timedelta(days=30)
"""An invitation that ran out, a site that was revoked: before this they are the past."""

MISSED_LATELY = timedelta(days=8)
"""A window that comes every week has come again by then."""


class LineKind(StrEnum):
    """Why a site is in the queue; the order is that of the queue."""

    TICKET = "ticket"
    SILENT = "silent"
    CREDENTIAL = "credential"
    MISSED_WINDOW = "missed_window"
    DEFERRED = "deferred"


_SAY: Mapping[LineKind, str] = {
    LineKind.CREDENTIAL: message(
        "Your site's registration with us is not complete; we send you a new invitation."
    ),
    LineKind.MISSED_WINDOW: message(
        "Your maintenance window has passed without the update; we are finding out why."
    ),
    LineKind.DEFERRED: message("We have the update ready for your site, and wait for your yes."),
}

SECURITY_INVITES = "a security administrator: hsp site invite"


@dataclass(frozen=True)
class QueueLine:
    """One site in the queue.

    Attributes:
        what: what is wrong, for us.
        say: the sentence for the customer.
        explained: the sentence about the release that the site does not get; may be empty.
        ticket: its number; None where there is none.
        due_at: when somebody should have answered; None where no clock runs.
        owner: who has taken the ticket.
        release: of which the rest of the line says why the site does not get it; may be empty.
        reason: what ``explain`` says of it.
        lifted_by: who can lift that.
        until: when it ends by itself.
    """

    kind: LineKind
    site_id: str
    client_id: str
    since: datetime
    what: str
    say: str
    explained: str = ""
    ticket: int | None = None
    due_at: datetime | None = None
    owner: str = ""
    release: str = ""
    reason: str = ""
    lifted_by: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class _Found:
    """A line that nobody has asked to see yet."""

    kind: LineKind
    site_id: str
    client_id: str
    since: datetime
    what: str
    code: FailureCode | None = None
    ticket: int | None = None
    due_at: datetime | None = None
    owner: str = ""
    candidate: str = ""
    lifted_by: str = ""

    @property
    def order(self) -> tuple[datetime, str]:
        return (self.due_at or self.since, self.site_id)


def queue(
    session: Session,
    tier: Tier,
    releases: Sequence[Release],
    now: datetime,
    *,
    offset: int = 0,
    limit: int = PAGE,
    language: Language = Language.ENGLISH,
) -> list[QueueLine]:
    """The lines of a tier, those due first in front, then what waits the longest.

    Args:
        releases: the signed ones, to explain with.
    """
    lines = sorted(_incidents(session, tier), key=lambda line: line.order)
    if tier is Tier.L1:
        rest = [*_credentials(session, now), *_missed(session, now), *_deferred(session)]
        lines += sorted(rest, key=lambda line: line.order)
    shown = lines[offset : offset + limit]
    known = _Known(session, {line.site_id for line in shown}, releases)
    return [_explained(session, line, known, now, language) for line in shown]


def size(session: Session, tier: Tier, now: datetime) -> dict[LineKind, int]:
    """How many lines of each kind there are."""
    found = list(_incidents(session, tier))
    if tier is Tier.L1:
        found += [*_credentials(session, now), *_missed(session, now), *_deferred(session)]
    return {kind: sum(1 for line in found if line.kind is kind) for kind in LineKind}


# --- found


def _incidents(session: Session, tier: Tier) -> Iterator[_Found]:
    wanted = (
        select(
            Incident.site_id, Incident.client_id, Incident.opened_at, Incident.detail,
            Problem.id, Problem.code, Problem.due_at, Problem.owner,
        )  # type: ignore[call-overload]
        .join(Problem, col(Incident.problem_id) == col(Problem.id))
        .where(Incident.state == TicketState.OPEN, Incident.tier == tier)
    )  # fmt: skip
    for site, client, opened_at, detail, ticket, code, due_at, owner in session.exec(wanted):
        kind = LineKind.SILENT if code == FailureCode.SILENT else LineKind.TICKET
        what = f"{code}: {detail.partition(chr(10))[0][:200]}"
        yield _Found(
            kind, site, client, opened_at, what, FailureCode(code), ticket, due_at, owner
        )  # fmt: skip


def _credentials(session: Session, now: datetime) -> Iterator[_Found]:
    """Invitations that ran out unused, and sites that were revoked and not invited again."""
    newer = select(func.max(Invitation.id)).group_by(col(Invitation.site_id))
    unused = (
        select(Invitation)
        .where(col(Invitation.used_at).is_(None), col(Invitation.id).in_(newer))
        .where(Invitation.expires_at <= now, Invitation.expires_at > now - LOOKS_BACK)
    )
    invited = set()
    for row in session.exec(unused):
        invited.add(row.site_id)
        client = str(parse_json(row.profile.encode(), "site profile")["client_id"])
        what = f"its invitation by {row.invited_by} ran out unused"
        yield _Found(
            LineKind.CREDENTIAL, row.site_id, client, row.expires_at, what,
            lifted_by=SECURITY_INVITES,
        )  # fmt: skip
    revoked = select(Site.id, Site.client_id, Site.revoked_at).where(
        col(Site.revoked_at) > now - LOOKS_BACK
    )
    for site, client, at in session.exec(revoked):
        if site not in invited and at is not None:
            what = "its key was revoked, and it has not joined again"
            yield _Found(
                LineKind.CREDENTIAL, site, client, at, what, lifted_by=SECURITY_INVITES
            )  # fmt: skip


def _missed(session: Session, now: datetime) -> Iterator[_Found]:
    """The newest opening of a site that is over, where it was missed."""
    last = (
        select(WindowRow.site_id, func.max(WindowRow.ends_at).label("ends_at"))
        .where(WindowRow.outcome != "", col(WindowRow.ends_at) > now - MISSED_LATELY)
        .group_by(col(WindowRow.site_id))
        .subquery()
    )
    wanted = (
        select(WindowRow, Site.client_id)
        .join(last, (last.c.site_id == WindowRow.site_id) & (last.c.ends_at == WindowRow.ends_at))
        .join(Site, col(Site.id) == col(WindowRow.site_id))
        .where(WindowRow.outcome == "missed", col(Site.revoked_at).is_(None))
    )
    for row, client in session.exec(wanted):
        what = f"missed a window: {row.detail}"
        yield _Found(LineKind.MISSED_WINDOW, row.site_id, client, row.ends_at, what)


def _deferred(session: Session) -> Iterator[_Found]:
    """Sites whose policy is to ask, and that wait for the answer."""
    wanted = (
        select(SiteProduct, Site.client_id, Site.last_seen)
        .join(Site, col(Site.id) == col(SiteProduct.site_id))
        .where(SiteProduct.gate == "approved", col(Site.revoked_at).is_(None))
    )
    for row, client, last_seen in session.exec(wanted):
        yield _Found(
            LineKind.DEFERRED, row.site_id, client, last_seen,
            f"{row.product}: {row.reason}", candidate=row.candidate or "",
            lifted_by=row.lifted_by,
        )  # fmt: skip


# --- shown


def _explained(
    session: Session,
    line: _Found,
    known: "_Known",
    now: datetime,
    language: Language,
) -> QueueLine:
    why = _why(session, line, known, now, language)
    gate = next((gate for gate in why.gates if gate.answer != "pass"), None) if why else None
    return QueueLine(
        kind=line.kind,
        site_id=line.site_id,
        client_id=line.client_id,
        since=line.since,
        what=line.what,
        say=_say(session, line, language),
        explained=why.sentence if why else "",
        ticket=line.ticket,
        due_at=line.due_at,
        owner=line.owner,
        release=f"{why.product} {why.version}" if why else "",
        reason=why.reason if why else "",
        lifted_by=(gate.lifted_by if gate else "") or line.lifted_by,
        until=gate.until if gate else None,
    )


def _say(session: Session, line: _Found, language: Language) -> str:
    if line.code is not None:
        return failure_table.sentence(session, line.code, language)
    return translate(_SAY[line.kind], language)


def _why(
    session: Session,
    line: _Found,
    known: "_Known",
    now: datetime,
    language: Language,
) -> Explanation | None:
    """Of the release that the site was last offered; None where there is none."""
    release = known.release(line)
    if release is None:
        return None
    found = explanation.explain(session, line.site_id, [release], now, language)
    return next(iter(found), None)


class _Known:
    """What the lines of a page are explained with, read in two queries."""

    def __init__(self, session: Session, names: set[str], releases: Sequence[Release]) -> None:
        self._by_path = {str(release.path): release for release in releases}
        found = session.exec(select(Site).where(col(Site.id).in_(names))).all()
        self._sites = {site.id: site for site in found}  # kept, so that nobody reads them again
        offered = select(SiteProduct.site_id, SiteProduct.candidate).where(
            col(SiteProduct.site_id).in_(names), col(SiteProduct.candidate).is_not(None)
        )
        self._candidates = dict(session.exec(offered).all())

    def release(self, line: _Found) -> Release | None:
        """What a site of the page was last offered."""
        path = line.candidate or self._candidates.get(line.site_id) or ""
        return self._by_path.get(path) if line.site_id in self._sites else None
