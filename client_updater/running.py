"""A release's service, whichever kind it is: started, watched and stopped in one way."""

from dataclasses import dataclass
from pathlib import Path

from client_updater import units
from client_updater.programs import Programs, minimal_environment
from client_updater.values import Values, fill
from manifests.release import Program, Release, SystemdUnit


@dataclass(frozen=True)
class Installed:
    """One version in its slot, with the site's values for it."""

    release: Release
    slot: Path
    values: Values

    @property
    def product(self) -> str:
        """The product's name."""
        return self.release.path.product

    @property
    def version(self) -> str:
        """The version's text."""
        return self.release.path.version

    def environment(self) -> dict[str, str]:
        """What a program or a check of this version gets to see."""
        return {
            **minimal_environment(),
            "HSP_PRODUCT": self.product,
            "HSP_VERSION": self.version,
            "HSP_SLOT": str(self.slot),
        }


@dataclass(frozen=True)
class Services:
    """All services of one site."""

    programs: Programs

    def is_up(self, installed: Installed) -> bool:
        """Whether this very version is running; a release without a service always is.

        Raises:
            StartFailed: systemd cannot be asked.
        """
        service = installed.release.manifest.install.service
        if isinstance(service, Program):
            process = self.programs.running(installed.product)
            return process is not None and process.version == installed.version
        return service is None or units.is_up(service.unit)

    def start(self, installed: Installed) -> None:
        """Start it from its slot, in place of whatever ran of this product before.

        A program of this very version that runs already is left alone; a unit is restarted.

        Raises:
            StartFailed: it does not start.
            DiskFull, DiskError: its log or note cannot be written.
            RevertFailed: what ran before cannot be ended.
        """
        service = installed.release.manifest.install.service
        if isinstance(service, Program) and not self.is_up(installed):
            self.programs.stop(installed.product, service.stop_grace_seconds)
            command = [fill(word, installed.values) for word in service.command]
            self.programs.start(
                installed.product,
                installed.version,
                command,
                installed.slot,
                installed.environment(),
            )
        elif isinstance(service, SystemdUnit):
            units.restart(service.unit)

    def stop(self, release: Release) -> None:
        """End it. A unit of systemd goes on: the next ``start`` restarts it.

        Raises:
            RevertFailed: it cannot be ended.
        """
        service = release.manifest.install.service
        if isinstance(service, Program):
            self.programs.stop(release.path.product, service.stop_grace_seconds)

    def shut_down(self, release: Release) -> None:
        """End it for good, a unit of systemd too: nothing takes its place.

        Raises:
            StartFailed: systemd does not obey.
            RevertFailed: it cannot be ended.
        """
        service = release.manifest.install.service
        if isinstance(service, SystemdUnit):
            units.stop(service.unit)
        else:
            self.stop(release)
