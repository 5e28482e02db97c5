"""What documents mean to the code that reads them: this tree's, or a release's in its own process.

    python reading.py FOLDER         with the packages of a release in PYTHONPATH

It imports the product's packages and nothing of the tests, each name only when a document needs
it: a release does not know every kind of document that there is today.
"""

import base64
import hashlib
import importlib
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

KEYS_FILE = "keys.json"
MEANING_FILE = "meaning.json"
Keys = Mapping[str, Any]

PLAIN = {
    "enrolment-answer": "manifests.check_in:EnrolmentAnswer",
    "check-in-answer": "manifests.check_in:CheckInAnswer",
    "report-receipt": "manifests.check_in:ReportReceipt",
    "step-receipt": "manifests.remote_steps:StepReceipt",
    "site-key-answer": "manifests.key_rotation:KeyRotationAnswer",
    "rollout-plan": "manifests.rollout:RolloutPlan",
}
"""Kinds of documents that are read as they are."""

SEALED = {
    "enrolment": ("manifests.check_in:Enrolment", "manifests.check_in:ENROLMENT_TYPE"),
    "check-in": ("manifests.check_in:CheckIn", "manifests.check_in:CHECK_IN_TYPE"),
    "install-report": (
        "manifests.install_report:InstallReport",
        "manifests.install_report:REPORT_TYPE",
    ),
    "step-result": (
        "manifests.remote_steps:StepResult",
        "manifests.remote_steps:STEP_RESULT_TYPE",
    ),
    "site-key-rotation": (
        "manifests.key_rotation:KeyRotation",
        "manifests.key_rotation:ROTATION_TYPE",
    ),
}
"""Kinds that a site's key has signed."""

TOML = {
    "site-policy": "manifests.site:SitePolicy",
    "schedule": "manifests.rollout:Schedule",
}
"""Kinds that people write."""


class Unknown(Exception):
    """This code has no such kind of document."""


def named(what: str) -> Any:
    """Something of the product, by ``module:name``.

    Raises:
        Unknown: this code has none.
    """
    module, _, name = what.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise Unknown(what) from error


def means(name: str, data: bytes, keys: Keys) -> Any:
    """What a document says, as plain JSON; it is verified first where it is signed.

    Args:
        name: the file's name; what stands before the first dot is the document's kind.

    Raises:
        Unknown: no such kind here.
        UpdateError, ValueError: it cannot be read, or is not signed as it should be.
    """
    kind = name.partition(".")[0]
    if kind in PLAIN:
        return _plain(named(PLAIN[kind]).from_bytes(data))
    if kind in TOML:
        return _plain(named(TOML[kind]).from_toml(data.decode()))
    if kind in SEALED:
        return _sealed(kind, data, keys)
    special: dict[str, Callable[[bytes, Keys], Any]] = {
        "invitation": _invitation,
        "release-manifest": _release_manifest,
        "audit-checkpoint": _audit_checkpoint,
        "audit-export": _audit_export,
        "receipts": _receipts,
        "delta": _delta,
        "repository": _repository,
        "proposal": _proposal,
        "signatures": _signatures,
        "key-file": _key_file,
    }
    if kind not in special:
        raise Unknown(kind)
    return special[kind](data, keys)


def _plain(document: Any) -> Any:
    return document.model_dump(mode="json")


def _sealed(kind: str, data: bytes, keys: Keys) -> Any:
    model, body_type = (named(what) for what in SEALED[kind])
    key = named("manifests.envelope:site_key")(keys["site"])
    document = model.from_bytes(named("manifests.envelope:open_sealed")(data, body_type, key))
    if kind == "site-key-rotation":
        document.check_proof()
    return _plain(document)


def _invitation(data: bytes, keys: Keys) -> Any:
    return _plain(named("manifests.check_in:Invitation").from_text(data.decode()))


def _release_manifest(data: bytes, keys: Keys) -> Any:
    plain = json.loads(data)
    release = named("manifests.release:Release").read(plain["path"], plain["document"].encode())
    return {**_plain(release.manifest), "is_emergency": release.is_emergency}


def _audit_keys(folder: Path, keys: Keys) -> list[Any]:
    file = folder / "audit.pub"
    file.write_text(keys["audit"])
    return [named("signing.key_files:read_public")(file)]


def _audit_checkpoint(data: bytes, keys: Keys) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        known = _audit_keys(Path(folder), keys)
    checkpoint = named("distribution.audit.checkpoints:opened")(data, known)
    assert checkpoint is not None, "it is not signed by the log's key"
    assert named("manifests.audit_checkpoint:claimed")(data.decode()) == checkpoint
    return _plain(checkpoint)


def _audit_export(data: bytes, keys: Keys) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.jsonl"
        file.write_bytes(data)
        found = named("distribution.audit.examine:file")(file, _audit_keys(Path(folder), keys))
    return {"whole": found.is_whole, "records": found.log.records}


def _receipts(data: bytes, keys: Keys) -> Any:
    trusted = named("distribution.receipts.trusted:read_keys")([keys["receipts"]])
    found = named("distribution.receipts.verify:verify")(data, trusted)
    installs = [_plain(report) for report in found.installs]
    return {"holds": found.holds, "installs": installs}


