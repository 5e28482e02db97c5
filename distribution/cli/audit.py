"""``hsp audit``: what was done by whom, and whether anybody has changed the record of it."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from distribution.audit import examine, keys, log
from distribution.audit.chain import Finding
from distribution.audit.examine import Examined
from distribution.audit.log import AuditRecord, Filter
from distribution.cli import show
from distribution.cli.files import write_file
from distribution.database.sessions import Database
from distribution.errors import NotFound
from distribution.settings import Settings
from manifests.errors import EXIT_DATA
from manifests.terminal import shown
from signing.signers import read_public

_file = click.Path(path_type=Path, dir_okay=False)
_SHOWN = 50
"""Findings, to people."""


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(audit)


@click.group()
def audit() -> None:
    """The audit log: who did what, and whether the log is whole."""


@audit.command("list")
@click.option("--after", type=int, help="From the record after this one; by default, the newest.")
@click.option("--limit", type=click.IntRange(1, log.MOST_OF_A_PAGE), default=50, show_default=True)
@click.option("--actor", default="", help="Of this person, site or program only.")
@click.option("--action", default="", help="Such as rollout.pause, or rollout for all of them.")
@click.option("--about", default="", help="That name this.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def list_records(
    settings: Settings,
    *,
    after: int | None,
    limit: int,
    actor: str,
    action: str,
    about: str,
    as_json: bool,
) -> None:
    """What was done, oldest first."""
    wanted = Filter(actor, action, about)
    with Database.open(settings).reading() as session:
        found = (
            log.page(session, after, limit, wanted)
            if after is not None
            else log.last(session, limit, wanted)
        )
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    columns = ("no.", "when", "who", "did", "to what", "why")
    show.table(columns, ((r.seq, r.at[:19], r.actor, r.action, r.about, r.reason) for r in found))


@audit.command("show")
@click.argument("number", type=int)
@click.pass_obj
def show_record(settings: Settings, number: int) -> None:
    """One record with everything that changed."""
    with Database.open(settings).reading() as session:
        record = log.find(session, number)
    for line in _lines(record):
        click.echo(shown(line))


def _lines(record: AuditRecord) -> Iterator[str]:
    for name in ("seq", "at", "actor", "role", "action", "about", "reason", "request"):
        if getattr(record, name):
            yield f"{name:10} {getattr(record, name)}"
    for row in log.changes_in(record):
        yield f"changed    {row['table']} {row['key']}"
        for column, (before, after) in sorted(row["columns"].items()):
            yield f"             {column}: {before!r} -> {after!r}"
    yield f"{'follows':10} {record.prev_hash}"
    yield f"{'hash':10} {record.hash}"


@audit.command()
@click.option("--file", "exported", type=_file, help="What 'hsp audit export' wrote, anywhere.")
@click.option("--key", "key_files", type=_file, multiple=True, help="Its .pub, with --file.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.pass_obj
def verify(
    settings: Settings, *, exported: Path | None, key_files: tuple[Path, ...], as_json: bool
) -> None:
    """Walk the log, with its signed checkpoints; says where it was changed, and ends with 65."""
    if (exported is None) != (not key_files):
        raise click.UsageError("--file and --key go together")
    began = time.monotonic()
    if exported is not None:
        found = examine.file(exported, [read_public(file) for file in key_files])
    else:
        found = examine.database(settings)
    seconds = time.monotonic() - began
    if as_json:
        click.echo(json.dumps(_plain(found, seconds), indent=2))
    else:
        for line in _verdict(found, seconds):
            click.echo(shown(line))
    if not found.is_whole:
        sys.exit(EXIT_DATA)


def _plain(found: Examined, seconds: float) -> dict[str, object]:
    return {
        "whole": found.is_whole,
        "records": found.log.records,
        "last": {"seq": found.log.last, "hash": found.log.hash},
        "checkpoints": found.log.checkpoints,
        "unwitnessed": found.log.unwitnessed,
        "seconds": round(seconds, 3),
        "findings": [_finding(each) for each in found.findings],
    }


def _finding(found: Finding) -> dict[str, object]:
    places = {"first": found.first, "last": found.last, "since": found.since}
    return {**places, "kind": found.kind, "detail": found.detail}


def _verdict(found: Examined, seconds: float) -> Iterator[str]:
    rate = f"{found.log.records / seconds:,.0f} records/s" if seconds else ""
    yield f"{found.log.records:,} records in {seconds:.2f} s ({rate})"
    yield f"{found.log.checkpoints:,} signed checkpoints agree with it"
    if found.log.unwitnessed:
        yield f"{found.log.unwitnessed:,} records are newer than the last checkpoint"
    for each in found.findings[:_SHOWN]:
        yield _in_words(each)
    if len(found.findings) > _SHOWN:
        yield f"and {len(found.findings) - _SHOWN:,} more: --json lists all"
    if found.is_whole:
        yield f"The log is whole. Its record {found.log.last} has the hash {found.log.hash}"
    else:
        first = min(each.since for each in found.findings)
        yield f"The log was changed. The first record in question is {first}"


def _in_words(found: Finding) -> str:
    several = f"records {found.first} to {found.last}"
    where = f"record {found.first}" if found.first == found.last else several
    words = ": ".join(filter(None, (f"{found.kind.upper():10}  {where}", found.detail)))
    early = f"; it may begin at record {found.since}" if found.since < found.first else ""
    return words + early


@audit.command()
@click.option("--out", type=_file, help="The file; by default, standard output.")
@click.pass_obj
def export(settings: Settings, out: Path | None) -> None:
    """Write every record and checkpoint, a JSON object a line, to be verified elsewhere."""
    lines = examine.export(settings)
    if out is None:
        for line in lines:
            click.echo(line)
        return
    write_file(out, b"".join(line.encode() + b"\n" for line in lines))
    click.echo(f"wrote {out}; elsewhere: hsp audit verify --file {out.name} --key audit.pub")


@audit.command("key")
@click.option("--out", type=_file, required=True, help="The new .pub file.")
@click.pass_obj
def public_key(settings: Settings, out: Path) -> None:
    """Write the public key that verifies the log's checkpoints."""
    file = settings.audit_keys_folder / f"{keys.NAME}.pub"
    if not file.exists():
        raise NotFound("the log has no key yet", hint="its first checkpoint makes it: hsp serve")
    write_file(out, file.read_bytes())
    click.echo(f"wrote {out}: give it to auditors now, since a thief could change it later")
