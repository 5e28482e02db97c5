"""The static repository: what agents resume downloads from, and nothing else of the disk."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.simulators.house import House


@pytest.fixture
def artifact(house: House) -> tuple[str, bytes]:
    """A target's URL and its content."""
    house.estate.publish("2.0", {"app.bin": bytes(range(256)) * 64})
    folder = house.server.settings.repository_folder / "targets"
    (file,) = folder.rglob("*.tar.zst")
    return f"/repository/targets/{file.relative_to(folder).as_posix()}", file.read_bytes()


def test_a_download_is_resumed_where_it_broke_off(
    client: TestClient, artifact: tuple[str, bytes]
) -> None:
    url, content = artifact
    whole = client.get(url)
    assert whole.content == content
    assert whole.headers["accept-ranges"] == "bytes"
    tag = whole.headers["etag"]
    assert not tag.startswith("W/")
    rest = client.get(url, headers={"Range": "bytes=100-", "If-Match": tag})
    assert (rest.status_code, rest.content) == (206, content[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(content) - 1}/{len(content)}"


def test_a_resume_of_another_file_is_refused(
    client: TestClient, artifact: tuple[str, bytes]
) -> None:
    url, content = artifact
    headers = {"Range": "bytes=100-", "If-Match": '"another"'}
    answer = client.get(url, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (412, "other_file")
    unless = {"Range": "bytes=100-", "If-Range": '"another"'}
    assert client.get(url, headers=unless).content == content


def test_a_range_behind_the_end_is_416(client: TestClient, artifact: tuple[str, bytes]) -> None:
    url, content = artifact
    answer = client.get(url, headers={"Range": f"bytes={len(content)}-"})
    assert answer.status_code == 416


def test_many_ranges_cost_nothing(client: TestClient, artifact: tuple[str, bytes]) -> None:
    url, content = artifact
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(5000))
    assert len(client.get(url, headers={"Range": many}).content) <= len(content)


def test_head_says_the_length_without_the_content(
    client: TestClient, artifact: tuple[str, bytes]
) -> None:
    url, content = artifact
    answer = client.head(url)
    assert (answer.content, answer.headers["content-length"]) == (b"", str(len(content)))


def test_metadata_is_served_and_the_next_root_is_a_404_that_no_cache_keeps(
    client: TestClient,
) -> None:
    root = client.get("/repository/metadata/1.root.json")
    assert root.status_code == 200
    assert "immutable" in root.headers["cache-control"]
    missing = client.get("/repository/metadata/2.root.json")
    assert missing.status_code == 404
    assert missing.headers["cache-control"] == "no-store"


def test_the_timestamp_is_asked_for_anew_and_answers_304_when_it_is_the_same(
    client: TestClient, house: House
) -> None:
    url = "/repository/metadata/timestamp.json"
    first = client.get(url)
    assert first.headers["cache-control"] == "no-cache"
    same = client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    house.estate.publish("2.0")
    assert client.get(url, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


WAYS_OUT = [
    "../hsp.db",
    "..%2fhsp.db",
    "%2e%2e/hsp.db",
    "..%5chsp.db",
    "a/../../hsp.db",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    ".hidden",
    "releases/.hidden",
    "releases",
    "releases/",
    "",
    "x%00.json",
    "x\u00e4.json",
    "x" * 5000,
]


@pytest.mark.parametrize("folder", ["metadata", "targets"])
def test_no_name_leads_out_of_the_repository(client: TestClient, house: House, folder: str) -> None:
    repository = house.server.settings.repository_folder
    (repository / "targets" / "releases").mkdir(parents=True, exist_ok=True)
    for hidden in (".hidden", "targets/releases/.hidden", "targets/.hidden", "metadata/.hidden"):
        (repository / hidden).write_text("hidden")
    for name in WAYS_OUT:
        answer = client.get(f"/repository/{folder}/{name}", follow_redirects=False)
        assert answer.status_code == 404, name


def test_a_link_in_the_repository_is_not_followed(client: TestClient, house: House) -> None:
    targets: Path = house.server.settings.repository_folder / "targets"
    targets.mkdir(exist_ok=True)
    (targets / "link").symlink_to(house.server.settings.home / "hsp.db")
    assert client.get("/repository/targets/link").status_code == 404


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
    ],
)
def test_large_metadata_is_compressed_for_who_takes_it(
    client: TestClient, house: House, accepted: str, encoding: str | None
) -> None:
    stored = (house.server.settings.repository_folder / "metadata/1.root.json").read_bytes()
    answer = client.get("/repository/metadata/1.root.json", headers={"Accept-Encoding": accepted})
    assert answer.content == stored
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"


def test_a_small_timestamp_is_not_compressed(client: TestClient, house: House) -> None:
    headers = {"Accept-Encoding": "gzip"}
    answer = client.get("/repository/metadata/timestamp.json", headers=headers)
    assert "content-encoding" not in answer.headers
