"""Reports: verified with a key in memory, and stored together with those that come meanwhile."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import msgspec
from starlette.types import Scope

from distribution.errors import TooMany
from distribution.people.rates import Rate
from distribution.quick import spelled_reports
from distribution.quick.memory import Memory
from distribution.quick.report_batches import Batches, Outcome, Signed
from distribution.quick.signatures import is_signed
from distribution.quick.site_memory import Known
from distribution.quick.spelled_reports import Spelled
from manifests.check_in import ReportReceipt
from manifests.envelope import unwrapped
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE, InstallReport

ADMITTED = "hsp.admitted"
"""In the scope of a request that was counted already."""


class QuickReports:
    """``answer`` gives the receipt, or None where the full way has to be asked."""

    def __init__(
        self, memory: Memory, batches: Batches, rate: Rate, clock: Callable[[], datetime]
    ) -> None:
        self._memory, self._batches = memory, batches
        self._rate, self._clock = rate, clock

    async def answer(self, scope: Scope, body: bytes) -> bytes | None:
        """As ``reports.accept`` would answer; the report is durable by then."""
        sealed = unwrapped(body, REPORT_TYPE)
        report = _report(sealed.payload) if sealed is not None else None
        if sealed is None or report is None:
            return None
        known = self._memory.sites.by_id.get(report.site_id)
        if known is None or not is_signed(sealed, known.public_key):
            return None
        if not self._admitted(scope, known):
            return None
        sha256, now = hashlib.sha256(sealed.payload).hexdigest(), self._clock()
        signed = Signed(report, body, sha256, known.public_key, now)
        outcome = await self._batches.do(signed)
        if outcome is Outcome.UNCLEAR:
            return None
        self._memory.signs.note_report(known.site_id, now)
        return _receipt(report, sha256, duplicate=outcome is Outcome.THERE)

    def _admitted(self, scope: Scope, known: Known) -> bool:
        """Whether its site has not come too often."""
        try:
            self._rate.take(known.site_id)
        except TooMany:
            return False
        scope[ADMITTED] = True
        return True

    def heard(self, body: bytes) -> None:
        """A report was taken in full: its site is to be remembered."""
        sealed = unwrapped(body, REPORT_TYPE)
        report = _report(sealed.payload) if sealed is not None else None
        if report is not None and report.site_id not in self._memory.sites.by_id:
            self._memory.missed(report.site_id)


def _report(payload: bytes) -> InstallReport | Spelled | None:
    try:
        return spelled_reports.read(payload) or InstallReport.from_bytes(payload)
    except ManifestError:
        return None


class _Receipt(msgspec.Struct):
    """A ``ReportReceipt``, in the order in which it is written; what is in it was validated."""

    duplicate: bool
    format: int
    sequence: int
    sha256: str
    site_id: str


_encode = msgspec.json.Encoder().encode


def _receipt(report: InstallReport | Spelled, sha256: str, *, duplicate: bool) -> bytes:
    form = ReportReceipt.FORMAT
    return _encode(_Receipt(duplicate, form, report.sequence, sha256, report.site_id))
