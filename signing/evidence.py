"""What a release carries about itself, held to its artifacts and to what its officers ask for.

A statement is about an artifact if it names the sha256 of its tar, which the same source always
gives, or that of the compressed file, which also depends on the compressor. Every artifact must
be named; a statement may name other things as well.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from manifests.errors import ManifestError
from manifests.provenance import Provenance
from manifests.release import Attachment, ReleaseManifest
from manifests.sbom import Sbom
from manifests.target_paths import PROVENANCE_NAME, SBOM_NAME
from signing.build_policy import NOTHING, BuildPolicy
from signing.errors import (
    MissingEvidence,
    OtherBuilder,
    OtherPredicate,
    OtherSubject,
    Tampered,
    UnreadableEvidence,
    UnsignedStatement,
)
from signing.roles import person_of
from signing.wording import counted

KINDS = (PROVENANCE_NAME, SBOM_NAME)
"""Every attachment that there is."""


@dataclass(frozen=True)
class Evidence:
    """The attachments of one release.

    Attributes:
        files: their contents, by name.
        compressed: the sha256 of each compressed artifact, by name.
    """

    manifest: ReleaseManifest
    files: Mapping[str, bytes]
    compressed: Mapping[str, str]

    def facts(self, policy: BuildPolicy = NOTHING) -> tuple[str, ...]:
        """What it says, in words, once it is found to be what ``policy`` asks for.

        Raises:
            Tampered: the attachments are not those of the manifest, or of an unknown kind.
            UnfitEvidence: see its kinds.
        """
        for attachment in self.manifest.attachments:
            _check(attachment, self.files.get(attachment.name, b""))
        return (*self._provenance(policy), *self._sbom(policy))

    def _provenance(self, policy: BuildPolicy) -> Iterator[str]:
        data = self.files.get(PROVENANCE_NAME)
        if data is None:
            if policy.asks_for_provenance:
                raise self._missing("provenance", policy)
            return
        try:
            statement = Provenance.from_bytes(data)
        except ManifestError as error:
            raise UnreadableEvidence(f"{PROVENANCE_NAME}: {error.message}") from error
        about = list(self._subjects(statement))
        _hold(statement, policy)
        signer = statement.signed_by(policy.public_keys())
        if policy.keys and signer is None:
            wanted = ", ".join(person_of(key) for key in policy.public_keys())
            raise UnsignedStatement(f"the provenance is not signed by the builder's key: {wanted}")
        yield f"built by {statement.builder or 'a builder that it does not name'}"
        yield f"  as a statement of the type {statement.predicate} says, " + (
            f"signed with the key of {person_of(signer)}"
            if signer
            else "whose signature nobody asks for and nobody has checked"
        )
        yield from about

    def _subjects(self, statement: Provenance) -> Iterator[str]:
        for artifact in self.manifest.artifacts:
            name, tar, file = artifact.name, artifact.tar_sha256, self.compressed[artifact.name]
            if tar in statement.subjects:
                yield f"  about the contents of {name}, sha256 {tar}"
            elif file in statement.subjects:
                yield f"  about the file {name}, sha256 {file}"
            else:
                found = ", ".join(sorted(statement.subjects)) or "nothing"
                raise OtherSubject(
                    f"the provenance is not about {name}: expected the sha256 of its tar, {tar}, "
                    f"or of the file, {file}; it names {found:.300}"
                )

    def _sbom(self, policy: BuildPolicy) -> Iterator[str]:
        data = self.files.get(SBOM_NAME)
        if data is None:
            if policy.sbom:
                raise self._missing("SBOM", policy)
            return
        try:
            sbom = Sbom.from_bytes(data)
        except ManifestError as error:
            raise UnreadableEvidence(f"{SBOM_NAME}: {error.message}") from error
        components = counted(sbom.components, "component")
        yield f"made of {components}, as its SBOM says (CycloneDX {sbom.spec_version})"

    def _missing(self, what: str, policy: BuildPolicy) -> MissingEvidence:
        product = self.manifest.product
        return MissingEvidence(
            f"{product} {self.manifest.version} has no {what}, and every release of {product} "
            f"must carry {'; '.join(policy.words())}",
            hint="hsp release build --provenance FILE --sbom FILE",
        )


def _check(attachment: Attachment, data: bytes) -> None:
    if attachment.name not in KINDS:
        raise Tampered(
            f"{attachment.name} is an attachment of a kind that this program does not know",
            hint="upgrade this program first",
        )
    if attached(attachment.name, data) != attachment:
        raise Tampered(f"{attachment.name} is not the one in the manifest")


def _hold(statement: Provenance, policy: BuildPolicy) -> None:
    if policy.builders and statement.builder not in policy.builders:
        raise OtherBuilder(
            f"built by {_named(statement.builder)}, expected {_any_of(policy.builders)}"
        )
    if policy.predicates and statement.predicate not in policy.predicates:
        raise OtherPredicate(
            f"a statement of the type {_named(statement.predicate)}, "
            f"expected {_any_of(policy.predicates)}"
        )


def _named(text: str) -> str:
    return repr(text[:300]) if text else "a builder that it does not name"


def _any_of(names: Iterable[str]) -> str:
    return " or ".join(map(repr, names))


def attached(name: str, data: bytes) -> Attachment:
    """How a manifest lists an attachment.

    Raises:
        UnreadableEvidence: it is empty, or too large for one.
    """
    digest = hashlib.sha256(data).hexdigest()
    try:
        return Attachment(name=name, size_bytes=len(data), sha256=digest)
    except ValueError as error:
        raise UnreadableEvidence(f"{name} is empty, or too large: {len(data):,} bytes") from error
