"""The stack of infra/cloudformation/repository.yaml, made by a ministack that asks for TLS.

    with Stack(folder) as stack:
        stack.outputs["BucketName"]
        stack.environment("SignerRole")     # of a process that runs as that role
        stack.files_url                     # what sites read, through the CDN

What a role may do is decided by ministack from the template's own policies. Three things are
changed. Its CloudFormation overlooks object lock, which S3's own call then switches on as the
template says. Who may take a role: tasks of ECS do in AWS, and there are none here. And the two
conditions of ``kms:Sign``, whose keys ministack does not know: they hold where they exist. Its
"root" passes every policy, so nothing here shows what AWS refuses to an administrator.
"""

import json
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from tests.infra.templates import ACCOUNT, FOLDER, PARAMETERS, template_of
from tests.simulators.certificates import certificate
from tests.simulators.debian_packages import unpacked
from tests.simulators.ministack import Ministack
from tests.simulators.peers import start
from tests.simulators.ports import free_port

NAME = "hsp-repository"
SERVICES = "kms,iam,sts,s3,cloudformation,cloudfront"

_STRICT = "StringEquals:\n                kms:SigningAlgorithm"
_IF_EXISTS = _STRICT.replace("StringEquals", "StringEqualsIfExists")

_NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {endpoint};
            proxy_set_header Host {name};
            proxy_http_version 1.1;
        }}
    }}
}}
"""
"""The way from a site to CloudFront, whose name nobody here resolves."""


class Stack:
    """Up for the length of a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "certificate.pem"
        certificate(self.certificate)
        self.aws = Ministack(SERVICES, certificate=self.certificate)
        self.outputs: dict[str, str] = {}
        self.files_url = ""
        self._nginx: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Stack":
        self.aws.__enter__()
        for role in ("keys", "engineers"):
            self.aws.client("iam").create_role(
                RoleName=role, AssumeRolePolicyDocument=_trusting(f"arn:aws:iam::{ACCOUNT}:root")
            )
        self.outputs = self._deploy()
        self._open_the_way()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._nginx is not None:
            self._nginx.kill()
            self._nginx.wait()
        self.aws.__exit__(kind, error, traceback)

    def _deploy(self) -> dict[str, str]:
        cloud = self.aws.client("cloudformation")
        cloud.create_stack(
            StackName=NAME,
            TemplateBody=(FOLDER / "repository.yaml").read_text().replace(_STRICT, _IF_EXISTS),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in PARAMETERS["repository"].items()
            ],
        )
        cloud.get_waiter("stack_create_complete").wait(
            StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        lock = template_of("repository").resources["Audit"]["Properties"]["ObjectLockConfiguration"]
        bucket = cloud.describe_stack_resource(StackName=NAME, LogicalResourceId="Audit")
        self.aws.client("s3").put_object_lock_configuration(
            Bucket=bucket["StackResourceDetail"]["PhysicalResourceId"],
            ObjectLockConfiguration=lock,
        )
        [stack] = cloud.describe_stacks(StackName=NAME)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def _open_the_way(self) -> None:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        port = free_port()
        text = _NGINX.format(
            folder=folder, port=port, endpoint=self.aws.endpoint_url, name=self.outputs["CdnName"]
        )
        (folder / "nginx.conf").write_text(text)
        nginx = unpacked("nginx", "nginx") / "usr/sbin/nginx"
        command = [nginx, "-e", folder / "log", "-c", folder / "nginx.conf"]
        self._nginx = start(command, folder, folder / "out")
        self.files_url = f"http://127.0.0.1:{port}"
        time.sleep(0.2)

    # --- who somebody is

    def credentials(self, role: str) -> dict[str, str]:
        """Variables of a task that runs as a role of the stack: ``ApiRole``, ``SignerRole``, ..."""
        arn = self.outputs[f"{role}Arn"]
        name, iam = arn.rpartition("/")[2], self.aws.client("iam")
        root = f"arn:aws:iam::{ACCOUNT}:root"
        iam.update_assume_role_policy(RoleName=name, PolicyDocument=_trusting(root))
        taken = self.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="a-task")
        return {
            "AWS_ACCESS_KEY_ID": taken["Credentials"]["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": taken["Credentials"]["SecretAccessKey"],
            "AWS_SESSION_TOKEN": taken["Credentials"]["SessionToken"],
        }

    def environment(self, role: str) -> dict[str, str]:
        """What its processes need, beside the settings that the service's template gives."""
        return {
            **self.aws.environment(),
            **self.credentials(role),
            "HSP_S3_ENDPOINT_URL": self.aws.endpoint_url,
        }

    def client(self, role: str, service: str) -> Any:
        """A boto3 client in the voice of a role; as the account's administrator for ``root``."""
        if role == "root":
            return self.aws.client(service)
        given = self.credentials(role)
        return boto3.Session().client(
            service,
            endpoint_url=self.aws.endpoint_url,
            region_name=self.aws.environment()["AWS_DEFAULT_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=given["AWS_SESSION_TOKEN"],
            verify=str(self.certificate),
        )


def _trusting(principal: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