def _delta(data: bytes, keys: Keys) -> Any:
    """The tar that it makes; ``rebuilt`` reads the old files from a folder."""
    plain = json.loads(data)
    old, new = (
        named("manifests.release:Artifact").model_validate(plain[which]) for which in ("old", "new")
    )
    with tempfile.TemporaryDirectory() as folder:
        for path, content in plain["files"].items():
            file = Path(folder) / "slot" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(content))
        delta = Path(folder) / "delta"
        delta.write_bytes(base64.b64decode(plain["delta"]))
        basis = named("client_updater.deltas:Basis")("1.0", Path(folder) / "slot", old)
        with named("client_updater.deltas:rebuilt")(delta, basis, new) as tar:
            made = b"".join(iter(lambda: tar.read(65536), b""))
    path = named("manifests.delta:delta_path")("app", "1.0", "2.0", "any")
    return {"tar_sha256": hashlib.sha256(made).hexdigest(), "path": path}


def _repository(data: bytes, keys: Keys) -> Any:
    """Who signed each role, what is delegated to whom, what is listed and what is withdrawn."""
    roles = named("signing.roles:signatories")
    read = named("tuf.api.metadata:Metadata").from_bytes
    files = {name: read(text.encode()) for name, text in json.loads(data).items()}
    root, targets = files["root"].signed, files["targets"].signed
    said: dict[str, Any] = {"products": named("signing.roles:products")(targets)}
    for name, metadata in files.items():
        top = name in ("root", "targets", "snapshot", "timestamp")
        signatories = roles(root if top else targets, name)
        signed_by = signatories.who_signed(metadata.signed_bytes, metadata.signatures)
        said[name] = {
            "signed_by": sorted(signed_by),
            "people": sorted(signatories.people),
            "threshold": signatories.threshold,
            "version": metadata.signed.version,
            "expires": metadata.signed.expires.isoformat(),
            "listed": _listed(metadata.signed),
        }
    policy = named("signing.build_policy:policy_of")(targets, "app")
    return {**said, "builds": policy.model_dump(mode="json")}


def _listed(signed: Any) -> Any:
    withdrawn = named("manifests.withdrawal:withdrawn")
    files = getattr(signed, "targets", {})
    return {
        path: {"sha256": file.hashes["sha256"], "bytes": file.length, "withdrawn": withdrawn(file)}
        for path, file in files.items()
    }


def _received(data: bytes, folder: Path, keys: Keys) -> Any:
    file = folder / "block.txt"
    file.write_bytes(data)
    now = datetime.fromisoformat(keys["now"])
    return named("signing.ceremony:receive")(file, folder / "proposal", now)


def _proposal(data: bytes, keys: Keys) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return _status(_received(data, Path(folder), keys))


def _status(prepared: Any) -> Any:
    """What an officer reads before signing may be worded anew; what counts may not."""
    said = {
        role: sorted({person for a in prepared.proposal.authorities(role) for person in a.people})
        for role in prepared.proposal.metadata
    }
    releases = [str(release.path) for release in prepared.meaning.releases]
    return {"may_sign": said, "releases": releases, "complete": prepared.status.complete}


def _signatures(data: bytes, keys: Keys) -> Any:
    """Signatures that came as text, put beside the proposal that they are of."""
    plain = json.loads(data)
    with tempfile.TemporaryDirectory() as folder:
        _received(plain["proposal"].encode(), Path(folder), keys)
        file = Path(folder) / "signatures.txt"
        file.write_text(plain["signatures"])
        now = datetime.fromisoformat(keys["now"])
        finish = named("signing.ceremony:finish")
        finish(Path(folder) / "proposal", [file], now)
        return _status(named("signing.ceremony:prepare")(Path(folder) / "proposal", now))


def _key_file(data: bytes, keys: Keys) -> Any:
    """A private key: the passphrase opens it, and its public half is as it was."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sari.key"
        file.touch(mode=0o600)
        file.write_bytes(data)
        key = named("signing.signers:public_key")(file, "sari", keys["passphrase"])
    return {"keyid": key.keyid, **key.to_dict()}


def read_all(folder: Path) -> dict[str, Any]:
    """For each document in ``folder``: ``means``, or ``refused`` with why, or ``unknown``."""
    keys = json.loads((folder / KEYS_FILE).read_text())
    found: dict[str, Any] = {}
    for file in sorted(folder.iterdir()):
        if file.name in (KEYS_FILE, MEANING_FILE):
            continue
        try:
            found[file.name] = {"means": means(file.name, file.read_bytes(), keys)}
        except Unknown as error:
            found[file.name] = {"unknown": str(error)}
        except Exception as error:  # whatever it is, the test says of which document
            found[file.name] = {"refused": f"{type(error).__name__}: {error}"}
    return found


if __name__ == "__main__":
    import manifests

    answer = {**read_all(Path(sys.argv[1])), "packages": manifests.__file__}
    print(json.dumps(answer))
