"""The AWS stack, made by ministack: an operator publishes, the API decides, the scheduler signs, a
site reads.

Each of them has the credentials of its own role, and the settings that the service's tasks get.
"""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from distribution.audit import examine
from distribution.repository.catalogue import read_target
from distribution.scheduling import scheduler
from distribution.server import Server
from distribution.settings import Settings
from manifests.rollout import RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.back_office import BackOffice, until
from tests.simulators.peers import start
from tests.simulators.ports import free_port
from tests.simulators.stack import Stack
from tests.simulators.village import now

DIGEST = {"Message": b"0" * 32, "MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Deployed, and empty."""
    with Stack(tmp_path_factory.mktemp("stack")) as deployed:
        yield deployed


def settings_of(stack: Stack) -> dict[str, str]:
    """As service.yaml sets them for a task that signs."""
    out = stack.outputs
    keys = {f"HSP_{n.upper()}_KEY": f"awskms:{out[f'{n}KeyArn']}" for n in
            ("Snapshot", "Timestamp", "Rollouts", "Audit")}  # fmt: skip
    return {
        **keys,
        "HSP_STORE_URL": f"s3://{out['BucketName']}",
        "HSP_AUDIT_STORE_URL": f"s3://{out['AuditBucketName']}",
        "HSP_AUDIT_LOCK_DAYS": out["AuditLockDays"],
        "HSP_PUBLIC_METADATA_URL": f"{stack.files_url}/metadata",
        "HSP_PUBLIC_TARGETS_URL": f"{stack.files_url}/targets",
    }


@pytest.fixture
def port() -> int:
    """The API's."""
    return free_port()


@pytest.fixture
def become(
    stack: Stack, port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Settings]:
    """From now on, this process runs as a role; what settings its server has."""
    monkeypatch.chdir(tmp_path)

    def as_role(role: str) -> Settings:
        for name in [name for name in os.environ if name.startswith(("HSP_", "AWS_"))]:
            monkeypatch.delenv(name)
        public = {"HSP_PUBLIC_URL": f"http://127.0.0.1:{port}"}
        for name, value in (stack.environment(role) | settings_of(stack) | public).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        return Settings.load(Path("hsp-home"))

    return as_role


@pytest.fixture
def api(
    stack: Stack, become: Callable[[str], Settings], port: int, tmp_path: Path
) -> Iterator[Callable[[], None]]:
    """Starts ``hsp serve`` as the API's tasks do: with their role, and a home without any key."""
    processes: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        become("ApiRole")
        (tmp_path / "home-of-the-api").mkdir()
        kept = {name: each for name, each in os.environ.items() if not name.endswith("_KEY")}
        own = {
            "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
            "HSP_API_ONLY": "true",
            "HSP_HOME": str(tmp_path / "home-of-the-api"),
            "HSP_DATABASE_URL": f"sqlite:///{tmp_path}/hsp-home/hsp.db",
        }
        command = [Path(sys.executable).with_name("hsp"), "serve", "--listen", f"127.0.0.1:{port}"]
        processes.append(start(command, tmp_path, tmp_path / "api.log", kept | own))
        until(lambda: bool(_answer(f"http://127.0.0.1:{port}/healthz")), "the API answers")

    yield begin
    for process in processes:
        process.terminate()
        process.wait(30)


def _answer(url: str, **options: Any) -> bytes:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=30) as answer:
            return bytes(answer.read())
    except OSError:
        return b""


