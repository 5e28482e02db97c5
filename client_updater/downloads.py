"""Fetching a large file: streamed, resumed, hashed while it is written, never longer than declared.

What arrives goes to ``<sha256>.part`` in a private folder and gets its final name only when its
hash is right. Nothing here is synced: after a power loss it is verified again, and fetched again
where it suffered. The entity tag of the first answer is kept, so that a resumed download never
joins two different objects.
"""

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from client_updater import durable
from client_updater.errors import (
    ArtifactMismatch,
    DownloadFailed,
    StateUnusable,
    Unreachable,
)
from client_updater.fetcher import Fetcher, Transfer, refusal
from client_updater.parts import Part, Progress
from client_updater.state import read_private
from client_updater.throttle import throttled
from client_updater.trusted import Target

_MAX_TAG_BYTES = 1024
_KEPT_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Downloads:
    """The folder of what is being fetched."""

    folder: Path
    fetcher: Fetcher
    tries: int = 3
    """Below the minimum rate; a download that gets on is not given up."""
    _verified: set[str] = field(default_factory=set)
    """Hashes that this process has seen to be right; after a restart they are checked again."""

    def ready(self, target: Target) -> Path | None:
        """The finished file, or None where it is not, or no longer, what was signed."""
        path = self.folder / target.digest
        if not path.is_file():
            return None
        if target.digest not in self._verified:
            if Part(path, target).digest != target.digest:
                durable.remove(path)
                return None
            self._verified.add(target.digest)
        return path

    def fetch(self, target: Target, arrived: Progress) -> Path:
        """The whole file, fetched as far as it is not here yet.

        Args:
            target: where it is and what it must be.
            arrived: told of the bytes that came over the network.

        Raises:
            DownloadFailed: it does not come; what came is kept for the next time.
            ArtifactMismatch: what came is not what was signed; nothing of it is kept.
            Stopping: the agent is to end; what came is kept.
        """
        if (done := self.ready(target)) is not None:
            return done
        part = Part(self._path(target, "part"), target)
        resumed = part.size > 0
        try:
            return self._fetch(target, part, arrived)
        except ArtifactMismatch:
            self.forget(target.digest)
            if not resumed:
                raise
        part = Part(part.path, target)  # what was here may be at fault: one clean try
        return self._fetch(target, part, arrived)

    def _fetch(self, target: Target, part: Part, arrived: Progress) -> Path:
        failures, furthest = 0, part.size
        while part.size < target.length:
            began = time.monotonic()
            try:
                self._continue(target, part, arrived)
                break
            except Unreachable as error:
                gained = part.size - furthest  # what comes again and again is no gain
                went_on = self._is_fast_enough(gained, time.monotonic() - began)
                failures, furthest = 0 if went_on else failures + 1, max(furthest, part.size)
                if failures == self.tries:
                    raise DownloadFailed(
                        f"{target.path} cannot be downloaded: {error.message}",
                        retry_after=error.retry_after,
                    ) from error
        return self._finish(target, part)

    def _is_fast_enough(self, size: int, seconds: float) -> bool:
        """Whether a try that was cut off still got on: a trickle must not hold a poll for ever."""
        return size > self.fetcher.settings.minimum_bytes_per_second * seconds

    def _continue(self, target: Target, part: Part, arrived: Progress) -> None:
        """One request for what is missing."""
        headers, seconds = self._resuming(target, part), self.fetcher.settings.download_seconds
        with self.fetcher.stream(target.url, headers=headers, seconds=seconds) as transfer:
            if transfer.status == 200:
                part.start_over()
                self._keep_tag(target, transfer.headers.get("etag", ""))
            else:
                self._check_rest(target, part, transfer)
            limit = self.fetcher.download_bytes_per_second
            part.receive(throttled(transfer.chunks, limit, self.fetcher.stopping), arrived)
        if part.size < target.length:
            raise Unreachable(f"{target.url} ended after {part.size} of {target.length} bytes")

    def _resuming(self, target: Target, part: Part) -> dict[str, str]:
        if part.size == 0:
            return {}
        headers = {"Range": f"bytes={part.size}-"}
        with suppress(FileNotFoundError, StateUnusable):
            tag = read_private(self._path(target, "etag"), _MAX_TAG_BYTES)
            headers["If-Match"] = tag.decode("latin-1")
        return headers

    def _check_rest(self, target: Target, part: Part, transfer: Transfer) -> None:
        wanted = f"bytes {part.size}-{target.length - 1}/{target.length}"
        if transfer.status == 206 and transfer.headers.get("content-range") == wanted:
            return
        if transfer.status in (206, 412, 416):
            part.start_over()
            durable.remove(self._path(target, "etag"))
            raise Unreachable(f"{target.url} has changed since its download began")
        raise refusal(target.url, transfer)

    def _keep_tag(self, target: Target, tag: str) -> None:
        path = self._path(target, "etag")
        if tag.startswith('"') and len(tag) <= _MAX_TAG_BYTES:  # a weak one proves nothing
            durable.write_unsynced(path, tag.encode("latin-1", "replace"))
        else:
            durable.remove(path)

    def _finish(self, target: Target, part: Part) -> Path:
        if part.digest != target.digest:
            raise ArtifactMismatch(
                f"{target.url} has the hash {part.digest}, signed was {target.digest}",
                hint="somebody may be tampering with the repository or the line to it",
            )
        done = self.folder / target.digest
        durable.rename_unsynced(part.path, done)
        durable.remove(self._path(target, "etag"))
        self._verified.add(target.digest)
        return done

    def forget(self, sha256: str) -> None:
        """Remove whatever came of the file with this hash; there is none without one."""
        self._verified.discard(sha256)
        for suffix in ("", ".part", ".etag") if sha256 else ():
            durable.remove(self.folder / f"{sha256}{suffix}")

    def forget_old(self, kept: set[str]) -> None:
        """Remove what nobody has asked for in a week, except for these hashes."""
        for path in self.folder.iterdir():
            age = time.time() - path.lstat().st_mtime
            if path.name.partition(".")[0] not in kept and not 0 <= age < _KEPT_SECONDS:
                durable.remove(path)

    def _path(self, target: Target, suffix: str) -> Path:
        return self.folder / f"{target.digest}.{suffix}"
