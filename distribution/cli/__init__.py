"""``hsp``: what staff do on the server's machine.

``repository`` makes what is signed and ``publishing`` makes it visible; ``operations`` runs the
server, the rollouts, the sites and the tickets. Each has ``register(program)``, which adds its
commands. Every command gets the server's ``Settings`` by ``@click.pass_obj``.
"""

from pathlib import Path

import click

from distribution.cli import (
    audit,
    backups,
    capacity,
    database,
    doctor,
    drills,
    hotfix,
    media,
    notify,
    operations,
    products,
    publishing,
    repository,
    status,
    trust,
)
from distribution.settings import DEFAULT_HOME, Settings
from manifests.terminal import Program


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hsp-distribution")
@click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="HSP_HOME",
    default=DEFAULT_HOME,
    show_default=True,
    show_envvar=True,
    help="The server's home: settings, database, online keys, repository.",
)
@click.pass_context
def main(context: click.Context, home: Path) -> None:
    """Distribute updates to client sites: releases, rollouts, sites, tickets."""
    context.obj = Settings.load(home)


repository.register(main)
publishing.register(main)
products.register(main)
operations.register(main)
media.register(main)
trust.register(main)
drills.register(main)
hotfix.register(main)
status.register(main)
audit.register(main)
backups.register(main)
doctor.register(main)
capacity.register(main)
database.register(main)
notify.register(main)
