"""A process at a site that changes what lies in the agent's folders, whenever it can."""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self


class Meddler:
    """Puts ``content``, or a link to ``victim``, in the place of every file in the folders."""

    def __init__(self, folders: Sequence[Path], content: bytes, victim: Path) -> None:
        self._folders, self._content, self._victim = folders, content, victim
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._meddle)
        self.times = 0

    def _meddle(self) -> None:
        while not self._over.wait(0.0005):
            for folder in self._folders:
                for file in folder.glob("*"):
                    with contextlib.suppress(OSError):
                        self._change(file)

    def _change(self, file: Path) -> None:
        self.times += 1
        if self.times % 3 == 0 and file.suffix == ".part":
            file.unlink()
            file.symlink_to(self._victim)
        elif not file.is_symlink():
            file.write_bytes(self._content)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
