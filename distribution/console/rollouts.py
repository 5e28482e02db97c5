"""Rollouts: the list, one with its waves, and what one would do before it is started."""

import base64
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from distribution.api.access import NowDep, OnlineSinceDep, ServerDep, allowed
from distribution.console.pages import Page, page
from distribution.console.wave_picture import columns
from distribution.control import fleet, plans, progress, rollouts, schedules
from distribution.database.tables import Attempt
from distribution.errors import NotFound, UnknownRelease
from distribution.people.roles import Permission, Person
from distribution.planning import preview_picture
from distribution.planning.planned import Preview, Question
from distribution.planning.preview import preview
from distribution.repository import catalogue
from distribution.server import Server
from manifests.documents import to_json
from manifests.install_report import Phase
from manifests.release import Release
from manifests.rollout import RolloutState, SiteFilter

router = APIRouter(route_class=Page, include_in_schema=False)

ReaderDep = Annotated[Person, allowed(Permission.ROLLOUT_READ)]

SHOWN = 200
"""Sites that cannot meet it, on one page."""


@router.get("/rollouts")
def show_all(
    request: Request,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
) -> Response:
    """Newest first; those that run in front."""
    with server.database.reading() as session:
        rows = rollouts.all_rollouts(session)
        order = [RolloutState.RUNNING, RolloutState.PAUSED]
        found = [progress.progress_of(session, row, online_since, now) for row in reversed(rows)]
    found.sort(key=lambda one: order.index(one.state) if one.state in order else len(order))
    return page(request, "rollouts.html", person, rollouts=found)


@router.get("/rollouts/{product}/{version}")
def show(
    request: Request,
    product: str,
    version: str,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    online_since: OnlineSinceDep,
) -> Response:
    """Its waves, its curve, its sites that failed, and everything that was decided about it."""
    with server.database.reading() as session:
        row = rollouts.find(session, product, version)
        one = progress.progress_of(session, row, online_since, now)
        attempts = fleet.newest_attempts(session, row.release)
        failed = [each for each in attempts.values() if each.code]
        chart = _chart(attempts.values(), row.started_at, now)
    return page(
        request,
        "rollout.html",
        person,
        one=one,
        columns=columns(one),
        failed=sorted(failed, key=lambda each: each.moved_at, reverse=True)[:50],
        chart=chart,
    )


def _chart(attempts: Iterable[Attempt], begin: datetime, now: datetime) -> str:
    """How many sites confirmed and failed by when, as ``console.js`` draws it."""
    ends = sorted((a.ended_at, a.phase == Phase.CONFIRMED) for a in attempts if a.ended_at)
    moments, good, bad = [begin], [0], [0]
    for moment, is_good in ends:
        moments.append(moment)
        good.append(good[-1] + is_good)
        bad.append(bad[-1] + (not is_good))
    moments.append(max(now, moments[-1]))
    said = {
        "x": [int(moment.timestamp()) for moment in moments],
        "series": [
            {"label": "confirmed", "tone": "good", "fill": True, "y": [*good, good[-1]]},
            {"label": "failed or reverted", "tone": "bad", "y": [*bad, bad[-1]]},
        ],
    }
    return to_json(said).decode()


# --- before it is started


@router.get("/rollouts/{product}/{version}/preview")
def show_preview(
    request: Request, product: str, version: str, person: ReaderDep, server: ServerDep
) -> Response:
    """A form, and the picture, which takes a moment for many sites."""
    _release(server, product, version)
    return page(
        request,
        "preview.html",
        person,
        product=product,
        version=version,
        names=schedules.known_schedules(),
    )


Name = Annotated[str, Query(max_length=40)]
Hours = Annotated[int, Query(ge=0, le=24 * 365)]


@router.get("/rollouts/{product}/{version}/preview/outcome")
def show_outcome(
    request: Request,
    product: str,
    version: str,
    person: ReaderDep,
    server: ServerDep,
    now: NowDep,
    schedule: Name = "standard",
    deadline_hours: Hours = 0,
) -> Response:
    """Who moves when at the earliest, and who cannot."""
    found = _previewed(server, product, version, schedule, deadline_hours, now)
    picture = base64.b64encode(preview_picture.draw(found).encode()).decode()
    args = {"found": found, "late": found.late, "picture": picture, "shown": SHOWN}
    return page(request, "preview_outcome.html", person, **args)


def _previewed(
    server: Server, product: str, version: str, schedule: str, hours: int, now: datetime
) -> Preview:
    if schedule not in schedules.known_schedules():  # a name, and never somebody's path
        raise NotFound(f"there is no schedule {schedule!r}")
    release, chosen = _release(server, product, version), schedules.load_schedule(schedule)
    with server.database.reading() as session:
        plan, sites = plans.written(session, product), fleet.whole_fleet(session, now)
    question = Question(
        release=release,
        schedule=chosen,
        start=now,
        deadline=now + timedelta(hours=hours) if hours else None,
        only=SiteFilter(),
        freezes=plan.freezes if plan else (),
        brakes=plan.brakes if plan else (),
    )
    return preview(question, sites)


def _release(server: Server, product: str, version: str) -> Release:
    for release in catalogue.releases(server.store, product):
        if release.path.version == version:
            return release
    raise UnknownRelease(f"there is no signed release {product} {version}")
