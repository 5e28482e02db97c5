"""Keys on real PKCS#11 tokens (SoftHSM2): what signs, what is refused, and in which words."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from click.testing import CliRunner, Result
from pkcs11 import Attribute, KeyType, ObjectClass, TokenFlag
from pkcs11.util.ec import encode_named_curve_parameters
from securesystemslib.signer import SSlibKey

from signing import pkcs11_tokens, signers
from signing.cli import main as hsp_sign
from signing.errors import (
    AlreadyThere,
    KeyUnavailable,
    SigningError,
    UnusableKey,
    WrongKey,
    WrongPassphrase,
)
from signing.pkcs11_uri import TokenUri
from signing.roles import person_of
from tests.simulators.soft_tokens import PIN, SoftTokens

ANI, BUDI = "pkcs11:token=officers;object=ani", "pkcs11:token=officers;object=budi"


@pytest.fixture
def tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftTokens]:
    """The token "officers", empty."""
    made = SoftTokens(tmp_path / "soft")
    (tmp_path / "soft").mkdir()
    for name, value in made.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made.make("officers")
    yield made
    made.forget()


@pytest.fixture(params=signers.SCHEMES)
def ani(request: pytest.FixtureRequest, tokens: SoftTokens, tmp_path: Path) -> SSlibKey:
    """Ani's public key; the private one was made on the token, of each kind."""
    return signers.generate_in_token(ANI, tmp_path / "ani.pub", "ani", PIN, request.param)


def test_a_key_made_in_the_token_signs_and_stays_there(
    ani: SSlibKey, tokens: SoftTokens, tmp_path: Path
) -> None:
    signature = signers.signer_for(ANI, [ani], PIN).sign(b"release")
    ani.verify_signature(signature, b"release")
    assert signers.read_public(tmp_path / "ani.pub") == ani
    assert person_of(ani) == "ani"
    with tokens.session("officers") as session:
        private = session.get_key(ObjectClass.PRIVATE_KEY, label="ani")
        assert private[Attribute.SENSITIVE]
        assert not private[Attribute.EXTRACTABLE]


def test_the_right_one_of_several_candidates(ani: SSlibKey, tmp_path: Path) -> None:
    budi = signers.generate_in_token(BUDI, tmp_path / "budi.pub", "budi", PIN)
    assert signers.signer_for(BUDI, [ani, budi], PIN).public_key == budi
    with pytest.raises(WrongKey, match="object=budi may not sign this: it is no key of ani"):
        signers.signer_for(BUDI, [ani], PIN)


def test_other_programs_verify_what_the_token_signed(
    tokens: SoftTokens, ani: SSlibKey, tmp_path: Path
) -> None:
    if ani.keytype != "ecdsa":
        pem = ani.keyval[
            "public"
        ]  # openssl's dgst knows no Ed25519: python-tuf's verdict is enough
        assert len(bytes.fromhex(pem)) == 32
        return
    (tmp_path / "pem").write_text(ani.keyval["public"])
    (tmp_path / "data").write_bytes(b"release")
    signature = signers.signer_for(ANI, [ani], PIN).sign(b"release")
    (tmp_path / "signature").write_bytes(bytes.fromhex(signature.signature))
    command = ["openssl", "dgst", "-sha256", "-verify", "pem", "-signature", "signature", "data"]
    assert subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)


def test_a_key_is_named_by_its_id_too(tokens: SoftTokens, tmp_path: Path) -> None:
    made = f"{ANI};id=%01%ab"
    key = signers.generate_in_token(made, tmp_path / "ani.pub", "ani", PIN)
    assert signers.public_key("pkcs11:token=officers;id=%01%AB", "ani", PIN) == key
    assert signers.public_key("pkcs11:id=%01%ab;type=private", "ani", PIN) == key
    module = f"?module-path={tokens.module}"
    assert signers.public_key(f"pkcs11:object=ani{module}", "ani", PIN) == key


