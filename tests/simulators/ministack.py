"""AWS KMS, IAM and SNS on this machine: ministack from PyPI, in a virtual environment of its own.

    with Ministack() as aws:
        key = aws.kms().create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        # for programs: aws.environment()

moto, which we have, signs the hash of a digest where KMS signs the digest: what it answers verifies
nowhere. Policies are enforced: a user of IAM may do nothing at first. Loopback only.
"""

import os
import ssl
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3

from tests.simulators.peers import python_with, start
from tests.simulators.ports import free_port

_LOCK = Path(__file__).with_name("ministack.lock")
REGION = "eu-central-1"
ROOT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


class Ministack:
    """The server, for the length of a ``with`` block.

    Args:
        services: what it plays, as its own setting names them.
        certificate: a PEM file with a key and a certificate for 127.0.0.1: it speaks HTTPS only.
    """

    def __init__(
        self,
        services: str = "kms,iam,sts,sns",
        *,
        certificate: Path | None = None,
        start_seconds: float = 30,
    ) -> None:
        self._services, self._certificate = services, certificate
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary = tempfile.TemporaryDirectory(prefix="ministack-")
        self._clients: dict[str, Any] = {}
        self.endpoint_url = ""

    def __enter__(self) -> "Ministack":
        python = python_with(_LOCK)
        for _attempt in range(3):  # a port that was free may be taken before ministack has it
            self._start(python, Path(self._temporary.name))
            if self._answers():
                return self
            self.stop()
        log = Path(self._temporary.name, "log").read_text()
        raise TimeoutError(f"ministack did not start: {log[-2000:]}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._temporary.cleanup()

    def _start(self, python: Path, folder: Path) -> None:
        port = free_port()
        scheme = "https" if self._certificate else "http"
        self.endpoint_url = f"{scheme}://127.0.0.1:{port}"
        environment = {
            "PATH": os.environ["PATH"],
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "SERVICES": self._services,
            "AUTH": "true",
            "LOG_LEVEL": "WARNING",
            "DOCKER_HOST": f"unix://{folder}/no-docker",
            **{name: str(folder) for name in ("HOME", "TMPDIR", "STATE_DIR", "S3_DATA_DIR")},
            **self._tls(),
        }
        self._process = start([python, "-m", "ministack"], folder, folder / "log", environment)

    def _tls(self) -> dict[str, str]:
        if self._certificate is None:
            return {}
        names = ("MINISTACK_SSL_CERT", "MINISTACK_SSL_KEY")
        return {"USE_SSL": "1", **dict.fromkeys(names, str(self._certificate))}

    def _answers(self) -> bool:
        deadline = time.monotonic() + self._start_seconds
        health = f"{self.endpoint_url}/_ministack/health"
        own = self._certificate
        trusted = ssl.create_default_context(cafile=own) if own else None
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            try:
                urllib.request.urlopen(health, timeout=1, context=trusted).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    # --- what tests ask for

    def environment(self) -> dict[str, str]:
        """Variables for a program that may do everything."""
        return {
            **ROOT,
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            **({"AWS_CA_BUNDLE": str(self._certificate)} if self._certificate else {}),
        }

    def client(self, service: str) -> Any:
        """A boto3 client that may do everything."""
        if service not in self._clients:
            self._clients[service] = boto3.Session().client(
                service,
                endpoint_url=self.endpoint_url,
                region_name=REGION,
                aws_access_key_id=ROOT["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=ROOT["AWS_SECRET_ACCESS_KEY"],
                verify=str(self._certificate) if self._certificate else None,
            )
        return self._clients[service]

    def make_key(self, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
        """A new key's id."""
        made = self.client("kms").create_key(KeySpec=spec, KeyUsage=usage)
        return str(made["KeyMetadata"]["KeyId"])

    def make_user(self, name: str) -> dict[str, str]:
        """Variables for a user who may do nothing."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return {
            "AWS_ACCESS_KEY_ID": made["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"],
        }
