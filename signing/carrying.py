"""Carrying a proposal from machine to machine: as a folder, or as a block of text.

What leaves is a proposal's own files and nothing that lies beside them. What arrives is a new
folder, which appears only after the reader of all proposals has accepted it.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from tuf.api.metadata import Root, Targets

from manifests.documents import to_json
from manifests.errors import UpdateError
from signing.canonical import parsed_json
from signing.errors import (
    AlreadyThere,
    ForeignRepository,
    MissingSignatures,
    NotStored,
    SigningError,
    Tampered,
)
from signing.metadata import built
from signing.proposal import NOTE_FILE, AnyMetadata, Proposal
from signing.proposal_folder import Check, write_folder
from signing.roles import ROOT
from signing.text_block import MAX_TEXT_BYTES, Block, Cargo, from_text, require_room, short, to_text

SCREEN = Path("-")
"""Standard input, or output."""


# --- what leaves


def copy_to(proposal: Proposal, folder: Path, check: Check) -> None:
    """Write a copy, to a stick for example.

    Raises:
        AlreadyThere: the folder exists.
        SigningError: it cannot be written, or what ``check`` raises.
    """
    write_folder(folder, {name: proposal.folder / name for name in names(proposal)}, check)


def as_text(proposal: Proposal) -> str:
    """The whole proposal as a block of text.

    Raises:
        TooLargeForText: it carries more than a block can.
    """
    files = {name: proposal.folder / name for name in names(proposal)}
    require_room({name: file.stat().st_size for name, file in files.items()})
    contents = {name: file.read_bytes() for name, file in files.items()}
    return to_text(Block(Cargo.PROPOSAL, short(proposal.identity), contents))


def signatures_as_text(proposal: Proposal) -> str:
    """Only who has signed it, as a few lines of text.

    Raises:
        MissingSignatures: nobody has.
    """
    signed = {
        _file_of(role): to_json({"signatures": [each.to_dict() for each in given.values()]})
        for role, metadata in proposal.metadata.items()
        if (given := metadata.signatures)
    }
    if not signed:
        raise MissingSignatures(
            f"nobody has signed {proposal.folder} yet", hint="hsp-sign sign it first"
        )
    return to_text(Block(Cargo.SIGNATURES, short(proposal.identity), signed))


def write_text(file: Path, text: str) -> None:
    """Write a block to a new file, or to the screen.

    Raises:
        AlreadyThere: the file exists.
        SigningError: it cannot be written.
    """
    if file == SCREEN:
        click.echo(text, nl=False)
        return
    if file.exists():
        raise AlreadyThere(f"{file} exists already", hint="name a new file, or remove that one")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="ascii", newline="\n") as opened:
            opened.write(text)
    except OSError as error:
        raise SigningError(f"{file} cannot be written: {error.strerror}") from error


def names(proposal: Proposal) -> list[str]:
    """The files that make a proposal, as they lie in its folder."""
    targets = (
        f"targets/{path}"
        for role in proposal.metadata
        if role != ROOT
        for path in proposal.new_contents(role)
    )
    of_roles = (_file_of(role) for role in proposal.metadata)
    return [NOTE_FILE, *of_roles, *(f"base/{name}" for name in proposal.base.files), *targets]


def _file_of(role: str) -> str:
    return f"metadata/{role}.json"


# --- what arrives


def receive(source: Path, folder: Path, check: Check) -> None:
    """Make a new folder of what came as a folder, a file with a block of text, or on ``-``.

    Raises:
        AlreadyThere: the folder exists.
        NotStored: there is no proposal in it.
        Garbled: the block did not arrive as it was sent.
        TooLargeForText: no block is so large.
        Tampered: it is not what it says it is.
        SigningError: what ``check`` raises; nothing is left of it.
    """
    if folder.exists():
        raise AlreadyThere(f"{folder} exists already", hint="name a new folder, or remove that one")
    if source.is_dir():
        check(source)
        copy_to(Proposal.read(source), folder, check)
        return
    block = _block(source)
    if block.cargo is not Cargo.PROPOSAL:
        raise NotStored(
            f"{_called(source)} has only signatures",
            hint=f"hsp-sign finish PROPOSAL {source}, where the proposal is",
        )
    _unpack(block, folder, check)


def copy_of(proposal: Proposal, source: Path) -> Proposal:
    """The same proposal with the signatures that came in a folder or a block of text.

    Raises:
        ForeignRepository: they are for another repository.
        Tampered: a signature is not one of this proposal, or of nobody who may sign it.
        SigningError: as ``receive``.
    """
    if source.is_dir():
        return Proposal.read(source)
    block = _block(source)
    if block.repository != short(proposal.identity):
        raise ForeignRepository(
            f"{_called(source)} is for the repository {block.repository}, and {proposal.folder} "
            f"for {short(proposal.identity)}"
        )
    if block.cargo is Cargo.SIGNATURES:
        return _with_signatures(proposal, block, _called(source))
    with TemporaryDirectory(prefix="hsp-sign-") as scratch:
        _unpack(block, Path(scratch) / "proposal")
        return replace(Proposal.read(Path(scratch) / "proposal"), folder=source)


def _with_signatures(proposal: Proposal, block: Block, called: str) -> Proposal:
    files = {role: _file_of(role) for role in proposal.metadata}
    odd = block.files.keys() - set(files.values())
    if odd:
        raise Tampered(f"{called} signs {min(odd)}, which {proposal.folder} does not have")
    metadata = {
        role: _signed(each, block.files.get(files[role], _UNSIGNED), f"{called}: {files[role]}")
        for role, each in proposal.metadata.items()
    }
    other = replace(proposal, metadata=metadata)
    other.check()
    return other


_UNSIGNED = to_json({"signatures": []})


def _signed(metadata: AnyMetadata, data: bytes, what: str) -> AnyMetadata:
    plain: dict[str, Any] = parsed_json(data, what)
    if plain.keys() != {"signatures"}:
        raise Tampered(f"{what} has more in it than signatures")
    plain["signed"] = metadata.signed.to_dict()
    if isinstance(metadata.signed, Root):
        return built(plain, Root, what)
    return built(plain, Targets, what)


def _unpack(block: Block, folder: Path, check: Check = Proposal.read) -> None:
    def strictly(unfinished: Path) -> None:
        try:
            _hold(block, Proposal.read(unfinished))
            check(unfinished)
        except UpdateError as error:
            message = error.message.replace(str(unfinished), "the block")
            raise type(error)(message, hint=error.hint) from error

    write_folder(folder, block.files, strictly)


def _hold(block: Block, proposal: Proposal) -> None:
    odd = block.files.keys() - set(names(proposal))
    if odd:
        raise Tampered(f"the block has a file that its proposal does not need: {min(odd)}")
    if block.repository != short(proposal.identity):
        raise ForeignRepository(
            f"the block says that it is for the repository {block.repository}, and its proposal "
            f"is for {short(proposal.identity)}"
        )


def _block(source: Path) -> Block:
    try:
        with click.open_file(str(source), "rb") as file:
            text = b"".join(_pieces(file.read, MAX_TEXT_BYTES + 1))
    except OSError as error:
        raise NotStored(f"{source} cannot be read: {error.strerror}") from error
    try:
        return from_text(text)
    except SigningError as error:
        raise type(error)(f"{_called(source)}: {error.message}", hint=error.hint) from error


def _pieces(read: Callable[[int], bytes], most: int) -> Iterator[bytes]:
    """What there is to read, up to ``most`` bytes: a pipe gives it in pieces."""
    while most > 0 and (piece := read(most)):
        most -= len(piece)
        yield piece


def _called(source: Path) -> str:
    return "what you pasted" if source == SCREEN else str(source)