def test_a_token_that_is_pulled_out_and_plugged_in_while_the_program_runs(
    ani: SSlibKey, tokens: SoftTokens
) -> None:
    """The server goes on when its token is back, whatever the library remembers."""
    signer = signers.signer_for(ANI, [ani], PIN)
    store = tokens.folder / "tokens"
    store.rename(tokens.folder / "pulled-out")
    store.mkdir()
    for match in ("does not say which tokens are there", "is not there; there are: none"):
        with pytest.raises(KeyUnavailable, match=match) as told:
            signer.sign(b"release")
        assert (told.value.exit_status, told.value.hint[:4]) == (75, "plug")
    shutil.rmtree(store)
    (tokens.folder / "pulled-out").rename(store)
    ani.verify_signature(signer.sign(b"release"), b"release")


def test_a_key_that_was_exchanged_behind_its_name(ani: SSlibKey, tokens: SoftTokens) -> None:
    signer = signers.signer_for(ANI, [ani], PIN)
    with tokens.session("officers") as session:
        for each in list(session.get_objects({Attribute.LABEL: "ani"})):
            each.destroy()
    signers.generate_in_token(ANI, tokens.folder / "new.pub", "ani", PIN)
    with pytest.raises(WrongKey, match="has signed with another key"):
        signer.sign(b"release")


# --- what is refused


def _make(session: pkcs11.Session, label: str, curve: str = "secp256r1") -> None:
    parameters = {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}
    session.create_domain_parameters(KeyType.EC, parameters, local=True).generate_keypair(
        store=True, label=label, id=os.urandom(4)
    )


def _prepare_rsa(session: pkcs11.Session) -> None:
    session.generate_keypair(KeyType.RSA, 2048, store=True, label="ani")


def _prepare_p384(session: pkcs11.Session) -> None:
    _make(session, "ani", "secp384r1")


def _prepare_two(session: pkcs11.Session) -> None:
    _make(session, "ani")
    _make(session, "ani")


def _prepare_another(session: pkcs11.Session) -> None:
    _make(session, "budi")


def _prepare_only_public(session: pkcs11.Session) -> None:
    _make(session, "ani")
    session.get_key(ObjectClass.PRIVATE_KEY, label="ani").destroy()


def _prepare_only_private(session: pkcs11.Session) -> None:
    _make(session, "ani")
    session.get_key(ObjectClass.PUBLIC_KEY, label="ani").destroy()


@pytest.mark.parametrize(
    ("prepare", "match", "hint"),
    [
        (_prepare_rsa, "object=ani is neither an Ed25519 nor a P-256 key", ""),
        (_prepare_p384, "object=ani is neither an Ed25519 nor a P-256 key", ""),
        (_prepare_two, "object=ani is the name of 2 private keys", "add id=, one of %"),
        (_prepare_another, "has no private key .*object=ani; there are: 'budi'", "keygen"),
        (_prepare_only_public, "object=ani is only a public key", ""),
        (_prepare_only_private, "has 0 public keys that could belong", "beside it"),
    ],
)
def test_what_lies_there_is_not_one_key_of_ours(
    tokens: SoftTokens, prepare: Any, match: str, hint: str
) -> None:
    with tokens.session("officers") as session:
        prepare(session)
    with pytest.raises(UnusableKey, match=match) as told:
        signers.signer_for(ANI, [], PIN)
    assert told.value.exit_status == 78
    assert hint in told.value.hint


@pytest.mark.parametrize("pin", ["", "wrong-pin", "1"])
def test_a_missing_or_wrong_pin(tokens: SoftTokens, pin: str) -> None:
    with pytest.raises(WrongPassphrase, match="PIN") as told:
        signers.signer_for(ANI, [], pin)
    assert told.value.exit_status == 77
    assert "HSP_PIN" in told.value.hint
    count_low = pkcs11.lib(str(tokens.module)).get_token(token_label="officers").flags
    assert bool(count_low & TokenFlag.USER_PIN_COUNT_LOW) == bool(pin), "an empty PIN was tried"


