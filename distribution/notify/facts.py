"""What a message says, settled when it is first sent: of one problem, by what is known then.

``of_staff`` and ``of_clients`` find it for many deliveries with a few queries in all.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Select, case, func
from sqlalchemy import select as sa_select
from sqlmodel import Session, col, select

from distribution.database.tables import Incident, Problem
from distribution.desk import failure_table
from distribution.desk.news import News
from distribution.desk.states import TicketState
from distribution.desk.tables import NewsRow
from distribution.languages import Language
from distribution.notify.audience import is_heard
from distribution.notify.tables import Delivery, NotifyChannel
from manifests.failures import FailureCode, Tier

NAMED_SITES = 100
"""So many sites a message names; of the others it says how many."""


@dataclass(frozen=True)
class StaffFacts:
    """For us.

    Attributes:
        what: the news that matters most of those that it gathers.
        joined: how many sites' joining it gathers.
        sites: that have it; of a closed problem, that had it. The same of ``clients``.
    """

    what: News
    joined: int
    ticket: int
    tier: str
    state: str
    code: str
    product: str
    version: str
    detail: str
    sentence: str
    runbook: str
    owner: str
    sites: int
    clients: int
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class ClientFacts:
    """For a client: its own sites, and the sentence that may be said. Nothing else is in here."""

    client: str
    sentence: str
    product: str
    version: str
    begun: tuple[str, ...]
    begun_count: int
    over: tuple[str, ...]
    over_count: int
    at: datetime
    """When the first of what it tells happened."""


@dataclass(frozen=True)
class Counts:
    """Of a problem with its parts."""

    sites: int = 0
    clients: int = 0
    open_sites: int = 0
    open_clients: int = 0


Pair = tuple[Delivery, NotifyChannel]

STAFF, CLIENT = TypeAdapter(StaffFacts), TypeAdapter(ClientFacts)
BUNCH = TypeAdapter(list[StaffFacts])
"""How they are kept: as JSON."""

_WEIGHT = (*(News.HANDED_OVER, News.OVERDUE, News.RAISED, News.REOPENED, News.OPENED, News.JOINED),)
"""Of several news in one message the first of these is its headline, while it is not over."""


def headline(kinds: Collection[str], state: str) -> News:
    """What matters most of several news."""
    if News.CLOSED in kinds and (state == TicketState.CLOSED or set(kinds) == {News.CLOSED}):
        return News.CLOSED
    return next((kind for kind in _WEIGHT if kind in kinds), News.JOINED)


def of_staff(session: Session, pairs: Sequence[Pair]) -> dict[int, StaffFacts | None]:
    """By delivery; None where there is nothing left to tell."""
    problems = _problems(session, pairs)
    counts = _counts(session, list(problems))
    found: dict[int, StaffFacts | None] = {}
    for delivery, channel in pairs:
        problem = problems[delivery.problem_id or 0]
        is_over = problem.state == TicketState.CLOSED
        if _is_stale(delivery, channel, problem):
            found[delivery.id or 0] = None
            continue
        known = counts.get(problem.id or 0, Counts())
        entry = failure_table.entry(session, FailureCode(problem.code))
        found[delivery.id or 0] = StaffFacts(
            what=headline(delivery.kinds.split(), problem.state),
            joined=delivery.joined,
            ticket=problem.id or 0,
            tier=problem.tier,
            state=problem.state,
            code=problem.code,
            product=problem.product,
            version=problem.version,
            detail=problem.detail,
            sentence=_sentence(session, problem, channel),
            runbook=entry.runbook,
            owner=problem.owner,
            sites=known.sites if is_over else known.open_sites,
            clients=known.clients if is_over else known.open_clients,
            opened_at=problem.opened_at,
            due_at=problem.due_at,
            closed_at=problem.closed_at,
        )
    return found


def _is_stale(delivery: Delivery, channel: NotifyChannel, problem: Problem) -> bool:
    """Whether it is over for who does not want to hear so, or another tier's meanwhile."""
    if problem.state == TicketState.CLOSED:
        return News.CLOSED not in channel.news.split()
    return delivery.kinds == News.JOINED and not is_heard(channel, Tier(problem.tier))


def _problems(session: Session, pairs: Sequence[Pair]) -> dict[int, Problem]:
    wanted = {delivery.problem_id for delivery, _ in pairs}
    rows = session.exec(select(Problem).where(col(Problem.id).in_(wanted)))
    return {problem.id or 0: problem for problem in rows}


