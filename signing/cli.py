"""``hsp-sign``: what an officer, an engineer or L3 on call does on an offline machine."""

import getpass
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import click

from manifests.target_paths import Lane
from manifests.terminal import Program
from signing import carrying, ceremony, propose, signers
from signing.errors import WrongPassphrase
from signing.proposal import Proposal
from signing.roles import PERSON
from signing.status import SigningStatus
from signing.store import DirectoryStore
from signing.update_repository import Repository

_folder = click.Path(path_type=Path, file_okay=False)
_file = click.Path(path_type=Path, dir_okay=False)
_text = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
_source = click.Path(path_type=Path, allow_dash=True)
_passphrase_file = click.option(
    "--passphrase-file",
    type=_file,
    help="Read the passphrase or PIN there (else HSP_PASSPHRASE or HSP_PIN, else it asks).",
)
_WHERE = "FILE|pkcs11:...|awskms:...|env:NAME"


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hsp-distribution")
def main() -> None:
    """Keys and ceremonies: make a key, propose, sign, see who is missing, finish."""


@main.command()
@click.argument("name")
@click.option("--out", type=_folder, default=Path(), help="The folder for the two files.")
@click.option(
    "--in", "token", metavar="pkcs11:...", help="Make the key in this token, which keeps it."
)
@click.option(
    "--scheme",
    type=click.Choice(signers.SCHEMES),
    help=f"By default {signers.ED25519}; in a token, {signers.P256}.",
)
@_passphrase_file
def keygen(
    name: str, out: Path, token: str | None, scheme: str | None, passphrase_file: Path | None
) -> None:
    """Make the key pair of the person NAME: NAME.key (secret) and NAME.pub (give it away)."""
    _check_name(name)
    public_file = out / f"{name}.pub"
    if token is not None:
        secret = read_secret(token, passphrase_file)
        signers.generate_in_token(token, public_file, name, secret, scheme or signers.P256)
        click.echo(f"{token} is {name}'s private key: it never leaves the token")
    else:
        secret = read_secret(public_file, passphrase_file, confirm=True)
        key_file, _ = signers.generate(name, out, secret, scheme=scheme or signers.ED25519)
        click.echo(f"{key_file} is {name}'s private key: encrypted, for nobody else")
    click.echo(f"{public_file} is the public one: {signers.read_public(public_file).keyid}")


@main.command(name="public-key")
@click.argument("where", metavar=_WHERE)
@click.option("--person", required=True, help="Whose key it is.")
@click.option("--out", type=_file, required=True, help="The new .pub file.")
@_passphrase_file
def public_key(where: str, person: str, out: Path, passphrase_file: Path | None) -> None:
    """Write the .pub file of a private key that exists: a file, on a token, in KMS, a variable."""
    _check_name(person)
    secret = read_secret(where, passphrase_file)
    key = signers.write_public_key(out, where, person, secret)
    click.echo(f"{out} is the public half of {person}'s {where}: {key.keyid}")


@main.command(name="propose")
@click.argument("release_dir", type=_folder)
@click.option("--repository", type=_folder, required=True, help="The repository's directory.")
@click.option("--out", type=_folder, required=True, help="The new folder for the proposal.")
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), default=Lane.RELEASES.value
)
@click.option("--by", default="", help="Who proposes it; by default, this machine's user.")
def propose_command(release_dir: Path, repository: Path, out: Path, lane: str, by: str) -> None:
    """Propose the release that `hsp release build` wrote into RELEASE_DIR."""
    current = Repository.read(DirectoryStore(repository))
    draft = propose.Draft(out, by or this_user(), utc_now())
    show_proposal(propose.release(current, release_dir, Lane(lane), draft))


@main.command()
@click.argument("proposal", type=_folder)
@click.option("--key", "where", metavar=_WHERE, required=True, help="Your private key.")
@click.option("--yes", is_flag=True, help="Do not ask (for scripts).")
@_passphrase_file
def sign(proposal: Path, where: str, yes: bool, passphrase_file: Path | None) -> None:
    """Check a proposal, say in words what it is, and sign it."""
    prepared = ceremony.prepare(proposal, utc_now())
    show_status(prepared.status)
    if not yes:
        click.confirm("\nDo you sign this?", abort=True)
    status = ceremony.sign(prepared, where, read_secret(where, passphrase_file))
    click.echo("\nSigned.")
    show_signatures(status, proposal)


@main.command()
@click.argument("proposal", type=_folder)
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object.")
def status(proposal: Path, as_json: bool) -> None:
    """What a proposal is, who has signed it, and who is missing."""
    found = SigningStatus.of(Proposal.read(proposal))
    if as_json:
        click.echo(json.dumps(found.to_plain(), indent=2))
        return
    show_status(found)