def test_a_wrong_pin_is_not_tried_twice(
    ani: SSlibKey, tokens: SoftTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server asks again every ten seconds, and the third wrong PIN locks a token."""
    signer = signers.signer_for(ANI, [ani], PIN)
    with tokens.session("officers") as session:
        session.set_pin(PIN, "changed")
    with pytest.raises(WrongPassphrase, match="does not open"):
        signer.sign(b"release")
    token = pkcs11.lib(str(tokens.module)).get_token(token_label="officers")
    monkeypatch.setattr(pkcs11_tokens, "_token", lambda uri: _Watched(token.serial))
    with pytest.raises(WrongPassphrase, match="is not tried again"):
        signer.sign(b"release")
    with pytest.raises(WrongPassphrase, match="is not tried again"):
        signers.signer_for(ANI, [ani], PIN)
    with pytest.raises(AssertionError, match="a login"):
        signers.signer_for(ANI, [ani], "changed")


@dataclass(frozen=True)
class _Watched:
    """Stands before a token that must not be asked."""

    serial: bytes

    def open(self, *_: object) -> None:
        raise AssertionError("a login")


class _LastTry:
    """SoftHSM never locks, so this token is not a real one."""

    label, serial, manufacturer_id, model = "officers", b"1", "x", "y"
    flags = TokenFlag.TOKEN_INITIALIZED | TokenFlag.USER_PIN_FINAL_TRY


def test_the_last_try_is_left_to_the_person(
    tokens: SoftTokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pkcs11_tokens, "_tokens", lambda uri: [_LastTry()])
    with pytest.raises(WrongPassphrase, match="one more wrong PIN locks the token"):
        signers.signer_for(ANI, [], PIN)


@pytest.mark.parametrize(
    ("said", "expected", "match"),
    [
        (pkcs11.PinLocked, WrongPassphrase, "is locked"),
        (pkcs11.DeviceRemoved, KeyUnavailable, "went away"),
        (pkcs11.FunctionRejected, KeyUnavailable, "nobody confirmed"),
        (pkcs11.GeneralError, UnusableKey, "the token says GeneralError"),
    ],
)
def test_what_only_hardware_says(
    tokens: SoftTokens,
    monkeypatch: pytest.MonkeyPatch,
    said: type[Exception],
    expected: type[SigningError],
    match: str,
) -> None:
    def refuse(uri: TokenUri) -> None:
        raise said

    monkeypatch.setattr(pkcs11_tokens, "_token", refuse)
    with pytest.raises(expected, match=match):
        signers.signer_for(ANI, [], PIN)


def test_a_token_that_is_not_there(tokens: SoftTokens) -> None:
    with pytest.raises(KeyUnavailable, match="not there; there are: 'officers'") as told:
        signers.signer_for("pkcs11:token=on-call;object=ani", [], PIN)
    assert (told.value.exit_status, told.value.hint) == (75, "plug it in")


def test_two_tokens_of_one_label(tokens: SoftTokens) -> None:
    tokens.make("officers")
    with pytest.raises(UnusableKey, match="fits 2 tokens") as told:
        signers.signer_for(ANI, [], PIN)
    serial = told.value.hint.split()[-1]
    with pytest.raises(UnusableKey, match="has no private key"):
        signers.signer_for(f"{ANI};serial={serial}", [], PIN)


@pytest.mark.parametrize("module", ["/no/such.so", "/etc/hostname"])
def test_a_library_that_is_none(
    tokens: SoftTokens, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setenv("HSP_PKCS11_MODULE", module)
    with pytest.raises(UnusableKey, match=f"{module} does not work as a PKCS#11 library"):
        signers.signer_for(ANI, [], PIN)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("pkcs11:", "names no key"),
        ("pkcs11:token=officers", "names no key"),
        ("pkcs11:token=officers;object", "'object' is not NAME=VALUE"),
        ("pkcs11:object=a;object=b", "'object=b' is not NAME=VALUE, once"),
        ("pkcs11:slot=3;object=ani", "'slot' is none of"),
        ("pkcs11:object=ani?module-name=x", "'module-name' is none of"),
        ("pkcs11:object=ani;type=public", "only a private key can sign"),
        ("pkcs11:object=%ff", "not UTF-8"),
        ("pkcs11:object=ani?pin-value=1234", "a PIN does not belong into a key's name"),
        ("pkcs11:object=ani?pin-source=file:/x", "a PIN does not belong into a key's name"),
    ],
)
def test_a_name_that_is_none(monkeypatch: pytest.MonkeyPatch, name: str, match: str) -> None:
    monkeypatch.setenv("HSP_PKCS11_MODULE", "/no/such.so")
    with pytest.raises(UnusableKey, match=match) as told:
        signers.signer_for(name, [], PIN)
    assert "1234" not in str(told.value)


def test_no_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HSP_PKCS11_MODULE", raising=False)
    with pytest.raises(UnusableKey, match="which library") as told:
        signers.signer_for(ANI, [], PIN)
    assert "HSP_PKCS11_MODULE" in told.value.hint


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [(ANI, "pkcs11", "hsp-distribution[pkcs11]"), ("awskms:alias/x", "botocore", "[kms]")],
)
def test_the_library_for_such_keys_is_not_installed(name: str, module: str, extra: str) -> None:
    """In a process of its own, where the import fails as it does on a bare officer's machine."""
    program = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from signing import signers\n"
        f"signers.signer_for({name!r}, [], 'x')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"UnusableKey: {name}: the library for such keys is not installed" in done.stderr
    assert extra in done.stderr


# --- making one


def test_a_key_on_a_token_is_never_overwritten(ani: SSlibKey, tmp_path: Path) -> None:
    with pytest.raises(AlreadyThere, match="object=ani exists already"):
        signers.generate_in_token(ANI, tmp_path / "other.pub", "ani", PIN)
    assert not (tmp_path / "other.pub").exists()
    assert signers.public_key(ANI, "ani", PIN) == ani


def test_a_public_file_in_the_way_makes_no_key(tokens: SoftTokens, tmp_path: Path) -> None:
    (tmp_path / "ani.pub").write_text("precious")
    with pytest.raises(AlreadyThere, match="exists already"):
        signers.generate_in_token(ANI, tmp_path / "ani.pub", "ani", PIN)
    with pytest.raises(UnusableKey, match="there are: none"):
        signers.public_key(ANI, "ani", PIN)


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("pkcs11:token=officers;id=%01", "gives the new key no name"),
        ("awskms:alias/ani", "keys are made in files and on tokens"),
    ],
)
def test_where_no_key_can_be_made(
    tokens: SoftTokens, tmp_path: Path, where: str, match: str
) -> None:
    with pytest.raises(UnusableKey, match=match):
        signers.generate_in_token(where, tmp_path / "ani.pub", "ani", PIN)
    assert not (tmp_path / "ani.pub").exists()


