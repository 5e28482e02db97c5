"""The agent's fetcher as python-tuf's."""

import http.client
from collections.abc import Iterator
from dataclasses import dataclass, field

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.ngclient import FetcherInterface

from client_updater.errors import Unreachable
from client_updater.fetcher import MAX_ERROR_BYTES, Answer, Fetcher, TooLong, refusal


@dataclass
class MetadataFetcher(FetcherInterface):
    """Every fault comes out as python-tuf's ``DownloadError``, with the true status: the walk along
    the roots ends on a 404 or 403."""

    fetcher: Fetcher
    asked: dict[str, Answer] = field(default_factory=dict)
    """By URL, answers that are here already; each is good for once."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        """python-tuf's way in; ``download_bytes`` below is what it really calls."""
        yield self.download_bytes(url, MAX_ERROR_BYTES)

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Metadata for python-tuf, without its temporary files.

        Raises:
            DownloadHTTPError: with the true status, redirects included.
            DownloadError: every other fault.
        """
        try:
            answer = self.asked.pop(url, None) or self.fetcher.get(url, max_length, compressed=True)
        except TooLong as error:
            raise DownloadLengthMismatchError(error.message) from error
        except Unreachable as error:
            raise DownloadError(error.message) from error
        if answer.status != http.client.OK:
            reason = refusal(url, answer)
            raise DownloadHTTPError(reason.message, answer.status) from reason
        return answer.body
