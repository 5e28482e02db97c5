"""The versions that are or were here, with the site's values for them."""

from dataclasses import dataclass

from client_updater.errors import InstallFailed
from client_updater.running import Installed
from client_updater.slots import Slots
from client_updater.values import values_for
from manifests.release import Release
from manifests.site import SitePolicy


@dataclass(frozen=True)
class Versions:
    """What slots hold, seen with a policy."""

    slots: Slots
    policy: SitePolicy

    def installed(self, product: str, version: str) -> Installed:
        """A version in its slot, with the site's values.

        Raises:
            InstallFailed: its record is lost. Incompatible: a value is missing.
        """
        release = self.slots.release(product, version)
        values = values_for(release.manifest, self.policy)
        return Installed(release, self.slots.path(product, version), values)

    def known(self, product: str, version: str | None) -> Release | None:
        """The release of a version, unless its record is lost."""
        try:
            return None if version is None else self.slots.release(product, version)
        except InstallFailed:
            return None

    def stoppable(self, product: str, version: str | None) -> Installed | None:
        """A version as far as it is known: a value that is missing by now must not keep it up."""
        release = self.known(product, version)
        if release is None:
            return None
        values = self.policy.variables.get(product, {})
        return Installed(release, self.slots.path(product, release.path.version), values)
