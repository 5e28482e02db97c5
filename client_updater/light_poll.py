"""One look at a quiet site: whether anything is other than the last full poll has left it.

It asks what a full poll asks, with the same words: for the next root, for the timestamp, whether
the programs are up, and the server by a check-in. The first thing that is not as it was noted ends
it, and a full poll follows. What it keeps is what every poll keeps where there is no news: the time
that is proven, the witnessed checkpoint, when it was that all was well; and a new timestamp under
which nothing has moved for this site, verified as ever (``news``).

A timestamp is not verified a second time: it is the very bytes that were verified, of a file that
nobody has touched, by a root that nobody has succeeded, before the first expiry of anything.
"""

import hashlib
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from client_updater import commands, durable, processes, units
from client_updater.agent_log import MOST_LOG_BYTES
from client_updater.clockwork import check_time
from client_updater.errors import AlreadyRunning
from client_updater.fetcher import Answer, Fetcher, never, refusal
from client_updater.floor import FloorFile
from client_updater.floor_text import spelled
from client_updater.identity import KEY_FILE, SiteKey, load_key
from client_updater.line_settings import LineSettings
from client_updater.quiet import (
    LAST_POLL_FILE,
    TRUST,
    WITNESS_FILE,
    Changed,
    Quiet,
    Service,
    print_of,
    prints,
    write_quiet,
)
from client_updater.session import MAX_ANSWER_BYTES, Session, likeness
from client_updater.state import StateFolder, read_private
from manifests.envelope import seal, unwrapped
from manifests.json_text import parse_json, to_json
from manifests.repetition import CHECK_IN_TYPE

MAX_ROOT_BYTES, MAX_TIMESTAMP_BYTES = 512_000, 16_384
"""As python-tuf reads them."""
_MAX_CHECKPOINT_BYTES = 2048
_CHECKPOINT_TYPE = "application/vnd.hsp.audit-checkpoint+json"
_CHECKPOINT = re.compile(
    rb'\{"at":"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z","format":1,'
    rb'"hash":"[0-9a-f]{64}","seq":([1-9]\d{0,17})\}'
)

log = logging.getLogger("hsp-updater")