# --- on the command line


def _run(*arguments: str, status: int = 0, stdin: str = "") -> Result:
    told = CliRunner().invoke(hsp_sign, arguments, input=stdin)
    assert told.exit_code == status, told.output
    return told


def test_an_officer_makes_and_names_a_key_by_its_token(
    tokens: SoftTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HSP_PIN", raising=False)
    told = _run("keygen", "ani", "--in", ANI, stdin=f"{PIN}\n")
    assert "PIN: " in told.stdout
    assert PIN not in told.stdout
    assert f"{ANI} is ani's private key: it never leaves the token" in told.stdout
    Path("pin").write_text(f"{PIN}\n")
    _run("public-key", ANI, "--person", "ani", "--out", "again.pub", "--passphrase-file", "pin")
    assert Path("again.pub").read_bytes() == Path("ani.pub").read_bytes()
    told = _run("public-key", ANI, "--person", "ani", "--out", "again.pub", status=65, stdin=PIN)
    assert "again.pub exists already" in told.stderr


def test_the_pin_from_the_environment(
    tokens: SoftTokens, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSP_PASSPHRASE", "of a file, and no PIN")
    monkeypatch.setenv("HSP_PIN", PIN)
    _run("keygen", "ani", "--in", ANI, "--scheme", "ed25519")
    assert signers.read_public(Path("ani.pub")).keytype == "ed25519"


def test_nobody_gives_a_pin(tokens: SoftTokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HSP_PIN", raising=False)
    told = _run("public-key", ANI, "--person", "ani", "--out", "x.pub", status=77)
    assert "no PIN was given" in told.stderr
    assert "HSP_PIN" in told.stderr
    assert not Path("x.pub").exists()
