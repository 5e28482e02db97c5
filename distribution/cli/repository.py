"""The commands that make, propose and publish what is signed."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from distribution import home
from distribution.cli import show
from distribution.cli.drafts import draft_option, new_draft, out_option
from distribution.control import withdrawals
from distribution.control.schedules import load_schedule
from distribution.database.sessions import Database
from distribution.repository import artifacts, catalogue, deltas
from distribution.repository.bucket import open_store
from distribution.repository.published_schemas import SCHEMAS
from distribution.repository.store_errors import in_server_words
from distribution.server import Server, given_passphrase
from distribution.settings import Settings
from manifests.target_paths import PROVENANCE_NAME, SBOM_NAME, Lane
from signing import propose
from signing.cli import show_proposal, utc_now
from signing.delegations import fit
from signing.roles import BREAKGLASS, HOTFIXES, ROOT, TARGETS, rules
from signing.signers import read_public
from signing.update_repository import Repository
from signing.wording import counted

_UNITS = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}

_file = click.Path(path_type=Path, dir_okay=False)
_folder = click.Path(path_type=Path, file_okay=False)
_keys: dict[str, Any] = {"type": _file, "multiple": True}


def register(program: click.Group) -> None:
    """Add this module's commands to ``hsp``."""
    for command in (init, release, schema):
        program.add_command(command)


# --- the repository


@click.command()
@click.option(
    "--officer", "officers", required=True, help="An officer's .pub; two or more.", **_keys
)
@click.option("--hotfix", "hotfixes", help="An L3 engineer's .pub; two or more.", **_keys)
@click.option(
    "--breakglass", help="The same for the lane of one signature (default: those).", **_keys
)
@click.option("--threshold", "thresholds", multiple=True, metavar="ROLE=N")
@click.option("--life", "lives", multiple=True, metavar="ROLE=TIME", help="Such as timestamp=2h.")
@click.option("--set", "chosen", multiple=True, metavar="NAME=VALUE", help="A line of hsp.toml.")
@click.option(
    "--administrator", default=show.whoami, help="The first account, who may give others roles."
)
@draft_option
@click.pass_obj
def init(
    settings: Settings,
    officers: tuple[Path, ...],
    hotfixes: tuple[Path, ...],
    breakglass: tuple[Path, ...],
    thresholds: tuple[str, ...],
    lives: tuple[str, ...],
    chosen: tuple[str, ...],
    administrator: str,
    by: str,
) -> None:
    """Make the server's home, its online keys, and the proposal of a new repository."""
    table = rules(_thresholds(thresholds), _lives(lives))
    people = [read_public(file) for file in officers]
    on_call = [read_public(file) for file in hotfixes]
    alone = [read_public(file) for file in breakglass] or on_call
    lines = home.parse_settings(chosen)
    for role, keys in ((ROOT, people), (TARGETS, people), (HOTFIXES, on_call), (BREAKGLASS, alone)):
        if keys:
            fit(role, table[role].threshold, keys)
    home.make_home(settings, given_passphrase() or "", lines, administrator)
    online = home.online_public_keys(settings)
    founders = propose.Founders(people, online["snapshot"], online["timestamp"], on_call, alone)
    draft = new_draft(settings, None, "repository", by)
    click.echo(f"{settings.home} is the server's home; its online keys can say when, never what.\n")
    show_proposal(propose.repository(founders, draft, table))


# --- releases


@click.group()
def release() -> None:
    """Build, propose and list releases."""


@release.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--description", type=_file, required=True, help="release.toml.")
@click.option("--pace", required=True, help="A schedule's name or file: the fastest it may spread.")
@click.option("--out", type=_folder, required=True, help="The new folder for the release.")
@click.option("--platform", default="any", help="The platform that the artifact is for.")
@click.option("--issued-at", metavar="TIME", help="ISO 8601 with zone; by default, now.")
@click.option("--provenance", type=_file, help="The builder's in-toto statement about it.")
@click.option("--sbom", type=_file, help="Its components, as CycloneDX JSON.")
def build(
    source: Path,
    description: Path,
    pace: str,
    out: Path,
    platform: str,
    issued_at: str | None,
    provenance: Path | None,
    sbom: Path | None,
) -> None:
    """Make a release of SOURCE: a folder, a wheel, a zip, a tar or a .deb."""
    moment = _moment(issued_at) if issued_at else utc_now()
    schedule = load_schedule(pace)
    given = {PROVENANCE_NAME: provenance, SBOM_NAME: sbom}
    attachments = {name: file for name, file in given.items() if file}
    built = artifacts.build(source, description, schedule, out, moment, platform, attachments)
    artifact = built.manifest.artifacts[0]
    click.echo(f"built {built.manifest.product} {built.manifest.version} into {out}")
    click.echo(
        f"  {artifact.name}: {counted(artifact.files, 'file')}, "
        f"{built.artifact.stat().st_size:,} bytes compressed"
    )
    click.echo(f"  its contents have the sha256 {artifact.tar_sha256}")
    for each in built.manifest.attachments:
        click.echo(f"  with {each.name}: {each.size_bytes:,} bytes")
    click.echo(f"Next: hsp release propose {out} --out PROPOSAL")


