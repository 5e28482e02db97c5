"""Key files: what is made, what is refused, and that a refusal writes nothing."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from signing import signers
from signing.errors import (
    AlreadyThere,
    LooseKeyFile,
    UnfitRole,
    UnusableKey,
    WrongKey,
    WrongPassphrase,
)
from signing.roles import keyid_of, person_of
from signing.sealed_key import ROUNDS, seal

PASSPHRASE = "correct horse"
QUICK = 1000


@pytest.fixture(params=signers.SCHEMES)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """A key pair of ani's, of each kind."""
    return signers.generate("ani", tmp_path, PASSPHRASE, scheme=request.param, rounds=QUICK)


def test_a_key_signs_what_its_public_half_verifies(pair: tuple[Path, Path]) -> None:
    public = signers.read_public(pair[1])
    signature = signers.signer_for(pair[0], [public], PASSPHRASE).sign(b"release")
    public.verify_signature(signature, b"release")


def test_the_files_are_what_they_should_be(pair: tuple[Path, Path]) -> None:
    private, public = pair
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert private.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----")
    plain = json.loads(public.read_text())
    assert plain["person"] == "ani" == person_of(signers.read_public(public))
    assert plain["keyid"] == keyid_of(plain["key"])
    assert plain["key"]["keytype"] in ("ed25519", "ecdsa")


def test_a_mode_of_0600_even_where_the_umask_is_open(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private, _ = signers.generate("ani", tmp_path / "keys", PASSPHRASE, rounds=QUICK)
    finally:
        os.umask(before)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700


def test_other_programs_read_the_private_key(pair: tuple[Path, Path]) -> None:
    command = [
        "openssl",
        "pkey",
        "-in",
        pair[0],
        "-passin",
        f"pass:{PASSPHRASE}",
        "-noout",
        "-text",
    ]
    assert "priv:" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_passphrase_is_slow_to_guess_by_default(tmp_path: Path) -> None:
    private, _ = signers.generate("ani", tmp_path, PASSPHRASE)
    command = ["openssl", "asn1parse", "-in", private]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rounds = next(line for line in listing.splitlines() if "INTEGER" in line).rpartition(":")[2]
    assert int(rounds, 16) == ROUNDS


@pytest.mark.parametrize("name", ["ani.key", "ani.pub"])
def test_a_key_is_never_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(AlreadyThere, match=f"{name} exists already"):
        signers.generate("ani", tmp_path, PASSPHRASE, rounds=QUICK)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


def test_no_key_without_a_passphrase(tmp_path: Path) -> None:
    with pytest.raises(WrongPassphrase):
        signers.generate("ani", tmp_path, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["Ani", "a b", "../ani", "", "ani\n", "änï"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnfitRole, match="is not a name"):
        signers.generate("file", tmp_path, PASSPHRASE, person=name or " ", rounds=QUICK)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_a_missing_or_wrong_passphrase(pair: tuple[Path, Path], passphrase: str) -> None:
    with pytest.raises(WrongPassphrase) as told:
        signers.signer_for(pair[0], [signers.read_public(pair[1])], passphrase)
    assert told.value.exit_status == 77
    assert "HSP_PASSPHRASE" in told.value.hint


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o700 | 0o001])
def test_a_private_key_that_others_may_read(pair: tuple[Path, Path], mode: int) -> None:
    pair[0].chmod(mode)
    with pytest.raises(LooseKeyFile, match=f"mode {mode:04o}") as told:
        signers.signer_for(pair[0], [signers.read_public(pair[1])], PASSPHRASE)
    assert told.value.exit_status == 78
    assert stat.S_IMODE(pair[0].stat().st_mode) == mode


def _written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    file.chmod(0o600)
    return file


def test_what_is_not_one_encrypted_private_key(pair: tuple[Path, Path], tmp_path: Path) -> None:
    good = pair[0].read_bytes()
    ed, big = ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    pem, pkcs8 = Encoding.PEM, PrivateFormat.PKCS8
    secret = BestAvailableEncryption(PASSPHRASE.encode())
    cases = {
        "a public key": pair[1].read_bytes(),
        "holds 2 PEM blocks": good + good,
        "without a passphrase": ed.private_bytes(pem, pkcs8, NoEncryption()),
        "in an old format": big.private_bytes(pem, PrivateFormat.TraditionalOpenSSL, secret),
        "neither an Ed25519 nor a P-256 key": big.private_bytes(pem, pkcs8, secret),
        "an Ed25519 nor a P-256": other_curve.private_bytes(pem, pkcs8, secret),
        "no PEM private key": b"",
        "is no PEM": os.urandom(100),
        "is damaged": good[:60] + good[120:],
        "too large": bytes(100_000),
    }
    for match, content in cases.items():
        file = _written(tmp_path / "case.key", content)
        with pytest.raises(UnusableKey, match=match) as told:
            signers.signer_for(file, [signers.read_public(pair[1])], PASSPHRASE)
        assert told.value.exit_status == 78
        assert file.read_bytes() == content


def test_every_wrong_passphrase_is_called_one(tmp_path: Path) -> None:
    """Of 256 wrong passphrases, one finds good padding and nonsense behind it."""
    private, public = signers.generate("ani", tmp_path, PASSPHRASE, rounds=1)
    for guess in range(2_000):
        with pytest.raises(WrongPassphrase):
            signers.signer_for(private, [signers.read_public(public)], str(guess))


def test_a_key_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableKey, match="No such file"):
        signers.signer_for(tmp_path / "ani.key", [], PASSPHRASE)


def test_a_key_that_may_not_sign(pair: tuple[Path, Path], tmp_path: Path) -> None:
    _, other = signers.generate("budi", tmp_path, PASSPHRASE, rounds=QUICK)
    with pytest.raises(WrongKey, match=r"ani\.key may not sign this: it is no key of budi"):
        signers.signer_for(pair[0], [signers.read_public(other)], PASSPHRASE)


# --- public key files


def test_a_private_key_where_the_public_one_belongs(pair: tuple[Path, Path]) -> None:
    with pytest.raises(UnusableKey, match="a public key is wanted") as told:
        signers.read_public(pair[0])
    assert told.value.hint.endswith("ending in .pub")


@pytest.mark.parametrize(
    "change",
    [
        {"person": "budi"},
        {"keyid": "0" * 64},
        {"key": {}},
        {"key": {"keytype": "rsa", "scheme": "rsassa-pss-sha256", "keyval": {"public": "x"}}},
        {"key": None},
        {"person": None},
    ],
)
def test_a_public_key_file_that_contradicts_itself(
    pair: tuple[Path, Path], change: dict[str, object]
) -> None:
    plain = json.loads(pair[1].read_text())
    pair[1].write_text(json.dumps({**plain, **change}))
    with pytest.raises((UnusableKey, UnfitRole)):
        signers.read_public(pair[1])


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"person": 1', "ssh-ed25519 AAAA"])
def test_a_file_that_is_no_public_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.pub").write_text(content)
    with pytest.raises(UnusableKey, match="is not a public key file"):
        signers.read_public(tmp_path / "x.pub")


@pytest.mark.parametrize("length", [1, 15, 16, 127, 128, 300])
def test_any_passphrase_opens_what_it_sealed(tmp_path: Path, length: int) -> None:
    passphrase = ("pässphräse " * 40)[:length]
    private = ed25519.Ed25519PrivateKey.generate()
    file = _written(tmp_path / "x.key", seal(private, passphrase, QUICK))
    public = signers.SSlibKey.from_crypto(private.public_key())
    assert signers.signer_for(file, [public], passphrase).public_key == public
