"""The CloudFormation templates: linted, held to AWS's rules, and to ours about who may do what."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from distribution.settings import Settings
from tests.infra.templates import ACCOUNT, ADMINISTRATOR, FOLDER, Template, template_of
from tests.simulators.cfn_guard import broken_rules

NAMES = ("network", "repository", "service")

_NOT_FOLLOWED = {
    "network": {
        "cloudwatch_log_group_encrypted_check": "addresses of packets that were refused, no more",
    },
    "repository": {
        "cloudfront_access_logs_enabled_check": "a line for each poll, which says less than "
        "the check-ins that the database keeps",
        "cloudfront_origin_failover_enabled_check": "sites wait while a region is away",
        "s3_bucket_default_encryption_kms_check": "signed files for everybody, on S3's own key",
        "s3_bucket_logging_enabled_check": "CloudTrail's data events say more",
        "s3_bucket_object_lock_enabled_check": "of the repository, from which the server removes "
        "what nothing leads to; the audit log's bucket has it",
        "s3_event_notifications_enabled_check": "nobody waits for them",
    },
    "service": {
        "ecs_containers_readonly_access_check": "of the operator's task alone: execute-command "
        "needs to write there",
        "elbv2_logging_enabled_check": "the API logs what matters by itself",
        "rds_instance_no_default_ports_check": "who knows the port gets no further",
    },
}
"""Rules of AWS that a template breaks, and why it may."""


@pytest.fixture(params=NAMES)
def template(request: pytest.FixtureRequest) -> Template:
    """Each of them, with its references resolved."""
    return template_of(request.param)


def test_the_linter_finds_nothing() -> None:
    lint = [Path(sys.executable).with_name("cfn-lint"), *sorted(FOLDER.glob("*.yaml"))]
    done = subprocess.run(lint, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_aws_rules_are_followed_but_for_those_that_we_say_why(
    template: Template, tmp_path: Path
) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps({"Resources": template.resources}))
    assert broken_rules(file) == set(_NOT_FOLLOWED[template.name])


# --- who may do what: every statement of a role, as it stands


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(role: str) -> Iterator[dict[str, Any]]:
    """All that a role of repository.yaml is allowed by IAM, also by what service.yaml adds."""
    repository, service = template_of("repository"), template_of("service")
    properties = repository.of_type("AWS::IAM::Role")[role]
    documents = [one["PolicyDocument"] for one in properties.get("Policies", [])]
    managed = repository.of_type("AWS::IAM::ManagedPolicy")
    for arn in properties.get("ManagedPolicyArns", []):
        documents.append(managed[arn.rpartition("/")[2]]["PolicyDocument"])
    for policy in service.of_type("AWS::IAM::Policy").values():
        if role in policy["Roles"]:
            documents.append(policy["PolicyDocument"])
    yield from (statement for one in documents for statement in one["Statement"])


def _allowed(statements: Iterator[dict[str, Any]]) -> set[tuple[str, str]]:
    found = set()
    for one in statements:
        assert one["Effect"] == "Allow"
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition"}, "no NotAction"
        for action in _as_list(one["Action"]):
            found |= {(action, resource) for resource in _as_list(one["Resource"])}
    return found


_READS = {
    ("s3:GetObject", "arn:aws:s3:::repository/metadata/*"),
    ("s3:GetObject", "arn:aws:s3:::repository/targets/*"),
    ("s3:ListBucket", "arn:aws:s3:::repository"),
}
_WRITES = _READS | {
    (f"s3:{verb}Object", f"arn:aws:s3:::repository/{folder}/*")
    for verb in ("Put", "Delete")
    for folder in ("metadata", "targets")
}
_MOUNTS = {
    (f"elasticfilesystem:Client{what}", f"arn:aws:efs:eu-central-1:{ACCOUNT}:Files")
    for what in ("Mount", "Write")
}


def test_the_api_reads_the_repository_and_can_do_nothing_else() -> None:
    assert _allowed(_statements("ApiRole")) == _READS | _MOUNTS


def test_the_signer_writes_the_repository_and_checkpoints_and_removes_no_checkpoint() -> None:
    checkpoints = {
        (f"s3:{action}", "arn:aws:s3:::audit/audit/*")
        for action in ("GetObject", "PutObject", "PutObjectRetention")
    }
    listing = {("s3:ListBucket", "arn:aws:s3:::audit")}
    assert _allowed(_statements("SignerRole")) == _WRITES | _MOUNTS | checkpoints | listing


def test_the_api_may_not_mount_the_home() -> None:
    points: dict[str, list[str]] = {}
    for one in _statements("ApiRole"):
        if "Condition" in one:
            [[(key, point)]] = [test.items() for test in one["Condition"].values()]
            assert key == "elasticfilesystem:AccessPointArn"
            points[point.rpartition(":")[2]] = _as_list(one["Action"])
    assert points == {
        "NotifyFiles": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
        "AuditPublicFiles": ["elasticfilesystem:ClientMount"],
    }


def test_only_the_signer_and_an_operator_sign_and_only_administrators_manage_keys() -> None:
    keys = template_of("repository").of_type("AWS::KMS::Key")
    signer, operator = (
        f"arn:aws:iam::{ACCOUNT}:role/{each}Role" for each in ("Signer", "Operator")
    )
    assert set(keys) == {"SnapshotKey", "TimestampKey", "RolloutsKey", "AuditKey"}
    for name, key in keys.items():
        assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
        who: dict[str, set[str]] = {}
        for one in key["KeyPolicy"]["Statement"]:
            if one["Effect"] == "Allow":
                for action in _as_list(one["Action"]):
                    assert "*" not in action
                    who.setdefault(action, set()).update(_as_list(one["Principal"]["AWS"]))
        signers = {signer} if name == "AuditKey" else {signer, operator}
        assert who.pop("kms:Sign") == signers
        assert who.pop("kms:GetPublicKey") == who.pop("kms:DescribeKey") == {
            signer, operator, ADMINISTRATOR,
        }  # fmt: skip
        assert set(map(frozenset, who.values())) == {frozenset({ADMINISTRATOR})}
        assert "kms:CreateGrant" not in who, "a grant could let somebody sign"


def test_what_starts_a_task_reads_that_tasks_secret_alone() -> None:
    secrets: dict[str, set[str]] = {}
    for name, role in template_of("service").of_type("AWS::IAM::Role").items():
        for policy in role.get("Policies", []):
            for one in policy["PolicyDocument"]["Statement"]:
                if "secretsmanager:GetSecretValue" in _as_list(one["Action"]):
                    secrets[name] = {each.rpartition(":")[2] for each in _as_list(one["Resource"])}
    assert secrets == {
        "ApiStarter": {"ApiDatabaseSecret"},
        "SchedulerStarter": {"SchedulerDatabaseSecret"},
        "OperatorStarter": {
            "Database", "ApiDatabaseSecret", "SchedulerDatabaseSecret",
        },
    }  # fmt: skip


# --- tasks and buckets


def _environment(task: str) -> dict[str, str]:
    [container] = template_of("service").of_type("AWS::ECS::TaskDefinition")[task][
        "ContainerDefinitions"
    ]
    return {one["Name"]: str(one["Value"]) for one in container["Environment"]}


@pytest.mark.parametrize("task", ["ApiTask", "SchedulerTask", "OperatorTask"])
def test_the_server_takes_the_settings_of_a_task(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _environment(task).items():
        monkeypatch.setenv(name, value.lower() if value in ("True", "False") else value)
    settings = Settings.load(tmp_path)
    known = {f"HSP_{name.upper()}" for name in Settings.model_fields} | {"AWS_DEFAULT_REGION"}
    assert set(_environment(task)) <= known
    assert settings.api_only == (task == "ApiTask")
    assert bool(settings.online_key_places) == (task != "ApiTask")
    assert settings.metadata_url == "https://files.example.com/metadata"


def test_what_was_removed_can_be_brought_back_at_least_as_long_as_the_server_keeps_it() -> None:
    seconds = template_of("repository").parameters["NoncurrentDays"] * 86_400
    assert seconds >= template_of("service").parameters["RetentionSeconds"]
    assert template_of("service").parameters["RetentionSeconds"] == Settings().retention_seconds


def test_the_cdn_keeps_the_timestamp_and_what_is_missing_for_seconds() -> None:
    template = template_of("repository")
    policies = template.of_type("AWS::CloudFront::CachePolicy")
    times = {
        name: (one["CachePolicyConfig"]["MinTTL"], one["CachePolicyConfig"]["MaxTTL"])
        for name, one in policies.items()
    }
    assert times == {"TimestampCache": (5, 5), "ForEverCache": (86_400, 31_536_000)}
    config = template.of_type("AWS::CloudFront::Distribution")["Cdn"]["DistributionConfig"]
    behaviours = {one["PathPattern"]: one["CachePolicyId"] for one in config["CacheBehaviors"]}
    assert behaviours == {"metadata/timestamp.json": "TimestampCache"}
    errors = config["CustomErrorResponses"]
    kept = {one["ErrorCode"]: one["ErrorCachingMinTTL"] for one in errors}
    assert {code: kept[code] for code in (403, 404)} == {403: 1, 404: 1}
