"""What ``client`` does: ``Trusted``, ``FloorFile``, ``Fetcher``, ``Downloads``, nothing beside.

The metadata folder is the agent's cache as python-tuf keeps it. The agent's own files lie in hidden
folders below it: the pinned root and the trust floor, which the conformance suite knows nothing of.
Exit status 0 or 1, and one line on standard error that says what was wrong.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import click

from client_updater import durable
from client_updater.downloads import Downloads
from client_updater.errors import Refused
from client_updater.fetcher import Fetcher
from client_updater.floor import Floor, FloorFile
from client_updater.line_settings import LineSettings
from client_updater.trusted import Place, Target, Trusted
from manifests.errors import UpdateError

Folder = click.Path(file_okay=False, path_type=Path)


class Conformance:
    """One client with its metadata folder."""

    def __init__(self, metadata: Path, metadata_url: str = "", targets_url: str = "") -> None:
        self.metadata = metadata
        self.floors = FloorFile(metadata / ".trust")
        self.pinned = metadata / ".trust/pinned-root"
        self.urls = (_with_slash(metadata_url), _with_slash(targets_url))
        self.fetcher = Fetcher(LineSettings())

    def init(self, root: Path) -> None:
        """Pin a root and begin a trust floor, as enrolment does."""
        self.metadata.mkdir(parents=True, exist_ok=True)
        durable.make_folders(self.metadata / ".trust", self.metadata / ".verified")
        durable.write(self.pinned, root.read_bytes())
        durable.write(self.metadata / "root.json", root.read_bytes())
        self.floors.save(Floor())

    def refresh(self) -> Trusted:
        """The repository as it is now."""
        place = Place(
            root=self.pinned.read_bytes(),
            metadata_url=self.urls[0],
            targets_url=self.urls[1],
            cache=self.metadata,
            verified=self.metadata / ".verified",
        )
        trusted = Trusted(place, self.fetcher, self.floors, {"targets"})
        trusted.refresh()
        return trusted

    def download(self, names: tuple[str, ...], folder: Path) -> None:
        """Fetch targets one after another into ``folder``, as far as they are not there."""
        trusted = self.refresh()
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            target = trusted.find(name)
            if target is None:
                raise Refused(f"nobody signed {name}")
            self._fetch(target, folder)

    def _fetch(self, target: Target, folder: Path) -> None:
        kept = folder / quote(target.path, "")
        if _is_right(kept, target):
            return
        with tempfile.TemporaryDirectory(dir=folder, prefix=".") as private:
            fetched = Downloads(Path(private), self.fetcher).fetch(target, lambda size: None)
            durable.move(fetched, kept)


def _with_slash(url: str) -> str:
    return url.rstrip("/") + "/"


def _is_right(path: Path, target: Target) -> bool:
    if not path.is_file() or path.stat().st_size != target.length:
        return False
    hasher = target.hasher()
    hasher.update(path.read_bytes())
    return hasher.hexdigest() == target.digest


def _in_one_line(action: Callable[[], object]) -> None:
    """Run a command: 0, or 1 and what was wrong."""
    try:
        action()
    except (UpdateError, OSError) as error:
        click.echo(f"{type(error).__name__}: {error}", err=True)
        sys.exit(1)


@click.group()
@click.option("--metadata-dir", type=Folder, required=True)
@click.option("--metadata-url", default="")
@click.option("--target-name", multiple=True)
@click.option("--target-dir", type=Folder)
@click.option("--target-base-url", default="")
@click.pass_context
def main(
    context: click.Context,
    metadata_dir: Path,
    metadata_url: str,
    target_name: tuple[str, ...],
    target_dir: Path | None,
    target_base_url: str,
) -> None:
    """The client under test."""
    context.obj = Conformance(metadata_dir.absolute(), metadata_url, target_base_url)
    context.meta["targets"] = (target_name, target_dir)


@main.command()
@click.argument("root", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def init(client: Conformance, root: Path) -> None:
    """Pin ROOT."""
    _in_one_line(lambda: client.init(root))


@main.command()
@click.pass_obj
def refresh(client: Conformance) -> None:
    """Bring the top-level metadata up to date."""
    _in_one_line(client.refresh)


@main.command()
@click.pass_context
def download(context: click.Context) -> None:
    """Fetch the targets."""
    names, folder = context.meta["targets"]
    if not names or folder is None:
        click.echo("download needs --target-name and --target-dir", err=True)
        sys.exit(1)
    _in_one_line(lambda: context.obj.download(names, folder))


if __name__ == "__main__":
    main(prog_name="client")
