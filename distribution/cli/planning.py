"""``hsp rollout preview`` and ``hsp fleet``: plan before anything is published."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import click

from distribution.cli import rollouts, show
from distribution.cli.files import read_file, write_file
from distribution.control import fleet, plans
from distribution.control.schedules import load_schedule
from distribution.database.sessions import Database
from distribution.errors import Invalid
from distribution.planning import preview_picture, synthesis
from distribution.planning.fleet_file import FleetFile
from distribution.planning.planned import Planned, PlannedWave, Preview, Question
from distribution.planning.preview import preview
from distribution.repository.bucket import open_store
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.documents import validated
from manifests.release import Release
from manifests.rollout import RolloutPlan, Schedule, SiteFilter
from manifests.site import Site
from manifests.target_paths import Lane, manifest_path

SHOWN = 25
"""Sites that cannot meet it, unless all are asked for."""

_FILE = click.Path(path_type=Path, dir_okay=False)


def register(program: click.Group) -> None:
    """Add these commands to ``hsp`` and to ``hsp rollout``."""
    rollouts.rollout.add_command(preview_command)
    program.add_command(fleet_group)


@click.command("preview")
@click.argument("product")
@click.argument("version")
@click.option("--schedule", default="standard", show_default=True, help="A name or a TOML file.")
@click.option("--start", "begin", default="", help="When it is started; now, if not given.")
@click.option(
    "--deadline", default="", help="Everybody should have begun by then; else the schedule's own."
)
@click.option("--fleet", "fleet_file", type=_FILE, help="These sites, not those in the database.")
@click.option("--manifest", type=_FILE, help="Of a release that is built but not published yet.")
@click.option("--client", "clients", multiple=True, help="Only this client's sites; repeatable.")
@click.option("--site", "sites", multiple=True, help="Only this site; repeatable.")
@click.option("--tag", "tags", multiple=True, help="Only sites with this tag; repeatable.")
@click.option("--region", "regions", multiple=True, help="Only this region; repeatable.")
@click.option("--platform", "platforms", multiple=True, help="Only this platform; repeatable.")
@click.option("--installed", default="", help="Only sites that run such a version, as '>=2,<3'.")
@click.option("--svg", type=_FILE, help="Also as a picture, into this file.")
@click.option("--all", "everything", is_flag=True, help="Name every site that cannot meet it.")
@click.pass_obj
def preview_command(
    settings: Settings,
    /,
    product: str,
    version: str,
    schedule: str,
    begin: str,
    deadline: str,
    fleet_file: Path | None,
    manifest: Path | None,
    svg: Path | None,
    everything: bool,
    **only: object,
) -> None:
    """What the rollout of VERSION would do: who moves when at the earliest, and who cannot."""
    now = utc_now()
    plan, sites = _known(settings, product, fleet_file, now)
    chosen = load_schedule(schedule)
    start = _moment(begin, "--start") if begin else now
    question = Question(
        release=_release(settings, product, version, manifest),
        schedule=chosen,
        start=start,
        deadline=_moment(deadline, "--deadline") if deadline else _own_deadline(chosen, start),
        only=validated(SiteFilter, only, strict=True),
        freezes=plan.freezes if plan else (),
        brakes=plan.brakes if plan else (),
    )
    found = preview(question, sites)
    _show(found, None if everything else SHOWN)
    if svg:
        write_file(svg, preview_picture.draw(found).encode())


def _own_deadline(schedule: Schedule, start: datetime) -> datetime | None:
    seconds = schedule.limits.deadline_seconds
    return start + timedelta(seconds=seconds) if seconds else None


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "such as 2026-12-01T08:00, in UTC unless it has an offset"
        raise Invalid(f"{option} {text!r} is not a moment", hint=hint) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _release(settings: Settings, product: str, version: str, manifest: Path | None) -> Release:
    if manifest is None:
        return rollouts.signed_release(open_store(settings), product, version)
    path = manifest_path(Lane.RELEASES, product, version)
    return Release.read(path, read_file(manifest, "manifest"))


def _known(
    settings: Settings, product: str, file: Path | None, now: datetime
) -> tuple[RolloutPlan | None, list[Site]]:
    """What the plan says already, and the sites, with what is announced for them."""
    if file is not None:
        return None, FleetFile.from_bytes(read_file(file, "fleet")).fleet
    with Database.open(settings).reading() as session:
        return plans.written(session, product), fleet.whole_fleet(session, now)


def _show(found: Preview, most: int | None) -> None:
    show.table(
        ("wave", "up to", "opens", "sites", "clients", "first", "last", "cannot", "held by"),
        (_wave_row(wave, found) for wave in found.waves),
    )
    click.echo("")
    numbers = [f"w{wave.number}" for wave in found.waves]
    show.table(
        ("client", "sites", *numbers, "first", "last", "cannot"),
        _client_rows(found),
    )
    click.echo("")
    shown = found.late[:most]
    if shown:
        show.table(
            ("cannot meet it", "client", "wave", "why", "who can change that"),
            ((s.site_id, s.client_id, s.wave, s.reason, s.lifted_by) for s in shown),
        )
    if len(shown) < len(found.late):
        click.echo(f"and {len(found.late) - len(shown)} more: --all names them")
    click.echo(_summary(found))


def _summary(found: Preview) -> str:
    concerned = [site for site in found.sites if site.is_concerned]
    verb = "cannot meet it" if found.question.deadline else "would never begin"
    words = f"{len(found.late)} of {len(concerned)} sites {verb}"
    run_it = len(found.sites) - len(concerned)
    if run_it:
        words += f"; {run_it} run it, or a newer one, already"
    return words + (f"; {found.others} others are not concerned" if found.others else "")


def _wave_row(wave: PlannedWave, found: Preview) -> tuple[object, ...]:
    sites = [s for s in found.sites if s.wave == wave.number and s.is_concerned]
    percent_of_all = f"{wave.up_to_basis_points / 100:g} %"
    clients = len({site.client_id for site in sites})
    return (
        wave.number, percent_of_all, wave.opens_at, len(sites), clients, *_first_last_late(sites),
        wave.held_by,
    )  # fmt: skip


def _client_rows(found: Preview) -> Iterable[tuple[object, ...]]:
    concerned = sorted((s for s in found.sites if s.is_concerned), key=lambda s: s.client_id)
    for client, group in groupby(concerned, key=lambda s: s.client_id):
        sites = list(group)
        per_wave = (sum(s.wave == wave.number for s in sites) for wave in found.waves)
        yield (client, len(sites), *per_wave, *_first_last_late(sites))


def _first_last_late(sites: list[Planned]) -> tuple[datetime | None, datetime | None, int]:
    begin = sorted(site.start for site in sites if site.start is not None)
    late = sum(bool(site.reason) for site in sites)
    return (begin[0], begin[-1], late) if begin else (None, None, late)


@click.group("fleet")
def fleet_group() -> None:
    """Fleets in a file, to plan with."""


@fleet_group.command()
@click.option("--sites", type=int, default=300, show_default=True)
@click.option("--clients", type=int, default=20, show_default=True)
@click.option("--zones", type=int, default=6, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--product", default="app", show_default=True)
@click.option("--installed", default="1.0", show_default=True, help="What every site runs.")
@click.option("--out", type=_FILE, help="Into this file.")
def synth(out: Path | None, **wanted: int | str) -> None:
    """Make up a fleet for 'hsp rollout preview --fleet'; the same seed gives the same one."""
    made = synthesis.make_fleet(synthesis.Wanted(**wanted))  # type: ignore[arg-type] # click's types
    content = FleetFile.of(made).to_bytes() + b"\n"
    if out:
        write_file(out, content)
        clients = len({site.profile.client_id for site in made})
        click.echo(f"{len(made)} sites of {clients} clients are in {out}")
    else:
        click.echo(content.decode(), nl=False)
