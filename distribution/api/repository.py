"""The static repository of a directory store: signed files, open to all, no redirects.

Targets carry a strong ETag and honour Range, If-Range and If-Match, so that an agent resumes a
download and notices when the file is another one. Their names contain their hashes, so they never
change; a 404 may become a file at any moment and is never to be cached.
"""

import gzip
import hashlib
import os
import re
import stat
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from distribution.api.access import FOR_ALL, ServerDep
from distribution.api.answers import errors
from distribution.errors import NotFound, OtherFile
from distribution.repository.store_errors import in_server_words
from distribution.server import Server
from signing.errors import StoreError
from signing.store import DirectoryStore, checked_key

router = APIRouter(tags=["repository"], dependencies=[FOR_ALL])

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
BINARY = "application/octet-stream"

MAX_NAME_CHARACTERS = 255

WORTH_COMPRESSING_BYTES = 1024
LEVEL = 6

_TIMESTAMP = "timestamp.json"


@router.head("/repository/metadata/{name:path}", include_in_schema=False)
@router.get(
    "/repository/metadata/{name:path}",
    summary="One file of TUF metadata",
    response_class=Response,
    responses={
        200: {"content": {"application/json": {"example": {"signed": {}, "signatures": []}}}},
        **errors(404, 503),
    },
)
def metadata(name: str, request: Request, server: ServerDep) -> Response:
    """Small, and read at once: the timestamp may be replaced while it is being sent."""
    with in_server_words():
        content = _store(server).read(_key("metadata", name))
    cache = ASK_AGAIN if name == _TIMESTAMP else FOR_EVER
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": cache}
    if _lists(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    if len(content) > WORTH_COMPRESSING_BYTES and _takes_gzip(request):
        content = gzip.compress(content, LEVEL, mtime=0)
        headers |= {"Content-Encoding": "gzip", "ETag": f"W/{tag}"}
    headers["Vary"] = "Accept-Encoding"
    return Response(content, media_type="application/json", headers=headers)


@router.head("/repository/targets/{name:path}", include_in_schema=False)
@router.get(
    "/repository/targets/{name:path}",
    summary="One target file",
    response_class=FileResponse,
    responses={
        200: {"content": {BINARY: {"example": "the file"}}, "description": "The file."},
        206: {"content": {BINARY: {"example": "a part of it"}}, "description": "A part of it."},
        **errors(404, 412, 416, 503),
    },
)
def target(name: str, request: Request, server: ServerDep) -> Response:
    """A file whose name is prefixed with its sha256; Range and If-Match are honoured."""
    path = _store(server).folder / _key("targets", name)
    found = _regular(path, name)
    tag = _etag(path, found)
    wanted = request.headers.get("if-match")
    if wanted is not None and not _lists(wanted, tag):
        raise OtherFile(f"{name} is not the file that {wanted[:80]} stands for")
    headers = {"ETag": tag, "Cache-Control": FOR_EVER}
    return FileResponse(path, headers=headers, media_type=BINARY, stat_result=found)


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").replace(" ", "").lower().split(",")
    return any(each == "gzip" or each.startswith("gzip;q=") for each in accepted) and not any(
        re.fullmatch(r"gzip;q=0(\.0*)?", each) for each in accepted
    )


def _store(server: Server) -> DirectoryStore:
    if not isinstance(server.store, DirectoryStore):
        raise NotFound("this server does not serve the repository; read it from its bucket")
    return server.store


def _key(folder: str, name: str) -> str:
    """A key that cannot lead out of the store.

    Raises:
        NotFound: the name has an empty, hidden or upward part, or an odd character.
    """
    try:
        if any(len(part) > MAX_NAME_CHARACTERS for part in name.split("/")):
            raise StoreError("longer than any file's name")
        return checked_key(f"{folder}/{name}")
    except StoreError as error:
        raise NotFound(f"there is no {name[:200]!r}") from error


def _regular(path: Path, name: str) -> os.stat_result:
    try:
        found = path.lstat()
    except OSError as error:
        raise NotFound(f"there is no {name[:200]!r}") from error
    if not stat.S_ISREG(found.st_mode):
        raise NotFound(f"there is no {name[:200]!r}")
    return found


def _etag(path: Path, found: os.stat_result) -> str:
    """Strong: the name holds the content's hash, and the size tells a cut-off file apart."""
    sha256 = path.name.partition(".")[0]
    return f'"{sha256}-{found.st_size:x}"'


def _lists(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    return header.strip() == "*" or tag in (part.strip() for part in header.split(","))
