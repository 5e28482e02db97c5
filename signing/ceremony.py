"""The ceremony: check everything, say it in words, sign, and put the signatures together.

Nobody signs what was not verified on their own machine: every file against the metadata, every
artifact against its file list, the change against a base that is followed from the first root on.
What was shown is what is signed, whatever happens to the folder in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from signing import acquaintance, carrying
from signing.contents import check_release
from signing.errors import MissingSignatures, SamePerson, StaleProposal, Tampered
from signing.kinds import Meaning, meaning
from signing.metadata import add_signature, payload, same_content, serialised
from signing.proposal import Proposal
from signing.proposal_folder import replace_file
from signing.roles import ROOT, TARGETS, life_of, person_of
from signing.signers import note_of, signer_for
from signing.status import SigningStatus
from signing.update_repository import target_file

CLOCKS_DIFFER_BY = timedelta(days=1)
"""An expiry may lie this much further ahead than the role's life: machines' clocks differ."""


@dataclass(frozen=True)
class Prepared:
    """A proposal that was verified, with the words for it: what a person decides on."""

    proposal: Proposal
    meaning: Meaning

    @property
    def status(self) -> SigningStatus:
        """Who has signed, who is missing, and what it is."""
        return SigningStatus.of(self.proposal, self.meaning)


def prepare(folder: Path, now: datetime) -> Prepared:
    """Read a proposal and verify everything in it.

    Raises:
        NotStored: it is not a proposal.
        StaleProposal: it has expired.
        Tampered: something in it is not what it says.
    """
    proposal = Proposal.read(folder)
    what = meaning(proposal)
    _check_dates(proposal, now)
    check_contents(proposal, what)
    return Prepared(proposal, what)


def receive(source: Path, folder: Path, now: datetime) -> Prepared:
    """Make a new folder of a proposal that came as a folder or a block of text.

    Raises:
        SigningError: as ``prepare`` and ``carrying.receive``; no folder is made.
    """
    carrying.receive(source, folder, lambda arrived: prepare(arrived, now))
    return prepare(folder, now)


def check_contents(proposal: Proposal, what: Meaning) -> None:
    """Hold every file of the proposal to the metadata and to its manifest.

    Raises:
        Tampered: with the first file that is not what it should be.
    """
    for role in proposal.metadata:
        for path, listed in ({} if role == ROOT else proposal.new_contents(role)).items():
            file = proposal.file(path)
            if not file.is_file() or target_file(path, file) != listed:
                raise Tampered(f"{file} is missing, or is not what is signed")
    for release in what.releases:
        check_release(proposal.file(str(release.path)).parent, release)


def _check_dates(proposal: Proposal, now: datetime) -> None:
    for role, metadata in proposal.metadata.items():
        delegator = proposal.root if role in (ROOT, TARGETS) else proposal.targets
        expires, life = metadata.signed.expires, life_of(delegator, role)
        if expires <= now:
            raise StaleProposal(
                f"{role} {metadata.signed.version} has expired on {expires:%Y-%m-%d}",
                hint="propose again",
            )
        if expires > now + life + CLOCKS_DIFFER_BY:
            raise Tampered(f"{role} would live longer than its {life.days} days, until {expires}")


def sign(prepared: Prepared, where: Path | str, passphrase: str) -> SigningStatus:
    """Sign every role of the proposal that this key may sign.

    Args:
        where: the private key, as ``signing.signers`` reads it.
        passphrase: or its PIN.

    Raises:
        ForeignRepository: this key has signed for another repository.
        SamePerson: this person has signed already.
        WrongKey: this key may sign none of its roles.
    """
    proposal = prepared.proposal
    known = [
        key for role in proposal.metadata for a in proposal.authorities(role) for key in a.keys
    ]
    signer = signer_for(where, {key.keyid: key for key in known}.values(), passphrase)
    person = person_of(signer.public_key)
    note = note_of(where, signer.public_key)
    acquaintance.check(note, where, proposal.identity)
    unsigned = [role for role in proposal.metadata if _wants(proposal, role, person)]
    if not unsigned:
        raise SamePerson(
            f"{person} has signed this already",
            hint=_next_person(prepared.status) or "it is complete: hsp publish it",
        )
    for role in unsigned:
        add_signature(proposal.metadata[role], signer)
        _save(proposal, role)
    acquaintance.remember(note, proposal.identity)
    return prepared.status


def _wants(proposal: Proposal, role: str, person: str) -> bool:
    """Whether a role can use this person's signature and does not have it."""
    metadata = proposal.metadata[role]
    authorities = [a for a in proposal.authorities(role) if person in a.people]
    return any(
        person not in authority.who_signed(payload(metadata.signed), metadata.signatures)
        for authority in authorities
    )


def _next_person(status: SigningStatus) -> str:
    waiting = [person for role in status.roles if not role.reached for person in role.waiting_for]
    return f"still to be signed by: {', '.join(dict.fromkeys(waiting))}" if waiting else ""


def _save(proposal: Proposal, role: str) -> None:
    """Write a role's signatures, with those that came into the folder in the meantime."""
    metadata = proposal.metadata[role]
    now = Proposal.read(proposal.folder).metadata.get(role)
    if now is None or not same_content(now, metadata):
        raise Tampered(f"{proposal.folder} was changed while it was being signed")
    metadata.signatures.update({**now.signatures, **metadata.signatures})
    replace_file(proposal.folder / "metadata" / f"{role}.json", serialised(metadata))


def finish(folder: Path, copies: Sequence[Path], now: datetime) -> SigningStatus:
    """Put the signatures of several copies of one proposal together.

    Args:
        copies: folders, and texts with a block in them.

    Raises:
        MissingSignatures: too few even together; nothing is written.
        Tampered: a copy is of something else.
    """
    prepared = prepare(folder, now)
    proposal = prepared.proposal
    for copy in copies:
        _merge(proposal, carrying.copy_of(proposal, copy))
    require_complete(prepared)
    for role in proposal.metadata:
        _save(proposal, role)
    return prepared.status


def _merge(proposal: Proposal, other: Proposal) -> None:
    if list(other.metadata) != list(proposal.metadata):
        raise Tampered(f"{other.folder} is not a copy of {proposal.folder}")
    for role, metadata in proposal.metadata.items():
        if not same_content(other.metadata[role], metadata):
            raise Tampered(f"{other.folder} says something else of {role} than {proposal.folder}")
        metadata.signatures.update(other.metadata[role].signatures)


def require_complete(prepared: Prepared) -> None:
    """Refuse a proposal that too few different people have signed.

    Raises:
        MissingSignatures: with how many there are, and who can still sign.
    """
    status = prepared.status
    for role in status.roles:
        if not role.reached:
            raise MissingSignatures(str(role), hint=_next_person(status))
