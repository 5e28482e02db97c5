"""Releases as they were signed, and what each one changed."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from distribution.api.access import ServerDep, allowed
from distribution.console.pages import Page, page
from distribution.control import rollouts
from distribution.errors import UnknownRelease
from distribution.people.roles import Permission, Person
from distribution.repository import catalogue
from distribution.repository.release_changes import changes
from manifests.release import Release

router = APIRouter(route_class=Page, include_in_schema=False)

ReaderDep = Annotated[Person, allowed(Permission.RELEASE_READ)]

FILES_SHOWN = 300


@router.get("/releases")
def show_all(request: Request, person: ReaderDep, server: ServerDep) -> Response:
    """By when they were signed, newest first."""
    found = catalogue.releases(server.store)
    found.sort(key=lambda release: release.manifest.issued_at, reverse=True)
    with server.database.reading() as session:
        started = {row.release: row.state for row in rollouts.all_rollouts(session)}
    return page(request, "releases.html", person, releases=found, started=started)


@router.get("/releases/{lane}/{product}/{version}")
def show(
    request: Request, lane: str, product: str, version: str, person: ReaderDep, server: ServerDep
) -> Response:
    """One, against the one before it."""
    everything = catalogue.releases(server.store, product)
    release = _found(everything, lane, version)
    return page(
        request,
        "release.html",
        person,
        release=release,
        manifest=release.manifest,
        changes=changes(release, everything),
        shown=FILES_SHOWN,
    )


def _found(releases: list[Release], lane: str, version: str) -> Release:
    for release in releases:
        if (release.path.lane, release.path.version) == (lane, version):
            return release
    raise UnknownRelease(f"there is no release {version} in {lane}")
