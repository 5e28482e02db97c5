"""Metadata that a server or a CDN has compressed on its way, and no more of it than may come.

A repository of a thousand products has half a megabyte of delegations, nearly all of it the same
words again. Only metadata is asked for like this: artifacts travel as they were stored.
"""

import zlib

from client_updater.errors import Unreachable

ACCEPTED = {"Accept-Encoding": "gzip"}
_GZIP = zlib.MAX_WBITS | 16


def inflated(url: str, encoding: str, body: bytes, most_bytes: int) -> bytes:
    """The content of a body; at most ``most_bytes`` and one more, however far it would go.

    Raises:
        Unreachable: it is compressed in a way that nobody asked for, damaged, or cut off.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Unreachable(f"{url} answers with the content encoding {encoding[:40]!r}")
    decompressor = zlib.decompressobj(_GZIP)
    try:
        content = decompressor.decompress(body, most_bytes + 1)
    except zlib.error as error:
        raise Unreachable(f"{url} answers with damaged gzip: {error}") from error
    if len(content) <= most_bytes and not decompressor.eof:
        raise Unreachable(f"{url} answers with gzip that is cut off")
    return content
