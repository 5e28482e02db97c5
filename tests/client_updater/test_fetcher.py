"""The network as an enemy: slow, endless, cut, redirected; the fetcher ends each in time."""

import gzip
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from client_updater.errors import PolicyInvalid, Stopping, Unreachable
from client_updater.fetcher import Fetcher, TooLong, refusal
from client_updater.line_settings import LineSettings
from client_updater.metadata_fetcher import MetadataFetcher
from tests.simulators.web import (
    Cut,
    Endless,
    Fault,
    Reset,
    Status,
    Trickle,
    TrickledHeaders,
    Web,
    WrongDate,
)

BODY = b"x" * 5000


@pytest.fixture
def web() -> Iterator[Web]:
    with Web({"/file": BODY}) as running:
        yield running


@pytest.fixture
def fetcher() -> Fetcher:
    return Fetcher(LineSettings(read_seconds=1, request_seconds=1, tries=3))


def test_a_file_is_fetched(web: Web, fetcher: Fetcher) -> None:
    assert fetcher.get(f"{web.url}/file", 5000).body == BODY


def test_polls_share_one_connection(web: Web, fetcher: Fetcher) -> None:
    for path in ("/file", "/nothing", "/file"):
        fetcher.get(f"{web.url}{path}", 5000)
    (pool,) = fetcher._pool.pools._container.values()
    assert pool.num_connections == 1


@pytest.mark.parametrize("fault", [Reset(2), Cut(2, after=10), Status(2, status=503)])
def test_a_fault_that_passes_is_tried_again(web: Web, fetcher: Fetcher, fault: Fault) -> None:
    web.faults["/file"] = [fault]
    assert fetcher.get(f"{web.url}/file", 5000).body == BODY
    assert len(web.requests) == 3


@pytest.mark.parametrize("fault", [Reset(), Cut(after=10)])
def test_a_fault_that_stays_is_unreachable(web: Web, fetcher: Fetcher, fault: Fault) -> None:
    web.faults["/file"] = [fault]
    with pytest.raises(Unreachable):
        fetcher.get(f"{web.url}/file", 5000)
    assert len(web.requests) == 3


def test_nobody_there_is_unreachable(fetcher: Fetcher) -> None:
    with pytest.raises(Unreachable):
        fetcher.get("http://127.0.0.1:1/file", 10)


@pytest.mark.parametrize("status", [403, 404])
def test_an_answer_is_not_asked_for_twice(web: Web, fetcher: Fetcher, status: int) -> None:
    web.faults["/file"] = [Status(status=status)]
    assert fetcher.get(f"{web.url}/file", 10).status == status
    assert len(web.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(web: Web, fetcher: Fetcher, status: int) -> None:
    other = f"{web.url}/elsewhere"
    web.faults["/file"] = [Status(status=status, headers={"Location": other})]
    answer = fetcher.get(f"{web.url}/file", 10)
    assert web.asked("elsewhere") == []
    assert "no redirect is followed" in refusal("u", answer).message


@pytest.mark.parametrize(
    "fault", [Trickle(pause_seconds=0.1), TrickledHeaders(pause_seconds=0.1)], ids=str
)
def test_slow_retrieval_ends_at_the_deadline_headers_included(web: Web, fault: Fault) -> None:
    web.faults["/file"] = [fault]
    fetcher = Fetcher(LineSettings(read_seconds=5, request_seconds=0.5, tries=1))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="too slow"):
        fetcher.get(f"{web.url}/file", 5000)
    assert time.monotonic() - began < 2


def test_slow_retrieval_ends_when_it_stays_under_the_minimum_rate(web: Web) -> None:
    web.faults["/file"] = [Trickle(pause_seconds=0.05)]
    fetcher = Fetcher(LineSettings(rate_window_seconds=0.3, minimum_bytes_per_second=1000, tries=1))
    began = time.monotonic()
    with pytest.raises(Unreachable, match="too slow"):
        fetcher.get(f"{web.url}/file", 5000)
    assert time.monotonic() - began < 2


def test_endless_data_is_not_read_beyond_its_limit(web: Web, fetcher: Fetcher) -> None:
    web.faults["/file"] = [Endless()]
    with pytest.raises(TooLong):
        fetcher.get(f"{web.url}/file", 6000)
    assert len(web.requests) == 1


def test_an_endless_error_page_is_still_only_an_error(web: Web, fetcher: Fetcher) -> None:
    web.faults["/file"] = [Status(status=404, body=b"x" * 1_000_000)]
    assert fetcher.get(f"{web.url}/file", 10).status == 404


