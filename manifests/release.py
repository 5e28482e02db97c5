"""The release manifest: what one version is, how it is installed and how fast it may spread.

Two people sign it offline. It is the only document that can make an agent run a command, and its
``issued_at`` and ``pace`` are why a stolen server cannot hasten it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from manifests.documents import Document, Part, UtcDatetime
from manifests.errors import ManifestError
from manifests.file_list import FileList, FilePath, Sha256, check_file_list
from manifests.install import Command, DataFolder, Install, Seconds, SlotInstall
from manifests.rollout import Pace, VersionRange
from manifests.target_paths import (
    MANIFEST_NAME,
    Identifier,
    Lane,
    ProductName,
    ReleasePath,
    VersionText,
)

BREAKGLASS_MAX_SITES = 10
BREAKGLASS_MAX_LIFE = timedelta(hours=72)
MAX_ATTACHMENT_BYTES = 32 * 1024 * 1024


Variables = Annotated[
    tuple[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")], ...],
    Field(max_length=32),
]
LocalUrl = Annotated[
    str,
    StringConstraints(
        # The port is a number or a site's value, and a path follows: an @ could name another host.
        pattern=r"^https?://(127\.0\.0\.1|localhost|\[::1\])(:([0-9]{1,5}|\{[a-z][a-z0-9_]*\}))?(/\S*)?$",
        max_length=2000,
    ),
]
CveId = Annotated[str, StringConstraints(pattern=r"^CVE-\d{4}-\d{4,}$")]
ArtifactName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._~-]{0,108}$")]
"""TUF clients keep a target in a file that is named after its whole path, with a ``/`` quoted: 255
characters with the longest lane, product and version."""


class Severity(StrEnum):
    """How bad it is not to have this release."""

    LOW = "low"
    MODERATE = "moderate"
    IMPORTANT = "important"
    CRITICAL = "critical"


class Artifact(Part):
    """One set of files for one platform. What is signed is the uncompressed tar."""

    name: ArtifactName
    platform: Identifier = "any"
    tar_size_bytes: Annotated[int, Field(ge=1024)]
    tar_sha256: Sha256
    files: Annotated[FileList, AfterValidator(check_file_list)]


class Attachment(Part):
    """A document about the release that lies beside it: its provenance, its SBOM."""

    name: ArtifactName
    size_bytes: Annotated[int, Field(ge=1, le=MAX_ATTACHMENT_BYTES)]
    sha256: Sha256


class HttpCheck(Part):
    """An HTTP GET on this machine that must answer with a status, and optionally with values."""

    kind: Literal["http"] = "http"
    url: LocalUrl
    expect_status: int = 200
    expect_json: dict[str, str] = Field(default_factory=dict)


class TcpCheck(Part):
    """A TCP connection to this machine that must be accepted."""

    kind: Literal["tcp"] = "tcp"
    port: str


class CommandCheck(Part):
    """A program from the installed files that must exit with status 0."""

    kind: Literal["command"] = "command"
    command: Command


class FileAgeCheck(Part):
    """A file below the installed folder that must have changed recently."""

    kind: Literal["file_age"] = "file_age"
    path: FilePath
    max_age_seconds: Seconds


Check = Annotated[HttpCheck | TcpCheck | CommandCheck | FileAgeCheck, Field(discriminator="kind")]


class Health(Part):
    """When the new version counts as healthy; if it does not by the deadline, the site reverts."""

    checks: tuple[Check, ...] = ()
    start_grace_seconds: Seconds = 0
    interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 5
    attempts: Annotated[int, Field(ge=1, le=1000)] = 6
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    soak_seconds: Seconds = 0
    """For so long after it was first found healthy, a failure still reverts it."""


class ReleaseManifest(Document):
    """One version of one product, as signed by its author and its approver."""

    product: ProductName
    version: VersionText
    channel: Identifier = "stable"
    artifacts: Annotated[tuple[Artifact, ...], Field(min_length=1, max_length=64)]
    upgrades_from: VersionRange = ""
    """Versions this one may follow, as a PEP 440 range; empty for any. A first install may."""
    requires: Annotated[dict[ProductName, VersionRange], Field(max_length=16)] = Field(
        default_factory=dict
    )
    """Other products that must run at the site first, each with the versions that will do."""
    attachments: Annotated[tuple[Attachment, ...], Field(max_length=8)] = ()
    """Documents about it; no site needs them to install it."""
    expected_duration_seconds: Seconds = 300
    issued_at: UtcDatetime
    pace: Pace
    """The fastest this release may spread, counted from ``issued_at``, whatever a plan says."""
    install: Install = SlotInstall()
    reboot_required: bool = False
    """It runs only after the machine was restarted; the site waits for that, then checks it."""
    data_folders: Annotated[tuple[DataFolder, ...], Field(max_length=32)] = ()
    """Folders with the client's data that this release may change: kept before, and put back if
    it is reverted. The site's policy must allow them."""
    health: Health = Health()
    variables: Variables = ()
    """Names that every site must give a value for, such as ``port``."""
    notes: Annotated[str, Field(max_length=10_000)] = ""
    severity: Severity = Severity.MODERATE
    fixed_cves: Annotated[tuple[CveId, ...], Field(max_length=1000)] = ()
    sites: tuple[Identifier, ...] = ()
    """Break-glass only: the at most ten sites it is for."""
    expires_at: UtcDatetime | None = None
    """Break-glass only: no site installs it from then on."""

    @model_validator(mode="after")
    def _platforms_differ(self) -> Self:
        platforms = [artifact.platform for artifact in self.artifacts]
        if len(set(platforms)) != len(platforms):
            raise ValueError("two artifacts are for the same platform")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len(set(self.file_names)) != len(self.file_names):
            raise ValueError("two files of the release have the same name")
        return self

    @model_serializer(mode="wrap")
    def _without_what_it_does_not_have(
        self, write: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        """A release without attachments has the bytes that it had before there were any."""
        plain: dict[str, Any] = write(self)
        if not self.attachments:
            plain.pop("attachments", None)
        return plain

    @model_validator(mode="after")
    def _does_not_require_itself(self) -> Self:
        if self.product in self.requires:
            raise ValueError("a product cannot require itself; upgrades_from is for its versions")
        return self

    @model_validator(mode="after")
    def _data_folders_are_known(self) -> Self:
        for folder in self.data_folders:
            if folder.startswith("{") and folder[1:-1] not in self.variables:
                raise ValueError(f"the data folder {folder} is none of the variables")
        return self

    @property
    def file_names(self) -> tuple[str, ...]:
        """Everything that lies at the release's path: the manifest and what it lists."""
        artifacts = (artifact.name for artifact in self.artifacts)
        return (MANIFEST_NAME, *artifacts, *(each.name for each in self.attachments))

    def artifact_for(self, platform: str) -> Artifact | None:
        """The artifact for ``platform``, else the one for any, else None."""
        by_platform = {artifact.platform: artifact for artifact in self.artifacts}
        return by_platform.get(platform) or by_platform.get("any")

    def follows(self, installed: str | None) -> bool:
        """Whether a site with ``installed`` may go to this version in one step."""
        return installed is None or SpecifierSet(self.upgrades_from).contains(
            Version(installed), prereleases=True
        )


@dataclass(frozen=True)
class Release:
    """A manifest together with the path it was signed under, which is its authority."""

    path: ReleasePath
    manifest: ReleaseManifest
    withdrawn: str = ""
    """Why it must run nowhere else; empty for a release that may."""

    @classmethod
    def read(cls, path: str, data: bytes, withdrawn: str = "") -> Self:
        """Read a manifest that TUF has verified, and hold it to the path it came from.

        Raises:
            ManifestError: malformed, or a manifest of another release than its path says, or a
                break-glass release without its limits.
        """
        release = cls(ReleasePath.parse(path), ReleaseManifest.from_bytes(data), withdrawn)
        release.check()
        return release

    def check(self) -> None:
        """Hold the manifest to its path.

        Raises:
            ManifestError: as ``read``.
        """
        manifest = self.manifest
        said = (manifest.product, manifest.version)
        if self.path.name != MANIFEST_NAME:
            raise ManifestError(f"{self.path} is not where a manifest lies")
        if said != (self.path.product, self.path.version):
            raise ManifestError(f"the manifest at {self.path} is of {' '.join(said)}")
        if self.path.lane is Lane.BREAKGLASS:
            self._check_breakglass(manifest.sites)
        elif manifest.sites or manifest.expires_at:
            raise ManifestError(f"{self.path}: only a break-glass release names sites or expires")

    def _check_breakglass(self, sites: Sequence[str]) -> None:
        if not 1 <= len(set(sites)) <= BREAKGLASS_MAX_SITES:
            raise ManifestError(
                f"{self.path}: a break-glass release names 1 to {BREAKGLASS_MAX_SITES} sites, "
                f"not {len(set(sites))}"
            )
        issued_at, expires_at = self.manifest.issued_at, self.manifest.expires_at
        if expires_at is None or not issued_at < expires_at <= issued_at + BREAKGLASS_MAX_LIFE:
            raise ManifestError(f"{self.path}: a break-glass release lives at most 72 hours")

    @property
    def version(self) -> Version:
        """For comparing: versions only grow."""
        return Version(self.manifest.version)

    @property
    def is_emergency(self) -> bool:
        """Whether L3's keys signed it; read off the path, never off a field."""
        return self.path.lane is not Lane.RELEASES
