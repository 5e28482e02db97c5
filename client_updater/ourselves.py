"""The agent as a product of its own: which version runs, and its launcher's word on it.

The launcher starts the agent from ``slots/hsp-updater/current``, counts the starts of a version
that was not confirmed, and goes back to ``previous`` after three. The agent confirms itself at the
end of a poll that reached the repository and the server.
"""

from dataclasses import dataclass
from pathlib import Path

from client_updater import durable
from client_updater.errors import Incompatible
from client_updater.replacement import started_from as started_from
from client_updater.slots import Slots
from manifests.install import SlotInstall
from manifests.release import ReleaseManifest
from manifests.target_paths import AGENT_PRODUCT


@dataclass(frozen=True)
class Ourselves:
    """This very process, and the slots it may have come from."""

    slots: Slots
    folder: Path
    """Shared with the launcher."""
    version: str | None

    def check(self, manifest: ReleaseManifest) -> None:
        """Hold a release of the agent to what the launcher can start.

        Raises:
            Incompatible: another kind of installation, or there is no launcher.
        """
        if self.version is None:
            raise Incompatible(
                "this agent was not started by hsp-updater-launcher, so it cannot replace itself",
                hint="start it as infra/systemd/hsp-updater.service does",
            )
        install = manifest.install
        if not isinstance(install, SlotInstall) or install.service is not None:
            raise Incompatible("a release of the agent is of the kind slot, without a service")

    def prepare(self, before: str | None) -> None:
        """Name the version that the launcher goes back to, before the link is moved.

        Raises:
            DiskFull, DiskError: the old name still stands.
        """
        previous = self.slots.folder / AGENT_PRODUCT / "previous"
        if before is None:
            durable.unlink_durably(previous)
        else:
            durable.link(previous, before)

    @property
    def is_replaced(self) -> bool:
        """Whether another agent than this one is to run."""
        if self.version is None:
            return False
        return (self.slots.current(AGENT_PRODUCT) or "") != self.version

    def confirm(self, version: str) -> None:
        """Tell the launcher that this version works.

        Raises:
            DiskFull, DiskError: it goes on counting.
        """
        durable.make_folders(self.folder)
        durable.write(self.folder / "confirmed", version.encode())
