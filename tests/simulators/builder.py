"""A build service: what it says of what it built, signed with its key if it has one."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.signer import Signer

from manifests.provenance import PAYLOAD_TYPE, SLSA_V1, STATEMENT_V1
from manifests.release import ReleaseManifest
from manifests.target_paths import MANIFEST_NAME, PROVENANCE_NAME, SBOM_NAME

BUILDER = "https://builds.example/trusted@v1"
LIBRARIES = {"openssl": "3.0.13", "requests": "2.31.0"}


def manifest_of(built: Path) -> ReleaseManifest:
    """What ``hsp release build`` has written."""
    return ReleaseManifest.from_bytes((built / MANIFEST_NAME).read_bytes())


def tar_of(built: Path) -> str:
    """The sha256 of the artifact's tar."""
    return manifest_of(built).artifacts[0].tar_sha256


def file_of(built: Path) -> str:
    """The sha256 of the compressed artifact."""
    file = built / manifest_of(built).artifacts[0].name
    return hashlib.sha256(file.read_bytes()).hexdigest()


def statement(
    *subjects: str,
    builder: str = BUILDER,
    predicate: str = SLSA_V1,
    signer: Signer | None = None,
    **changes: Any,
) -> bytes:
    """A statement about these digests; in an envelope if somebody signs it."""
    plain = {
        "_type": STATEMENT_V1,
        "subject": [{"name": "artifact", "digest": {"sha256": each}} for each in subjects],
        "predicateType": predicate,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://builds.example/type",
                "externalParameters": {},
            },
            "runDetails": {"builder": {"id": builder}},
        },
        **changes,
    }
    data = json.dumps(plain).encode()
    if signer is None:
        return data
    envelope = Envelope(data, PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict()).encode()


def sbom(libraries: Mapping[str, str] = LIBRARIES, **changes: Any) -> bytes:
    """A bill of these Python libraries."""
    components = [
        {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name}@{version}"}
        for name, version in libraries.items()
    ]
    plain = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components, **changes}
    return json.dumps(plain).encode()


def written(folder: Path, provenance: bytes | None, bill: bytes | None) -> dict[str, Path]:
    """Files for ``hsp release build``, by the names that they get."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, data in ((PROVENANCE_NAME, provenance), (SBOM_NAME, bill)):
        if data is not None:
            (folder / name).write_bytes(data)
            found[name] = folder / name
    return found
