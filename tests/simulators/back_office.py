"""What staff and officers type, in the test's own folder: from an empty home to a signed release.

The commands run in this process, with the environment that a test gives them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner, Result

from client_updater.cli import main as hsp_updater
from distribution.cli import main as hsp
from signing import ceremony, signers
from signing.cli import main as hsp_sign
from tests.simulators.estate import PASSPHRASE, ROUNDS
from tests.simulators.village import now

AT_ONCE = """
format = 1
name = "at-once"
[gates]
soak_seconds = 0
success_threshold_percent = 0
error_threshold_percent = 100
[[waves]]
after_seconds = 0
up_to_basis_points = 5000
[[waves]]
after_seconds = 3600
up_to_basis_points = 10000
"""
DESCRIPTION = 'product = "app"\nversion = "{version}"\nseverity = "moderate"\n'


@dataclass
class BackOffice:
    """Its folder is the working directory of the test."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, line: str, *more: str, status: int = 0) -> Result:
        """``hsp``, ``hsp-sign`` or ``hsp-updater``."""
        program, *words = [*line.split(), *more]
        command = {"hsp": hsp, "hsp-sign": hsp_sign, "hsp-updater": hsp_updater}[program]
        result = CliRunner(env=dict(self.environment)).invoke(command, words)
        assert result.exit_code == status, result.output
        return result

    def sign(self, proposal: str, *people: str) -> None:
        """Two people sign."""
        for person in people:
            key = self.folder / "keys" / f"{person}.key"
            moment = now().replace(microsecond=0)
            ceremony.sign(ceremony.prepare(Path(proposal), moment), key, PASSPHRASE)

    def found(self, *options: str, home: str = "hsp-home") -> None:
        """A repository with a product."""
        for person in ("ani", "budi", "sari", "joko"):
            signers.generate(person, self.folder / "keys", PASSPHRASE, rounds=ROUNDS)
        self.run("hsp init --officer keys/ani.pub --officer keys/budi.pub", *options)
        self.publish(f"{home}/proposals/repository", "ani", "budi")
        self.run("hsp product add app --author keys/sari.pub --approver keys/joko.pub")
        self.publish(f"{home}/proposals/product-app", "ani", "budi")

    def publish(self, proposal: str, *people: str) -> None:
        """It is signed and published."""
        self.sign(proposal, *people)
        self.run("hsp publish", proposal)

    def propose(self, version: str) -> str:
        """A release that two have signed."""
        source = self.folder / f"source-{version}"
        source.mkdir()
        (source / "app.txt").write_text(version)
        (self.folder / "at-once.toml").write_text(AT_ONCE)
        (self.folder / "release.toml").write_text(DESCRIPTION.format(version=version))
        build = f"hsp release build {source} --description release.toml --pace at-once.toml"
        self.run(build, "--out", f"build-{version}", "--issued-at", "2026-01-01T00:00:00Z")
        self.run(f"hsp release propose build-{version} --out proposal-{version}")
        self.sign(f"proposal-{version}", "sari", "joko")
        return f"proposal-{version}"

    def invite(self, site: str) -> tuple[str, str]:
        """An invitation for a site of the first ring, and the fingerprint that goes another way."""
        told = self.run(f"hsp site invite {site} --client warung --ring pilot --product app")
        return told.stdout.strip(), told.stderr.split("sha256 ")[1].split()[0]


def until(happens: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for it."""
    begun = time.monotonic()
    while not happens():
        assert time.monotonic() < begun + seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
