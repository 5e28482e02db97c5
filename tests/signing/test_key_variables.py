"""A key in an environment variable, as a build machine has it: opened like a file, or refused."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from signing import signers
from signing.errors import UnusableKey, WrongKey, WrongPassphrase

PASSPHRASE = "correct horse"


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> signers.SSlibKey:
    """The public half of the key that RELEASE_KEY holds."""
    private, public = signers.generate("sari", tmp_path, PASSPHRASE, rounds=1000)
    monkeypatch.setenv("RELEASE_KEY", private.read_text())
    return signers.read_public(public)


def test_a_variable_signs(public: signers.SSlibKey) -> None:
    signature = signers.signer_for("env:RELEASE_KEY", [public], PASSPHRASE).sign(b"release")
    public.verify_signature(signature, b"release")
    assert signers.public_key("env:RELEASE_KEY", "sari", PASSPHRASE) == public


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_a_variable_that_does_not_open(public: signers.SSlibKey, passphrase: str) -> None:
    with pytest.raises(WrongPassphrase, match="the variable RELEASE_KEY") as told:
        signers.signer_for("env:RELEASE_KEY", [public], passphrase)
    assert told.value.exit_status == 77
    assert "HSP_PASSPHRASE" in told.value.hint


def test_a_variable_of_somebody_elses(public: signers.SSlibKey, tmp_path: Path) -> None:
    _, other = signers.generate("budi", tmp_path, PASSPHRASE, rounds=1000)
    with pytest.raises(WrongKey, match="env:RELEASE_KEY may not sign this: it is no key of budi"):
        signers.signer_for("env:RELEASE_KEY", [signers.read_public(other)], PASSPHRASE)


def _pem(what: str) -> str:
    private = ed25519.Ed25519PrivateKey.generate()
    if what == "public":
        return (
            private.public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("", "there is no environment variable 'KEY'"),
        ("keys/sari.key", "the variable KEY is no PEM private key"),
        (_pem("public"), "the variable KEY is a public key, and a private key is expected"),
        (_pem("private"), "the variable KEY is a private key without a passphrase"),
    ],
)
def test_a_variable_that_is_no_encrypted_private_key(
    monkeypatch: pytest.MonkeyPatch, content: str, match: str
) -> None:
    monkeypatch.setenv("KEY", content)
    with pytest.raises(UnusableKey, match=match) as told:
        signers.signer_for("env:KEY", [], PASSPHRASE)
    assert told.value.exit_status == 78


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(UnusableKey, match="there is no environment variable 'HSP_NO_SUCH'") as told:
        signers.signer_for("env:HSP_NO_SUCH", [], PASSPHRASE)
    assert "HSP_NO_SUCH=" in told.value.hint


def test_a_file_may_be_called_as_a_scheme_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = signers.generate("env:x", tmp_path, PASSPHRASE, person="x", rounds=1000)
    monkeypatch.chdir(tmp_path)
    for where in (private, "./env:x.key"):
        signers.signer_for(where, [signers.read_public(public)], PASSPHRASE)
