"""A bucket with every rule that it should have, and one rule wrong at a time."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from distribution.doctor import bucket, clocks, keys
from distribution.doctor.findings import Context, Finding, Level, run
from distribution.settings import Settings
from tests.simulators.certificates import certificate
from tests.simulators.ministack import Ministack

NAME = "updates"
ALL_BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [f"arn:aws:s3:::{NAME}", f"arn:aws:s3:::{NAME}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    ],
}


def become(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    """Somebody else, in a process whose boto3 remembers who it was."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ministack]:
    """S3, IAM and KMS."""
    pem = tmp_path_factory.mktemp("aws") / "aws.pem"
    certificate(pem)  # the bucket's policy refuses whoever comes without TLS, and is obeyed
    with Ministack("s3,iam,sts,kms", certificate=pem) as server:
        yield server


@pytest.fixture
def s3(aws: Ministack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket as it should be, and who may do everything."""
    become(monkeypatch, aws.environment())
    client = aws.client("s3")
    client.create_bucket(
        Bucket=NAME,
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    client.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Enabled"})
    client.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=ALL_BLOCKED)
    client.put_bucket_policy(Bucket=NAME, Policy=json.dumps(TLS_ONLY))
    yield client
    for each in client.list_object_versions(Bucket=NAME).get("Versions", []):
        client.delete_object(Bucket=NAME, Key=each["Key"], VersionId=each["VersionId"])
    for each in client.list_object_versions(Bucket=NAME).get("DeleteMarkers", []):
        client.delete_object(Bucket=NAME, Key=each["Key"], VersionId=each["VersionId"])
    client.delete_bucket(Bucket=NAME)


def look(tmp_path: Path, *, now: datetime | None = None, **settings: Any) -> list[Finding]:
    """What the checks of buckets and of the store's clock find."""
    made = Settings(home=tmp_path, store_url=f"s3://{NAME}/prod", **settings)
    checks = [*bucket.CHECKS, clocks.CHECKS[0]]
    return list(run(checks, Context(made, lambda: now or datetime.now(UTC))))


@pytest.fixture
def as_server(aws: Ministack, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's own credentials: everything but to remove checkpoints."""
    user = f"server-{secrets.token_hex(4)}"
    become(monkeypatch, aws.make_user(user))
    statements = [
        {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
            "Resource": f"arn:aws:s3:::{NAME}/prod/audit/*",
        },
    ]
    aws.client("iam").put_user_policy(
        UserName=user,
        PolicyName="server",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statements}),
    )


@pytest.mark.usefixtures("as_server")
def test_of_a_bucket_that_is_well_nothing_is_found(tmp_path: Path) -> None:
    assert look(tmp_path, audit_lock_days=365) == []


def _lifecycle(client: Any, prefix: str, **what: Any) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": prefix}, **what}
    client.put_bucket_lifecycle_configuration(Bucket=NAME, LifecycleConfiguration={"Rules": [rule]})


WRONG: dict[str, tuple[Callable[[Any], object], str, Level]] = {
    "no versions": (
        lambda s3: s3.put_bucket_versioning(
            Bucket=NAME, VersioningConfiguration={"Status": "Suspended"}
        ),
        *("bucket.versioning", Level.WARNING),
    ),
    "public": (
        lambda s3: s3.put_public_access_block(
            Bucket=NAME,
            PublicAccessBlockConfiguration={**ALL_BLOCKED, "BlockPublicPolicy": False},
        ),
        *("bucket.public_access", Level.WARNING),
    ),
    "nobody has thought of the public": (
        lambda s3: s3.delete_public_access_block(Bucket=NAME),
        *("bucket.public_access", Level.WARNING),
    ),
    "no policy": (
        lambda s3: s3.delete_bucket_policy(Bucket=NAME),
        *("bucket.tls_only", Level.WARNING),
    ),
    "pages may read": (
        lambda s3: s3.put_bucket_cors(
            Bucket=NAME,
            CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]},
        ),
        *("bucket.cors", Level.WARNING),
    ),
    "a rule that removes targets": (
        lambda s3: _lifecycle(s3, "prod/targets/", Expiration={"Days": 30}),
        *("bucket.lifecycle", Level.BROKEN),
    ),
    "a rule that removes everything": (
        lambda s3: _lifecycle(s3, "", Expiration={"Days": 30}),
        *("bucket.lifecycle", Level.BROKEN),
    ),
}


@pytest.mark.usefixtures("as_server")
@pytest.mark.parametrize("what", WRONG)
def test_a_rule_that_is_wrong_is_named(s3: Any, tmp_path: Path, what: str) -> None:
    spoil, check, level = WRONG[what]
    spoil(s3)
    found = look(tmp_path)
    assert [(one.check, one.level) for one in found] == [(check, level)]
    if check in ("bucket.cors", "bucket.lifecycle"):
        s3.delete_bucket_cors(Bucket=NAME)
        s3.delete_bucket_lifecycle(Bucket=NAME)


@pytest.mark.usefixtures("as_server")
def test_rules_about_old_versions_and_other_folders_are_fine(s3: Any, tmp_path: Path) -> None:
    _lifecycle(s3, "", NoncurrentVersionExpiration={"NoncurrentDays": 90})
    assert look(tmp_path) == []
    _lifecycle(s3, "logs/", Expiration={"Days": 30})
    assert look(tmp_path) == []
    s3.delete_bucket_lifecycle(Bucket=NAME)


@pytest.mark.usefixtures("s3")
def test_credentials_that_may_remove_checkpoints(tmp_path: Path) -> None:
    assert [one.check for one in look(tmp_path)] == ["bucket.audit_is_kept"]


def test_credentials_that_may_do_nothing_are_unknown_and_never_well(
    aws: Ministack, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, aws.make_user("nobody"))
    found = look(tmp_path)
    assert {one.check for one in found} >= {"bucket.conditional_writes", "bucket.versioning"}
    assert {one.level for one in found} == {Level.UNKNOWN}


@pytest.mark.usefixtures("as_server")
def test_a_clock_that_is_not_the_stores(tmp_path: Path) -> None:
    [found] = look(tmp_path, now=datetime.now(UTC) - timedelta(hours=1))
    assert (found.check, found.level) == ("clocks.store", Level.BROKEN)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_was_made_without_locks(aws: Ministack, tmp_path: Path) -> None:
    aws.client("s3").create_bucket(
        Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    found = look(tmp_path, audit_lock_days=30, audit_store_url="s3://plain")
    assert "bucket.object_lock" in {one.check for one in found if one.level is Level.BROKEN}


def test_a_key_in_kms_of_the_wrong_kind_and_one_that_is_gone(
    aws: Ministack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.simulators.estate import Estate

    become(monkeypatch, aws.environment())
    settings = Estate.usual(tmp_path).settings
    wrong = aws.make_key("RSA_2048", "ENCRYPT_DECRYPT")
    for place in (wrong, "00000000-0000-0000-0000-000000000000"):
        changed = settings.model_copy(update={"timestamp_key": f"awskms:{place}"})
        found = list(run(keys.CHECKS, Context(changed, lambda: datetime.now(UTC))))
        assert [(one.check, one.level) for one in found] == [("keys.online", Level.BROKEN)]
