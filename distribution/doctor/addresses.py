"""What sites meet: the addresses that the settings name, their certificates, their freshness."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, urlsplit

from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.repository.store_errors import in_server_words
from distribution.settings import LOOPBACK
from signing.metadata import TIMESTAMP_KEY

TIMEOUT_SECONDS = 10.0
CERTIFICATE_LEFT = timedelta(days=14)
MAX_BYTES = 1024 * 1024


def encrypted(context: Context) -> Iterator[Finding]:
    """Sites and people send their words by TLS; only this machine itself may do without."""
    for name, address in _addresses(context).items():
        if address.scheme == "http" and address.hostname not in LOOPBACK:
            says = f"{name} is {address.geturl()}: whoever is on the way reads and changes it"
            mend = "put a proxy with a certificate in front, and write https:// there"
            yield broken("addresses.encrypted", says, mend)


def certificates(context: Context) -> Iterator[Finding]:
    """Valid, and not at its end."""
    for name, address in _addresses(context).items():
        if address.scheme != "https":
            continue
        try:
            ends = _certificate_ends(address)
        except ssl.SSLCertVerificationError as error:
            says = f"the certificate of {name} is not valid: {error.verify_message}"
            yield broken("addresses.certificates", says, "renew it, with its whole chain")
            continue
        except OSError:
            continue  # ``answers`` tells of it
        if ends - context.now < CERTIFICATE_LEFT:
            says = f"the certificate of {name} ends at {ends:%Y-%m-%d %H:%M} UTC"
            mend = "renew it; find out why that did not happen by itself"
            yield warning("addresses.certificates", says, mend)


def _certificate_ends(address: SplitResult) -> datetime:
    where = (address.hostname or "", address.port or 443)
    with (
        socket.create_connection(where, TIMEOUT_SECONDS) as plain,
        ssl.create_default_context().wrap_socket(plain, server_hostname=where[0]) as secured,
    ):
        found = secured.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC)


def api(context: Context) -> Iterator[Finding]:
    """Somebody answers there, and it is this program."""
    address = urlsplit(context.settings.public_url.rstrip("/") + "/openapi.json")
    try:
        status, _ = _get(address)
    except (OSError, http.client.HTTPException) as error:
        says = f"nobody answers at public_url, {context.settings.public_url}: {_words(error)}"
        yield broken("addresses.api", says, "start 'hsp serve'; see the proxy in front of it")
        return
    if status not in (200, 401, 403, 404):
        says = f"public_url, {context.settings.public_url}, answers {status}"
        mend = "see the proxy's log; it must pass Host as it came (allowed_hosts)"
        yield broken("addresses.api", says, mend)


def metadata(context: Context) -> Iterator[Finding]:
    """What sites read is the newest there is; a CDN that keeps the timestamp keeps a pause back."""
    url = f"{context.settings.metadata_url.rstrip('/')}/timestamp.json"
    mend = "let the CDN keep timestamp.json for seconds at most, and look at public_metadata_url"
    try:
        status, data = _get(urlsplit(url))
    except (OSError, http.client.HTTPException) as error:
        yield broken("addresses.metadata", f"sites cannot read {url}: {_words(error)}", mend)
        return
    with in_server_words():
        newest = _version(context.store.read(TIMESTAMP_KEY))
    if status != 200:
        where = "set public_metadata_url to where the bucket's or the CDN's metadata/ is read"
        yield broken("addresses.metadata", f"sites cannot read {url}: it answers {status}", where)
    elif _version(data) < newest:
        says = f"sites read timestamp {_version(data)} at {url}, and the newest is {newest}"
        yield warning("addresses.metadata", says, mend)


def _version(data: bytes) -> int:
    """Of a timestamp; 0 of what is none."""
    try:
        return int(json.loads(data)["signed"]["version"])
    except (ValueError, KeyError, TypeError):
        return 0


def _addresses(context: Context) -> dict[str, SplitResult]:
    settings = context.settings
    named = {
        "public_url": settings.public_url,
        "public_metadata_url": settings.public_metadata_url,
        "public_targets_url": settings.public_targets_url,
    }
    return {name: urlsplit(url) for name, url in named.items() if url}


def _get(address: SplitResult) -> tuple[int, bytes]:
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", address.path, headers={"Cache-Control": "max-age=60"})
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_BYTES)
    finally:
        connection.close()


def _words(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error or type(error).__name__)


CHECKS = (
    ("addresses.encrypted", encrypted),
    ("addresses.certificates", certificates),
    ("addresses.api", api),
    ("addresses.metadata", metadata),
)
