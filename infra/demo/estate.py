"""The house of the demo: keys, server and sites, driven by the real commands.

Staff's commands run in this process through the same entry points as on a terminal; the server and
every site's agent are processes of their own.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from distribution.cli import main as hsp
from infra.demo import packages
from infra.demo.cast import CUSTOMER, LOGINS, OFFICERS, PRODUCT, SITES, CastRelease, CastSite
from infra.demo.screen import StoryFailedError
from signing.cli import main as hsp_sign
from tests.simulators.ports import free_port

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PASSPHRASE = "selamat-malam"  # noqa: S105 - the demo's people all use one
CONSOLE_PASSWORD = "empat kata yang panjang"  # noqa: S105 - everybody's, on this machine only
POLL_SECONDS = 2


@dataclass
class Estate:
    """Everything that the demo makes, below one folder."""

    root: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    app_ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def fresh(cls, root: Path) -> "Estate":
        """Start from nothing; what an earlier demo left is removed."""
        for name in ("home", "keys", "sites", "build", "proposals", "logs", "s3", "summary.json"):
            path = root / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        for name in ("keys", "sites", "build", "proposals", "logs"):
            (root / name).mkdir(parents=True)
        estate = cls(root.resolve())
        estate.settings = {
            "HSP_HOME": str(estate.root / "home"),
            "HSP_PUBLIC_URL": estate.url,
            "HSP_POLL_SECONDS": str(POLL_SECONDS),
            "HSP_SCHEDULER_SECONDS": "0.5",
            "HSP_PASSPHRASE": PASSPHRASE,
        }
        return estate

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}"

    # --- staff -----------------------------------------------------------------------------

    def hsp(self, *arguments: object) -> str:
        """Run a command of staff; what it printed."""
        return self._command(hsp, "hsp", arguments)

    def sign(self, *arguments: object) -> str:
        """Run a command on an officer's machine; what it printed."""
        return self._command(hsp_sign, "hsp-sign", arguments)

    def _command(self, program: click.Group, name: str, arguments: tuple[object, ...]) -> str:
        os.environ.update(self.settings)
        words, printed = [str(argument) for argument in arguments], io.StringIO()
        try:
            with redirect_stdout(printed), redirect_stderr(io.StringIO()):
                program.main(words, prog_name=name, standalone_mode=False)
        except (SystemExit, click.ClickException) as error:
            raise StoryFailedError(
                f"{name} {' '.join(words)}: {error}\n{printed.getvalue()}"
            ) from error
        return printed.getvalue()

    def open_accounts(self) -> None:
        """Give everybody who looks at the console a password."""
        first, second = OFFICERS
        self.hsp("staff", "add", CUSTOMER, "--client", "warung", "--by", first)
        self.hsp("staff", "grant", CUSTOMER, "customer", "--by", first)
        self.hsp("staff", "confirm", CUSTOMER, "customer", "--by", second)
        self.settings["HSP_STAFF_PASSWORD"] = CONSOLE_PASSWORD
        for person in LOGINS:
            self.hsp("staff", "password", person, "--by", first)

    def key(self, person: str) -> Path:
        """A person's private key."""
        return self.root / "keys" / f"{person}.key"

    def public(self, person: str) -> Path:
        """A person's public key."""
        return self.root / "keys" / f"{person}.pub"

    def proposal_signed_by(self, proposal: Path, people: tuple[str, ...]) -> None:
        """Everybody signs the proposal with their own key."""
        for person in people:
            self.sign("sign", proposal, "--key", self.key(person), "--yes")

    # --- releases --------------------------------------------------------------------------

    def build(self, release: CastRelease) -> Path:
        """Build a release as its engineer would."""
        out = self.root / "build" / f"{PRODUCT}-{release.version}"
        pace = HERE / "schedules" / f"{release.schedule}.toml"
        described = ("--description", self.description(release), "--pace", pace)
        self.hsp("release", "build", self.tree(release), *described, "--out", out)
        return out

    def tree(self, release: CastRelease) -> Path:
        """Put the program of a release together."""
        tree = self.root / "build" / f"tree-{release.version}"
        packages.unpack(release.bottle, tree)
        shutil.copy(HERE / "app" / "serve.py", tree)
        (tree / "RELEASE").write_text(release.version)
        if not release.forgets_prices:
            shutil.copy(HERE / "app" / "prices.json", tree)
        return tree

    def description(self, release: CastRelease) -> Path:
        """Its release.toml."""
        description = self.root / "build" / f"{release.version}.toml"
        template = (HERE / "release.toml").read_text()
        description.write_text(
            template.replace("@version@", release.version)
            .replace("@bottle@", release.bottle)
            .replace("@severity@", release.severity)
        )
        return description

    # --- processes -------------------------------------------------------------------------

    def start(self, name: str, *command: object) -> subprocess.Popen[bytes]:
        """Start a process of the story; its output goes to a log file."""
        log = (self.root / "logs" / f"{name}.log").open("wb")
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.settings},
        )
        self.processes.append(process)
        return process

    def serve(self) -> None:
        """Start the server."""
        self.start("server", BIN / "hsp", "serve", "--listen", f"127.0.0.1:{self.port}")

    def state(self, site: CastSite) -> Path:
        """The folder of a site's agent."""
        return self.root / "sites" / site.site_id

    def invite(self, site: CastSite) -> tuple[Path, str]:
        """Invite a site; the invitation's file, and the root's hash as told by telephone."""
        file = self.root / "sites" / f"{site.site_id}.invitation"
        who = (site.site_id, "--client", site.client_id, "--ring", site.ring)
        self.hsp("site", "invite", *who, "--product", PRODUCT, "--out", file, "--by", OFFICERS[0])
        return file, self.root_sha256()

    def root_sha256(self) -> str:
        """The hash of the newest root, as an officer reads it out."""
        return str(self.api("/v1/trust")["root_sha256"])

    def policy(self, site: CastSite, window: str) -> str:
        """The site.toml of a site."""
        return (
            (HERE / "site.toml")
            .read_text()
            .replace("@window@", window.replace("@zone@", site.zone))
            .replace("@product@", PRODUCT)
            .replace("@port@", str(self.app_ports[site.site_id]))
        )

    def updater(self, site: CastSite) -> list[object]:
        """The beginning of every command of a site's agent."""
        return [BIN / "hsp-updater", "--state", self.state(site)]

    def stop(self) -> None:
        """End the agents and the server, then every program that a site runs."""
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        for pid_file in self.root.glob("sites/*/run/*.json"):
            pid = int(json.loads(pid_file.read_text())["pid"])
            try:
                os.killpg(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    # --- questions -------------------------------------------------------------------------

    def api(self, path: str, token: str = "") -> Any:
        """Ask the server as somebody with this token; without one, as the first of the staff."""
        token = token or (self.root / "home" / "staff.token").read_text().strip()
        request = urllib.request.Request(  # noqa: S310 - loopback
            self.url + path, headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):  # noqa: S310 - loopback
                return True
        except OSError:
            return False

    def serving(self) -> Counter[str | None]:
        """How many sites serve each version, asked of the running programs themselves."""
        return Counter(self.running_version(site) for site in SITES)

    def running_version(self, site: CastSite) -> str | None:
        """What the site's running program says that it is; None when it does not answer."""
        url = f"http://127.0.0.1:{self.app_ports[site.site_id]}/health"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                return str(json.load(answer)["release"])
        except (OSError, ValueError, KeyError):
            return None
