"""From what happened at a site to a sealed, numbered report, and from the outbox to the server."""

import logging
import uuid
from dataclasses import dataclass
from datetime import datetime

from client_updater.errors import AgentError, TrustLost
from client_updater.findings import Findings
from client_updater.floor import FloorFile
from client_updater.identity import SiteKey
from client_updater.journal import Attempt, Step
from client_updater.outbox import Outbox, Sealed
from client_updater.redaction import Redaction
from client_updater.server import Rejected, Server
from manifests.check_in import CheckInAnswer
from manifests.envelope import peek, seal
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE, InstallReport, Phase

log = logging.getLogger("hsp-updater")

_MAX_DETAIL = 4000
_MAX_LOG_TAIL = 12_000
_REDACTED = Redaction()
"""Of a program's output, what looks like a secret: the same at every site, so that one cause has
one signature."""

_PHASES = {
    Step.DOWNLOAD: Phase.DOWNLOADING,
    Step.ACTIVATE: Phase.ACTIVATING,
    Step.RESTART: Phase.CONFIRMING,
    Step.SOAK: Phase.CONFIRMING,
    Step.KEEP: Phase.CONFIRMED,
}


@dataclass(frozen=True)
class Reporter:
    """Writes one site's reports and brings them to the server."""

    site_id: str
    key: SiteKey
    outbox: Outbox
    floors: FloorFile
    findings: Findings
    boot_id: str

    def next_sequence(self) -> int:
        """The number of the next report; never one that was given before."""
        try:
            known = self.floors.load().report_sequence
        except TrustLost:
            known = 0
        return max(self.outbox.last_sequence(), known) + 1

    def report_step(self, attempt: Attempt, now: datetime) -> None:
        """Report that an attempt has come to a step, where that is worth a report.

        Called again for the same note, it does nothing: the number is used already.

        Raises:
            DiskFull, DiskError: the report is not kept.
        """
        phase = attempt.outcome if attempt.step is Step.FAIL else _PHASES.get(attempt.step)
        if phase is None:
            return
        failure = phase.is_failure
        self._add(
            InstallReport(
                site_id=self.site_id,
                sequence=attempt.sequence,
                boot_id=self.boot_id,
                attempt_id=attempt.attempt_id,
                at=now,
                product=attempt.product,
                release=attempt.release,
                version=attempt.version,
                from_version=attempt.from_version,
                phase=phase,
                code=attempt.code if failure else None,
                detail=attempt.detail[:_MAX_DETAIL] if failure else "",
                log_tail=_REDACTED(attempt.log_tail)[-_MAX_LOG_TAIL:] if failure else "",
                hook_status=attempt.hook_status if failure else None,
                duration_seconds=attempt.seconds(now),
                downloaded_bytes=attempt.downloaded_bytes,
                saved_bytes=attempt.saved_bytes,
            )
        )

    def report_refusal(
        self, error: AgentError, now: datetime, product: str | None, release: str | None
    ) -> None:
        """Report something that was not acted on; the same cause only once, while it lasts.

        Raises:
            DiskFull, DiskError: the report is not kept.
        """
        if not self.findings.is_news(error, product, release):
            return
        self._add(
            InstallReport(
                site_id=self.site_id,
                sequence=self.next_sequence(),
                boot_id=self.boot_id,
                attempt_id=uuid.uuid4().hex,
                at=now,
                product=product,
                release=release,
                phase=Phase.REFUSED,
                code=error.code,
                detail=str(error)[:_MAX_DETAIL],
            )
        )
        self.findings.remember(error, product, release)

    def _add(self, report: InstallReport) -> None:
        body = report.to_bytes()
        self.outbox.add(Sealed(report.sequence, seal(body, REPORT_TYPE, self.key.signer)))
        what = f"{report.product or 'this site'} {report.version or ''}".strip()
        log.info("attempt %s: %s is %s", report.attempt_id, what, report.phase)

    def flush(self, server: Server) -> None:
        """Send what is pending, oldest first, and forget what the server has durably.

        Raises:
            Unreachable, NotEnrolled: the rest is kept for the next time.
        """
        before, received = self.outbox.acknowledged(), list[int]()
        try:
            for sealed in self.outbox.pending():
                try:
                    if server.report(sealed):
                        received.append(sealed.sequence)
                except (Rejected, ManifestError):
                    self.outbox.set_aside(sealed.sequence)
        finally:
            if received:  # once for all: what is sent twice is counted once
                self.outbox.acknowledge(*received)
            if self.outbox.acknowledged() > before:
                self._remember_number()

    def send_again(self, answer: CheckInAnswer | None, server: Server) -> None:
        """Where a restored server has forgotten reports that it acknowledged, it gets them again.

        Raises:
            Unreachable, NotEnrolled: as ``flush``.
            DiskFull, DiskError: some are not sent, until it asks again.
        """
        known = answer.known_sequence if answer else None
        if known is not None and self.outbox.send_again(known, self._sealed_now):
            self.flush(server)

    def _sealed_now(self, envelope: bytes) -> bytes:
        return seal(peek(envelope, REPORT_TYPE), REPORT_TYPE, self.key.signer)

    def _remember_number(self) -> None:
        try:
            floor = self.floors.load()
        except TrustLost:
            return
        self.floors.note(floor.numbered(self.outbox.acknowledged()))
