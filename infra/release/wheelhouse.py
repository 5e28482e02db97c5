"""What a machine without a line needs: for each extra, one archive with every wheel, by hash.

tar xf hsp-distribution-0.2.0-agent-debian12-x86_64.tar && cd hsp-distribution-0.2.0-agent
python3 -m venv /opt/hsp
/opt/hsp/bin/pip install --no-index --find-links wheels --require-hashes -r requirements.txt
"""

import hashlib
import io
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from infra.release.tree import Tree, run

NAME = "hsp-distribution"
FOR = "debian12-x86_64"
_GLIBC = range(17, 37)
"""The minor versions that Debian 12's glibc, 2.36, can load."""


@dataclass(frozen=True)
class Extra:
    """Which machine it is for, and the extras that such a machine has."""

    name: str
    extras: tuple[str, ...]


EXTRAS = (
    Extra("server", ("server", "pkcs11", "tracing")),
    Extra("agent", ("agent",)),
    Extra("signing", ("signing", "pkcs11", "kms")),
)
"""An officer's machine has no line to fetch another extra by, so it gets those of tokens too."""


def requirements(tree: Tree, venv: Path, extra: Extra) -> str:
    """What an extra needs, as the lock pins it, with hashes.

    Raises:
        NoRelease: it does not follow from the lock.
    """
    named = [word for each in extra.extras for word in ("--extra", each)]
    return run(
        [
            *(str(venv / "bin/uv"), "pip", "compile", "pyproject.toml", *named),
            *("--constraint", "requirements.lock", "--generate-hashes", "--no-header", "--quiet"),
            *("--no-annotate", "--python-version", "3.11"),
            *("--python-platform", "x86_64-manylinux_2_36"),
        ],
        tree.folder,
        f"the requirements of {extra.name}",
    )


def pack(tree: Tree, wheel: Path, extra: Extra, needed: str, out: Path) -> Path:
    """The archive of an extra.

    Args:
        needed: its requirements, with hashes.

    Raises:
        NoRelease: a package has no wheel for Debian 12, or cannot be fetched.
    """
    ours = f"{NAME}[{','.join(extra.extras)}]=={tree.version} --hash=sha256:{_sha256(wheel)}\n"
    with tempfile.TemporaryDirectory() as scratch:
        wheels, listed = Path(scratch) / "wheels", Path(scratch) / "needed.txt"
        listed.write_text(needed)
        run(_download(listed, wheels), Path(scratch), f"fetching the wheels of {extra.name}")
        files = {f"wheels/{file.name}": file.read_bytes() for file in wheels.iterdir()}
    files[f"wheels/{wheel.name}"] = wheel.read_bytes()
    files["requirements.txt"] = (needed + ours).encode()
    target = out / f"{NAME}-{tree.version}-{extra.name}-{FOR}.tar"
    target.write_bytes(_tar(f"{NAME}-{tree.version}-{extra.name}", files, tree.seconds))
    return target


def _download(listed: Path, wheels: Path) -> list[str]:
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in reversed(_GLIBC)]
    platforms += ["manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64"]
    abis = ("cp311", "abi3", "none")
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"),
        *("--require-hashes", "--only-binary", ":all:", "--dest", str(wheels), "-r", str(listed)),
        *("--implementation", "cp", "--python-version", "3.11"),
        *(word for each in abis for word in ("--abi", each)),
        *(word for each in platforms for word in ("--platform", each)),
    ]


def _tar(folder: str, files: dict[str, bytes], seconds: int) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime, member.mode = len(content), seconds, 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
