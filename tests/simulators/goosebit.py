"""gooseBit from PyPI, a peer to be measured against: an update server for devices of hawkBit's DDI.

    with Goosebit(devices=10_000, database_url=url) as goose:
        goose.poll("device-00001"); goose.feedback("device-00001")   # paths and bodies
        goose.counted()    # what its rollout has counted

It is treated as well as its operators could: uvloop and httptools as we have them, no access log,
no lines for each poll, one process. Its database is SQLite in WAL mode as it sets it up, or
PostgreSQL. Every device is registered, and an unpaused rollout offers each of them an update.
"""

import json
import os
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType

from tests.simulators.peers import python_with, run, start
from tests.simulators.ports import free_port

_LOCK = Path(__file__).with_name("goosebit.lock")

_SET_UP = """
import asyncio, sys
from tortoise import Tortoise
from goosebit.db.config import TORTOISE_CONF
from goosebit.db.models import Device, Hardware, Rollout, Software, UpdateStateEnum

async def main(count):
    await Tortoise.init(config=TORTOISE_CONF)
    await Tortoise.generate_schemas()
    hardware = await Hardware.create(model="default", revision="default")
    software = await Software.create(
        uri="https://example.test/2.swu", version="2.0.0", hash="0" * 40, size=1000)
    await software.compatibility.add(hardware)
    await Rollout.create(name="to 2.0.0", software=software)
    await Device.bulk_create([
        Device(id=f"device-{n:05}", hardware=hardware, sw_version="1.0.0",
               last_state=UpdateStateEnum.REGISTERED) for n in range(count)], batch_size=500)
    await Tortoise.close_connections()

asyncio.run(main(int(sys.argv[1])))
"""

_COUNTED = """
import asyncio, json
from tortoise import Tortoise
from goosebit.db.config import TORTOISE_CONF
from goosebit.db.models import Device, Rollout, UpdateStateEnum

async def main():
    await Tortoise.init(config=TORTOISE_CONF)
    rollout = await Rollout.first()
    done = await Device.filter(last_state=UpdateStateEnum.FINISHED).count()
    print(json.dumps([rollout.success_count, done]))
    await Tortoise.close_connections()

asyncio.run(main())
"""


class Goosebit:
    """The server, for the length of a ``with`` block."""

    def __init__(self, devices: int, database_url: str = "", start_seconds: float = 60) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="goosebit-")
        self._folder = Path(self._temporary.name)
        self._devices, self._start_seconds = devices, start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._python = python_with(_LOCK)
        self.port = 0
        sqlite = f"sqlite://{self._folder / 'db.sqlite3'}"
        url = re.sub(r"^postgresql(\+\w+)?:", "postgres:", database_url)
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "GOOSEBIT_DB_URI": url or sqlite,
            "GOOSEBIT_ARTIFACTS_DIR": str(self._folder / "artifacts"),
            "GOOSEBIT_MAX_CONCURRENT_UPDATES": str(10 * devices),
            "GOOSEBIT_SETTINGS": str(self._folder / "goosebit.yaml"),
            "OTEL_SDK_DISABLED": "true",
        }

    def __enter__(self) -> "Goosebit":
        quiet = {"version": 1, "root": {"level": "WARNING"}}
        (self._folder / "goosebit.yaml").write_text(json.dumps({"logging": quiet}))
        words = [self._python, "-c", _SET_UP, str(self._devices)]
        run("setting gooseBit up", words, self._folder, self._environment)
        self.port = free_port()
        serve = ["-m", "uvicorn", "goosebit:app", "--port", str(self.port), "--no-access-log"]
        command = [self._python, *serve, "--log-level", "warning"]
        self._process = start(command, self._folder, self._folder / "log", self._environment)
        deadline = time.monotonic() + self._start_seconds
        while not self._answers():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError(f"it did not start: {self.log()[-2000:]}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._temporary.cleanup()

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/login", timeout=1).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def log(self) -> str:
        """What it has said."""
        return (self._folder / "log").read_text()

    @property
    def names(self) -> list[str]:
        """Of its devices."""
        return [f"device-{number:05}" for number in range(self._devices)]

    @staticmethod
    def poll(name: str) -> str:
        """The path that a device polls; what it is told has ``deploymentBase``."""
        return f"/DEFAULT/controller/v1/{name}"

    @staticmethod
    def feedback(name: str) -> tuple[str, bytes]:
        """The path and the body with which a device says that it has installed the update."""
        status = {"execution": "closed", "result": {"finished": "success"}, "details": ["done"]}
        body = json.dumps({"id": "1", "status": status}).encode()
        return f"/DEFAULT/controller/v1/{name}/deploymentBase/1/feedback", body

    def counted(self) -> tuple[int, int]:
        """How many successes its rollout has counted, and how many devices it knows to be done."""
        words = [str(self._python), "-c", _COUNTED]
        done = subprocess.run(
            words, cwd=self._folder, env=self._environment, capture_output=True, check=True
        )
        successes, devices = json.loads(done.stdout)
        return int(successes), int(devices)
