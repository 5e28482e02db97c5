"""Keys in AWS KMS (ministack): what signs, what is refused, and in which words."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.config import Config
from securesystemslib.signer import SSlibKey

from signing import kms_keys, signers
from signing.errors import KeyRefused, KeyUnavailable, SigningError, UnusableKey, WrongKey
from tests.simulators.ministack import Ministack


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """KMS and IAM."""
    with Ministack() as server:
        yield server


@pytest.fixture(autouse=True)
def _environment(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in aws.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def key_id(aws: Ministack) -> str:
    """A key of the server's."""
    return aws.make_key()


def _public(where: str) -> SSlibKey:
    return signers.public_key(where, "server", "")


def test_a_key_signs_under_each_of_its_names(aws: Ministack, key_id: str) -> None:
    kms = aws.client("kms")
    kms.create_alias(AliasName=f"alias/{key_id}", TargetKeyId=key_id)
    arn = kms.describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    public = _public(f"awskms:{key_id}")
    assert public.keytype == "ecdsa"
    for name in (key_id, f"alias/{key_id}", arn):
        signature = signers.signer_for(f"awskms:{name}", [public], "").sign(b"timestamp")
        public.verify_signature(signature, b"timestamp")


def test_an_arn_says_the_region_too(
    aws: Ministack, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = aws.client("kms").describe_key(KeyId=key_id)["KeyMetadata"]["Arn"]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert _public(f"awskms:{arn}").keytype == "ecdsa"


def test_the_right_one_of_several_candidates(aws: Ministack, key_id: str) -> None:
    mine, other = _public(f"awskms:{key_id}"), _public(f"awskms:{aws.make_key()}")
    assert signers.signer_for(f"awskms:{key_id}", [other, mine], "").public_key == mine
    third = _public(f"awskms:{aws.make_key()}")
    with pytest.raises(WrongKey, match=f"{key_id} may not sign this: it is no key of server"):
        signers.signer_for(f"awskms:{key_id}", [other, third], "")


def test_an_alias_that_was_pointed_at_another_key(aws: Ministack, key_id: str) -> None:
    kms, alias = aws.client("kms"), f"alias/moved-{key_id}"
    kms.create_alias(AliasName=alias, TargetKeyId=key_id)
    public = _public(f"awskms:{alias}")
    kms.update_alias(AliasName=alias, TargetKeyId=aws.make_key())
    with pytest.raises(WrongKey, match="has signed with another key"):
        signers.signer_for(f"awskms:{alias}", [public], "").sign(b"timestamp")


def test_a_signature_costs_one_request_and_no_key_leaves(key_id: str) -> None:
    """KMS is told a digest; what is signed stays here."""
    signer = kms_keys.KmsKey(key_id)
    told: list[dict[str, object]] = []
    signer._client.meta.events.register(
        "before-call.kms", lambda params, **_: told.append(json.loads(params["body"]))
    )
    signer.answer(b"what is signed")
    assert [(request["MessageType"], request["SigningAlgorithm"]) for request in told] == [
        ("DIGEST", "ECDSA_SHA_256")
    ]
    assert "what is signed" not in str(told)


# --- what is refused


@pytest.mark.parametrize(
    ("spec", "usage", "match"),
    [
        ("RSA_2048", "SIGN_VERIFY", "is a key of RSA_2048 for SIGN_VERIFY"),
        ("ECC_NIST_P384", "SIGN_VERIFY", "is a key of ECC_NIST_P384"),
        ("ECC_SECG_P256K1", "SIGN_VERIFY", "is a key of ECC_SECG_P256K1"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "for KEY_AGREEMENT"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "KMS says UnsupportedOperationException"),
    ],
)
def test_a_key_of_another_kind(
    aws: Ministack, key_id: str, spec: str, usage: str, match: str
) -> None:
    where = f"awskms:{aws.make_key(spec, usage)}"
    with pytest.raises(UnusableKey, match=match) as told:
        _public(where)
    assert told.value.exit_status == 78
    assert "ECC_NIST_P256" in told.value.hint
    signer = signers.signer_for(where, [_public(f"awskms:{key_id}")], "")
    with pytest.raises((UnusableKey, WrongKey)):
        signer.sign(b"timestamp")


def test_a_key_that_is_disabled(aws: Ministack, key_id: str) -> None:
    signer = signers.signer_for(f"awskms:{key_id}", [_public(f"awskms:{key_id}")], "")
    aws.client("kms").disable_key(KeyId=key_id)
    with pytest.raises(UnusableKey, match="the key is disabled") as told:
        signer.sign(b"timestamp")
    assert "enable-key" in told.value.hint
    aws.client("kms").enable_key(KeyId=key_id)
    signer.sign(b"timestamp")


def test_a_key_that_is_about_to_be_deleted(aws: Ministack, key_id: str) -> None:
    signer = signers.signer_for(f"awskms:{key_id}", [_public(f"awskms:{key_id}")], "")
    aws.client("kms").schedule_key_deletion(KeyId=key_id)
    with pytest.raises(UnusableKey, match="about to be deleted") as told:
        signer.sign(b"timestamp")
    assert "cancel-key-deletion" in told.value.hint


@pytest.mark.parametrize(
    ("where", "match"),
    [
        ("awskms:alias/nobody", "there is no such key in this account and region"),
        ("awskms:00000000-0000-0000-0000-000000000000", "there is no such key"),
        ("awskms:", "names no key"),
    ],
)
def test_a_key_that_is_not_there(where: str, match: str) -> None:
    with pytest.raises(UnusableKey, match=match):
        _public(where)


@pytest.mark.parametrize("allowed", [(), ("kms:GetPublicKey",)])
def test_credentials_that_may_not(
    aws: Ministack, key_id: str, monkeypatch: pytest.MonkeyPatch, allowed: tuple[str, ...]
) -> None:
    public = _public(f"awskms:{key_id}")
    user = f"user-{len(allowed)}"
    for name, value in aws.make_user(user).items():
        monkeypatch.setenv(name, value)
    if allowed:
        statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        aws.client("iam").put_user_policy(UserName=user, PolicyName="p", PolicyDocument=policy)
        assert _public(f"awskms:{key_id}") == public
    with pytest.raises(KeyRefused, match=r"AccessDenied.*kms:Sign") as told:
        signers.signer_for(f"awskms:{key_id}", [public], "").sign(b"timestamp")
    assert told.value.exit_status == 77
    assert "kms:Sign" in told.value.hint


@pytest.mark.parametrize(
    ("changed", "expected", "match"),
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE"}, KeyRefused, "UnrecognizedClient"),
        ({"AWS_ACCESS_KEY_ID": ""}, UnusableKey, "credentials"),
        ({"AWS_DEFAULT_REGION": ""}, UnusableKey, "region"),
        ({"AWS_PROFILE": "nobody"}, UnusableKey, "nobody"),
        ({"AWS_ENDPOINT_URL": "no address"}, UnusableKey, "no address"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, KeyUnavailable, "KMS does not answer"),
    ],
)
def test_settings_that_lead_nowhere(
    key_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, str],
    expected: type[SigningError],
    match: str,
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name, value in changed.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(expected, match=match) as told:
        _public(f"awskms:{key_id}")
    assert told.value.hint


def test_a_kms_that_takes_the_call_and_says_nothing(
    key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the deadline; here a short one, so that the test ends."""
    quick = kms_keys._CONFIG.merge(Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    monkeypatch.setattr(kms_keys, "_CONFIG", quick)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(KeyUnavailable, match="Read timeout") as told:
            _public(f"awskms:{key_id}")
    assert told.value.exit_status == 75
