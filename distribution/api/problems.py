"""L3's work on problems, known issues, and the table of failures, for staff."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from distribution.api import desk_examples, examples
from distribution.api.access import NowDep, OwnSiteDep, ServerDep, allowed
from distribution.api.answers import errors
from distribution.api.desk import READS, TICKET, BodyDep, Note, ReaderDep, given, ticket_of
from distribution.api.languages import WishesDep
from distribution.api.rollouts import Number, Reason, reason_body
from distribution.control.explanation import known_site
from distribution.database.columns import BIGGEST
from distribution.desk import (
    handing_over,
    known_issue_work,
    known_issues,
    overrides,
    problem_work,
)
from distribution.desk.hand_over import HandOver
from distribution.desk.known_issue_work import NewKnownIssue
from distribution.desk.known_issues import HeldNotice, KnownIssueView
from distribution.desk.overrides import Change, FailureView
from distribution.desk.problem_work import ClientsSites
from distribution.desk.ticket_views import Ticket
from distribution.languages import Language
from distribution.notify import trackers
from distribution.people.roles import Permission, Person
from manifests.failures import FailureCode, Tier

router = APIRouter(tags=["problems"])

EngineerDep = Annotated[Person, allowed(Permission.PROBLEM_WORK)]
KeeperDep = Annotated[Person, allowed(Permission.FAILURE_TABLE)]
Words = Annotated[str, Field(max_length=2000)]

_CHANGES = errors(401, 403, 404, 409, 413, 422, 503)


class Hotfix(BaseModel):
    """The release that is to mend it: a version, or a manifest's path."""

    release: Annotated[str, Field(min_length=1, max_length=400)]


class Handing(BaseModel):
    """To whom, and with which names."""

    to: Annotated[str, Field(min_length=1, max_length=64)]
    with_names: bool = False
    """Whether the names of sites and clients are in it."""


class NewIssue(BaseModel):
    """What explains a failure: everything that is given has to fit."""

    workaround: Annotated[str, Field(min_length=1, max_length=2000)]
    sentence: Annotated[str, Field(min_length=1, max_length=2000)]
    product: Annotated[str, Field(max_length=64)] = ""
    versions: Annotated[str, Field(max_length=200)] = ""
    code: FailureCode | None = None
    signature: Words = ""
    words: Words = ""
    problem: Annotated[int, Field(ge=0, le=BIGGEST)] = 0


class NewMeaning(BaseModel):
    """What to say of a code instead; what is left out stays as it is."""

    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    tier: Tier | None = None
    answer_within_seconds: Annotated[int, Field(ge=60, le=30 * 24 * 3600)] | None = None
    runbook: Annotated[str, Field(max_length=overrides.MOST_CHARACTERS)] = ""
    sentences: dict[Language, Annotated[str, Field(max_length=overrides.MOST_CHARACTERS)]] = Field(
        default_factory=dict
    )

    def change(self) -> Change:
        """As the desk takes it."""
        seconds = self.answer_within_seconds
        within = timedelta(seconds=seconds) if seconds is not None else None
        return Change(self.tier, within, self.runbook, self.sentences)


# --- a problem


@router.get(
    "/v1/tickets/{number}/sites",
    summary="Who runs its version, or is about to get it",
    responses={**examples.answer([desk_examples.CLIENTS_SITES], "Client by client."), **READS},
)
def who_runs(number: Number, server: ServerDep, _: ReaderDep) -> list[ClientsSites]:
    """As the sites said at their latest check-ins."""
    with server.database.reading() as session:
        return list(problem_work.who_runs(session, number))


