"""The file: JSON, an object a line, and every word in it follows from what a site has signed.

First a line with what the file holds, then per site its changes of keys and its reports in the
order of their numbers, then a line for each confirmed install. Whoever has the envelopes can write
the whole file anew, and ``verify`` does: so there is nothing in it that nobody has signed.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from manifests.documents import to_json
from manifests.install_report import InstallReport, Phase
from manifests.key_rotation import KeyRotation

FORMAT = 1
HEAD, ROTATION, REPORT, INSTALL = "hsp-receipts", "rotation", "report", "install"

Line = dict[str, Any]


@dataclass(frozen=True)
class SignedReport:
    """A report that a site has signed."""

    envelope: str
    key: str
    """Whose signature it is: 64 hex digits."""
    body: bytes
    report: InstallReport


@dataclass(frozen=True)
class SignedRotation:
    """A change of a site's key, signed by the old one."""

    envelope: str
    rotation: KeyRotation


def report_line(signed: SignedReport) -> Line:
    """A report with what it says, so that nobody has to decode it to read it."""
    said = signed.report
    words = {
        "site_id": said.site_id,
        "sequence": said.sequence,
        "at": said.at.isoformat(),
        "phase": said.phase.value,
        "product": said.product,
        "version": said.version,
        "from_version": said.from_version,
        "attempt_id": said.attempt_id,
        "code": said.code,
    }
    digest = hashlib.sha256(signed.body).hexdigest()
    return {
        "kind": REPORT,
        **words,
        "sha256": digest,
        "key": signed.key,
        "envelope": signed.envelope,
    }


def rotation_line(signed: SignedRotation) -> Line:
    """A change of keys with what it says."""
    said = signed.rotation
    words = {"site_id": said.site_id, "old_key": said.old_key, "new_key": said.new_key}
    return {"kind": ROTATION, **words, "at": said.at.isoformat(), "envelope": signed.envelope}


def install_line(report: InstallReport) -> Line:
    """What a confirmed report proves: installed there, then, by the site's own clock."""
    return {
        "kind": INSTALL,
        "site_id": report.site_id,
        "product": report.product,
        "version": report.version,
        "from_version": report.from_version,
        "at": report.at.isoformat(),
        "sequence": report.sequence,
    }


def head_line(reports: Iterable[InstallReport]) -> Line:
    """What the file holds: per site the numbers of its reports, as runs without a gap.

    A run ends where a site was enrolled anew and began to count from 1.
    """
    runs: list[Line] = []
    for report in reports:
        last = runs[-1] if runs else None
        goes_on = last and last["site_id"] == report.site_id and last["last"] < report.sequence
        if last and goes_on:
            last["last"], last["reports"] = report.sequence, last["reports"] + 1
        else:
            number = report.sequence
            run = {"site_id": report.site_id, "first": number, "last": number, "reports": 1}
            runs.append(run)
    return {"kind": HEAD, "format": FORMAT, "runs": runs}


def lines_of(
    rotations: Mapping[str, Sequence[SignedRotation]], reports: Sequence[SignedReport]
) -> Iterable[Line]:
    """The whole file.

    Args:
        rotations: per site, in their order.
        reports: site by site, each in the order of its numbers.
    """
    yield head_line(signed.report for signed in reports)
    seen = None
    for signed in reports:
        if signed.report.site_id != seen:
            seen = signed.report.site_id
            yield from map(rotation_line, rotations.get(seen, ()))
        yield report_line(signed)
    for signed in reports:
        if signed.report.phase is Phase.CONFIRMED:
            yield install_line(signed.report)


def written(lines: Iterable[Line]) -> bytes:
    """The file's bytes: each line in its one spelling."""
    return b"".join(to_json(line) + b"\n" for line in lines)
