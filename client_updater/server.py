"""What the agent says to the server, and what it makes of the answers.

Every message is an envelope signed by the site's key, but a check-in that repeats the last one, see
``session``. Nothing that comes back can do more than
slow the agent down or hold it, pass on its client's yes where the site's policy waits for that, or
ask for one of support's few steps; a server that is not there changes nothing at the site.
"""

from dataclasses import dataclass, field
from typing import TypeVar

from client_updater.errors import NotEnrolled, Unreachable
from client_updater.fetcher import Answer, Fetcher, refusal
from client_updater.identity import SiteKey
from client_updater.outbox import Sealed
from client_updater.session import MAX_ANSWER_BYTES, Session
from client_updater.step_book import Answered
from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    CheckIn,
    CheckInAnswer,
    Enrolment,
    EnrolmentAnswer,
    ReportReceipt,
)
from manifests.documents import Document, parse_json
from manifests.envelope import seal
from manifests.errors import ManifestError, UpdateError
from manifests.key_rotation import ROTATION_TYPE, KeyRotation, KeyRotationAnswer
from manifests.remote_steps import StepReceipt

_NEVER = frozenset({400, 409, 413, 415, 422})
"""Statuses that will not change however often the same message is sent."""

D = TypeVar("D", bound=Document)


class Rejected(UpdateError):
    """The server will never take this message."""


@dataclass(frozen=True)
class Server:
    """The control plane, as one site talks to it."""

    fetcher: Fetcher
    url: str
    key: SiteKey
    session: Session = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session", Session(self.url))

    def enrol(self, request: Enrolment) -> EnrolmentAnswer:
        """Join.

        Raises:
            NotEnrolled: the invitation is used, expired or unknown.
            Rejected: the request is wrong.
            Unreachable: no answer; the same request may be sent again.
        """
        message = seal(request.to_bytes(), ENROLMENT_TYPE, self.key.signer)
        return self._send("enrol", message, EnrolmentAnswer)

    def check_in(self, status: CheckIn) -> CheckInAnswer | None:
        """Give a sign of life; None where it is carried and nobody answers yet.

        Raises:
            NotEnrolled: the server does not know this site, or not by this key.
            Rejected: the message is wrong.
            Unreachable: no answer.
        """
        body = status.to_bytes()
        headers = self.session.headers_to_repeat(body)
        if headers is not None:
            answer = self.fetcher.post(f"{self.url}/v1/check-in", body, MAX_ANSWER_BYTES, headers)
            if answer.status != 401:
                return _without_token(self._read_answer(body, answer))
            self.session.forget()
        message = seal(body, CHECK_IN_TYPE, self.key.signer)
        headers = self.session.headers_to_sign()
        answer = self.fetcher.post(f"{self.url}/v1/check-in", message, MAX_ANSWER_BYTES, headers)
        said = self._read_answer(body, answer)
        self.session.was_taken(body, said.session)
        return _without_token(said)

    def _read_answer(self, body: bytes, answer: Answer) -> CheckInAnswer:
        said = self._read("check-in", answer, CheckInAnswer)
        self.session.was_answered(body, answer.body)
        return said

    def report(self, sealed: Sealed) -> bool:
        """Hand a report over; says whether the server has it durably, so that it may be forgotten.

        Raises:
            NotEnrolled, Rejected, Unreachable: as ``check_in``; or the receipt is for another.
            ManifestError: the report was damaged on this site's disk.
        """
        wanted = (sealed.sequence, sealed.sha256)
        receipt = self._send("reports", sealed.envelope, ReportReceipt)
        if (receipt.sequence, receipt.sha256) != wanted:
            raise Unreachable(f"{self.url} gave a receipt for something else than was sent")
        return True

    def step_result(self, answered: Answered) -> bool:
        """Hand over what came of a step that support asked for; says whether it may be forgotten.

        Raises:
            NotEnrolled, Rejected, Unreachable, ManifestError: as ``report``.
        """
        wanted = (answered.step_id, answered.sha256)
        receipt = self._send("step-results", answered.envelope, StepReceipt)
        if (receipt.step_id, receipt.sha256) != wanted:
            raise Unreachable(f"{self.url} gave a receipt for something else than was sent")
        return True

    def rotate_key(self, wanted: KeyRotation) -> None:
        """Have another key believed from now on.

        Raises:
            NotEnrolled, Rejected, Unreachable: as ``check_in``; or it answers for another key.
        """
        message = seal(wanted.to_bytes(), ROTATION_TYPE, self.key.signer)
        answer = self._send("site-key", message, KeyRotationAnswer, _NEVER | {404})
        if (answer.site_id, answer.public_key) != (wanted.site_id, wanted.new_key):
            raise Unreachable(f"{self.url} answered for another key than was asked for")

    def _send(self, name: str, message: bytes, kind: type[D], never: frozenset[int] = _NEVER) -> D:
        answer = self.fetcher.post(f"{self.url}/v1/{name}", message, MAX_ANSWER_BYTES)
        return self._read(name, answer, kind, never)

    def _read(self, name: str, answer: Answer, kind: type[D], never: frozenset[int] = _NEVER) -> D:
        url = f"{self.url}/v1/{name}"
        if answer.status == 401:
            raise NotEnrolled(_said(answer) or f"{url} does not know this site")
        if answer.status in never:
            raise Rejected(_said(answer) or f"{url} refused the message: {answer.status}")
        if answer.status != 200:
            raise refusal(url, answer)
        try:
            return kind.from_bytes(answer.body)
        except ManifestError as error:
            raise Unreachable(f"{url} answered something else: {error.message}") from error


def _without_token(answer: CheckInAnswer) -> CheckInAnswer:
    """What the agent keeps on its disk: a token is in memory only."""
    return answer.model_copy(update={"session": None})


def _said(answer: Answer) -> str:
    """The server's own words, where it has any."""
    try:
        error = parse_json(answer.body, "the answer")["error"]
        words = (str(error["message"]), str(error.get("hint") or ""))
    except (ManifestError, KeyError, TypeError, AttributeError):
        return ""
    return ": ".join(_printable(text) for text in words if text)


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:500]
