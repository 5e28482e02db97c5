"""A site with the real agent on it: a state folder, a policy, a program that really runs.

It only wires things together; whatever it does is the agent's own code, in this process or, with
``start``, in one of its own.
"""

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from client_updater.agent import Agent, open_agent
from client_updater.cli import main
from client_updater.enrolment import Newcomer
from client_updater.poll import poll
from client_updater.state import StateFolder
from client_updater.status import LastPoll
from client_updater.stop import Stop
from manifests.check_in import Invitation
from manifests.install import Program, SlotInstall
from manifests.release import Health, HttpCheck
from manifests.site import SiteProfile
from tests.simulators.control_plane import ControlPlane
from tests.simulators.ports import free_port
from tests.simulators.repository import SimulatedRepository
from tests.simulators.web import Web

PROGRAM = b"""\
import http.server, json, os, sys

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"version": os.environ["HSP_VERSION"], "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass

print("serving", os.environ["HSP_VERSION"], flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
"""Answers over HTTP with its version."""

SILENT_PROGRAM = b"import time\nprint('I am up, and deaf', flush=True)\ntime.sleep(600)\n"
CRASHING_PROGRAM = b"import sys\nprint('cannot go on', flush=True)\nsys.exit(3)\n"

AGENT = (sys.executable, "-m", "client_updater.cli")


def program_fields(**health: Any) -> dict[str, Any]:
    """Manifest fields of a release whose ``app.py`` answers on the site's ``{port}``."""
    watched = {"interval_seconds": 1, "attempts": 5, "timeout_seconds": 2, **health}
    check = HttpCheck(url="http://127.0.0.1:{port}/", expect_json={})
    return {
        "install": SlotInstall(
            service=Program(command=("python3", "-S", "app.py", "{port}"), stop_grace_seconds=2)
        ),
        "health": Health(checks=(check,), **watched),
        "variables": ("port",),
    }


@dataclass
class SimulatedSite:
    """One site. ``enrol`` first."""

    folder: Path
    repository: SimulatedRepository
    web: Web
    plane: ControlPlane
    site_id: str = "site-1"
    products: tuple[str, ...] = ("notes",)
    port: int = field(default_factory=free_port)
    policy: str = ""
    stop: Stop = field(default_factory=Stop)

    @property
    def state(self) -> StateFolder:
        """Its state folder."""
        return StateFolder(self.folder)

    def invitation(self, **changes: Any) -> Invitation:
        """A fresh invitation that the control plane knows."""
        token = secrets.token_urlsafe(32)
        self.plane.tokens[token] = None
        fields = {
            "profile": SiteProfile(
                site_id=self.site_id, client_id="client-1", products=self.products
            ),
            "server_url": self.plane.url,
            "metadata_url": f"{self.web.url}/metadata",
            "targets_url": f"{self.web.url}/targets",
            "root_version": self.repository.versions["root"],
            "root_sha256": _sha256(self.repository.root),
            "token": token,
            "expires_at": datetime.now(UTC) + timedelta(hours=1),
        }
        return Invitation(**{**fields, **changes})

    def enrol(self) -> "SimulatedSite":
        """Join, as ``hsp-updater enroll --root-sha256`` does."""
        newcomer = Newcomer(self.state, self.invitation(), self.policy_text())
        newcomer.join(lambda fingerprint: True, datetime.now(UTC))
        return self

    def policy_text(self) -> str:
        """``site.toml``: the given policy, and the port for each product."""
        variables = "".join(
            f'\n[variables.{name}]\nport = "{self.port}"\n' for name in self.products
        )
        return f"format = 1\n{self.policy}\n{variables}"

    def write_policy(self, policy: str) -> None:
        """Change what the administrator allows."""
        self.policy = policy
        (self.folder / "site.toml").write_text(self.policy_text())

    def agent(self, **options: Any) -> Agent:
        """The agent, as a new process would find it."""
        return open_agent(self.state, self.stop.pause, self.stop, **options)

    def poll(self, **options: Any) -> LastPoll:
        """One poll of a fresh agent."""
        return poll(self.agent(**options))

    def current(self, product: str = "notes") -> str | None:
        """The version that its link points at."""
        return self.agent().slots.current(product)

    def answer(self) -> dict[str, Any]:
        """What the program says of itself over HTTP."""
        import http.client
        import json

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/")
            result: dict[str, Any] = json.loads(connection.getresponse().read())
            return result
        finally:
            connection.close()

    def command(self, *words: str, typed: str = "") -> Result:
        """A command of ``hsp-updater``, in this process; ``typed`` answers its questions."""
        return CliRunner().invoke(main, ["--state", str(self.folder), *words], input=typed)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """A command in a process of its own, left running."""
        return subprocess.Popen(
            [*AGENT, "--state", str(self.folder), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    def close(self) -> None:
        """End its programs."""
        if (self.folder / "enrolment.json").exists():
            for product in self.products:
                self.agent().services.programs.stop(product, grace_seconds=1)


def _sha256(data: bytes) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()
