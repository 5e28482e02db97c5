"""Check-ins on the quick way: what is said again is answered from memory and written down seconds
later; signed news that are plain are written down together, before they are answered."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from datetime import datetime

import msgspec
from starlette.types import Scope

from distribution.api.quick_reports import ADMITTED
from distribution.errors import TooMany
from distribution.people.rates import Rate
from distribution.quick.check_in_batches import CheckIns
from distribution.quick.memory import HEARD_IN_FULL, Answers, Memory
from distribution.quick.plain_news import Heard
from distribution.quick.signatures import is_signed
from distribution.quick.signs_of_life import Sign
from distribution.quick.site_memory import Known
from distribution.quick.snapshots import Snapshot
from distribution.sites.told import Newest
from manifests.check_in import CHECK_IN_TYPE, SESSION_HEADER, SESSION_WANTED, CheckIn
from manifests.envelope import unwrapped
from manifests.errors import ManifestError
from manifests.repetition import Spoken, spoken

_BEARER = b"Bearer "
_HEADER, _WANTED = SESSION_HEADER.lower().encode(), SESSION_WANTED.encode()
_HEARD_IN_FULL = HEARD_IN_FULL.total_seconds()

_Found = tuple[Known, Spoken, bytes]
"""Who says it, and what; and the plain document."""


class QuickCheckIns:
    """``answer`` knows the answer, or None where the full way has to be asked."""

    def __init__(
        self,
        memory: Memory,
        check_ins: CheckIns,
        rate: Rate,
        clock: Callable[[], datetime],
        newest: Callable[[datetime], Newest | None],
    ) -> None:
        self._memory, self._rate, self._check_ins = memory, rate, check_ins
        self._clock, self._newest = clock, newest
        self._state: tuple[Snapshot, Answers] | None = None
        self._is_looked_up = False

    async def answer(self, scope: Scope, body: bytes) -> bytes | None:
        """As ``check_ins.accept`` or ``check_ins.repeat`` would answer."""
        now, token, wants_session = self._clock(), _token(scope), _wants_session(scope)
        if token is None or wants_session is None:
            return None
        if not wants_session:
            repeated = self._repeated(token, body, now)
            if repeated is not None or token:
                return repeated
        elif token:
            return None
        return await self._news(scope, body, now, wants_session=wants_session)

    def _repeated(self, token: bytes, body: bytes, now: datetime) -> bytes | None:
        """What is known already is answered from memory."""
        state, newest = self._current(now), self._newest(now)
        if state is None or newest is None:
            return None
        found = self._by_token(token, body, now) if token else self._signed(body)
        if found is None:
            return None
        known, said, document = found
        snapshot, answers = state
        if said.witnessed not in snapshot.witnessed or known.site_id in snapshot.asked:
            return None
        try:
            self._rate.take(known.site_id)
        except TooMany:
            return None
        known.at = said.at
        self._memory.signs.note(Sign(known, now, document, b"" if token else body))
        return answers.of(known, newest)

    async def _news(
        self, scope: Scope, body: bytes, now: datetime, *, wants_session: bool
    ) -> bytes | None:
        """What is signed and new is written down with that of others, where it is plain."""
        sealed = unwrapped(body, CHECK_IN_TYPE)
        spelled = spoken(sealed.payload) if sealed is not None else None
        if sealed is None or spelled is None:
            return None
        try:
            said = CheckIn.from_bytes(sealed.payload)
            document = said.to_bytes().decode()
        except (ManifestError, UnicodeError):
            return None
        known = self._memory.sites.by_id.get(said.site_id)
        if known is None or not is_signed(sealed, known.public_key):
            return None
        try:
            self._rate.take(known.site_id)
        except TooMany:
            return None
        scope[ADMITTED] = True
        answer = await self._check_ins.do(
            Heard(
                said=said,
                document=document,
                digest=spelled.digest.hex(),
                witnessed=spelled.witnessed,
                public_key=known.public_key,
                at=now,
                wants_session=wants_session,
            )
        )
        if answer is None:
            return None
        self._memory.missed(known.site_id)
        return answer.to_bytes()

    def heard(self, body: bytes) -> None:
        """A check-in was heard in full: what its site may repeat is to be read."""
        sealed = unwrapped(body, CHECK_IN_TYPE)
        self._memory.missed(_name_in(sealed.payload if sealed is not None else body))

    def _current(self, now: datetime) -> tuple[Snapshot, Answers] | None:
        """What is in memory, asked for once in each turn of the loop.

        All requests of one turn had come when it was asked, so none is answered with less than was
        true when it was sent.
        """
        if not self._is_looked_up:
            self._state, self._is_looked_up = self._memory.current(now), True
            asyncio.get_running_loop().call_soon(self._look_again)
        return self._state

    def _look_again(self) -> None:
        self._is_looked_up = False

    def _by_token(self, token: bytes, body: bytes, now: datetime) -> _Found | None:
        known = self._memory.sites.of_token(hashlib.sha256(token).digest(), now)
        said = spoken(body)
        if known is None or said is None or not _says_the_same(known, said):
            return None
        return known, said, body

    def _signed(self, body: bytes) -> _Found | None:
        sealed = unwrapped(body, CHECK_IN_TYPE)
        said = spoken(sealed.payload) if sealed is not None else None
        if sealed is None or said is None:
            return None
        known = self._memory.sites.by_id.get(_name_in(sealed.payload))
        if (
            known is None
            or not _says_the_same(known, said)
            or not is_signed(sealed, known.public_key)
        ):
            return None
        return known, said, sealed.payload


def _says_the_same(known: Known, said: Spoken) -> bool:
    is_recent = time.monotonic() - known.read_at < _HEARD_IN_FULL
    return said.digest == known.digest and said.at >= known.at and is_recent


def _token(scope: Scope) -> bytes | None:
    """The session's token; empty where the body is to be signed; None for the full way."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        return b""
    return given[0][len(_BEARER) :] if len(given) == 1 and given[0].startswith(_BEARER) else None


def _wants_session(scope: Scope) -> bool | None:
    """Whether the site asks for a session; None for the full way."""
    given = [value for name, value in scope["headers"] if name == _HEADER]
    if len(given) > 1:
        return None
    return given == [_WANTED]


class _Named(msgspec.Struct):
    site_id: str


_read_name = msgspec.json.Decoder(_Named).decode


def _name_in(document: bytes) -> str:
    """The site that a document names; empty where that is none."""
    try:
        return _read_name(document).site_id
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
