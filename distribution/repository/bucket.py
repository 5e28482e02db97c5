"""Where the repository is: a directory, or a bucket of S3 through boto3.

The two keep the promise of ``signing.store.Store`` by the means of each: hard links and a lock file
there, S3's own conditional writes (``If-None-Match: *`` and ``If-Match``) here. Objects are written
by one request each, with their sha256 for S3 to check, so none is ever seen in part; S3 takes up to
5 GiB that way, and multipart uploads of bigger artifacts are not there yet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from distribution.errors import Misconfigured, Unavailable
from distribution.settings import Settings
from signing.errors import AlreadyStored, Conflict, NotStored, StoreFailed
from signing.metadata import TIMESTAMP_KEY
from signing.store import CHUNK_BYTES, Content, DirectoryStore, Store, checked_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MAX_OBJECT_BYTES = 5 * 1024**3
"""What S3 takes in one request."""

_MISSING = {"NoSuchKey", "404", "NotFound"}
_EXISTS = {"PreconditionFailed", "412"}
_BUSY = {"ConditionalRequestConflict", "409", "OperationAborted"}
_DENIED = {"AccessDenied", "403", "Forbidden"}
_BUSY_ATTEMPTS = 10


class BucketUnreachable(StoreFailed, Unavailable):
    """S3 does not answer, or refuses what we asked."""


def open_store(settings: Settings) -> Store:
    """The store that the settings name.

    Raises:
        Misconfigured: a store URL that is neither empty nor ``s3://bucket/prefix``.
    """
    return _opened(settings, settings.store_url)


def open_audit_store(settings: Settings) -> Store:
    """The store of the audit log's checkpoints; the repository's, unless it has one of its own.

    Raises:
        Misconfigured: as ``open_store``.
    """
    return _opened(settings, settings.audit_store_url or settings.store_url)


def _opened(settings: Settings, url: str) -> Store:
    if not url:
        return DirectoryStore(settings.repository_folder)
    address = urlsplit(url)
    if address.scheme != "s3" or not address.netloc or address.query or address.fragment:
        raise Misconfigured(
            f"store_url or audit_store_url is {url!r}",
            hint="leave it empty for a directory in the home, or write s3://bucket/prefix",
        )
    client = s3_client(settings.s3_endpoint_url)
    return S3Store(client, address.netloc, address.path.strip("/"))


def s3_client(endpoint_url: str = "") -> "S3Client":
    """A client with deadlines and retries; credentials come from boto3's usual places.

    Raises:
        Misconfigured: boto3 cannot make one, for want of a region for example.
    """
    config = Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "max_attempts": 3},
        s3={"addressing_style": "path"} if endpoint_url else {},
    )
    try:
        return boto3.client("s3", endpoint_url=endpoint_url or None, config=config)
    except (BotoCoreError, ValueError) as error:
        hint = "set AWS_DEFAULT_REGION and credentials as for any AWS program"
        raise Misconfigured(f"S3: {error}", hint=hint) from error


class S3Store:
    """A bucket, or what lies under one prefix of it.

    Args:
        owner: the AWS account that must own the bucket, so that a bucket of the same name in
            other hands is refused; empty for any.
    """

    def __init__(self, client: "S3Client", bucket: str, prefix: str = "", owner: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._owner: dict[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}

    def read(self, key: str) -> bytes:
        """See ``Store.read``."""
        return self.read_tagged(key)[0]

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """See ``Store.read_tagged``. The tag is the ETag."""
        with _answers(key):
            found = self._client.get_object(**self._named(key))
            return found["Body"].read(), found["ETag"]

    def chunks(self, key: str) -> Iterator[bytes]:
        """See ``Store.chunks``."""
        with _answers(key):
            yield from self._client.get_object(**self._named(key))["Body"].iter_chunks(CHUNK_BYTES)

    def create_kept(self, key: str, content: bytes, until: datetime) -> None:
        """As ``create``; until then nobody can remove it, the account's owner neither."""
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
        with _answers(key):
            self._put(key, content, IfNoneMatch="*", **lock)

    def create(self, key: str, content: Content) -> None:
        """See ``Store.create``."""
        with _answers(key):
            if isinstance(content, bytes):
                self._put(key, content, IfNoneMatch="*")
                return
            with content.open("rb") as file:
                self._put(key, file, IfNoneMatch="*")

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """See ``Store.replace``.

        When boto3 repeats a write whose answer was lost, S3 answers that somebody was faster, and
        so do we: the writer reads again and finds its own work.
        """
        condition = {"IfMatch": tag} if tag is not None else {"IfNoneMatch": "*"}
        try:
            with _answers(key):
                self._put(key, content, **condition)
        except (AlreadyStored, NotStored) as error:
            raise Conflict(f"{key}: somebody else has written it in the meantime") from error

    def keys(self, prefix: str) -> Iterator[str]:
        """See ``Store.keys``."""
        with _answers(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, **self._owner
            )
            for page in pages:
                for found in page.get("Contents", []):
                    yield found["Key"].removeprefix(self._prefix)

    def remove(self, key: str) -> None:
        """See ``Store.remove``. In a bucket with versions, what was there can be brought back."""
        with _answers(key):
            self._client.delete_object(**self._named(key))

    def asked(self, question: str, *none: str) -> dict[str, Any] | None:
        """What S3 says of the bucket itself, by the name of boto3's call; for ``hsp doctor``.

        Args:
            none: codes of refusals that mean "there is no such thing", which is None here.

        Raises:
            BucketUnreachable: any other refusal, or no answer.
        """
        with _answers(question):
            try:
                found: dict[str, Any] = getattr(self._client, question)(
                    Bucket=self._bucket, **self._owner
                )
            except ClientError as error:
                if _code(error) in none:
                    return None
                raise
            return found

    def may_remove(self, key: str) -> bool:
        """Whether our credentials allow it, tried on a key that is not there.

        Raises:
            BucketUnreachable: no answer, or another refusal.
        """
        with _answers(key):
            try:
                self._client.delete_object(**self._named(key))
            except ClientError as error:
                if _code(error) in _DENIED:
                    return False
                raise
        return True

    def full(self, key: str) -> str:
        """The key as the bucket has it."""
        return self._prefix + key

    def _put(self, key: str, body: bytes | IO[bytes], **condition: Any) -> None:
        for attempt in range(_BUSY_ATTEMPTS):
            try:
                self._client.put_object(
                    **self._named(key),
                    **condition,
                    **_headers(key),
                    Body=body,
                    ChecksumAlgorithm="SHA256",
                )
                return
            except ClientError as error:
                # S3 answers 409 to a write that meets another one in flight: ask again.
                if _code(error) not in _BUSY or attempt == _BUSY_ATTEMPTS - 1:
                    raise
                if not isinstance(body, bytes):
                    body.seek(0)

    def _named(self, key: str) -> dict[str, Any]:
        return {"Bucket": self._bucket, "Key": self._prefix + checked_key(key), **self._owner}


