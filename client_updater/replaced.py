"""Packages that a release replaced and that were not ours: what they were, and copies of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import RevertFailed, StateUnusable, disk_trouble
from client_updater.packages import Dpkg, Package
from client_updater.state import read_private
from manifests.documents import Document
from manifests.errors import ManifestError
from manifests.install import PackageInstall
from manifests.release import Release

_PIECE_BYTES = 1024 * 1024


def names_of(release: Release | None) -> set[str]:
    """The packages that a release of ours brought."""
    kind = release.manifest.install if release is not None else None
    return set(kind.packages) if isinstance(kind, PackageInstall) else set()


class Before(Document):
    """Per package, the version that was there; empty for none."""

    versions: dict[str, str]


@dataclass(frozen=True)
class Replaced:
    """What one attempt replaced, in a folder of its own."""

    folder: Path

    def remember(self, dpkg: Dpkg, packages: Sequence[Package]) -> None:
        """Note what is there under these names, and keep apt's copies; the first time counts.

        Raises:
            InstallFailed: dpkg is not there. DiskFull, DiskError: it is not kept.
        """
        if self._before() is not None:
            return
        there = {package.name: dpkg.installed(package.name) for package in packages}
        durable.make_folders(*list(self.folder.parents)[1::-1], self.folder)
        for name, package in there.items():
            cached = package and dpkg.cached(package)
            if cached:
                _copy(cached, self.folder / f"{name}.deb")
        versions = {name: package.version if package else "" for name, package in there.items()}
        durable.write(self.folder / "before.json", Before(versions=versions).to_bytes())

    def put_back(self, dpkg: Dpkg, names: set[str], seconds: float) -> None:
        """Remove what was not there before, and install what was.

        Raises:
            RevertFailed: of what was there no copy was to be had.
            InstallFailed: dpkg does not do it.
        """
        before = self._before()
        if before is None:
            return
        was = {name: before.versions.get(name, "") for name in sorted(names)}
        dpkg.remove([name for name, version in was.items() if not version], seconds)
        copies = {name: self.folder / f"{name}.deb" for name, version in was.items() if version}
        for name, copy in copies.items():
            if not copy.is_file():
                raise RevertFailed(
                    f"{name} {was[name]} was here before, and there is no copy of it",
                    hint=f"install {name} {was[name]} by hand",
                )
        if copies:
            dpkg.install(list(copies.values()), "refuse", seconds)
            dpkg.check(dpkg.read(copy) for copy in copies.values())

    def _before(self) -> Before | None:
        try:
            return Before.from_bytes(read_private(self.folder / "before.json"))
        except FileNotFoundError:
            return None
        except (StateUnusable, ManifestError) as error:
            raise RevertFailed(f"what was installed before cannot be read: {error}") from error


def _copy(source: Path, target: Path) -> None:
    durable.remove(target)
    try:
        with source.open("rb") as file, durable.create(target) as copy:
            while piece := file.read(_PIECE_BYTES):
                copy.write(piece)
            copy.sync()
    except OSError as error:
        raise disk_trouble(error, f"copy {source}") from error
