"""compose.yaml: its file is valid, and its services work together as plain processes."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.exceptions import ClientError
from compose_spec import PyCompose

from distribution.repository.bucket import S3Store
from distribution.repository.catalogue import read_target
from infra.postgres import roles
from manifests.rollout import RolloutPlan, RolloutState
from manifests.target_paths import plan_path
from tests.simulators.back_office import BackOffice, until
from tests.simulators.composed import Composed, compose_file
from tests.simulators.ports import free_port
from tests.simulators.postgres import Postgres
from tests.simulators.seaweed import Seaweed

NAMES = ("OWNER_PASSWORD", "API_PASSWORD", "SCHEDULER_PASSWORD", "API_S3_SECRET")
VARIABLES = {
    **{name: name.lower() for name in NAMES},
    "SIGNER_S3_SECRET": "signer-secret",
    "BASE": "python@sha256:0",
    "POLL_SECONDS": "1",
}
QUICK = {"HSP_SCHEDULER_SECONDS": "0.3", "HSP_DRAIN_SECONDS": "0", "HSP_LEASE_SECONDS": "5"}


def test_the_file_is_what_the_specification_allows() -> None:
    merged = yaml.safe_dump(compose_file(VARIABLES))
    PyCompose.from_yaml(merged).validate()
    PyCompose.from_yaml(merged).to_spec()


def test_nothing_of_ours_may_write_or_become_more_than_it_is() -> None:
    services = compose_file(VARIABLES)["services"]
    for name, service in services.items():
        if name not in ("postgres", "s3"):
            assert service["read_only"], name
            assert service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name
            assert not service["user"].startswith("0"), name
    with_home = {
        name for name, one in services.items() if "home:/srv/hsp" in one.get("volumes", [])
    }
    assert with_home == {"scheduler-1", "scheduler-2", "operator"}


@pytest.fixture(scope="module")
def s3() -> Iterator[Seaweed]:
    """The bucket, with the identities of the file."""
    content = compose_file(VARIABLES)["configs"]["s3"]["content"]
    with Seaweed(more=json.loads(content)["identities"]) as seaweed:
        yield seaweed


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    """With an owner who may make roles and is no superuser, as in RDS."""
    with Postgres() as server:
        server.execute("CREATE ROLE hsp_owner LOGIN CREATEROLE")
        yield server


@pytest.fixture
def composed(
    s3: Seaweed, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Composed]:
    """Nothing of it started yet; a database and a bucket, both empty."""
    monkeypatch.chdir(tmp_path)
    url = postgres.empty_database()
    postgres.execute(f"ALTER DATABASE {url.rpartition('/')[2]} OWNER TO hsp_owner")
    s3.client().create_bucket(Bucket="hsp")
    addresses = {
        "postgres:5432/hsp": url.rpartition("@")[2],
        "s3:8333": s3.endpoint_url.removeprefix("http://"),
        **{
            f"{n}": f"127.0.0.1:{free_port()}"
            for n in ("api-1:8700", "api-2:8700", "balancer:8080")
        },
    }
    made = Composed(tmp_path, compose_file(VARIABLES), addresses, QUICK)
    try:
        yield made
    finally:
        made.stop()


def ask(url: str, token: str, body: object = None) -> Any:
    """What the API answers; None if it does not."""
    data = json.dumps(body).encode() if body is not None else None
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    try:
        request = urllib.request.Request(url, data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_it_serves_a_site_and_goes_on_without_one_of_each(
    composed: Composed, s3: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    operator = composed.environment("operator")
    office = BackOffice(tmp_path, operator)
    office.found(home=operator["HSP_HOME"])
    roles.apply(operator["HSP_DATABASE_URL"], {"hsp_api": "a", "hsp_scheduler": "s"})
    office.run("hsp publish", office.propose("1.0"))
    line, sha256 = office.invite("warung-1")
    office.run("hsp rollout start app 1.0 --schedule at-once.toml")

    for service in ("api-1", "api-2", "scheduler-1", "scheduler-2", "balancer"):
        composed.start(service)
    url, token = (
        operator["HSP_PUBLIC_URL"],
        (Path(operator["HSP_HOME"]) / "staff.token").read_text(),
    )
    until(lambda: bool(ask(f"{url}/healthz", token.strip())), "the balancer finds a server")

    site = composed.environment("agent")
    BackOffice(tmp_path, site).run("hsp-updater enroll", line, "--root-sha256", sha256)
    composed.start("agent")

    def installed() -> bool:
        sites = (ask(f"{url}/v1/sites", token.strip()) or {}).get("sites")
        return bool(sites) and '"1.0"' in json.dumps(sites)

    until(installed, "the site says that it runs 1.0")
    for service in ("api-1", "scheduler-1"):
        composed.processes[service].kill()
        composed.processes[service].wait()
    reason = {"reason": "prices are missing"}
    until(
        lambda: (
            ask(f"{url}/v1/rollouts/app/1.0/pause", token.strip(), reason) is not None
            or (ask(f"{url}/v1/rollouts/app/1.0", token.strip()) or {}).get("state") == "paused"
        ),
        "a pause, by the server that is left",
    )
    store = S3Store(s3.client(), "hsp")
    until(
        lambda: (
            RolloutPlan.from_bytes(read_target(store, plan_path("app"))).rollouts[0].state
            is RolloutState.PAUSED
        ),
        "the scheduler that is left publishes it",
        seconds=90,
    )

    api = composed.environment("api-1")
    assert not list(Path(api["HSP_HOME"]).rglob("*.key"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, api[name])
    theirs = boto3.Session().client("s3", endpoint_url=s3.endpoint_url, region_name="us-east-1")
    with pytest.raises(ClientError, match="AccessDenied"):
        theirs.put_object(Bucket="hsp", Key="metadata/timestamp.json", Body=b"{}")