@pytest.mark.parametrize(
    ("said", "seconds"), [("30", 30), ("999999999", 86_400), ("soon", 0), ("-5", 0)]
)
def test_retry_after_is_obeyed_up_to_a_day(
    web: Web, fetcher: Fetcher, said: str, seconds: float
) -> None:
    web.faults["/file"] = [Status(status=503, headers={"Retry-After": said})]
    answer = fetcher.get(f"{web.url}/file", 10)
    assert refusal("u", answer).retry_after == seconds
    assert len(web.requests) == 1, "a server that says when is not asked again at once"


def test_python_tuf_sees_the_true_status_and_its_own_errors(web: Web, fetcher: Fetcher) -> None:
    with pytest.raises(DownloadHTTPError) as caught:
        MetadataFetcher(fetcher).download_bytes(f"{web.url}/2.root.json", 10)
    assert caught.value.status_code == 404
    with pytest.raises(DownloadLengthMismatchError):
        MetadataFetcher(fetcher).download_bytes(f"{web.url}/file", 10)
    web.faults["/file"] = [Cut(after=5)]
    with pytest.raises(DownloadError):
        MetadataFetcher(fetcher).download_bytes(f"{web.url}/file", 5000)


def test_others_clocks_are_noted(web: Web, fetcher: Fetcher) -> None:
    web.faults["/file"] = [WrongDate(ahead_seconds=3600)]
    fetcher.get(f"{web.url}/file", 5000)
    (skew,) = fetcher.skews.values()
    assert 3590 < skew.total_seconds() < 3610


def test_an_order_to_stop_ends_a_transfer(web: Web) -> None:
    with pytest.raises(Stopping):
        Fetcher(stopping=lambda: True).get(f"{web.url}/file", 5000)


def test_a_ca_file_that_is_not_there_is_the_administrators_to_mend() -> None:
    with pytest.raises(PolicyInvalid, match="ca_file"):
        Fetcher(LineSettings(ca_file="/nowhere/ca.pem"))


def test_a_proxy_is_used_for_everything() -> None:
    with Web(lambda path: b"by proxy" if path == "http://updates.example/file" else None) as proxy:
        fetcher = Fetcher(LineSettings(proxy=proxy.url))
        assert fetcher.get("http://updates.example/file", 100).body == b"by proxy"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine that nobody else has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + made.public_bytes(Encoding.PEM))
    return path


@pytest.fixture
def secure_web(certificate: Path) -> Iterator[Web]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Web({"/file": BODY}, tls=context) as running:
        yield running


def test_a_sites_own_ca_is_trusted_and_nobody_elses(secure_web: Web, certificate: Path) -> None:
    url = f"{secure_web.url}/file"
    own = Fetcher(LineSettings(ca_file=str(certificate)))
    assert own.get(url, 5000).body == BODY
    with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
        Fetcher(LineSettings(tries=1)).get(url, 5000)


@pytest.mark.parametrize("kind", [Trickle, TrickledHeaders])
def test_slow_retrieval_ends_at_the_deadline_inside_tls_too(
    secure_web: Web, certificate: Path, kind: type[Trickle | TrickledHeaders]
) -> None:
    secure_web.faults["/file"] = [kind(pause_seconds=0.1)]
    settings = LineSettings(ca_file=str(certificate), request_seconds=0.5, tries=1)
    began = time.monotonic()
    with pytest.raises(Unreachable, match="too slow"):
        Fetcher(settings).get(f"{secure_web.url}/file", 5000)
    assert time.monotonic() - began < 2


# --- metadata that comes compressed


@pytest.mark.parametrize(
    ("encoding", "body", "error"),
    [
        ("gzip", gzip.compress(BODY), None),
        ("gzip", gzip.compress(bytes(50_000_000)), DownloadLengthMismatchError),
        ("gzip", gzip.compress(BODY)[:-9], DownloadError),
        ("gzip", b"no gzip at all", DownloadError),
        ("br", BODY, DownloadError),
        ("identity", BODY, None),
    ],
    ids=["good", "bomb", "cut off", "damaged", "not asked for", "not compressed"],
)
def test_metadata_may_come_compressed_and_no_longer_than_it_may_be(
    web: Web, fetcher: Fetcher, encoding: str, body: bytes, error: type[Exception] | None
) -> None:
    headers = {"Content-Encoding": encoding}
    web.faults["/file"] = [Status(status=200, headers=headers, body=body)]
    if error is None:
        assert MetadataFetcher(fetcher).download_bytes(f"{web.url}/file", 5000) == BODY
    else:
        with pytest.raises(error):
            MetadataFetcher(fetcher).download_bytes(f"{web.url}/file", 5000)


def test_only_metadata_is_asked_for_compressed(web: Web, fetcher: Fetcher) -> None:
    MetadataFetcher(fetcher).download_bytes(f"{web.url}/file", 5000)
    fetcher.get(f"{web.url}/file", 5000)
    assert [seen.headers["Accept-Encoding"] for seen in web.requests] == ["gzip", "identity"]
