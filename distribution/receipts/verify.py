"""Whether a receipts file holds: every signature, every number, and every word that follows.

It asks for nothing but the file and the public keys. What it cannot see is said in
``docs/client-reports.md``: reports that were left out at the beginning or at the end.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from distribution.receipts import statements
from distribution.receipts.statements import (
    HEAD,
    INSTALL,
    REPORT,
    ROTATION,
    Line,
    SignedReport,
    SignedRotation,
)
from distribution.receipts.trusted import TrustedKeys
from manifests.documents import parse_json, to_json
from manifests.envelope import BadSignature, open_sealed, site_key
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE, InstallReport
from manifests.key_rotation import ROTATION_TYPE, KeyRotation


@dataclass(frozen=True)
class Finding:
    """Something that does not hold.

    Attributes:
        line: where, from 1; 0 of the file as a whole.
    """

    line: int
    words: str


@dataclass(frozen=True)
class Run:
    """A site's reports that were found good, as one run of numbers."""

    site_id: str
    first: int
    last: int
    reports: int


@dataclass(frozen=True)
class Verified:
    """What was found.

    Attributes:
        runs: what is proved; the reports before and after are not in the file.
        installs: what sites have signed as installed, oldest number first.
    """

    findings: tuple[Finding, ...]
    runs: tuple[Run, ...]
    installs: tuple[InstallReport, ...]

    @property
    def holds(self) -> bool:
        """Whether everything in the file follows from what the sites have signed."""
        return not self.findings


def verify(data: bytes, trusted: TrustedKeys) -> Verified:
    """Read a file; it never raises for what is in it, but says what does not hold."""
    reading = _Reading(trusted)
    try:
        reading.read(data)
        reading.compare(data)
    except ManifestError as error:
        reading.find(0, error.message)
    head = statements.head_line(signed.report for signed in reading.reports)
    installs = (s.report for s in reading.reports if s.report.phase.value == "confirmed")
    return Verified(
        findings=tuple(sorted(reading.findings, key=lambda found: found.line)),
        runs=tuple(Run(**run) for run in head["runs"]),
        installs=tuple(installs),
    )


