"""What two check-ins have in common; and envelopes that are opened by the thousand."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from manifests import envelope
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.errors import ManifestError
from manifests.repetition import spelled, spoken, witnessed_text
from manifests.rollout import Ring
from manifests.site import SitePolicy

KEY, OTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PUBLIC = envelope.public_hex(KEY.public_key())
SEALED = envelope.seal(b'{"site_id":"shop"}', CHECK_IN_TYPE, CryptoSigner(KEY))
FORGED = envelope.seal(b'{"site_id":"shop"}', CHECK_IN_TYPE, CryptoSigner(OTHER))

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def check_in(at: datetime, checkpoint: str = "", version: str = "1", boot: str = "boot") -> bytes:
    return CheckIn(
        site_id="shop", at=at, boot_id=boot, agent_version=version, ring=Ring.BROAD,
        policy=SitePolicy(), audit_checkpoint=checkpoint,
    ).to_bytes()  # fmt: skip


@given(
    st.integers(0, 29_000_000_000_000_000).map(lambda each: EPOCH + timedelta(microseconds=each)),
    texts, texts, texts,
)  # fmt: skip
def test_only_the_moment_and_what_was_witnessed_may_differ(
    at: datetime, checkpoint: str, version: str, boot: str
) -> None:
    body = check_in(at, checkpoint, version, boot)
    said, plain = spoken(body), version.isprintable() and not set(version) & set('"\\')
    if said is None:
        assert not plain
        return
    assert said.at == at
    assert witnessed_text(said.witnessed) == checkpoint
    assert said.witnessed == spelled(checkpoint)
    again = spoken(check_in(datetime(2026, 1, 1, tzinfo=UTC), "", version, boot))
    assert again is not None
    assert again.digest == said.digest
    other = spoken(check_in(at, checkpoint, version, boot + "x"))
    assert other is not None
    assert other.digest != said.digest


@pytest.mark.parametrize(
    "change",
    [
        (b'"at":"2026', b'"at": "2026'),
        (b'"at":"2026-01', b'"at":"2026-13'),
        (b'"at":"2026', b'"at":"9026'),
        (b'"agent_version":"1"', b'"agent_version":"\\u0031"'),
        (b'"audit_checkpoint":""', b'"audit_checkpoint":null'),
        (b'{"agent_version"', b' {"agent_version"'),
    ],
)
def test_a_document_in_another_spelling_repeats_nothing(change: tuple[bytes, bytes]) -> None:
    body = check_in(datetime(2026, 1, 1, tzinfo=UTC))
    assert spoken(body) is not None
    assert spoken(body.replace(*change)) is None


def quickly(data: bytes) -> bytes | None:
    sealed = envelope.unwrapped(data, CHECK_IN_TYPE)
    if sealed is None or not envelope.Verifier(PUBLIC).signed(sealed):
        return None
    return sealed.payload


def slowly(data: bytes) -> bytes | None:
    try:
        return envelope.open_sealed(data, CHECK_IN_TYPE, envelope.site_key(PUBLIC))
    except ManifestError:
        return None


def test_both_ways_to_open_an_envelope_take_what_the_key_signed() -> None:
    assert quickly(SEALED) == slowly(SEALED) == b'{"site_id":"shop"}'
    assert quickly(FORGED) is slowly(FORGED) is None


@settings(max_examples=300)
@given(st.integers(0, len(SEALED) - 1), st.binary(max_size=3), st.integers(0, 3))
def test_both_ways_to_open_an_envelope_agree_on_every_change_of_it(
    at: int, put: bytes, cut: int
) -> None:
    changed = SEALED[:at] + put + SEALED[at + cut :]
    assert quickly(changed) == slowly(changed)


@given(st.binary(max_size=60))
def test_both_ways_agree_on_whatever_a_key_signs(body: bytes) -> None:
    sealed = envelope.seal(body, CHECK_IN_TYPE, CryptoSigner(KEY))
    assert quickly(sealed) == slowly(sealed) == body
    text = base64.b64encode(body)
    for spelling in (text.rstrip(b"="), text + b"=", text.replace(b"A", b"B", 1)):
        changed = sealed.replace(b'"payload":"' + text, b'"payload":"' + spelling)
        assert quickly(changed) == slowly(changed)
