"""Messages between a site and the server: signed bodies, one spelling, one signature."""

import base64
import json
from random import Random
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from manifests.check_in import CHECK_IN_TYPE, ENROLMENT_TYPE
from manifests.documents import to_json
from manifests.envelope import BadSignature, open_sealed, peek, public_hex, seal, site_key
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = CryptoSigner(PRIVATE)
KEY = site_key(public_hex(PRIVATE.public_key()))
BODY = b'{"site_id":"rs-medika-1"}'
SEALED = seal(BODY, REPORT_TYPE, SIGNER)


def test_a_sealed_body_comes_out_as_it_went_in() -> None:
    assert open_sealed(SEALED, REPORT_TYPE, KEY) == BODY
    assert peek(SEALED, REPORT_TYPE) == BODY


def test_any_bytes_can_be_sealed() -> None:
    for body in (b"", bytes(range(256)), b"\0" * 1_000):
        assert open_sealed(seal(body, REPORT_TYPE, SIGNER), REPORT_TYPE, KEY) == body


def test_any_flipped_byte_is_refused() -> None:
    random = Random(7)
    for place in range(len(SEALED)):
        flips = {1 << random.randrange(8), 0x20, random.randrange(1, 256)}
        for flip in flips:
            tampered = bytearray(SEALED)
            tampered[place] ^= flip
            with pytest.raises(ManifestError):
                open_sealed(bytes(tampered), REPORT_TYPE, KEY)


def test_any_lost_or_added_byte_is_refused() -> None:
    for place in range(len(SEALED)):
        for tampered in (
            SEALED[:place] + SEALED[place + 1 :],
            SEALED[:place] + b" " + SEALED[place:],
            SEALED[:place],
        ):
            with pytest.raises(ManifestError):
                open_sealed(tampered, REPORT_TYPE, KEY)
    with pytest.raises(ManifestError):
        open_sealed(SEALED + b"\n", REPORT_TYPE, KEY)


def changed(**changes: Any) -> bytes:
    """The sealed message with these fields changed, spelled well."""
    return to_json({**json.loads(SEALED), **changes})


def test_base64_has_one_spelling() -> None:
    # The last character of an unpadded group carries bits that a lenient decoder ignores.
    text = base64.b64encode(b"ab").decode()
    twin = text[:-2] + chr(ord(text[-2]) + 1) + "="
    assert base64.b64decode(twin) == base64.b64decode(text)
    sealed = json.loads(seal(b"ab", REPORT_TYPE, SIGNER))
    with pytest.raises(ManifestError, match="one spelling"):
        open_sealed(to_json({**sealed, "payload": twin}), REPORT_TYPE, KEY)


def test_a_second_signature_is_refused_even_beside_a_good_one() -> None:
    [signature] = json.loads(SEALED)["signatures"]
    other = {**signature, "keyid": "0" * 64}
    with pytest.raises(ManifestError, match="one signature"):
        open_sealed(changed(signatures=[signature, other]), REPORT_TYPE, KEY)
    with pytest.raises(ManifestError):
        open_sealed(changed(signatures=[signature, signature]), REPORT_TYPE, KEY)
    with pytest.raises(ManifestError):
        open_sealed(changed(signatures=[]), REPORT_TYPE, KEY)


def test_the_key_of_another_site_is_a_bad_signature() -> None:
    other = CryptoSigner(Ed25519PrivateKey.generate())
    with pytest.raises(BadSignature, match="not signed by the key that is known"):
        open_sealed(seal(BODY, REPORT_TYPE, other), REPORT_TYPE, KEY)


def test_a_signature_that_only_names_our_key_is_a_bad_signature() -> None:
    other = CryptoSigner(Ed25519PrivateKey.generate())
    forged = json.loads(seal(BODY, REPORT_TYPE, other))
    forged["signatures"][0]["keyid"] = KEY.keyid
    with pytest.raises(BadSignature):
        open_sealed(to_json(forged), REPORT_TYPE, KEY)


@pytest.mark.parametrize("other_type", [CHECK_IN_TYPE, ENROLMENT_TYPE, "application/json", ""])
def test_a_message_of_one_kind_is_never_taken_for_another(other_type: str) -> None:
    with pytest.raises(ManifestError, match="an envelope of"):
        open_sealed(SEALED, other_type, KEY)
    with pytest.raises(ManifestError, match="an envelope of"):
        peek(SEALED, other_type)
    with pytest.raises(BadSignature):
        open_sealed(changed(payloadType=other_type), other_type, KEY)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        [],
        7,
        "words",
        {},
        {"payload": 1, "payloadType": REPORT_TYPE, "signatures": []},
        {"payload": "é", "payloadType": REPORT_TYPE, "signatures": []},
        {"payload": "A", "payloadType": REPORT_TYPE, "signatures": []},
        {"payload": "", "payloadType": REPORT_TYPE, "signatures": [1]},
        {"payload": "", "payloadType": REPORT_TYPE, "signatures": {"a": 1}},
        {"payload": "", "payloadType": REPORT_TYPE, "signatures": [{"sig": None, "keyid": 1}]},
        {"payload": "", "payloadType": REPORT_TYPE, "signatures": [{"sig": "", "keyid": []}]},
        {"payload": "", "payloadType": [], "signatures": [{"sig": "", "keyid": "a"}]},
        {"payload": "", "payloadType": "x" * 100_000, "signatures": [{"sig": "", "keyid": "a"}]},
    ],
    ids=lambda plain: repr(plain)[:60],
)
def test_what_is_no_envelope_is_one_sentence(plain: Any) -> None:
    for read in (lambda data: open_sealed(data, REPORT_TYPE, KEY), lambda d: peek(d, REPORT_TYPE)):
        with pytest.raises(ManifestError) as caught:
            read(to_json(plain))
        assert len(caught.value.message) < 300


@pytest.mark.parametrize("text", ["", "00", "zz" * 32, "0" * 63, "0" * 66, "é" * 64])
def test_what_is_no_key_of_a_site_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match="64 hex digits"):
        site_key(text)


def test_a_key_is_read_as_it_is_spelled() -> None:
    assert site_key(public_hex(PRIVATE.public_key())) == SIGNER.public_key