@dataclass
class _Reading:
    """Goes through the file once, from its first line to its last."""

    trusted: TrustedKeys
    findings: list[Finding] = field(default_factory=list)
    reports: list[SignedReport] = field(default_factory=list)
    rotations: dict[str, list[SignedRotation]] = field(default_factory=dict)
    led: dict[str, dict[str, str]] = field(default_factory=dict)
    """Per site, of each key that a change of keys has led to: the one before it."""
    sites: set[str] = field(default_factory=set)
    """Those that had their turn, or have it."""
    only: str = ""
    """The site that a key without a name is meant for: the first that the file is about."""

    def find(self, line: int, words: str) -> None:
        """Note what does not hold."""
        self.findings.append(Finding(line, words))

    def read(self, data: bytes) -> None:
        """Every line that is signed.

        Raises:
            ManifestError: it is no such file at all.
        """
        lines = data.split(b"\n")
        if lines.pop():
            self.find(len(lines) + 1, "the file ends in the middle of a line")
        head = parse_json(lines[0], "the first line") if lines else None
        if not isinstance(head, dict) or head.get("kind") != HEAD:
            raise ManifestError("this is not a receipts file: its first line says what it is")
        for number, raw in enumerate(lines[1:], start=2):
            try:
                self._line(number, parse_json(raw, "the line"))
            except ManifestError as error:
                self.find(number, error.message)

    def _line(self, number: int, line: Any) -> None:
        kind = line.get("kind") if isinstance(line, dict) else None
        if kind == REPORT:
            self._report(number, line)
        elif kind == ROTATION:
            self._rotation(number, line)
        elif kind != INSTALL:
            self.find(number, f"a line of no kind that is known: {str(kind)[:40]!r}")

    # --- what is signed

    def _rotation(self, number: int, line: Line) -> None:
        said, envelope = _text(line, "old_key").lower(), _text(line, "envelope")
        body = open_sealed(envelope.encode(), ROTATION_TYPE, site_key(said))
        rotation = KeyRotation.from_bytes(body)
        rotation.check_proof()
        if rotation.old_key != said:
            raise ManifestError("a change of keys that is signed by another key than it gives up")
        site = rotation.site_id
        self.only = self.only or site
        if said not in self._known(site):
            raise ManifestError(
                f"{site}: a change of keys, signed by a key that no given key leads to: {said}"
            )
        led = self.led.setdefault(site, {})
        if said in led.values() or rotation.new_key in {*led, *led.values()}:
            raise ManifestError(f"{site}: a change of keys from or to one that was given up before")
        led[rotation.new_key] = said
        self.rotations.setdefault(site, []).append(SignedRotation(envelope, rotation))

    def _report(self, number: int, line: Line) -> None:
        key, envelope = _text(line, "key").lower(), _text(line, "envelope")
        self.only = self.only or _text(line, "site_id")
        where = f"{_text(line, 'site_id')}, report {line.get('sequence')}"
        try:
            body = open_sealed(envelope.encode(), REPORT_TYPE, site_key(key))
        except BadSignature:
            self.find(number, f"{where}: not what the key {key} has signed")
            return
        report = InstallReport.from_bytes(body)
        if key not in self._known(report.site_id):
            self.find(
                number,
                f"{report.site_id}, report {report.sequence}: signed by a key that no given key "
                f"leads to: {key}",
            )
            return
        signed = SignedReport(envelope, key, body, report)
        self._place(number, signed)
        self.reports.append(signed)

    def _known(self, site: str) -> set[str]:
        return self.trusted.of(site, self.only) | set(self.led.get(site, ()))

    # --- numbers

    def _place(self, number: int, signed: SignedReport) -> None:
        before = self.reports[-1] if self.reports else None
        site, sequence = signed.report.site_id, signed.report.sequence
        if before is None or before.report.site_id != site:
            if site in self.sites:
                self.find(number, f"{site}: report {sequence} stands apart from the site's others")
            self.sites.add(site)
            return
        if self._begins_anew(before, signed):
            if sequence > 1:
                self.find(number, f"{site}: {_numbers(1, sequence - 1)} of its new key missing")
            return
        self._follows(number, before.report, signed.report)
        if len(self._line_of(site, signed.key)) < len(self._line_of(site, before.key)):
            self.find(number, f"{site}: report {sequence} is signed by a key that was given up")

    def _begins_anew(self, before: SignedReport, signed: SignedReport) -> bool:
        """Whether the site was enrolled anew between two reports: no change of keys leads on."""
        site = signed.report.site_id
        return self._line_of(site, signed.key)[-1] != self._line_of(site, before.key)[-1]

    def _line_of(self, site: str, key: str) -> list[str]:
        """A key, the one before it, and so on to the first of them."""
        found, led = [key], self.led.get(site, {})
        while found[-1] in led:
            found.append(led[found[-1]])
        return found

    def _follows(self, number: int, before: InstallReport, report: InstallReport) -> None:
        site, last, this = report.site_id, before.sequence, report.sequence
        if this == last:
            self.find(number, f"{site}: report {this} is there twice")
        elif this < last:
            self.find(number, f"{site}: report {this} stands behind report {last}")
        elif this > last + 1:
            self.find(number, f"{site}: {_numbers(last + 1, this - 1)} missing")

    # --- what follows

    def compare(self, data: bytes) -> None:
        """The file, with what it must be if it says nothing but what was signed."""
        if self.findings:
            return  # what is wrong is known; what follows from it would only hide that
        expected = [to_json(line) for line in statements.lines_of(self.rotations, self.reports)]
        found = data.split(b"\n")[:-1]
        for number, (wanted, there) in enumerate(zip(expected, found, strict=False), start=1):
            if wanted != there:
                self.find(number, "; ".join(_differences(wanted, there)))
        for number in range(len(expected), len(found)):
            self.find(number + 1, "nothing that was signed says this")
        for wanted in expected[len(found) :]:
            self.find(0, f"a line is missing that follows from the reports: {wanted.decode()}")


def _text(line: Line, name: str) -> str:
    value = line.get(name)
    if not isinstance(value, str) or any("\ud800" <= c <= "\udfff" for c in value):
        raise ManifestError(f"the line has no text called {name!r}")
    return value


def _numbers(first: int, last: int) -> str:
    return f"report {first} is" if first == last else f"reports {first} to {last} are"


def _differences(wanted: bytes, there: bytes) -> Iterator[str]:
    """Between a line as it should be and as it is, in words."""
    right, wrong = parse_json(wanted, "a line"), parse_json(there, "the line")
    names = sorted({*right, *wrong})
    differ: Sequence[str] = [n for n in names if right.get(n) != wrong.get(n)]
    if not differ:
        yield "not spelled as it was written"
    for name in differ:
        yield f"says {name} {_short(wrong.get(name))}, signed is {_short(right.get(name))}"


def _short(value: Any) -> str:
    return json.dumps(value)[:200]
