"""``verify``, as ``hsp receipts`` has it and as ``python -m distribution.receipts`` does.

The latter needs none of what a server needs: only what all three programs are installed with.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from distribution.receipts.trusted import read_keys
from distribution.receipts.verify import Verified
from distribution.receipts.verify import verify as verify_file
from manifests.errors import ManifestError
from manifests.terminal import shown

DOES_NOT_HOLD = 1
_SHOWN = 50
"""Findings, to people."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--key",
    "keys",
    multiple=True,
    required=True,
    metavar="KEY",
    help="A site's public key: HEX, SITE=HEX, or a file with lines of these. May be repeated.",
)
def verify(file: Path, keys: tuple[str, ...]) -> None:
    """Verify a receipts file, anywhere: signatures, numbers, and what the file says was installed.

    Ends with 1 when anything does not hold.
    """
    trusted = read_keys(keys)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ManifestError(f"the receipts file {file} cannot be read: {error.strerror}") from error
    found = verify_file(data, trusted)
    for line in _lines(found):
        click.echo(shown(line))
    if not found.holds:
        sys.exit(DOES_NOT_HOLD)


def _lines(found: Verified) -> Iterator[str]:
    for run in found.runs:
        numbers = f"number {run.first} to {run.last}"
        yield f"{run.site_id}: {run.reports} reports, {numbers}, signed by the site"
    for report in found.installs:
        what = f"{report.product} {report.version}"
        when = f"{report.at:%Y-%m-%d %H:%M:%S}Z by its clock"
        yield f"{report.site_id}: installed {what} at {when} (report {report.sequence})"
    if found.holds:
        yield "Everything in the file follows from what the sites have signed."
        yield "Reports before the first number and after the last one are not in it."
    else:
        yield from _findings(found)


def _findings(found: Verified) -> Iterator[str]:
    yield "THE FILE DOES NOT HOLD. Nothing but what is listed above was found signed."
    for each in found.findings[:_SHOWN]:
        yield f"line {each.line}: {each.words}" if each.line else each.words
    if len(found.findings) > _SHOWN:
        yield f"and {len(found.findings) - _SHOWN:,} more"
