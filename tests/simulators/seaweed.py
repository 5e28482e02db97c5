"""A real S3 server on this machine: SeaweedFS from PyPI, for the length of a ``with`` block.

    with Seaweed() as s3:
        s3.make_bucket("repository")
        store = S3Store(s3.client(), "repository")
        # agents, without credentials: s3.public_url("repository") + "/metadata/timestamp.json"

Anybody may read, only the staff's key may write. Loopback only, free ports, ends with the block,
also when this process is killed. A bucket takes several of its 60 volumes: for many repositories,
use prefixes of one bucket.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.simulators.peers import start
from tests.simulators.ports import free_port

ACCESS_KEY, SECRET_KEY = "staff", "staff-secret"
_WEED = Path(sys.executable).parent / "weed"

IDENTITIES: dict[str, list[Mapping[str, Any]]] = {
    "identities": [
        {
            "name": "staff",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {"name": "anonymous", "actions": ["Read"]},
    ]
}


class Seaweed:
    """The server. ``environment()`` is what another process needs to write to it by boto3.

    Args:
        more: identities beside the usual ones, as its own configuration lists them.
    """

    def __init__(
        self,
        folder: Path | None = None,
        start_seconds: float = 60,
        more: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self._given = folder
        self._identities = {"identities": [*IDENTITIES["identities"], *more]}
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._ports: dict[str, int] = {}
        self.endpoint_url = ""

    def __enter__(self) -> "Seaweed":
        self._temporary = None if self._given else tempfile.TemporaryDirectory(prefix="weed-")
        folder = self._given or Path(self._temporary.name if self._temporary else "")
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "s3.json").write_text(json.dumps(self._identities))
        for _attempt in range(3):  # a port that was free may be taken before weed has it
            try:
                self._start(folder)
                self._wait()
                return self
            except TimeoutError:
                self.stop()
        raise TimeoutError(f"weed did not start: {(folder / 'weed.log').read_text()[-2000:]}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    def _start(self, folder: Path) -> None:
        self._ports = ports = _free_ports()
        self.endpoint_url = f"http://127.0.0.1:{ports['s3']}"
        options = {
            "dir": folder / "data",
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "master.port": ports["master"],
            "master.port.grpc": ports["master.grpc"],
            "master.volumeSizeLimitMB": 64,
            "volume.port": ports["volume"],
            "volume.port.grpc": ports["volume.grpc"],
            "volume.max": 60,
            "filer.port": ports["filer"],
            "filer.port.grpc": ports["filer.grpc"],
            "s3.port": ports["s3"],
            "s3.port.grpc": ports["s3.grpc"],
            "s3.config": folder / "s3.json",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
            "master.telemetry": "false",
        }
        command: list[str | Path] = [
            _WEED,
            "server",
            "-filer",
            "-s3",
            *(f"-{k}={v}" for k, v in options.items()),
        ]
        self._process = start(command, folder, folder / "weed.log")

    def _wait(self) -> None:
        """Until a bucket can be made and an object written: the volumes come up last."""
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise TimeoutError("weed ended at once")
            if self._answers():
                return
            time.sleep(0.1)
        raise TimeoutError("weed did not answer")

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(self.endpoint_url, timeout=1).close()
        except urllib.error.HTTPError:
            pass  # it talks
        except OSError:
            return False
        client = self.client(connect_timeout=2, read_timeout=5, retries={"max_attempts": 0})
        try:
            client.create_bucket(Bucket="is-it-up")
            client.put_object(Bucket="is-it-up", Key="yes", Body=b"yes")
            client.delete_object(Bucket="is-it-up", Key="yes")
            client.delete_bucket(Bucket="is-it-up")
        except (ClientError, BotoCoreError):  # whatever it says while it starts: ask again
            return False
        return True

    def stop(self) -> None:
        """End the server; its files stay if the folder was given."""
        if self._process is None:
            return
        if self._given:
            self._process.terminate()
        else:
            self._process.kill()  # nobody will read its files again
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        for name, port in self._ports.items():  # weed leaves a socket for each in /tmp
            for part in (name.removesuffix(".grpc"), name.replace(".", "-")):
                Path(f"/tmp/seaweedfs-{part}-{port}.sock").unlink(missing_ok=True)  # noqa: S108 - its own place

    # --- what tests and the demo ask for

    def client(self, **config: Any) -> Any:
        """A boto3 client with the staff's key."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=32, **config),
        )

    def make_bucket(self, name: str) -> None:
        """A bucket that anybody may read."""
        self.client().create_bucket(Bucket=name)

    def public_url(self, bucket: str) -> str:
        """Where the bucket's objects are read without credentials."""
        return f"{self.endpoint_url}/{bucket}"

    def environment(self) -> dict[str, str]:
        """Variables for a process that uses ``distribution.repository.bucket.open_store``."""
        return {
            "HSP_S3_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def _free_ports() -> dict[str, int]:
    names = ("master", "volume", "filer", "s3")
    return {name: free_port() for plain in names for name in (plain, f"{plain}.grpc")}
