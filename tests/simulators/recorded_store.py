"""A store that remembers everything that was written, and the repository as it was in between."""

from pathlib import Path

from signing.errors import NotStored
from signing.store import Content, DirectoryStore


class RecordedStore(DirectoryStore):
    """``writes`` are the keys and contents, in order."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.writes: list[tuple[str, bytes]] = []

    def create(self, key: str, content: Content) -> None:
        """See ``Store.create``."""
        super().create(key, content)
        self.writes.append((key, self.read(key)))

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """See ``Store.replace``."""
        super().replace(key, content, tag)
        self.writes.append((key, content))


class Memory:
    """The files that were there after some writes, to be read."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        if key not in self.files:
            raise NotStored(f"there is no {key}")
        return self.files[key]
