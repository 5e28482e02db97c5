"""What people sign or write: manifests of every lane and kind, a policy, a schedule; a delta."""

import base64
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from distribution.repository.delta_coding import Unpacked, write_delta
from manifests.release import Artifact, Release, ReleaseManifest
from manifests.target_paths import Lane, manifest_path
from tests.compatibility.examples import LATER, NOW, POLICY, SCHEDULE
from tests.compatibility.messages import DIGEST, SITE_ID, Written
from tests.simulators.repository import pack

OLD_FILES = {"app.txt": b"kasir 1.0\n" * 4000, "same": b"x" * 9000, "tool": b"#!/bin/sh\necho 1\n"}
NEW_FILES = {**OLD_FILES, "app.txt": b"kasir 2.0\n" * 4000 + b"more", "tool": b"#!/bin/sh\n"}


def manifests() -> dict[str, ReleaseManifest]:
    """Release manifests by the path that gives them their authority."""
    service = {"kind": "program", "command": ["python3", "app.py", "{port}"]}
    verbs = {verb: {"command": ["./setup.sh", verb]} for verb in ("install", "verify", "undo")}
    package = {"kind": "package", "packages": ["kasir"], "service": service}
    kinds: dict[tuple[Lane, str], dict[str, Any]] = {
        (Lane.RELEASES, "2.0"): {"install": {"kind": "slot", "service": service}},
        (Lane.RELEASES, "2.1"): {"install": package},
        (Lane.HOTFIXES, "2.0.post1"): {"install": {"kind": "command", **verbs}},
        (Lane.BREAKGLASS, "2.0.post2"): {"sites": [SITE_ID], "expires_at": LATER},
    }
    return {
        manifest_path(lane, "app", version): _manifest(version, fields)
        for (lane, version), fields in kinds.items()
    }


def _manifest(version: str, fields: dict[str, Any]) -> ReleaseManifest:
    checks = [
        {"kind": "http", "url": "http://127.0.0.1:{port}/", "expect_json": {"RELEASE": version}},
        {"kind": "tcp", "port": "{port}"},
        {"kind": "command", "command": ["./check"]},
        {"kind": "file_age", "path": "alive", "max_age_seconds": 60},
    ]
    pace = [{"after_seconds": 0, "spread_seconds": 60, "up_to_basis_points": 10_000}]
    return ReleaseManifest.model_validate(
        {
            "product": "app",
            "version": version,
            "channel": "stable",
            "artifacts": [_artifact(NEW_FILES)[0].model_dump()],
            "upgrades_from": ">=1",
            "requires": {"base": ">=3"},
            "attachments": [{"name": "sbom.cdx.json", "size_bytes": 9, "sha256": DIGEST}],
            "expected_duration_seconds": 60,
            "issued_at": NOW,
            "pace": {"name": "at-once", "waves": pace},
            "reboot_required": True,
            "data_folders": ["/srv/orders"],
            "health": {"checks": checks, "soak_seconds": 600, "attempts": 3},
            "variables": ["port"],
            "notes": "prices are back",
            "severity": "critical",
            "fixed_cves": ["CVE-2026-12345"],
            **fields,
        }
    )


def _artifact(files: dict[str, bytes]) -> tuple[Artifact, bytes]:
    entries, tar = pack(files)
    digest = hashlib.sha256(tar).hexdigest()
    size = len(tar)
    return Artifact(name="x.tar.zst", tar_size_bytes=size, tar_sha256=digest, files=entries), tar


def rules() -> Written:
    """Manifests, a site's policy, a schedule, a delta."""
    for path, manifest in manifests().items():
        document = manifest.to_bytes()
        Release.read(path, document)
        plain = {"path": path, "document": document.decode()}
        yield f"release-manifest.{manifest.version}.json", json.dumps(plain).encode()
    yield "site-policy.toml", POLICY.encode()
    yield "schedule.toml", SCHEDULE.encode()
    with tempfile.TemporaryDirectory() as folder:
        yield "delta.json", _delta(Path(folder))


def _delta(folder: Path) -> bytes:
    sides: list[Unpacked] = []
    artifacts: dict[str, Any] = {}
    for name, files in (("old", OLD_FILES), ("new", NEW_FILES)):
        artifact, tar = _artifact(files)
        (folder / name).write_bytes(tar)
        sides.append(Unpacked(folder / name, artifact.files))
        artifacts[name] = artifact.model_dump(mode="json")
    write_delta(sides[0], sides[1], folder / "delta")
    made = base64.b64encode((folder / "delta").read_bytes()).decode()
    before = {name: base64.b64encode(content).decode() for name, content in OLD_FILES.items()}
    return json.dumps({**artifacts, "files": before, "delta": made}).encode()
