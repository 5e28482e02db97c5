"""The components of each extra, as CycloneDX JSON, from what the lock pins."""

import tempfile
from pathlib import Path

from infra.release.distributions import environment
from infra.release.tree import Tree, run
from infra.release.wheelhouse import NAME


def write(tree: Tree, venv: Path, extra: str, requirements: str, out: Path) -> Path:
    """The SBOM of an extra that needs these requirements.

    Raises:
        NoRelease: it cannot be made, or is not valid CycloneDX.
    """
    target = out / f"{NAME}-{tree.version}-{extra}.cdx.json"
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / "requirements.txt"
        listed.write_text(requirements)
        command = [
            *(str(venv / "bin/cyclonedx-py"), "requirements", str(listed)),
            *("--pyproject", str(tree.folder / "pyproject.toml"), "--sv", "1.6", "--validate"),
            *("--output-reproducible", "--of", "JSON", "-o", str(target)),
        ]
        run(command, Path(scratch), f"the SBOM of {extra}", environment(tree))
    return target