def _sentence(session: Session, problem: Problem, channel: NotifyChannel) -> str:
    code, language = FailureCode(problem.code), Language(channel.language)
    return failure_table.sentence(session, code, language)


def _counts(session: Session, problems: Collection[int]) -> dict[int, Counts]:
    """Of each problem; one of a stopped rollout has no incidents but its parts'."""
    own = _counting(Incident.problem_id).where(col(Incident.problem_id).in_(problems))
    parts = _counting(Problem.part_of_id).join(Problem, col(Incident.problem_id) == col(Problem.id))
    parts = parts.where(col(Problem.part_of_id).in_(problems))
    rows = [row for each in (own, parts) for row in session.execute(each)]
    return {int(problem): Counts(*counted) for problem, *counted in rows}


def _counting(key: Any) -> Select[Any]:
    def distinct(column: Any, only: ColumnElement[bool] | None = None) -> Any:
        return func.count(func.distinct(column if only is None else case((only, column))))

    is_open = col(Incident.state) == TicketState.OPEN
    site, client = col(Incident.site_id), col(Incident.client_id)
    counted = distinct(site), distinct(client), distinct(site, is_open), distinct(client, is_open)
    return sa_select(key, *counted).select_from(Incident).group_by(key)


@dataclass(frozen=True)
class _Line:
    """A line of the news about a site."""

    number: int
    at: datetime
    is_over: bool
    site: str
    is_open_now: bool


def of_clients(session: Session, pairs: Sequence[Pair]) -> dict[int, ClientFacts | None]:
    """By delivery; None where there is nothing left to tell."""
    problems = _problems(session, pairs)
    lines = _lines(session, pairs)
    found: dict[int, ClientFacts | None] = {}
    for delivery, channel in pairs:
        problem = problems[delivery.problem_id or 0]
        heard = [
            line
            for line in lines.get((problem.id or 0, channel.client_id), ())
            if delivery.first_news <= line.number <= delivery.last_news
        ]
        begun, over = _sorted_out(heard, channel)
        found[delivery.id or 0] = (
            ClientFacts(
                client=channel.client_id,
                sentence=_sentence(session, problem, channel),
                product=problem.product,
                version=problem.version,
                begun=tuple(begun[:NAMED_SITES]),
                begun_count=len(begun),
                over=tuple(over[:NAMED_SITES]),
                over_count=len(over),
                at=heard[0].at,
            )
            if begun or over
            else None
        )
    return found


def _sorted_out(heard: Sequence[_Line], channel: NotifyChannel) -> tuple[list[str], list[str]]:
    """Sites where it has begun and those where it is over, by the last that was heard of each."""
    wants = channel.news.split()
    last = {line.site: line for line in heard}
    if News.CLOSED not in wants:  # whatever is over meanwhile is left out
        return [site for site, line in last.items() if line.is_open_now], []
    over = [site for site, line in last.items() if line.is_over]
    if News.OPENED not in wants:
        return [], over
    return [site for site, line in last.items() if not line.is_over], over


_COLUMNS = (
    *(col(NewsRow.problem_id), col(Incident.client_id)),
    *(col(NewsRow.id), col(NewsRow.at), col(NewsRow.kind), col(Incident.site_id)),
    col(Incident.state),
)
"""And no whole rows: there may be ten thousand."""


def _lines(session: Session, pairs: Sequence[Pair]) -> dict[tuple[int, str], list[_Line]]:
    """By problem and client, oldest first: one query for all of them."""
    found: dict[tuple[int, str], list[_Line]] = {}
    if not pairs:
        return found
    wanted = (
        sa_select(*_COLUMNS)
        .join(Incident, col(NewsRow.incident_id) == col(Incident.id))
        .where(
            col(NewsRow.problem_id).in_({delivery.problem_id for delivery, _ in pairs}),
            col(Incident.client_id).in_({channel.client_id for _, channel in pairs}),
            col(NewsRow.id) >= min(delivery.first_news for delivery, _ in pairs),
            col(NewsRow.id) <= max(delivery.last_news for delivery, _ in pairs),
            col(NewsRow.kind).in_([News.OPENED, News.JOINED, News.REOPENED, News.CLOSED]),
        )
        .order_by(col(NewsRow.id))
    )
    for problem, client, number, at, kind, site, state in session.execute(wanted):
        line = _Line(number, at, kind == News.CLOSED, site, state == TicketState.OPEN)
        found.setdefault((problem, client), []).append(line)
    return found
