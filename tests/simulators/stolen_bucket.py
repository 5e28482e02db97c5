"""The repository's bucket, its mirror, or the line to it, in an attacker's hands.

    with StolenBucket(village.server.store) as bucket:
        bucket.write("metadata/timestamp.json", b"...")    # lies over what is honest
        bucket.web.faults["*"] = [Reset()]                 # and the transport misbehaves
        bucket.evict()                                     # honest again

It is a ``Store`` over another one: what is written stays on top, so that the honest one below is
never touched and goes on. Sites are pointed at ``web`` by their ``agent.toml``.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from signing.errors import NotStored
from signing.store import Content, Store
from tests.simulators.web import Web


class StolenBucket:
    """See above. Whoever owns a bucket may write what they like, whatever was there before."""

    def __init__(self, honest: Store) -> None:
        self.honest = honest
        self.over: dict[str, bytes | None] = {}
        """What lies over the honest content; None: it is gone."""
        self.web = Web(self.served)

    def served(self, path: str) -> bytes | None:
        """The file at a URL's path, as ``Web`` asks for it."""
        try:
            return self.read(path.lstrip("/"))
        except NotStored:
            return None

    # --- the attacker's verbs

    def write(self, key: str, content: bytes | None) -> None:
        """Put this there; None takes away what is there."""
        self.over[key] = content

    def copy(self) -> dict[str, bytes | None]:
        """Everything as it is now, for a replay."""
        return {key: self.read(key) for key in self.keys("")}

    def replay(self, copy: Mapping[str, bytes | None]) -> None:
        """Serve an earlier copy: what came after it is not there."""
        self.over = {**dict.fromkeys(self.honest.keys("")), **copy}

    def evict(self) -> None:
        """The attacker is gone, and nothing of theirs is left."""
        self.over.clear()
        self.web.faults.clear()

    # --- a store

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        if key in self.over:
            content = self.over[key]
            if content is None:
                raise NotStored(f"there is no {key}")
            return content
        return self.honest.read(key)

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """See ``Store.read_tagged``."""
        content = self.read(key)
        return content, hashlib.sha256(content).hexdigest()

    def chunks(self, key: str) -> Iterator[bytes]:
        """See ``Store.chunks``."""
        yield self.read(key)

    def create(self, key: str, content: Content) -> None:
        """Without the promise of ``Store.create``."""
        self.over[key] = content.read_bytes() if isinstance(content, Path) else content

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """Without the promise of ``Store.replace``."""
        self.over[key] = content

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``Store.keys``."""
        gone = {key for key, content in self.over.items() if content is None}
        every = {*self.honest.keys(prefix), *(key for key in self.over if key.startswith(prefix))}
        yield from sorted(every - gone)

    def remove(self, key: str) -> None:
        """See ``Store.remove``."""
        self.over[key] = None

    def __enter__(self) -> Self:
        self.web.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.web.__exit__(*error)
