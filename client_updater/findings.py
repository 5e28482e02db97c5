"""What the site has refused and said so, so that the same cause is not reported at every poll.

A cause that is no longer there is forgotten, so that its return is news again.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from client_updater import durable
from client_updater.errors import AgentError, StateUnusable
from client_updater.state import read_private
from manifests.documents import Document
from manifests.errors import ManifestError


class Reported(Document):
    """Fingerprints of the causes that were reported and still last."""

    causes: tuple[str, ...] = ()


@dataclass
class Findings:
    """The causes of one site. A poll meets them, and forgets those that it did not meet."""

    path: Path
    _met: set[str] = field(default_factory=set)

    def is_news(self, error: AgentError, product: str | None, release: str | None) -> bool:
        """Whether this cause has not been reported while it lasts."""
        cause = _fingerprint(error, product, release)
        self._met.add(cause)
        return cause not in self._read()

    def remember(self, error: AgentError, product: str | None, release: str | None) -> None:
        """It was reported. A loss of this note means one more report, and no less.

        Raises:
            DiskFull, DiskError: it is not noted.
        """
        self._write({*self._read(), _fingerprint(error, product, release)})

    def forget_the_rest(self, *, everything_was_met: bool) -> None:
        """Forget the causes that were not met since the last call.

        Args:
            everything_was_met: False for a poll that did not come far enough to meet them.

        Raises:
            DiskFull, DiskError: they are still noted.
        """
        known = self._read()
        if everything_was_met and known - self._met:
            self._write(known & self._met)
        self._met.clear()

    def _read(self) -> set[str]:
        with suppress(FileNotFoundError, StateUnusable, ManifestError):
            return set(Reported.from_bytes(read_private(self.path)).causes)
        return set()

    def _write(self, causes: set[str]) -> None:
        durable.write_unsynced(self.path, Reported(causes=tuple(sorted(causes))).to_bytes())


def _fingerprint(error: AgentError, product: str | None, release: str | None) -> str:
    text = "\n".join((error.code, product or "", release or "", error.message))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
