"""A TUF client that we did not write: python-tuf's own ``Updater``, reading a store or a URL."""

from collections.abc import Iterator
from pathlib import Path

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import Updater
from tuf.ngclient.fetcher import FetcherInterface

from signing.errors import NotStored
from signing.store import Store


class _StoreFetcher(FetcherInterface):
    """Serves a store as a static web server would."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fetched: list[str] = []

    def _fetch(self, url: str) -> Iterator[bytes]:
        key = url.removeprefix("store://")
        self.fetched.append(key)
        try:
            return iter([self._store.read(key)])
        except NotStored as error:
            raise DownloadHTTPError(f"no {key}", 404) from error


class TufReader:
    """One client with its own cache; each ``read`` is one poll.

    Args:
        source: a store, or the URL below which ``metadata/`` and ``targets/`` are.
        root: what it trusts at first.
    """

    def __init__(self, folder: Path, source: Store | str, root: bytes) -> None:
        self._metadata, self._targets = folder / "metadata", folder / "targets"
        for each in (self._metadata, self._targets):
            each.mkdir(parents=True, exist_ok=True)
        self._url = f"{source}/" if isinstance(source, str) else "store://"
        self._fetcher = None if isinstance(source, str) else _StoreFetcher(source)
        self._root = root

    def read(self, *paths: str) -> dict[str, bytes | None]:
        """Refresh, and fetch what there is of ``paths``; None for what no role lists."""
        updater = Updater(
            metadata_dir=str(self._metadata),
            metadata_base_url=f"{self._url}metadata/",
            target_dir=str(self._targets),
            target_base_url=f"{self._url}targets/",
            fetcher=self._fetcher,
            bootstrap=self._root,
        )
        updater.refresh()
        found: dict[str, bytes | None] = {}
        for path in paths:
            info = updater.get_targetinfo(path)
            found[path] = None if info is None else Path(updater.download_target(info)).read_bytes()
        return found

    def last_fetched(self) -> list[str]:
        """The keys that were asked for since the last call (of a store only)."""
        fetched, self._fetcher.fetched = self._fetcher.fetched, []  # type: ignore[union-attr] # a store's
        return fetched
