"""A control plane that answers as the contract says, keeps what it hears, and can be told to fail.

It verifies signatures with the language's own envelope, but decides nothing: invitations are a
set of tokens, answers are the fields below.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from manifests.check_in import (
    CHECK_IN_TYPE,
    ENROLMENT_TYPE,
    CheckIn,
    CheckInAnswer,
    Enrolment,
    EnrolmentAnswer,
    ReportReceipt,
)
from manifests.documents import Document
from manifests.envelope import open_sealed, peek, site_key
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE, InstallReport
from manifests.key_rotation import ROTATION_TYPE, KeyRotation, KeyRotationAnswer
from manifests.remote_steps import (
    MOST_STEPS,
    STEP_RESULT_TYPE,
    RemoteStep,
    StepReceipt,
    StepResult,
)

Reply = tuple[int, bytes]


class ControlPlane:
    """One server for any number of sites."""

    def __init__(self) -> None:
        self.tokens: dict[str, str | None] = {}
        """Invitation tokens, with the key that used each."""
        self.sites: dict[str, str] = {}
        self.check_ins: list[CheckIn] = []
        self.reports: dict[tuple[str, int], bytes] = {}
        self.received: list[InstallReport] = []
        """Reports in the order of their first arrival."""
        self.duplicates = 0
        self.steps: list[RemoteStep] = []
        """What support asks for, until it is answered."""
        self.step_results: dict[str, StepResult] = {}
        self.step_bodies: dict[str, bytes] = {}
        self.former: dict[str, str] = {}
        """Keys that were given up, with the ones that followed."""
        self.answer = CheckInAnswer(poll_seconds=300)
        self.down = False
        self.retry_after = ""
        self.forget_answers = 0
        """So many answers are worked on and then lost on the way."""
        plane = self

        class Handler(_Handler):
            owner = plane

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def phases(self, version: str | None = None) -> list[str]:
        """The phases that were reported, in order; of one version if it is given."""
        wanted = [each for each in self.received if version is None or each.version == version]
        return [str(report.phase) for report in wanted]

    def handle(self, path: str, body: bytes) -> Reply:
        """One message."""
        handlers: dict[str, Callable[[bytes], Reply]] = {
            "/v1/enrol": self._enrol,
            "/v1/check-in": self._check_in,
            "/v1/reports": self._report,
            "/v1/step-results": self._step_result,
            "/v1/site-key": self._site_key,
        }
        with self._lock:
            if self.down:
                return _error(503, "down", "out for repairs")
            try:
                return handlers[path](body)
            except ManifestError as error:
                return _error(401, "unauthorised", error.message)

    def _enrol(self, body: bytes) -> Reply:
        request = Enrolment.from_bytes(peek(body, ENROLMENT_TYPE))
        open_sealed(body, ENROLMENT_TYPE, site_key(request.public_key))
        if self.tokens.get(request.token, request.public_key) not in (None, request.public_key):
            return _error(401, "unauthorised", "the invitation is not valid")
        if request.token not in self.tokens:
            return _error(401, "unauthorised", "the invitation is not valid")
        self.tokens[request.token] = request.public_key
        self.sites[request.site_id] = request.public_key
        return _ok(EnrolmentAnswer(site_id=request.site_id, poll_seconds=self.answer.poll_seconds))

    def _check_in(self, body: bytes) -> Reply:
        message = CheckIn.from_bytes(peek(body, CHECK_IN_TYPE))
        self._verify(message.site_id, body, CHECK_IN_TYPE)
        self.check_ins.append(message)
        waiting = [step for step in self.steps if step.step_id not in self.step_results]
        if not waiting:
            return _ok(self.answer)
        return _ok(self.answer.model_copy(update={"steps": tuple(waiting[:MOST_STEPS])}))

    def _step_result(self, body: bytes) -> Reply:
        content = peek(body, STEP_RESULT_TYPE)
        result = StepResult.from_bytes(content)
        self._verify(result.site_id, body, STEP_RESULT_TYPE)
        known = self.step_bodies.setdefault(result.step_id, content)
        if known != content:
            return _error(409, "conflict", "it was answered before")
        self.step_results[result.step_id] = result
        digest = hashlib.sha256(content).hexdigest()
        return _ok(StepReceipt(step_id=result.step_id, sha256=digest))

    def _site_key(self, body: bytes) -> Reply:
        wanted = KeyRotation.from_bytes(peek(body, ROTATION_TYPE))
        open_sealed(body, ROTATION_TYPE, site_key(wanted.old_key))
        wanted.check_proof()
        known = self.sites[wanted.site_id]
        if known == wanted.old_key:
            self.former[known] = wanted.new_key
            self.sites[wanted.site_id] = wanted.new_key
        elif (known, self.former.get(wanted.old_key)) != (wanted.new_key, wanted.new_key):
            return _error(401, "unauthorised", "not by its key")
        return _ok(KeyRotationAnswer(site_id=wanted.site_id, public_key=wanted.new_key))

    def _report(self, body: bytes) -> Reply:
        content = peek(body, REPORT_TYPE)
        report = InstallReport.from_bytes(content)
        self._verify(report.site_id, body, REPORT_TYPE)
        key = (report.site_id, report.sequence)
        known = self.reports.get(key)
        if known is not None and known != content:
            return _error(409, "conflict", "another report has this number")
        self.duplicates += known is not None
        if known is None:
            self.reports[key] = content
            self.received.append(report)
        return _ok(
            ReportReceipt(
                site_id=report.site_id,
                sequence=report.sequence,
                sha256=hashlib.sha256(content).hexdigest(),
                duplicate=known is not None,
            )
        )

    def _verify(self, site_id: str, body: bytes, kind: str) -> None:
        if site_id not in self.sites:
            raise ManifestError("no such site")
        open_sealed(body, kind, site_key(self.sites[site_id]))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _ok(document: Document) -> Reply:
    return 200, document.to_bytes()


def _error(status: int, code: str, message: str) -> Reply:
    return status, json.dumps({"error": {"code": code, "message": message, "hint": ""}}).encode()


class _Handler(BaseHTTPRequestHandler):
    owner: ControlPlane
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, answer = self.owner.handle(self.path, body)
        if self.owner.forget_answers > 0:
            self.owner.forget_answers -= 1
            self.close_connection = True
            return
        self.send_response(status)
        if status == 503 and self.owner.retry_after:
            self.send_header("Retry-After", self.owner.retry_after)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args: Any) -> None:
        """Quiet."""
