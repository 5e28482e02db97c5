"""What a route may rely on: the server, a bounded body, who asks and may, the newest trust.

Every route declares for whom it is: ``allowed(permission)``, ``PersonDep`` (whoever is logged in),
``FOR_SITES`` (what a site signs) or ``FOR_ALL``. ``application`` does not start with one that
declares nothing. To a customer, what they may not do does not exist.
"""

import contextlib
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, HTTPException, Request
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from distribution.api import cookies
from distribution.control.explanation import known_site
from distribution.control.rollouts import Word
from distribution.errors import TooLarge
from distribution.people import sessions, tokens
from distribution.people.limits import Limits
from distribution.people.roles import Permission, Person
from distribution.repository.catalogue import TrustState, trust_state
from distribution.server import Server
from manifests.errors import UpdateError


def _server(request: Request) -> Server:
    server = request.app.state.server
    assert isinstance(server, Server)  # noqa: S101 - application() put it there
    return server


ServerDep = Annotated[Server, Depends(_server)]


def _limits(request: Request) -> Limits:
    limits = request.app.state.limits
    assert isinstance(limits, Limits)  # noqa: S101 - application() put it there
    return limits


LimitsDep = Annotated[Limits, Depends(_limits)]


def _now(server: ServerDep) -> datetime:
    return server.clock()


NowDep = Annotated[datetime, Depends(_now)]


def _online_since(server: ServerDep, now: NowDep) -> datetime:
    return now - timedelta(seconds=server.settings.silent_after_seconds)


OnlineSinceDep = Annotated[datetime, Depends(_online_since)]

# --- who asks

_bearer = HTTPBearer(auto_error=False, description="A token, as `hsp staff token` makes it.")


def _person(
    request: Request,
    server: ServerDep,
    limits: LimitsDep,
    now: NowDep,
    tasks: BackgroundTasks,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Person:
    """Whoever has shown who they are, by a token or by a browser's cookie."""
    cookie = cookies.session_of(request, server.settings)
    if given is not None:
        person = tokens.person_of(server.database, given.credentials, now, tasks.add_task)
    elif cookie and "authorization" not in request.headers:
        person = sessions.person_of(server.database, cookie, now, tasks.add_task)
        cookies.check_ours(request, server.settings, cookie)
    else:
        raise tokens.unauthorised()
    request.state.person = person.name
    limits.person.take(person.name)
    return person


PersonDep = Annotated[Person, Depends(_person)]


class Allowed:
    """A dependency: whoever asks, if they may do this."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, person: PersonDep) -> Person:
        """The person.

        Raises:
            NotAllowed: one of us who may not.
            HTTPException: 404 to a customer, as for a path that there is not.
        """
        if person.client and not person.may(self.permission):
            raise HTTPException(404)
        person.require(self.permission)
        return person


@cache
def allowed(permission: Permission) -> Any:
    """Declare that a route is for those who may do this; gives the ``Person``."""
    return Depends(Allowed(permission))


def _for_sites() -> None:
    """What a site sends is signed by it; the domain checks."""


def _for_all() -> None:
    """Open to everybody, on purpose."""


FOR_SITES = Depends(_for_sites)
FOR_ALL = Depends(_for_all)

SOMEBODY, SITES, ALL = "somebody", "sites", "all"


def declared(dependant: Dependant) -> str:
    """For whom a route is: a permission's name, ``somebody``, ``sites`` or ``all``; empty if it
    does not say so, or says more than one thing."""
    calls = list(_calls(dependant))
    permissions = {call.permission for call in calls if isinstance(call, Allowed)}
    found = [str(permission) for permission in permissions]
    if _person in calls and not found:
        found.append(SOMEBODY)
    found += [SITES] * (_for_sites in calls) + [ALL] * (_for_all in calls)
    return found[0] if len(found) == 1 else ""


def _calls(dependant: Dependant) -> list[Any]:
    below = [call for each in dependant.dependencies for call in _calls(each)]
    return [dependant.call, *below]


def _own_site(
    site_id: str, person: Annotated[Person, allowed(Permission.SITE_READ)], server: ServerDep
) -> str:
    """The site of the path, if it exists for whoever asks."""
    with server.database.reading() as session:
        return known_site(session, site_id, person.client).id


OwnSiteDep = Annotated[str, Depends(_own_site)]


# --- what they send


def body_of(limit: int) -> Callable[[Request], Awaitable[bytes]]:
    """A dependency: the request's body, never more of it than ``limit`` bytes.

    Raises:
        TooLarge: by its declared length, or as soon as more has come.
    """

    async def read(request: Request) -> bytes:
        declared_length = request.headers.get("content-length", "")
        if declared_length.isdigit() and int(declared_length[:20]) > limit:
            raise _too_large(limit)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
        return bytes(body)

    return read


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body has more than {limit} bytes")


def word(person: Person, permission: Permission, reason: str) -> Word:
    """What a person says, with the role in which they may."""
    return Word(person.name, reason, person.role_for(permission))


def lifter(person: Person, reason: str) -> tuple[Word, bool]:
    """The word of somebody who takes a hold away, and whether also one that others put on."""
    may_lift = person.may(Permission.HOLD_LIFT)
    permission = Permission.HOLD_LIFT if may_lift else Permission.HOLD_TAKE_OFF
    return word(person, permission, reason), may_lift


# --- the newest trust


class NewestTrust:
    """The newest metadata versions, read again when they are older than a moment.

    A check-in must not fail because the store is away: then the last known ones are good enough,
    since they are hints that can only hold an agent back.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._lock = threading.Lock()
        self._known = TrustState(0, "", 0, {})
        self._good_until = datetime.min.replace(tzinfo=UTC)
        self._age = timedelta(seconds=min(server.settings.scheduler_seconds, 5))

    def known(self, now: datetime) -> TrustState | None:
        """The newest that we know of, without asking; None when it is time to ask."""
        return self._known if now < self._good_until else None

    def get(self, now: datetime, ahead: timedelta = timedelta()) -> TrustState:
        """The newest that we know of. Who asks ahead keeps others from waiting for the store."""
        known = self.known(now + ahead)
        if known is not None:
            return known
        if self._lock.acquire(blocking=False):
            try:
                with contextlib.suppress(UpdateError):
                    self._known = trust_state(self._server.store)
            finally:
                self._good_until = now + self._age
                self._lock.release()
        return self._known


def _newest(request: Request, now: NowDep) -> TrustState:
    trust = request.app.state.trust
    assert isinstance(trust, NewestTrust)  # noqa: S101 - application() put it there
    return trust.get(now)


NewestDep = Annotated[TrustState, Depends(_newest)]