@release.command(name="propose")
@click.argument("release_dir", type=_folder)
@out_option
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), default=Lane.RELEASES.value
)
@draft_option
@click.pass_obj
def propose_release(
    settings: Settings, release_dir: Path, out: Path | None, lane: str, by: str
) -> None:
    """Propose what `hsp release build` wrote into RELEASE_DIR."""
    with in_server_words():
        repository = Repository.read(open_store(settings))
        draft = new_draft(settings, out, f"{lane}-{release_dir.resolve().name}", by)
        show_proposal(propose.release(repository, release_dir, Lane(lane), draft))


@release.command()
@click.argument("product")
@click.argument("version")
@click.option("--reason", required=True, help="Why; every site and the first line will read it.")
@out_option
@draft_option
@click.pass_obj
def withdraw(
    settings: Settings, product: str, version: str, reason: str, out: Path | None, by: str
) -> None:
    """Propose that VERSION of PRODUCT is installed nowhere any more, and list who runs it."""
    with in_server_words():
        repository = Repository.read(open_store(settings))
        draft = new_draft(settings, out, f"withdraw-{product}-{version}", by)
        show_proposal(propose.withdrawal(repository, product, version, reason, draft))
    running = withdrawals.sites_running(Database.open(settings), product, version)
    click.echo(f"\n{counted(running, 'site')} run it now{':' if running else ''}")
    for site in running:
        click.echo(f"  {site}")


@release.command(name="list")
@click.argument("product", required=False)
@click.pass_obj
def list_releases(settings: Settings, product: str | None) -> None:
    """The published releases, of one PRODUCT or of all."""
    found = catalogue.releases(open_store(settings), product)
    for each in sorted(found, key=lambda r: (r.manifest.product, r.version)):
        manifest = each.manifest
        click.echo(
            f"{manifest.product:20} {manifest.version:16} {manifest.severity:10} "
            f"{manifest.issued_at:%Y-%m-%d %H:%M} {each.path}"
            + (f"  WITHDRAWN: {each.withdrawn}" if each.withdrawn else "")
        )
    if not found:
        click.echo("nothing has been published yet")


@release.command()
@click.argument("product")
@click.argument("from_version")
@click.argument("to_version")
@click.pass_obj
def delta(settings: Settings, product: str, from_version: str, to_version: str) -> None:
    """Make the delta from FROM_VERSION to TO_VERSION now, as the scheduler does by itself."""
    pair = deltas.Pair(product, from_version, to_version)
    for made in deltas.make(Server.open(settings), pair, utc_now()):
        kept = "published" if made.is_worth_it else "not kept, since it saves less than a third"
        click.echo(
            f"{made.path}: {made.delta_bytes:,} bytes instead of {made.artifact_bytes:,}; {kept}"
        )


@click.command()
@click.argument("name", type=click.Choice(sorted(SCHEMAS)))
def schema(name: str) -> None:
    """The JSON Schema of a document."""
    click.echo(json.dumps(SCHEMAS[name].model_json_schema(), indent=2))


# --- what is written on the command line


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time", param_hint="--issued-at") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no zone: add Z", param_hint="--issued-at")
    return moment.astimezone(UTC)


def _thresholds(pairs: Sequence[str]) -> dict[str, int]:
    return {role: int(number) for role, number in _pairs(pairs, r"\d{1,2}", "ROLE=2")}


def _lives(pairs: Sequence[str]) -> dict[str, timedelta]:
    found = _pairs(pairs, r"(\d{1,6})(d|h|min|s)", "ROLE=90d, 6h, 30min or 10s")
    return {role: timedelta(seconds=_seconds(text)) for role, text in found}


def _seconds(text: str) -> int:
    number, unit = re.findall(r"\d+|\D+", text)
    return int(number) * _UNITS[unit]


def _pairs(pairs: Sequence[str], wanted: str, example: str) -> list[tuple[str, str]]:
    for pair in pairs:
        if not re.fullmatch(rf"[a-z]+={wanted}", pair):
            raise click.BadParameter(f"{pair!r} is not {example}")
    return [(pair.split("=")[0], pair.split("=")[1]) for pair in pairs]
