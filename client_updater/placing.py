"""Putting a version in place where a link is not enough: with dpkg, or a vendor's own installer.

Everything here can be done twice. A slot's own kind needs nothing of it.
"""

from dataclasses import dataclass
from pathlib import Path

from client_updater import commands
from client_updater.errors import (
    INSTALLERS_ERRORS,
    AgentError,
    Incompatible,
    InstallFailed,
    RevertFailed,
)
from client_updater.journal import Attempt
from client_updater.packages import Dpkg, Package
from client_updater.programs import Programs
from client_updater.replaced import Replaced, names_of
from client_updater.running import Installed
from manifests.failures import FailureCode
from manifests.install import CommandInstall, Instruction, PackageInstall
from manifests.release import Release
from manifests.site import SitePolicy

_MARK = "HSP_ATTEMPT"


@dataclass(frozen=True)
class Placing:
    """What installers work with at one site."""

    programs: Programs
    snapshots: Path
    """Below it, per product and attempt, what an attempt may have to put back."""
    dpkg_root: Path | None = None

    def check(self, release: Release, before: Release | None, policy: SitePolicy) -> None:
        """See that going back will be possible, before anything is even downloaded.

        Raises:
            Incompatible: a package is there that we did not install and could not put back.
        """
        kind = release.manifest.install
        if not isinstance(kind, PackageInstall):
            return
        dpkg = self.dpkg(release)
        for name in sorted({*kind.packages} - names_of(before) - {*policy.irreplaceable_packages}):
            try:
                there = dpkg.installed(name)
                lost = there is not None and dpkg.cached(there) is None
            except InstallFailed as error:
                raise Incompatible(f"packages cannot be installed here: {error}") from error
            if there is not None and lost:
                raise Incompatible(
                    f"{name} {there.version} is installed here, not by hsp-updater, "
                    "and nobody could put it back",
                    hint=f"put {there.cached_name} into apt's cache, or name {name} "
                    "in irreplaceable_packages in site.toml",
                )

    def put(self, attempt: Attempt, installed: Installed, before: Release | None) -> None:
        """Put a version in place. ``attempt.placings`` counts this one.

        Raises:
            InstallFailed: it does not work; what is there may be anything, so go back.
        """
        kind = installed.release.manifest.install
        if isinstance(kind, PackageInstall):
            replaced = self._replaced(attempt)
            packages = self._packages(kind, installed)
            dpkg = self.dpkg(installed.release)
            replaced.remember(
                dpkg, [each for each in packages if each.name not in names_of(before)]
            )
            self._install(dpkg, kind, packages)
        elif isinstance(kind, CommandInstall):
            if attempt.placings > 1:
                self._undo(kind, attempt, installed)
            self._run_installer(kind, attempt, installed)

    def take_back(self, attempt: Attempt, installed: Installed, before: Release | None) -> None:
        """Remove what ``put`` brought, however far it came. What it replaced of ours: ``put_back``.

        Raises:
            RevertFailed: it cannot be removed.
        """
        kind = installed.release.manifest.install
        try:
            if isinstance(kind, PackageInstall):
                theirs = {*kind.packages} - names_of(before)
                dpkg = self.dpkg(installed.release)
                self._replaced(attempt).put_back(dpkg, theirs, kind.deadline_seconds)
            elif isinstance(kind, CommandInstall) and attempt.placings:
                self._undo(kind, attempt, installed)
        except InstallFailed as error:
            raise RevertFailed(error.message, hint=error.hint) from error

    def put_back(self, attempt: Attempt, installed: Installed) -> None:
        """See that an older version is in place again, after a newer one was taken back.

        Raises:
            RevertFailed: it is not.
        """
        kind = installed.release.manifest.install
        try:
            if isinstance(kind, PackageInstall):
                packages = self._packages(kind, installed)
                if self.differences(installed):
                    self._install(self.dpkg(installed.release), kind, packages)
            elif isinstance(kind, CommandInstall) and not self._is_in_place(kind, installed):
                self._run_installer(kind, attempt, installed)
        except InstallFailed as error:
            raise RevertFailed(error.message, hint=error.hint) from error

    def differences(self, installed: Installed) -> list[str]:
        """What is not as the version put it, beyond its slot: sentences."""
        kind = installed.release.manifest.install
        try:
            if isinstance(kind, PackageInstall):
                self.dpkg(installed.release).check(self._packages(kind, installed))
            elif isinstance(kind, CommandInstall) and not self._is_in_place(kind, installed):
                return ["the vendor's own check says that it is not in place"]
        except AgentError as error:
            return [error.message]
        return []

    # --- packages

    def dpkg(self, release: Release) -> Dpkg:
        """dpkg, with its output in the release's log."""
        log = self.programs.log(release.path.product, release.path.version)
        return Dpkg(log, self.dpkg_root)

    def _packages(self, kind: PackageInstall, installed: Installed) -> list[Package]:
        dpkg = self.dpkg(installed.release)
        found = [dpkg.read(deb) for deb in sorted(installed.slot.rglob("*.deb"))]
        if sorted(each.name for each in found) != sorted(kind.packages):
            names = ", ".join(each.name for each in found) or "none"
            raise InstallFailed(
                f"the artifact holds the packages {names}, "
                f"and the manifest names {', '.join(kind.packages)}"
            )
        return found

    def _install(self, dpkg: Dpkg, kind: PackageInstall, packages: list[Package]) -> None:
        debs = [package.deb for package in packages]
        dpkg.install(debs, kind.missing, kind.deadline_seconds)
        dpkg.check(packages)

    def _replaced(self, attempt: Attempt) -> Replaced:
        return Replaced(self.snapshots / attempt.product / attempt.attempt_id / "packages")

    # --- a vendor's installer

    def _run_installer(self, kind: CommandInstall, attempt: Attempt, installed: Installed) -> None:
        status = self._run(kind.install, attempt, installed)
        if status != 0:
            code = kind.failures.get(str(status), FailureCode.INSTALL_FAILED)
            error = INSTALLERS_ERRORS.get(code, InstallFailed)
            raise error(f"the installer ended with status {status}").ended_with(status)
        if self._run(kind.verify, attempt, installed) != 0:
            raise InstallFailed("the installer ended well, but its own check says it is not there")

    def _undo(self, kind: CommandInstall, attempt: Attempt, installed: Installed) -> None:
        commands.end_left_over(f"{_MARK}={attempt.attempt_id}")
        status = self._run(kind.undo, attempt, installed)
        if status != 0:
            raise RevertFailed(f"the installer's undo ended with status {status}")

    def _is_in_place(self, kind: CommandInstall, installed: Installed) -> bool:
        order = installed.order(kind.verify.command, kind.verify.deadline_seconds, self.programs)
        return commands.run(order) == 0

    def _run(self, what: Instruction, attempt: Attempt, installed: Installed) -> int:
        more = {_MARK: attempt.attempt_id, "HSP_FROM_VERSION": attempt.from_version or ""}
        order = installed.order(what.command, what.deadline_seconds, self.programs, **more)
        return commands.run(order)