def test_a_release_goes_from_an_operator_to_a_site_through_the_stack(
    stack: Stack,
    become: Callable[[str], Settings],
    api: Callable[[], None],
    port: int,
    tmp_path: Path,
) -> None:
    office = BackOffice(tmp_path)
    become("OperatorRole")
    office.found()
    office.run("hsp publish", office.propose("1.0"))
    line, sha256 = office.invite("warung-1")
    office.run("hsp rollout start app 1.0 --schedule at-once.toml")
    api()
    office.run("hsp-updater --state site enroll", line, "--root-sha256", sha256)
    assert "app: 1.0" in office.run("hsp-updater --state site once").stdout

    signer = Server.open(become("SignerRole"))
    token = (tmp_path / "hsp-home" / "staff.token").read_text().strip()
    said = _answer(
        f"http://127.0.0.1:{port}/v1/rollouts/app/1.0/pause",
        data=json.dumps({"reason": "prices are missing"}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    assert json.loads(said)["state"] == "paused"
    assert plan_of(signer).rollouts[0].state is RolloutState.RUNNING
    scheduler.tick(signer, signer.clock())
    assert plan_of(signer).rollouts[0].state is RolloutState.PAUSED
    office.run("hsp-updater --state site once")  # believes what the signer has signed

    assert examine.database(signer.settings).is_whole
    bucket = stack.outputs["AuditBucketName"]
    [checkpoint] = stack.client("SignerRole", "s3").list_objects_v2(Bucket=bucket)["Contents"]
    locked_for_everybody(stack, checkpoint["Key"])


def test_nobody_does_what_is_not_theirs(stack: Stack) -> None:
    bucket, audit = stack.outputs["BucketName"], stack.outputs["AuditBucketName"]
    online = [stack.outputs[f"{name}KeyArn"] for name in ("Snapshot", "Timestamp", "Rollouts")]
    log = stack.outputs["AuditKeyArn"]
    may = {"ApiRole": set(), "SignerRole": {*online, log}, "OperatorRole": set(online)}
    for role, keys in may.items():
        kms, s3 = stack.client(role, "kms"), stack.client(role, "s3")
        signs = {key for key in (*online, log) if not refused(kms.sign, KeyId=key, **DIGEST)}
        assert signs == keys
        assert refused(kms.disable_key, KeyId=log)
        assert refused(kms.put_key_policy, KeyId=log, Policy="{}")
        writes = not refused(s3.put_object, Bucket=bucket, Key="metadata/9.x.json", Body=b"x")
        assert writes == (role != "ApiRole")
        assert refused(s3.put_object, Bucket=bucket, Key="elsewhere/x", Body=b"x")
        logs = not refused(s3.put_object, Bucket=audit, Key=f"audit/{role}", Body=b"x")
        assert logs == (role == "SignerRole")
        assert refused(s3.delete_object, Bucket=audit, Key="audit/SignerRole")
        assert refused(s3.put_bucket_policy, Bucket=bucket, Policy="{}")


def test_the_cdn_serves_files_with_headers_and_says_no_more(stack: Stack) -> None:
    signer = stack.client("SignerRole", "s3")
    signer.put_object(Bucket=stack.outputs["BucketName"], Key="targets/file", Body=b"x" * 5)
    with urllib.request.urlopen(f"{stack.files_url}/targets/file", timeout=10) as answer:
        assert answer.read() == b"xxxxx"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    for path in ("/metadata/99.root.json", "/audit/x", "/targets/"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(stack.files_url + path, timeout=10)


def plan_of(server: Server) -> RolloutPlan:
    """What sites read."""
    return RolloutPlan.from_bytes(read_target(server.store, plan_path("app")))


def locked_for_everybody(stack: Stack, key: str) -> None:
    """A checkpoint's only version cannot be removed, by the account's administrator neither."""
    admin, bucket = stack.client("root", "s3"), stack.outputs["AuditBucketName"]
    [version] = admin.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    held = admin.get_object_retention(Bucket=bucket, Key=key)["Retention"]
    assert held["Mode"] == "COMPLIANCE"
    assert held["RetainUntilDate"] > now() + timedelta(days=399)
    assert refused(admin.delete_object, Bucket=bucket, Key=key, VersionId=version["VersionId"])


def refused(call: Callable[..., Any], **arguments: Any) -> bool:
    """Whether AWS says that this may not be done."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
        return True
    return False
