"""``python -m infra.release``: make the release of this commit, or say why there can be none."""

import sys
import tempfile
from pathlib import Path

import click

from infra.release.assemble import assemble, compare
from infra.release.errors import NoRelease
from infra.release.refusals import require
from infra.release.tree import ROOT, Commit


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "build/release")
@click.option("--twice", is_flag=True, help="Build it a second time, and compare every byte.")
@click.option(
    "--rehearse",
    is_flag=True,
    help="Go on where a release would be refused, and say so: for trying this out.",
)
def main(out: Path, twice: bool, rehearse: bool) -> None:
    """Make everything that a release consists of, into build/release."""
    venv = Path(sys.executable).parent.parent
    commit = Commit(ROOT)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            tree = commit.export(Path(scratch) / "tree")
            target = out / tree.version
            click.echo(f"{tree.version} of commit {commit.git('rev-parse', '--short', 'HEAD')}")
            section = tree.version
            try:
                require(commit, commit.export(Path(scratch) / "checked"), venv)
            except NoRelease as error:
                if not rehearse:
                    raise
                click.echo(f"This is no release: {error}.", err=True)
                section = "Unreleased"
            assemble(tree, venv, target, lambda words: click.echo(f"  {words}"), section)
            if twice:
                again = commit.export(Path(scratch) / "again")
                other = assemble(again, venv, Path(scratch) / "other", lambda _: None, section)
                compare(target, other)
                click.echo("  built a second time: the same bytes")
    except NoRelease as error:
        sys.exit(f"No release: {error}.")
    click.echo(f"{target}: check it with sha256sum --check SHA256SUMS; then docs/releasing.md")


if __name__ == "__main__":
    main()
