"""Whether a dependency of the lock is known to be vulnerable: ``python -m infra.release.audit``.

pip-audit asks PyPI about each version. Where PyPI does not answer such questions (a mirror, a
machine without a line), it skips the packages and would end well; here a package that nobody could
ask about is not clean. That ends a release, and elsewhere it is said and no more.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from infra.release.errors import NoRelease
from infra.release.tree import ROOT


@dataclass(frozen=True)
class Audit:
    """What is known of the packages of a lock.

    Attributes:
        findings: in words, one for each vulnerability.
        unasked: packages that nobody could be asked about, and why.
        asked: how many others there are.
    """

    findings: tuple[str, ...]
    unasked: tuple[str, ...]
    asked: int

    def require_clean(self) -> None:
        """End a release that would ship something known to be vulnerable, or perhaps so.

        Raises:
            NoRelease: with what was found, or with what could not be asked.
        """
        if self.findings:
            raise NoRelease("pip-audit found: " + "; ".join(self.findings))
        if self.unasked:
            raise NoRelease(
                f"pip-audit could not ask about {len(self.unasked)} packages, such as "
                f"{self.unasked[0]}; release from a machine that reaches https://pypi.org/pypi/"
            )


def read(said: str, failed: str = "") -> Audit:
    """What pip-audit's JSON means.

    Args:
        failed: what it said instead, where it said none.
    """
    try:
        dependencies = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        return Audit((), (f"any of them ({failed.strip()[-300:] or 'no answer'})",), 0)
    findings = [
        f"{each['name']} {each['version']}: {found['id']}, "
        f"mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for each in dependencies
        for found in each.get("vulns", ())
    ]
    unasked = [each["skip_reason"] for each in dependencies if "skip_reason" in each]
    return Audit(tuple(findings), tuple(unasked), len(dependencies) - len(unasked))


def audit(lock: Path) -> Audit:
    """Ask about every package of a lock."""
    program = Path(sys.executable).with_name("pip-audit")
    options = ("--require-hashes", "--disable-pip", "-s", "pypi", "--format", "json")
    command = [str(program), "--requirement", str(lock), *options, "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return read(done.stdout, done.stderr)


@click.command()
def main() -> None:
    """Say what is known of the lock's packages; a finding is an error."""
    found = audit(ROOT / "requirements.lock")
    for words in found.findings:
        click.echo(f"Found: {words}", err=True)
    if found.unasked:
        click.echo(f"Note: {len(found.unasked)} packages could not be asked about.", err=True)
    click.echo(f"{found.asked} packages asked about, {len(found.findings)} findings.")
    sys.exit(1 if found.findings else 0)


if __name__ == "__main__":
    main()
