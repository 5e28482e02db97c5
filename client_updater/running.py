"""A release's service, whichever kind it is: started, watched and stopped in one way."""

from dataclasses import dataclass
from pathlib import Path

from client_updater import commands, units
from client_updater.commands import Order
from client_updater.errors import InstallFailed, StartFailed
from client_updater.programs import Programs, minimal_environment
from client_updater.quiet import Service
from client_updater.values import Values, fill
from manifests.install import Command, Program, ServiceCommands, SystemdUnit
from manifests.release import Release


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

    def order(self, command: Command, seconds: float, programs: Programs, **more: str) -> Order:
        """One of its commands, to be run in its slot; ``more`` is added to its environment."""
        return Order(
            command=[fill(word, self.values) for word in command],
            folder=self.slot,
            environment={**self.environment(), **more},
            seconds=seconds,
            log=programs.log(self.product, self.version),
        )


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
        if isinstance(service, ServiceCommands):
            return self._command(installed, service, service.status) == 0
        return service is None or units.is_up(service.unit)

    def look(self, installed: Installed) -> Service | None:
        """How ``is_up`` is seen without the release's manifest; None where nothing has to be up."""
        product, version = installed.product, installed.version
        service = installed.release.manifest.install.service
        if isinstance(service, ServiceCommands):
            order = installed.order(service.status, service.deadline_seconds, self.programs)
            return Service(product, version, order=order.to_plain())
        if service is None:
            return None
        unit = service.unit if isinstance(service, SystemdUnit) else ""
        return Service(product, version, unit=unit)

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
        elif isinstance(service, ServiceCommands):
            self._ordered(installed, service, "start", service.start)

    def stop(self, installed: Installed) -> None:
        """End it. A unit of systemd goes on: the next ``start`` restarts it.

        Raises:
            RevertFailed: it cannot be ended.
            StartFailed: its own command for that fails.
        """
        service = installed.release.manifest.install.service
        if isinstance(service, Program):
            self.programs.stop(installed.product, service.stop_grace_seconds)
        elif isinstance(service, ServiceCommands) and self.is_up(installed):
            self._ordered(installed, service, "stop", service.stop)

    def shut_down(self, installed: Installed) -> None:
        """End it for good, a unit of systemd too: nothing takes its place.

        Raises:
            StartFailed: systemd, or its own command, does not obey.
            RevertFailed: it cannot be ended.
        """
        service = installed.release.manifest.install.service
        if isinstance(service, SystemdUnit):
            units.stop(service.unit)
        else:
            self.stop(installed)

    def _ordered(
        self, installed: Installed, service: ServiceCommands, verb: str, command: Command
    ) -> None:
        status = self._command(installed, service, command)
        if status != 0:
            name = f"{installed.product} {installed.version}"
            error = StartFailed(f"the command to {verb} {name} ended with status {status}")
            raise error.ended_with(status)

    def _command(self, installed: Installed, service: ServiceCommands, command: Command) -> int:
        try:
            return commands.run(installed.order(command, service.deadline_seconds, self.programs))
        except InstallFailed as error:
            raise StartFailed(error.message, hint=error.hint) from error