@router.post(
    "/v1/tickets/{number}/cause",
    summary="Write down the cause",
    responses=TICKET,
    openapi_extra=reason_body(Note, {"text": "a shop without a category is refused"}),
)
def write_cause(
    number: Number,
    person: EngineerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """Once more replaces it; the ticket's entries keep both."""
    problem_work.cause(server.database, person, number, given(Note, body).text, now)
    return ticket_of(server, number, wishes.about_nobody())


@router.post(
    "/v1/tickets/{number}/hotfix",
    summary="Say which release is to mend it",
    responses=TICKET,
    openapi_extra=reason_body(Hotfix, {"release": "hotfixes/kasir/2.1.0.post1/manifest.json"}),
)
def link_hotfix(
    number: Number,
    person: EngineerDep,
    body: BodyDep,
    server: ServerDep,
    wishes: WishesDep,
    now: NowDep,
) -> Ticket:
    """The ticket closes by itself when its last site has confirmed a later install."""
    problem_work.hotfix(server.database, person, number, given(Hotfix, body).release, now)
    return ticket_of(server, number, wishes.about_nobody())


@router.post(
    "/v1/tickets/{number}/hand-over",
    summary="Hand a problem to the developers",
    responses={**examples.answer(desk_examples.HAND_OVER, "Handed over."), **_CHANGES},
    openapi_extra=reason_body(Handing, {"to": "developers"}),
)
def hand_over(
    number: Number, person: EngineerDep, body: BodyDep, server: ServerDep, now: NowDep
) -> HandOver:
    """With everything attached; sites and clients have numbers, unless you ask for their names."""
    wanted = given(Handing, body)
    with server.database.reading() as session:
        trackers.reached_by(session, wanted.to)
    args = server.database, person, number, wanted.to, now
    return handing_over.hand_over(*args, with_names=wanted.with_names)


# --- known issues


@router.get(
    "/v1/known-issues",
    summary="List known issues",
    responses={**examples.answer([desk_examples.KNOWN_ISSUE], "Oldest first."), **READS},
)
def list_known_issues(
    server: ServerDep, _: ReaderDep, *, also_ended: bool = False
) -> list[KnownIssueView]:
    """Those in force; with `also_ended`, all that ever were."""
    with server.database.reading() as session:
        return known_issues.listed(session, also_ended=also_ended)


@router.post(
    "/v1/known-issues",
    summary="Make a known issue",
    responses={**examples.answer(desk_examples.KNOWN_ISSUE, "Made."), **_CHANGES},
    openapi_extra=reason_body(NewIssue, desk_examples.NEW_KNOWN_ISSUE),
)
def add_known_issue(
    person: EngineerDep, body: BodyDep, server: ServerDep, now: NowDep
) -> KnownIssueView:
    """Failures that it explains are no news from the next report on."""
    wanted = given(NewIssue, body)
    fields = wanted.model_dump(exclude={"code"})
    new = NewKnownIssue(code=wanted.code or "", **fields)
    return known_issue_work.add(server.database, person, new, now)


@router.post(
    "/v1/known-issues/{number}/end",
    summary="End a known issue",
    responses={**examples.answer(desk_examples.KNOWN_ISSUE, "Ended."), **_CHANGES},
    openapi_extra=reason_body(Reason, {"reason": "mended in 2.1.0.post1"}),
)
def end_known_issue(
    number: Number, person: EngineerDep, body: BodyDep, server: ServerDep, now: NowDep
) -> KnownIssueView:
    """What it explained is news again. K-3 has the number 3."""
    return known_issue_work.end(server.database, person, number, given(Reason, body).reason, now)


@router.get(
    "/v1/sites/{site_id}/known-issues",
    summary="Known issues of what a site runs, or is about to get",
    responses={**examples.answer([desk_examples.HELD], "Oldest first."), **errors(401, 404, 503)},
)
def known_issues_at(site_id: OwnSiteDep, server: ServerDep) -> list[HeldNotice]:
    """Nothing about where they were seen; a site that has one sees its workaround."""
    with server.database.reading() as session:
        return known_issues.at_site(session, known_site(session, site_id))


# --- the table of failures


@router.get(
    "/v1/failures",
    summary="What each failure code means here",
    responses={**examples.answer([desk_examples.FAILURE], "Every code."), **errors(401, 503)},
)
def list_failures(server: ServerDep, _: ReaderDep) -> list[FailureView]:
    """Tier, clock, page and sentences."""
    with server.database.reading() as session:
        return overrides.listed(session)


_MEANING = {"tier": "L3", "answer_within_seconds": 3600, "reason": "tills must not stand still"}


@router.post(
    "/v1/failures/{code}",
    summary="Change what a failure code means here",
    responses={**examples.answer(desk_examples.FAILURE, "Changed."), **_CHANGES},
    openapi_extra=reason_body(NewMeaning, _MEANING),
)
def set_failure(
    code: str, person: KeeperDep, body: BodyDep, server: ServerDep, now: NowDep
) -> FailureView:
    """For tickets from now on. A code of security's stays security's."""
    wanted = given(NewMeaning, body)
    args = server.database, person, code, wanted.change(), wanted.reason, now
    return overrides.change(*args)


@router.post(
    "/v1/failures/{code}/reset",
    summary="Take back what was changed of a failure code",
    responses={**examples.answer(desk_examples.FAILURE, "As it came."), **_CHANGES},
    openapi_extra=reason_body(Reason, {"reason": "the till is mended"}),
)
def reset_failure(
    code: str, person: KeeperDep, body: BodyDep, server: ServerDep, now: NowDep
) -> FailureView:
    """Back to what this product says of it."""
    return overrides.reset(server.database, person, code, given(Reason, body).reason, now)
