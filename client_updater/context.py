"""What every command of ``hsp-updater`` gets."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from client_updater.state import StateFolder
from client_updater.stop import Stop

if TYPE_CHECKING:
    from client_updater.agent import Agent


@dataclass(frozen=True)
class Context:
    """The folder that the command is about, and the order to stop."""

    state: StateFolder
    stop: Stop

    def agent(self) -> "Agent":
        """The agent of an enrolled site."""
        from client_updater.agent import open_agent  # with all its models, for who needs them

        return open_agent(self.state, self.stop.pause, self.stop)
