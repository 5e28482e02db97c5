"""A proposal: one folder with everything that two people need to sign, on a USB stick if need be.

::

    proposal.json          the kind, which roles it moves from which version to which, who, when
    metadata/<role>.json   what is signed, with the signatures so far
    base/                  every root so far, targets, and the role as it is now
    targets/<path>         the files

Only what signatures cover is believed. ``proposal.json`` is a label, and is held to the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from manifests.documents import Document, Part, UtcDatetime
from manifests.errors import ManifestError
from manifests.target_paths import Identifier
from signing.errors import NotStored, StaleProposal, Tampered
from signing.metadata import identity, parsed, payload, serialised
from signing.proposal_base import Base
from signing.proposal_folder import names_in, read_bounded, write_folder
from signing.roles import ROOT, TARGETS, Signatories, signatories
from signing.store import Content, checked_key
from signing.update_repository import Repository

NOTE_FILE = "proposal.json"

AnyMetadata = Metadata[Root] | Metadata[Targets]


class Step(Part):
    """One role that the proposal moves on; ``based_on`` is 0 where there is no version yet."""

    role: Identifier
    version: Annotated[int, Field(ge=1)]
    based_on: Annotated[int, Field(ge=0)]


class Note(Document):
    """``proposal.json``. Nobody signs it."""

    kind: Identifier
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=10)]
    proposed_by: Annotated[str, Field(max_length=80)] = ""
    proposed_at: UtcDatetime


@dataclass(frozen=True)
class Proposal:
    """A proposal as it was read: what it says is what its metadata says against its base."""

    folder: Path
    note: Note
    base: Base
    metadata: Mapping[str, AnyMetadata]

    @classmethod
    def read(cls, folder: Path) -> "Proposal":
        """Read a proposal and verify its base and the signatures it carries.

        Raises:
            NotStored: it is not a proposal.
            Tampered: it is not what it says it is.
        """
        note = read_note(folder)
        metadata = {step.role: _read_metadata(folder, step.role) for step in note.steps}
        odd = names_in(folder / "metadata") - {f"{role}.json" for role in metadata}
        if odd:
            raise Tampered(f"{folder} holds metadata that it does not speak of: {sorted(odd)[0]}")
        base = {name: read_bounded(folder / "base" / name) for name in names_in(folder / "base")}
        proposal = cls(folder, note, Base.verified(base), metadata)
        proposal.check()
        return proposal

    def against(self, repository: Repository) -> "Proposal":
        """The same proposal, held to what the repository says now instead of to its own base.

        Raises:
            StaleProposal: the repository has moved on.
            Tampered: as ``read``.
        """
        base = Base.of(repository, *self.metadata)
        for step in self.note.steps:
            now = base.version(step.role)
            if now != step.based_on:
                raise StaleProposal(
                    f"the proposal makes {step.role} {step.version} out of {step.based_on}, and "
                    f"the repository has {now} already",
                    hint="propose again: it needs the signatures once more, but not the build",
                )
        proposal = replace(self, base=base)
        proposal.check()
        return proposal

    def check(self) -> None:
        """Hold versions and signatures to the base.

        Raises:
            Tampered: a version that does not follow, or a signature that is not valid.
        """
        for step in self.note.steps:
            before, after = self.base.version(step.role), self.metadata[step.role].signed.version
            if (before, after) != (step.based_on, step.version) or after != before + 1:
                raise Tampered(f"{step.role}: version {after} does not follow {before}")
            self._check_signatures(step.role)

    def _check_signatures(self, role: str) -> None:
        metadata = self.metadata[role]
        known: set[str] = set()
        for authority in self.authorities(role):
            authority.who_signed(payload(metadata.signed), metadata.signatures)
            known.update(key.keyid for key in authority.keys)
        if not known.issuperset(metadata.signatures):
            raise Tampered(f"{role} carries a signature of a key that may not sign it")

    @property
    def root(self) -> Root:
        """The root that will hold once this is published."""
        proposed = self.metadata.get(ROOT)
        root = proposed.signed if proposed else self.base.root
        assert isinstance(root, Root)  # noqa: S101 - _read_metadata parsed it as one
        return root

    @property
    def targets(self) -> Targets:
        """The top-level targets that will hold once this is published."""
        return self.after(TARGETS) if TARGETS in self.metadata else self.base.targets

    @property
    def identity(self) -> str:
        """Which repository this is for."""
        return identity(self.base.roots[0].signed if self.base.roots else self.root)

    def after(self, role: str) -> Targets:
        """What a targets role will say."""
        signed = self.metadata[role].signed
        assert isinstance(signed, Targets)  # noqa: S101 - _read_metadata parsed it as one
        return signed

    def before(self, role: str) -> Targets | None:
        """What a targets role says now."""
        return self.base.roles[role].signed if role in self.base.roles else None

    def authorities(self, role: str) -> tuple[Signatories, ...]:
        """Whose thresholds must be reached: with a new root, the old root's people's as well."""
        if role not in (ROOT, TARGETS):
            return (signatories(self.targets, role),)
        old = [root.signed for root in self.base.roots[-1:] if ROOT in self.metadata]
        return tuple(signatories(root, role) for root in (*old, self.root))

    def new_files(self, role: str) -> dict[str, TargetFile]:
        """The targets that are listed anew, or otherwise than before."""
        before = self.before(role)
        known = before.targets if before else {}
        return {p: file for p, file in self.after(role).targets.items() if known.get(p) != file}

    def new_contents(self, role: str) -> dict[str, TargetFile]:
        """The targets whose content is new, and therefore in the folder."""
        before = self.before(role)
        known = before.targets if before else {}
        return {
            path: file
            for path, file in self.new_files(role).items()
            if path not in known or known[path].hashes != file.hashes
        }

    def file(self, path: str) -> Path:
        """Where the content of a target lies in the folder."""
        return self.folder / checked_key(f"targets/{path}")


def write(
    folder: Path,
    note: Note,
    base: Base,
    metadata: Mapping[str, AnyMetadata],
    files: Mapping[str, Content],
) -> Proposal:
    """Write a new proposal.

    Raises:
        AlreadyThere: the folder exists.
        SigningError: it cannot be written.
    """
    contents: dict[str, Content] = {NOTE_FILE: note.to_bytes()}
    contents |= {f"base/{name}": data for name, data in base.files.items()}
    contents |= {f"metadata/{role}.json": serialised(each) for role, each in metadata.items()}
    contents |= {checked_key(f"targets/{path}"): content for path, content in files.items()}
    write_folder(folder, contents)
    return Proposal.read(folder)


def read_note(folder: Path) -> Note:
    """The label of a proposal, before anything is held to it.

    Raises:
        NotStored: it is not a proposal.
        Tampered: its label cannot be read.
    """
    try:
        return Note.from_bytes(read_bounded(folder / NOTE_FILE))
    except NotStored as error:
        raise NotStored(f"{folder} is not a proposal: it has no {NOTE_FILE}") from error
    except ManifestError as error:
        raise Tampered(f"{folder / NOTE_FILE}: {error.message}") from error


def _read_metadata(folder: Path, role: str) -> AnyMetadata:
    file = folder / "metadata" / f"{role}.json"
    data = read_bounded(file)
    return parsed(data, Root, str(file)) if role == ROOT else parsed(data, Targets, str(file))
