"""A store whose machine stops in the middle of a publish."""

from collections.abc import Callable, Iterator

from signing.store import Content, Store


class Crash(Exception):
    """The machine stopped here."""


class CrashingStore:
    """A store whose machine stops before, or right after, its n-th write."""

    def __init__(self, store: Store, at: int, *, after: bool) -> None:
        self._store, self._left, self._after = store, at, after
        self.crashed = False

    def _writing(self, write: Callable[[], None]) -> None:
        self._left -= 1
        if self._left == 0 and not self._after:
            self.crashed = True
            raise Crash
        write()
        if self._left == 0:
            self.crashed = True
            raise Crash

    def create(self, key: str, content: Content) -> None:
        self._writing(lambda: self._store.create(key, content))

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        self._writing(lambda: self._store.replace(key, content, tag))

    def read(self, key: str) -> bytes:
        return self._store.read(key)

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        return self._store.read_tagged(key)

    def chunks(self, key: str) -> Iterator[bytes]:
        return self._store.chunks(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._store.keys(prefix)

    def remove(self, key: str) -> None:
        self._writing(lambda: self._store.remove(key))
