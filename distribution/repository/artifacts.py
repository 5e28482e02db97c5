"""Building a release: from what a developer or vendor hands over to a manifest and an artifact.

The same input gives the same bytes: the tar follows from its sorted file list
(``manifests.file_list``), and is compressed at a fixed level without a time in it. The tar's hash
does not depend on the compressor, the compressed file's depends on zstd's own version.
"""

import hashlib
import shutil
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

from distribution.control.schedules import text_of
from distribution.errors import Conflict, Invalid, Unavailable
from distribution.repository.collected import Collected, CollectedFile
from distribution.repository.unpacking import keep_packages, read_input
from manifests.errors import ManifestError
from manifests.file_list import END_OF_TAR, tar_header, tar_padding, tar_size_bytes
from manifests.install import PackageInstall
from manifests.release import Artifact, ReleaseManifest
from manifests.rollout import Schedule
from manifests.target_paths import MANIFEST_NAME
from signing.evidence import Evidence, attached
from signing.store import pieces
from signing.update_repository import target_file

LEVEL = 10
"""Of zstd. Fixed, since it is part of what makes the same input give the same bytes."""

_NOT_DESCRIBED = ("artifacts", "attachments", "issued_at", "pace", "format")
"""What a build finds out, or is told, and a description must not say."""


@dataclass(frozen=True)
class Built:
    """A release that is ready to be proposed."""

    folder: Path
    manifest: ReleaseManifest

    @property
    def artifact(self) -> Path:
        """The compressed artifact."""
        return self.folder / self.manifest.artifacts[0].name


def build(
    source: Path,
    description: Path,
    schedule: Schedule,
    out: Path,
    issued_at: datetime,
    platform: str = "any",
    attachments: Mapping[str, Path] | None = None,
) -> Built:
    """Write ``out`` with ``manifest.json`` and the artifact made of ``source``.

    Args:
        attachments: documents to put beside it, under the names that they get there.

    Raises:
        ManifestError: the description is wrong, or the input has something no artifact may have.
        UnfitEvidence: an attachment is about something else, or not what its name says.
        Invalid: an attachment cannot be read.
        Conflict: ``out`` exists.
        Unavailable: the disk is full or cannot be written.
    """
    if out.exists():
        raise Conflict(f"{out} exists already", hint="name a new folder, or remove that one")
    manifest = _described(description, schedule, issued_at, platform)
    given = {name: _read_attachment(file) for name, file in (attachments or {}).items()}
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as working:
            unfinished = Path(working) / "out"
            manifest = _write(source, manifest, Path(working), unfinished)
            manifest = _attach(manifest, given, unfinished)
            unfinished.rename(out)
    except OSError as error:
        raise Unavailable(f"{out} cannot be written: {error.strerror or error}") from error
    return Built(out, manifest)


# --- the manifest


def _described(
    description: Path, schedule: Schedule, issued_at: datetime, platform: str
) -> ReleaseManifest:
    """The manifest before its artifact is known: a description is checked before hours of work."""
    plain = _description(description)
    empty = {
        "name": _artifact_name(plain, platform),
        "platform": platform,
        "tar_size_bytes": len(END_OF_TAR),
        "tar_sha256": hashlib.sha256(END_OF_TAR).hexdigest(),
        "files": (),
    }
    whole = {**plain, "artifacts": (empty,), "issued_at": issued_at, "pace": schedule.pace}
    try:
        return ReleaseManifest.from_plain(whole)
    except ManifestError as error:
        raise ManifestError(f"{description}: {error.message}", hint=error.hint) from error


def _description(file: Path) -> dict[str, Any]:
    try:
        plain = tomllib.loads(text_of(file, "description"))
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{file} is not valid TOML: {error}") from error
    for name in _NOT_DESCRIBED:
        if name in plain:
            raise ManifestError(f"{file}: {name} is not for a description, the build writes it")
    return plain


def _artifact_name(plain: dict[str, Any], platform: str) -> str:
    suffix = "" if platform == "any" else f"-{platform}"
    # A product or version that is missing or wrong is named when the manifest is validated.
    return f"{plain.get('product')}-{plain.get('version')}{suffix}.tar.zst"


# --- the artifact


def _write(source: Path, manifest: ReleaseManifest, working: Path, out: Path) -> ReleaseManifest:
    contents = working / "contents"
    contents.mkdir()
    out.mkdir()
    files = _read(source, manifest, Collected(contents))
    named = manifest.artifacts[0]
    artifact = _write_artifact(files, named, out / named.name)
    shutil.rmtree(contents)
    finished = manifest.model_copy(update={"artifacts": (artifact,)})
    (out / MANIFEST_NAME).write_bytes(finished.to_bytes())
    return finished


def _read_attachment(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}") from error


def _attach(manifest: ReleaseManifest, given: Mapping[str, bytes], out: Path) -> ReleaseManifest:
    """Put documents about the release beside it, once they are found to be about it."""
    if not given:
        return manifest
    listed = tuple(attached(name, data) for name, data in given.items())
    finished = manifest.model_copy(update={"attachments": listed})
    names = [artifact.name for artifact in manifest.artifacts]
    compressed = {name: target_file(name, out / name).hashes["sha256"] for name in names}
    Evidence(finished, given, compressed).facts()
    for name, data in given.items():
        (out / name).write_bytes(data)
    (out / MANIFEST_NAME).write_bytes(finished.to_bytes())
    return finished


def _read(source: Path, manifest: ReleaseManifest, collected: Collected) -> list[CollectedFile]:
    """The files of the artifact. What dpkg is to install stays whole; anything else is unpacked."""
    install = manifest.install
    if not isinstance(install, PackageInstall):
        return read_input(source, collected)
    files = keep_packages(source, collected)
    if len(files) != len(install.packages):
        raise ManifestError(
            f"{source} holds {len(files)} packages, "
            f"and the description names {', '.join(install.packages)}",
            hint="name every package, each once, in install.packages",
        )
    return files


def _write_artifact(files: list[CollectedFile], named: Artifact, target: Path) -> Artifact:
    entries = tuple(file.entry for file in files)
    size, digest = tar_size_bytes(entries), hashlib.sha256()
    compressor = zstandard.ZstdCompressor(level=LEVEL, threads=0)
    with target.open("wb") as raw, compressor.stream_writer(raw, size=size) as compressed:
        for piece in _tar_pieces(files):
            digest.update(piece)
            compressed.write(piece)
    update = {"tar_size_bytes": size, "tar_sha256": digest.hexdigest(), "files": entries}
    return named.model_copy(update=update)


def _tar_pieces(files: Iterable[CollectedFile]) -> Iterator[bytes]:
    for file in files:
        yield tar_header(file.entry)
        yield from pieces(file.content)
        yield tar_padding(file.entry)
    yield END_OF_TAR