@dataclass
class LightPoll:
    """The looks at one quiet site, one after the other, on connections that stay open."""

    state: StateFolder
    quiet: Quiet
    clock: Callable[[], datetime]
    stopping: Callable[[], bool] = never
    _key: SiteKey | None = None

    def __post_init__(self) -> None:
        self._fetcher = Fetcher(LineSettings(**self.quiet.line), self.stopping)
        self._session = Session(self.quiet.urls[0])
        self._floors = FloorFile(self.state / TRUST)
        self._hear(self.quiet)
        self._boot = processes.boot_id()

    def _hear(self, quiet: Quiet) -> None:
        self.quiet = quiet
        self._check_in = parse_json(quiet.check_in.encode(), "the last check-in")

    def look(self) -> None:
        """Look at everything.

        Raises:
            Changed: something is not as it was.
            UpdateError: something does not work; a full poll says what that means.
            Stopping: the agent is to end.
        """
        with self.state.watching():
            self._look_at_the_time()
            self._look_at_the_disk()
            self.look_at_services()
            self._fetcher.forget_clocks()
            self._look_at_the_repository()
            self._prove_the_time()
            self._ask_the_server()
            self._note_that_all_is_well()

    def _look_at_the_time(self) -> None:
        now = self.clock()
        if not self.quiet.made_at <= now < self.quiet.end:
            raise Changed("the time has come to look at everything")

    def _look_at_the_disk(self) -> None:
        found, noted = prints(self.state), self.quiet.prints
        for name in found.keys() | noted.keys():
            if found.get(name) != noted.get(name):
                raise Changed(f"something has changed in {self.state / name}")
        with suppress(FileNotFoundError), os.scandir(self.state / "logs") as logs:
            if any(each.stat(follow_symlinks=False).st_size > MOST_LOG_BYTES for each in logs):
                raise Changed("a log has become long")

    def glance(self) -> None:
        """Whether the programs are up, unless a command is at work on them.

        Raises:
            as ``look_at_services``.
        """
        if self.quiet.services:
            with suppress(AlreadyRunning), self.state.watching():
                self.look_at_services()

    def look_at_services(self) -> None:
        """Whether the programs are up.

        Raises:
            Changed: one is not. StartFailed, InstallFailed: nobody can say.
        """
        for service in self.quiet.services:
            if not self._is_up(service):
                raise Changed(f"{service.product} {service.version} is not running")

    def _is_up(self, service: Service) -> bool:
        if service.unit:
            return units.is_up(service.unit)
        if service.order is not None:
            return commands.run(commands.Order.from_plain(service.order)) == 0
        noted = self._plain(self.state / f"run/{service.product}.json")
        pid, ticks = noted["pid"], noted["started_ticks"]
        if (noted["version"], noted["boot_id"]) != (service.version, self._boot):
            return False
        return processes.look_at(pid) == processes.Found(pid, pid, ticks)

    def _look_at_the_repository(self) -> None:
        url = self.quiet.urls[1]
        root, timestamp = f"{url}{self.quiet.root_version + 1}.root.json", f"{url}timestamp.json"
        no_root = self._fetcher.get(root, MAX_ROOT_BYTES, compressed=True)
        if no_root.status not in (403, 404):
            raise _changed("there is a new root", root, no_root)
        answer = self._fetcher.get(timestamp, MAX_TIMESTAMP_BYTES, compressed=True)
        if answer.status != 200:
            raise _changed("the repository has no timestamp", timestamp, answer)
        if hashlib.sha256(answer.body).hexdigest() != self.quiet.timestamp_sha256:
            self._take({root: no_root, timestamp: answer})

    def _take(self, asked: dict[str, Answer]) -> None:
        from client_updater.news import taken  # python-tuf: only where it is needed at all

        self._hear(taken(self.state, self.quiet, self._fetcher, self._floors, asked))
        write_quiet(self.state, self.quiet)

    def _prove_the_time(self) -> None:
        before = self._floors.load()
        check_time(self._floors, self._fetcher.skews.values(), self.clock())
        if self._floors.load() != before:  # our own doing is no news
            trust = print_of(TRUST, self.state / TRUST)
            self._hear(replace(self.quiet, prints={**self.quiet.prints, TRUST: trust}))
            write_quiet(self.state, self.quiet)  # for an agent that starts anew

    def _ask_the_server(self) -> None:
        url, witnessed = f"{self.quiet.urls[0]}/v1/check-in", self._witnessed()
        at = spelled(self.clock())
        said = {"at": at, "audit_checkpoint": witnessed, "boot_id": self._boot}
        body = to_json({**self._check_in, **said})
        answer = self._repeated(url, body) or self._signed(url, body)
        if answer.status != 200 or likeness(answer.body) != self.quiet.answer:
            raise _changed("the server says something else", url, answer)
        self._keep_checkpoint(witnessed, parse_json(answer.body, url).get("audit_checkpoint", ""))

    def _repeated(self, url: str, body: bytes) -> Answer | None:
        """What is said to what the server has heard already; None where it must be signed."""
        headers = self._session.headers_to_repeat(body)
        if headers is None:
            return None
        answer = self._fetcher.post(url, body, MAX_ANSWER_BYTES, headers)
        if answer.status != 401:
            return answer
        self._session.forget()
        return None

    def _signed(self, url: str, body: bytes) -> Answer:
        if self._key is None:
            self._key = load_key(self.state / KEY_FILE)
        message = seal(body, CHECK_IN_TYPE, self._key.signer)
        headers = self._session.headers_to_sign()
        answer = self._fetcher.post(url, message, MAX_ANSWER_BYTES, headers)
        if answer.status == 200:
            given = parse_json(answer.body, url).get("session")
            self._session.was_taken(body, _given(given))
        return answer

    def _witnessed(self) -> str:
        with suppress(FileNotFoundError, UnicodeDecodeError):
            return read_private(self.state / WITNESS_FILE, _MAX_CHECKPOINT_BYTES).decode("utf-8")
        return ""

    def _keep_checkpoint(self, known: str, told: str) -> None:
        """As ``witness.keep``, of checkpoints in their one spelling."""
        if told in ("", known):
            return
        before, now = _sequence(known) if known else 0, _sequence(told)
        if now > before:
            durable.write(self.state / WITNESS_FILE, told.encode())

    def _note_that_all_is_well(self) -> None:
        path = self.state / LAST_POLL_FILE
        now = spelled(self.clock())
        seen = {"timestamp_version": self._check_in["timestamp_version"]}
        well = {"at": now, "refreshed_at": now, "heard_at": now, **seen}
        durable.write_unsynced(path, to_json({**self._plain(path), **well}))

    @staticmethod
    def _plain(path: Path) -> dict[str, Any]:
        try:
            found = parse_json(read_private(path), str(path))
        except FileNotFoundError as error:
            raise Changed(f"{path} is missing") from error
        if not isinstance(found, dict):
            raise Changed(f"{path} is damaged")
        return found


@dataclass(frozen=True)
class _Given:
    token: str
    seconds: int


def _given(plain: Any) -> _Given | None:
    """A ``SessionGiven``; one that is none is left alone, and the next check-in is signed too."""
    if not isinstance(plain, Mapping):
        return None
    token, seconds = plain.get("token"), plain.get("seconds")
    if isinstance(token, str) and re.fullmatch(r"[A-Za-z0-9_-]{20,200}", token):
        return _Given(token, seconds) if type(seconds) is int and 0 < seconds <= 86_400 else None
    return None


def _changed(what: str, url: str, answer: Answer) -> Changed:
    if answer.status == 200:
        return Changed(what)
    error = refusal(url, answer)
    return Changed(error.message, error.retry_after)


def _sequence(envelope: str) -> int:
    sealed = unwrapped(envelope.encode(), _CHECKPOINT_TYPE)
    found = _CHECKPOINT.fullmatch(sealed.payload) if sealed is not None else None
    if found is None or len(envelope) > _MAX_CHECKPOINT_BYTES:
        raise Changed("the server names a checkpoint in another spelling")
    return int(found[1])
