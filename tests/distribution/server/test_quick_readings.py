"""The quick ways to read a report and to verify a site's signature take nothing that the full ones
refuse, and read the same."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from distribution.quick import spelled_reports
from distribution.quick.signatures import is_signed
from manifests import envelope
from manifests.documents import to_json
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport, Phase

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = envelope.public_hex(KEY.public_key())
REPORT = InstallReport(
    site_id="shop", sequence=3, boot_id="boot", attempt_id="one",
    at=datetime(2026, 11, 26, 3, 0, 7, 250_000, tzinfo=UTC),
    product="till", release="releases/till/2.0/manifest.json", version="2.0", from_version="1.0",
    phase=Phase.REVERTED, code=FailureCode.UNHEALTHY, detail='it said "no" ü',
    log_tail="line\nline\x00", hook_status=-9, duration_seconds=1.5, downloaded_bytes=7,
)  # fmt: skip
PLAIN = REPORT.to_bytes()
SEALED = envelope.seal(PLAIN, REPORT_TYPE, CryptoSigner(KEY))
ORDER_OF_THE_CURVE = 2**252 + 27742317777372353535851937790883648493

odd = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.just([]), st.just({}),
    st.text(max_size=8),
    st.sampled_from([
        "1.0", "1.0.0", "1.0rc1", "01.0", "1!1.0", "till", "Till", "root", "12", "shop\n", "é" * 65,
        "x" * 64, "x" * 65, "y" * 400, "y" * 401, "confirmed", "refused", "disk_full", "\0",
        "2026-11-26T03:00:00Z", "2026-11-26T03:00:00+01:00", "2026-11-26T03:00:00",
        "1969-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-11-26T03:00:00.5Z", "2026-11-26",
        "9999-01-01T00:00:00Z",
        0, 1, 2**31, 2**32, 2**53, 2**53 + 1, 2**63, 2**64, -1, -(2**31), -(2**31) - 1,
        0.0, -0.0, 1e300,
    ]),
)  # fmt: skip


def _in_full(payload: bytes) -> InstallReport | None:
    try:
        return InstallReport.from_bytes(payload)
    except ManifestError:
        return None


def _read_as_the_model_reads(payload: bytes) -> bool:
    """Whether it was read at all."""
    quick = spelled_reports.read(payload)
    if quick is None:
        return False
    full = _in_full(payload)
    assert full is not None
    assert (quick.site_id, quick.sequence) == (full.site_id, full.sequence)
    assert (quick.phase, quick.code) == (full.phase, full.code)
    return True


def _every_step() -> Iterator[InstallReport]:
    for phase in Phase:
        code = FailureCode.DISK_FULL if phase.is_failure else None
        yield REPORT.model_copy(update={"phase": phase, "code": code})
        yield InstallReport(
            site_id="s", sequence=1, boot_id="", attempt_id="", at=REPORT.at, phase=phase, code=code
        )


def test_what_agents_write_is_read_quickly() -> None:
    for report in _every_step():
        assert _read_as_the_model_reads(report.to_bytes()), report


@settings(max_examples=500)
@given(st.sampled_from(sorted(InstallReport.model_fields)), odd)
def test_a_field_that_is_odd_is_read_as_the_model_reads_it_or_not_at_all(
    name: str, value: Any
) -> None:
    plain = REPORT.model_dump(mode="json") | {name: value}
    try:
        payload = to_json(plain)
    except UnicodeEncodeError:
        return  # nobody can send that
    _read_as_the_model_reads(payload)


@settings(max_examples=500)
@given(st.integers(0, len(PLAIN) - 1), st.binary(max_size=4), st.integers(0, 4))
def test_bytes_that_are_changed_are_read_as_the_model_reads_them_or_not_at_all(
    at: int, put: bytes, cut: int
) -> None:
    _read_as_the_model_reads(PLAIN[:at] + put + PLAIN[at + cut :])


@pytest.mark.parametrize(
    "change",
    [
        (b'"at":"2026-11-26T03:00:07.250000Z', b'"at":"2026-11-26T03:00:07.250000 Z'),
        (b'"sequence":3', b'"sequence":3,"sequence":3'),
        (b'"sequence":3', b'"sequence": 3'),
        (b'"sequence":3', b'"sequence":3,"site":"shop"'),
        (b'"saved_bytes":0,', b""),
        (b'"site_id":"shop"', b'"site_id":"sh\\u006fp"'),
        (b'"site_id":"shop"', b'"site_id":"shop\\n"'),
        (b'"duration_seconds":1.5', b'"duration_seconds":1.50'),
        (b'"code":"unhealthy"', b'"code":null'),
        (b'"version":"2.0"', b'"version":"2.0+local"'),
    ],
)
def test_another_spelling_is_left_to_the_model(change: tuple[bytes, bytes]) -> None:
    assert PLAIN.replace(*change) != PLAIN
    assert spelled_reports.read(PLAIN.replace(*change)) is None


def _quickly(data: bytes) -> bytes | None:
    sealed = envelope.unwrapped(data, REPORT_TYPE)
    return sealed.payload if sealed is not None and is_signed(sealed, PUBLIC) else None


def _slowly(data: bytes) -> bytes | None:
    try:
        return envelope.open_sealed(data, REPORT_TYPE, envelope.site_key(PUBLIC))
    except ManifestError:
        return None


def test_both_ways_to_open_an_envelope_take_what_the_key_signed() -> None:
    forged = envelope.seal(PLAIN, REPORT_TYPE, CryptoSigner(OTHER))
    assert _quickly(SEALED) == _slowly(SEALED) == PLAIN
    assert _quickly(forged) is _slowly(forged) is None


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_both_ways_to_open_an_envelope_agree_on_every_change_of_it(
    at: int, put: bytes, cut: int
) -> None:
    changed = SEALED[:at] + put + SEALED[at + cut :]
    assert _quickly(changed) == _slowly(changed)


@given(st.binary(max_size=60))
def test_both_ways_agree_on_whatever_a_key_signs(body: bytes) -> None:
    sealed = envelope.seal(body, REPORT_TYPE, CryptoSigner(KEY))
    assert _quickly(sealed) == _slowly(sealed) == body
    text = base64.b64encode(body)
    for spelling in (text.rstrip(b"="), text + b"=", text.replace(b"A", b"B", 1)):
        changed = sealed.replace(b'"payload":"' + text, b'"payload":"' + spelling)
        assert _quickly(changed) == _slowly(changed)


def test_a_signature_has_no_second_spelling() -> None:
    sealed = envelope.unwrapped(SEALED, REPORT_TYPE)
    assert sealed is not None
    first, second = sealed.signature[:32], int.from_bytes(sealed.signature[32:], "little")
    other = first + (second + ORDER_OF_THE_CURVE).to_bytes(32, "little")
    changed = SEALED.replace(base64.b64encode(sealed.signature), base64.b64encode(other))
    assert changed != SEALED
    assert _quickly(changed) is _slowly(changed) is None
