"""Tickets as staff see them: a line of the queue, a page of one, an incident on it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from distribution.desk.known_issues import KnownIssueView
from distribution.desk.news import News
from distribution.desk.problem_work import ClientsSites
from distribution.desk.states import TicketState
from distribution.desk.symptoms import SymptomsView
from distribution.desk.ticket_work import EntryView
from manifests.failures import FailureCode, Tier


class Which(StrEnum):
    """Which tickets to list."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


@dataclass(frozen=True)
class TicketLine:
    """A problem in the queue.

    Attributes:
        sentence: what may be said to a customer.
        runbook: the page that says what to do.
        owner: who has taken it; empty while nobody has.
        answered_at: when somebody took it; its clock stands still from then on.
        known_issue: such as ``K-12``; empty for what is news.
        hotfix: the release that is to mend it.
        part_of: the ticket of the stopped rollout that gathers this one.
        parts: how many tickets a stopped rollout gathers.
        sites: how many have had it, those of the parts included; ``sites_open`` of them have it
            still, and the others have confirmed a later install.
    """

    number: int
    tier: Tier
    state: TicketState
    code: FailureCode
    product: str
    version: str
    signature: str
    detail: str
    sentence: str
    runbook: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None
    reopened: int
    owner: str
    answered_at: datetime | None
    known_issue: str
    hotfix: str
    part_of: int | None
    parts: int
    sites: int
    sites_open: int
    clients: int

    @property
    def progress(self) -> str:
        """How far it is mended."""
        return f"{self.sites - self.sites_open} of {self.sites} sites confirmed"


@dataclass(frozen=True)
class IncidentView:
    """A problem at one site."""

    number: int
    ticket: int
    site_id: str
    client_id: str
    tier: Tier
    state: TicketState
    occurrences: int
    reopened: int
    detail: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Told:
    """A line of the ticket's news; ``site_id`` where it is about one site."""

    at: datetime
    kind: News
    tier: Tier
    site_id: str


@dataclass(frozen=True)
class Ticket:
    """Everything that a page of one ticket needs.

    Attributes:
        log_tail: of the report that was seen first.
        cause: what L3 found.
        known_issue: with its workaround.
        parts: the tickets that a stopped rollout gathers.
        incidents: the first of them, those that are open in front; ``line.sites`` counts all.
        entries: what people did to it and wrote on it, oldest first.
        news: what was told of it, newest first.
        runs: who runs its version, or is about to get it.
        handed_over: to which trackers it was given, and when.
    """

    line: TicketLine
    log_tail: str
    cause: str
    known_issue: KnownIssueView | None
    parts: tuple[TicketLine, ...]
    incidents: tuple[IncidentView, ...]
    entries: tuple[EntryView, ...]
    symptoms: tuple[SymptomsView, ...]
    news: tuple[Told, ...]
    runs: tuple[ClientsSites, ...]
    handed_over: tuple[tuple[str, datetime], ...]
