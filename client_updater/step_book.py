"""The steps of support that this site has taken up, and their answers until the server has them.

A step is noted before it begins and its answer is sealed before it is noted as over. So no step is
done twice: one that a crash has cut off is answered as that, and every step that was taken up is
answered. The notes are also what the limits count.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from client_updater import durable
from client_updater.errors import StateUnusable
from client_updater.state import read_private
from manifests.documents import Document, Part, UtcDatetime
from manifests.envelope import peek
from manifests.errors import ManifestError
from manifests.remote_steps import STEP_RESULT_TYPE, Outcome, RemoteStep, StepId
from manifests.target_paths import ProductName

REMEMBERED = timedelta(hours=49)
"""Longer than any step that is still to be done, whichever way two clocks differ by a day."""
_BOOK = "taken.json"
_SUFFIX = ".dsse"


class Taken(Part):
    """A step that was taken up."""

    step_id: StepId
    kind: str
    product: ProductName | None = None
    at: UtcDatetime
    outcome: Outcome | None = None
    """None until its answer is sealed."""


class Book(Document):
    """All of them, as far back as they matter."""

    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True)
class Answered:
    """An answer as it will be sent."""

    step_id: str
    envelope: bytes

    @property
    def sha256(self) -> str:
        """Of the body inside, as the receipt names it.

        Raises:
            ManifestError: it is not an envelope any more.
        """
        return hashlib.sha256(peek(self.envelope, STEP_RESULT_TYPE)).hexdigest()


@dataclass(frozen=True)
class StepBook:
    """The folder with the notes and the answers."""

    folder: Path

    def taken(self) -> tuple[Taken, ...]:
        """The notes. Lost ones are none: then a step of the last day could be done once more."""
        with suppress(FileNotFoundError, StateUnusable, ManifestError):
            return Book.from_bytes(read_private(self.folder / _BOOK)).taken
        return ()

    def note(self, step: RemoteStep, now: datetime) -> None:
        """A step begins.

        Raises:
            DiskFull, DiskError: it does not.
        """
        kept = [each for each in self.taken() if abs(now - each.at) < REMEMBERED]
        new = Taken(step_id=step.step_id, kind=step.kind, product=step.product, at=now)
        self._write(*kept, new)

    def answer(self, answered: Answered, outcome: Outcome) -> None:
        """A step is over, and this is what the server will hear.

        Raises:
            DiskFull, DiskError: it will hear that the step was cut off.
        """
        durable.write(self._path(answered.step_id), answered.envelope)
        self._write(
            *(
                each.model_copy(update={"outcome": outcome})
                if each.step_id == answered.step_id
                else each
                for each in self.taken()
            )
        )

    def cut_off(self) -> list[Taken]:
        """Steps that had begun when the agent ended, and that nobody has answered yet."""
        return [
            each
            for each in self.taken()
            if each.outcome is None and not self._path(each.step_id).exists()
        ]

    def pending(self) -> Iterator[Answered]:
        """The answers that the server does not have yet."""
        for path in sorted(self.folder.glob(f"[0-9a-f]*{_SUFFIX}")):
            try:
                yield Answered(path.name.removesuffix(_SUFFIX), read_private(path))
            except StateUnusable:
                durable.remove(path)  # somebody has been at it: not ours to send any more

    def replace(self, answered: Answered) -> None:
        """The same answer under another signature."""
        durable.write(self._path(answered.step_id), answered.envelope)

    def forget(self, step_id: str) -> None:
        """The server has the answer; a loss of this means that it is sent again."""
        durable.remove(self._path(step_id))

    def _write(self, *taken: Taken) -> None:
        durable.write(self.folder / _BOOK, Book(taken=taken).to_bytes())

    def _path(self, step_id: str) -> Path:
        return self.folder / f"{step_id}{_SUFFIX}"
