"""Reports: verified with a key in memory, and stored together with those that come meanwhile."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import partial

from starlette.types import Scope

from distribution.errors import TooMany
from distribution.people.rates import Rate
from distribution.quick.memory import Memory
from distribution.quick.report_batches import Batches, Offered, Outcome, Signed
from distribution.quick.site_memory import Known
from manifests.check_in import ReportReceipt
from manifests.documents import to_json
from manifests.envelope import Unwrapped, unwrapped
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
        if sealed is None:
            return None
        try:
            report = InstallReport.from_bytes(sealed.payload)
        except ManifestError:
            return None
        known = self._memory.sites.by_id.get(report.site_id)
        if known is None:
            return None
        sha256, now = hashlib.sha256(sealed.payload).hexdigest(), self._clock()
        outcome = await self._batches.do(
            Offered(
                signed=Signed(report, body, sha256, known.public_key, now),
                admit=partial(self._admit, scope, known, sealed),
            )
        )
        if outcome is Outcome.UNCLEAR:
            return None
        self._memory.signs.note_report(known.site_id, now)
        return _receipt(report, sha256, duplicate=outcome is Outcome.THERE)

    def _admit(self, scope: Scope, known: Known, sealed: Unwrapped) -> bool:
        """Whether its site has signed it, and has not come too often; in another thread."""
        if not known.verifier.signed(sealed):
            return False
        try:
            self._rate.take(known.site_id)
        except TooMany:
            return False
        scope[ADMITTED] = True
        return True

    def heard(self, body: bytes) -> None:
        """A report was taken in full: its site is to be remembered."""
        sealed = unwrapped(body, REPORT_TYPE)
        try:
            name = InstallReport.from_bytes(sealed.payload).site_id if sealed is not None else ""
        except ManifestError:
            return
        if name and name not in self._memory.sites.by_id:
            self._memory.missed(name)


def _receipt(report: InstallReport, sha256: str, *, duplicate: bool) -> bytes:
    """A ``ReportReceipt`` in its one spelling; what is in it has been validated."""
    plain = {
        "format": ReportReceipt.FORMAT,
        "site_id": report.site_id,
        "sequence": report.sequence,
        "sha256": sha256,
        "duplicate": duplicate,
    }
    return to_json(plain)