def create_kept(store: Store, key: str, content: bytes, until: datetime | None) -> None:
    """Store a new file; in S3 with an object lock, if it is to be kept until some time.

    Raises:
        AlreadyStored: there is one already.
        StoreFailed: it cannot be written, or the bucket was made without object lock.
    """
    if until is not None and isinstance(store, S3Store):
        store.create_kept(key, content, until)
    else:
        store.create(key, content)


def _headers(key: str) -> dict[str, Any]:
    """What a CDN may keep: the timestamp not at all, numbered and hashed files for ever."""
    kept = "no-cache" if key == TIMESTAMP_KEY else "public, max-age=31536000, immutable"
    kind = "application/json" if key.endswith(".json") else "application/octet-stream"
    return {"CacheControl": kept, "ContentType": kind}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _answers(key: str) -> Iterator[None]:
    """S3's errors in the store's own words."""
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in _MISSING:
            raise NotStored(f"there is no {key} in the repository") from error
        if code in _EXISTS:
            raise AlreadyStored(f"{key} is stored already, and is never replaced") from error
        said = error.response.get("Error", {}).get("Message", "")
        raise BucketUnreachable(f"{key}: the bucket says {code} ({said})", hint=_HINT) from error
    except BotoCoreError as error:
        raise BucketUnreachable(
            f"{key}: the bucket does not answer: {error}", hint=_HINT
        ) from error
    except OSError as error:
        raise BucketUnreachable(f"{key}: {error.strerror or error}") from error


_HINT = "check store_url, s3_endpoint_url, credentials and the bucket's policy; then run it again"
