"""``hsp site ask``, ``steps`` and ``diagnostics``: what support does at one site, from afar."""

import click

from distribution.cli import acting, show
from distribution.database.sessions import Database
from distribution.desk import diagnostics, remote_steps
from distribution.desk.remote_steps import StepRecord, Wanted
from distribution.people.roles import Permission
from distribution.server import utc_now
from distribution.settings import Settings
from manifests.remote_steps import StepKind
from manifests.terminal import shown


def register(site: click.Group) -> None:
    """Add these commands to ``hsp site``."""
    for command in (ask, steps, diagnostics_command):
        site.add_command(command)


@click.command()
@click.argument("site_id", metavar="SITE")
@click.argument("kind", metavar="STEP", type=click.Choice([kind.value for kind in StepKind]))
@click.option("--product", default="", help="Of a restart or a retry; else for this one only.")
@click.option("--version", default="", help="Of a retry: what is to be tried again.")
@click.option("--reason", required=True, help="Why, for the record.")
@click.option("--by", default=show.whoami, help="Who asks, for the record.")
@click.pass_obj
def ask(
    settings: Settings, site_id: str, kind: str, product: str, version: str, reason: str, by: str
) -> None:
    """Ask SITE for a STEP: verify, repair, collect, restart or retry. There are no others.

    The site hears of it at its next check-in, and does what its own administrator allows.
    """
    database = Database.open(settings)
    said = acting.word(database, by, Permission.SITE_REMOTE, reason)
    wanted = Wanted(StepKind(kind), product, version)
    record = remote_steps.ask(database, site_id, wanted, said, utc_now())
    click.echo(f"asked {site_id}: {wanted}; it hears of it at its next check-in")
    click.echo(
        f"what came of it: hsp site steps {site_id} (until {show.moment(record.expires_at)})"
    )


@click.command()
@click.argument("site_id", metavar="SITE")
@click.option("--limit", default=20, show_default=True, help="So many, the newest first.")
@click.pass_obj
def steps(settings: Settings, site_id: str, limit: int) -> None:
    """What SITE was asked for, and what came of it, in its own words."""
    with Database.open(settings).reading() as session:
        found = remote_steps.listed(session, site_id, limit)
        drifts = {
            each.step_id: remote_steps.details(session, site_id, each.step_id).drift
            for each in found
        }
    columns = ("step", "what", "asked by", "at", "why", "outcome", "answered", "the site says")
    show.table(columns, (_row(record) for record in found))
    for step_id, reports in drifts.items():
        for report in reports:
            for line in report.differences:
                click.echo(f"{step_id[:8]} {report.product} {report.version}: {shown(line)}")


def _row(record: StepRecord) -> tuple[object, ...]:
    what = " ".join(word for word in (record.kind, record.product, record.version) if word)
    waiting = "with the site" if record.handed_at else "waits for its check-in"
    return (
        record.step_id, what, record.asked_by, record.asked_at, record.reason,
        record.outcome or waiting, record.answered_at, record.sentence,
    )  # fmt: skip


@click.command("diagnostics")
@click.argument("site_id", metavar="SITE")
@click.option("--step", "step_id", help="Of this one; the newest unless said otherwise.")
@click.option("--list", "only_list", is_flag=True, help="Only which ones there are.")
@click.pass_obj
def diagnostics_command(
    settings: Settings, site_id: str, step_id: str | None, *, only_list: bool
) -> None:
    """Show what SITE sent when it was asked to collect; kept for 30 days."""
    with Database.open(settings).reading() as session:
        found = diagnostics.listed(session, site_id)
        newest = found[0].step_id if found else ""
        if only_list or not (step_id or newest):
            rows = ((each.step_id, each.received_at, each.size_bytes) for each in found)
            show.table(("step", "came", "bytes"), rows)
            return
        view = diagnostics.view(session, site_id, step_id or newest)
    click.echo(f"{site_id} at {show.moment(view.made_at)}, agent {shown(view.agent_version)}")
    for section in view.sections:
        click.echo(f"\n== {section.name}")
        for line in section.text.splitlines():
            click.echo(shown(line))