@main.command()
@click.argument("proposal", type=_folder)
@click.option("--to", "folder", type=_folder, help="Copy it there, to a stick for example.")
@click.option("--text", type=_text, help="Write it as a block of text; - for this screen.")
@click.option("--signatures", is_flag=True, help="Only who has signed it: a few lines of text.")
def export(proposal: Path, folder: Path | None, text: Path | None, signatures: bool) -> None:
    """Check a proposal, and give it away: as a folder, or as text for a mail or a clipboard."""
    if (folder is None) == (text is None):
        raise click.UsageError("say either --to FOLDER or --text FILE")
    if folder is not None and signatures:
        raise click.UsageError("--signatures come as text; a folder has them anyway")
    found = ceremony.prepare(proposal, utc_now()).proposal
    if folder is not None:
        carrying.copy_to(found, folder, Proposal.read)
        click.echo(f"{folder} is a copy of {proposal}. There: hsp-sign import {folder} --to NEW")
    elif text is not None:
        made = carrying.signatures_as_text(found) if signatures else carrying.as_text(found)
        carrying.write_text(text, made)
        there = "finish PROPOSAL TEXT" if signatures else "import TEXT --to NEW"
        click.echo(f"{made.count(chr(10))} lines. There: hsp-sign {there}", err=True)


@main.command(name="import")
@click.argument("source", type=_source)
@click.option("--to", "folder", type=_folder, required=True, help="The new folder.")
def import_command(source: Path, folder: Path) -> None:
    """Check the proposal in SOURCE (a folder, a text, or - for what you paste) and keep it."""
    _ask_for_text([source])
    ceremony.receive(source, folder, utc_now())
    show_proposal(Proposal.read(folder))


@main.command()
@click.argument("proposal", type=_folder)
@click.argument("copies", type=_source, nargs=-1)
def finish(proposal: Path, copies: tuple[Path, ...]) -> None:
    """Put the signatures of COPIES of a proposal together in PROPOSAL, once they are enough.

    A copy is a folder, a text from `hsp-sign export --text`, or - for what you paste.
    """
    _ask_for_text(copies)
    show_signatures(ceremony.finish(proposal, copies, utc_now()), proposal)


def _ask_for_text(sources: Iterable[Path]) -> None:
    if carrying.SCREEN in sources and sys.stdin.isatty():
        click.echo("Paste the block of text here; then Enter and Ctrl-D.", err=True)


# --- what the server's own commands show and ask in the same words


def show_proposal(proposal: Proposal) -> None:
    """Say what was proposed and who signs it now."""
    found = SigningStatus.of(proposal)
    show_status(found)
    if found.complete:
        click.echo(_publish(proposal.folder))
        return
    people = dict.fromkeys(person for role in found.roles for person in role.waiting_for)
    click.echo(f"\n{proposal.folder} is ready to be signed by {', '.join(people)}:")
    click.echo(f"  hsp-sign sign {proposal.folder} --key NAME.key")


def show_status(found: SigningStatus) -> None:
    """Print a status in words."""
    for line in found.lines():
        click.echo(line)


def show_signatures(found: SigningStatus, folder: Path) -> None:
    """Print who has signed and what comes next."""
    for line in found.signature_lines():
        click.echo(line)
    click.echo(f"{found.verdict} {_publish(folder)}" if found.complete else found.verdict)


def _publish(folder: Path) -> str:
    return f"Next: hsp publish {folder}"


def read_secret(where: Path | str, file: Path | None, *, confirm: bool = False) -> str:
    """What opens a key, from a file, the environment, or the keyboard; nothing if nothing does.

    Raises:
        WrongPassphrase: the file cannot be read, or nobody is there to ask.
    """
    kind = signers.secret_of(where)
    if kind == signers.NOTHING:
        return ""
    if file is not None:
        try:
            return file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise WrongPassphrase(f"the passphrase file {file} cannot be read") from error
    if signers.VARIABLES[kind] in os.environ:
        return os.environ[signers.VARIABLES[kind]]
    prompt = kind[0].upper() + kind[1:]
    try:
        return str(click.prompt(prompt, hide_input=True, confirmation_prompt=confirm))
    except click.Abort as error:
        hint = f"--passphrase-file FILE, or set {signers.VARIABLES[kind]}"
        raise WrongPassphrase(f"no {kind} was given", hint=hint) from error


def _check_name(name: str) -> None:
    if not PERSON.fullmatch(name):
        raise click.BadParameter(f"{name!r} is not a name such as 'ani'", param_hint="NAME")


def this_user() -> str:
    """The name of this machine's user, for the record."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def utc_now() -> datetime:
    """The time of a ceremony, to the second as TUF writes it."""
    return datetime.now(UTC).replace(microsecond=0)
