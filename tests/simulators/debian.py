"""Tiny Debian packages, and a system of their own to install them into."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def build_deb(
    folder: Path,
    name: str,
    version: str,
    files: Mapping[str, bytes],
    *,
    depends: str = "",
    scripts: Mapping[str, str] | None = None,
    conffiles: tuple[str, ...] = (),
) -> bytes:
    """A package for all architectures; ``files`` are absolute paths without the first slash."""
    tree = folder / f"{name}-{version.replace(':', '_')}"
    control = tree / "DEBIAN"
    control.mkdir(parents=True)
    for path, content in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(content)
    fields = {
        "Package": name,
        "Version": version,
        "Architecture": "all",
        "Maintainer": "The tests <tests@example.org>",
        **({"Depends": depends} if depends else {}),
        "Description": "made by a test",
    }
    (control / "control").write_text("".join(f"{key}: {text}\n" for key, text in fields.items()))
    if conffiles:
        (control / "conffiles").write_text("".join(f"/{path}\n" for path in conffiles))
    for script, text in (scripts or {}).items():
        (control / script).write_text(f"#!/bin/sh\nset -e\n{text}\n")
        (control / script).chmod(0o755)
    deb = tree.with_suffix(".deb")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-Zgzip", "--build", tree, deb],
        check=True,
        capture_output=True,
    )
    return deb.read_bytes()


@dataclass(frozen=True)
class DebianSystem:
    """What ``dpkg --root`` works in."""

    root: Path

    def make(self) -> "DebianSystem":
        """Nothing is installed in it."""
        for name in ("updates", "info", "triggers"):
            (self.root / "var/lib/dpkg" / name).mkdir(parents=True)
        for name in ("status", "available"):
            (self.root / "var/lib/dpkg" / name).touch()
        (self.root / "var/cache/apt/archives").mkdir(parents=True)
        return self

    def dpkg(self, *words: str | Path) -> None:
        """As its administrator runs it."""
        command = ["dpkg", f"--root={self.root}", "--force-script-chrootless", *words]
        subprocess.run(command, check=True, capture_output=True)

    def version(self, name: str) -> str:
        """What is installed of a package; ``none`` for nothing."""
        fields = "${db:Status-Abbrev}${Version}"
        done = subprocess.run(
            ["dpkg-query", f"--root={self.root}", "--show", f"--showformat={fields}", name],
            capture_output=True,
            text=True,
            check=False,
        )
        status, _, version = done.stdout.partition(" ")
        return version if status == "ii" else (status or "none")
