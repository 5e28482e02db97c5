"""One behaviour, whatever a repository is kept in."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import botocore
import pytest
from botocore.config import Config

from distribution.errors import DistributionError, Misconfigured
from distribution.repository.bucket import BucketUnreachable, S3Store, open_store, s3_client
from distribution.settings import Settings
from signing.errors import AlreadyStored, Conflict, NotStored, StoreError, StoreFailed
from signing.store import DirectoryStore, Store
from tests.simulators.seaweed import Seaweed

BUCKET = "repository"

RIVALS = 16


def test_what_was_created_is_read_back_whole(store: Store) -> None:
    store.create("metadata/1.root.json", b"one")
    assert store.read("metadata/1.root.json") == b"one"
    assert b"".join(store.chunks("metadata/1.root.json")) == b"one"
    assert store.read_tagged("metadata/1.root.json")[0] == b"one"


def test_a_big_file_is_streamed_from_disk(store: Store, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "artifact").write_bytes(content)
    store.create("targets/releases/app/1.0/abc.app-1.0.tar.zst", tmp_path / "artifact")
    pieces = list(store.chunks("targets/releases/app/1.0/abc.app-1.0.tar.zst"))
    assert b"".join(pieces) == content
    assert len(pieces) > 1


def test_an_empty_file_is_a_file(store: Store) -> None:
    store.create("targets/empty", b"")
    assert store.read("targets/empty") == b""


def test_create_never_replaces(store: Store) -> None:
    store.create("metadata/1.app.json", b"first")
    with pytest.raises(AlreadyStored, match=r"metadata/1\.app\.json is stored already"):
        store.create("metadata/1.app.json", b"second")
    assert store.read("metadata/1.app.json") == b"first"


def test_what_is_not_there_is_not_stored(store: Store) -> None:
    for read in (store.read, store.read_tagged, lambda key: list(store.chunks(key))):
        with pytest.raises(NotStored, match=r"metadata/9\.app\.json"):
            read("metadata/9.app.json")


def test_replace_swaps_only_what_the_writer_has_seen(store: Store) -> None:
    store.replace("metadata/timestamp.json", b"1", None)
    _, tag = store.read_tagged("metadata/timestamp.json")
    store.replace("metadata/timestamp.json", b"2", tag)
    with pytest.raises(Conflict):
        store.replace("metadata/timestamp.json", b"3", tag)
    with pytest.raises(Conflict):
        store.replace("metadata/timestamp.json", b"3", None)
    assert store.read("metadata/timestamp.json") == b"2"


def test_replace_of_a_file_that_vanished_is_a_conflict(store: Store) -> None:
    store.create("metadata/timestamp.json", b"1")
    _, tag = store.read_tagged("metadata/timestamp.json")
    with pytest.raises(Conflict):
        store.replace("metadata/other.json", b"2", tag)


def test_keys_are_listed_by_prefix_in_order(store: Store) -> None:
    for key in ("metadata/1.root.json", "metadata/timestamp.json", "targets/a/b.txt"):
        store.create(key, b"x")
    store.replace("metadata/timestamp.json", b"y", store.read_tagged("metadata/timestamp.json")[1])
    assert list(store.keys("metadata/")) == ["metadata/1.root.json", "metadata/timestamp.json"]
    assert list(store.keys("metadata/1.")) == ["metadata/1.root.json"]
    assert list(store.keys("")) == [
        "metadata/1.root.json",
        "metadata/timestamp.json",
        "targets/a/b.txt",
    ]
    assert list(store.keys("nothing/")) == []


@pytest.mark.parametrize(
    "key",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "", "a/./b", ".hidden", "a/.tmp", "a\\b", "ä"],
)
def test_no_key_leads_out_of_the_store(store: Store, key: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.create(key, b"x")
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.read(key)
    with pytest.raises(StoreError, match="cannot be the name of a file"):
        store.replace(key, b"x", None)


def _race(write: Callable[[int], None]) -> list[int]:
    """Who of sixteen writers at once was not told that a rival was faster."""

    def attempt(number: int) -> bool:
        try:
            write(number)
        except (AlreadyStored, Conflict):
            return False
        return True

    with ThreadPoolExecutor(RIVALS) as pool:
        outcomes = list(pool.map(attempt, range(RIVALS)))
    return [number for number, won in enumerate(outcomes) if won]


def test_of_sixteen_who_create_at_once_one_wins(real_store: Store) -> None:
    for turn in range(1):
        key = f"metadata/{turn + 1}.snapshot.json"
        winners = _race(lambda number, key=key: real_store.create(key, f"by {number}".encode()))
        assert len(winners) == 1
        assert real_store.read(key) == f"by {winners[0]}".encode()


def test_of_sixteen_who_swap_at_once_one_wins(real_store: Store) -> None:
    key = "metadata/timestamp.json"
    real_store.create(key, b"before")
    for _turn in range(1):
        _, tag = real_store.read_tagged(key)
        winners = _race(
            lambda number, tag=tag: real_store.replace(key, f"{tag} by {number}".encode(), tag)
        )
        assert len(winners) == 1
        assert real_store.read(key) == f"{tag} by {winners[0]}".encode()


def test_nothing_is_lost_when_sixteen_count_together(real_store: Store) -> None:
    key = "metadata/timestamp.json"
    real_store.create(key, b"0")

    def add_one(_: int) -> None:
        while True:
            content, tag = real_store.read_tagged(key)
            try:
                return real_store.replace(key, str(int(content) + 1).encode(), tag)
            except Conflict:
                continue

    with ThreadPoolExecutor(RIVALS) as pool:
        list(pool.map(add_one, range(RIVALS)))
    assert real_store.read(key) == str(RIVALS).encode()


# --- a directory


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = DirectoryStore(tmp_path / "repository")
    store.create("metadata/timestamp.json", b"1")
    _, tag = store.read_tagged("metadata/timestamp.json")
    before = sorted(path for path in tmp_path.rglob("*"))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("signing.store.os.fsync", full)
    with pytest.raises(StoreFailed, match="No space left on device") as told:
        store.create("metadata/2.app.json", b"x")
    assert told.value.hint.startswith("free some space")
    with pytest.raises(StoreFailed):
        store.replace("metadata/timestamp.json", b"2", tag)
    assert store.read("metadata/timestamp.json") == b"1"
    after = sorted(path for path in tmp_path.rglob("*") if path.name != ".lock")
    assert after == [path for path in before if path.name != ".lock"]


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "repository").write_text("a file where the directory should be")
    store = DirectoryStore(tmp_path / "repository")
    with pytest.raises(StoreError):
        store.create("metadata/1.root.json", b"x")


# --- S3


def test_a_bucket_that_is_not_there_is_a_503(seaweed: Seaweed) -> None:
    store = S3Store(seaweed.client(retries={"max_attempts": 0}), "no-such-bucket")
    with pytest.raises(BucketUnreachable) as told:
        list(store.keys(""))
    assert told.value.http_status == 503


def test_an_s3_that_does_not_answer_is_a_503(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    store = S3Store(s3_client("http://127.0.0.1:9"), "repository")
    with pytest.raises(DistributionError, match="does not answer") as told:
        store.create("metadata/1.root.json", b"x")
    assert told.value.http_status == 503


def test_anybody_reads_the_bucket_and_only_staff_writes(seaweed: Seaweed, real_s3: S3Store) -> None:
    real_s3.create("metadata/1.root.json", b"x")
    client = boto3.client(
        "s3",
        endpoint_url=seaweed.endpoint_url,
        region_name="us-east-1",
        config=Config(signature_version=botocore.UNSIGNED, s3={"addressing_style": "path"}),
    )
    stranger = S3Store(client, BUCKET, real_s3._prefix.strip("/"))
    assert stranger.read("metadata/1.root.json") == b"x"
    with pytest.raises(BucketUnreachable, match="AccessDenied"):
        stranger.create("metadata/2.root.json", b"x")


def test_a_bucket_of_somebody_else_is_refused_when_the_owner_is_named(moto_s3: S3Store) -> None:
    guarded = S3Store(moto_s3._client, "repository", "prefix", owner="123456789012")
    guarded.create("metadata/1.root.json", b"x")
    assert guarded.read("metadata/1.root.json") == b"x"


def test_settings_name_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert isinstance(open_store(Settings(home=tmp_path)), DirectoryStore)
    assert isinstance(open_store(Settings(home=tmp_path, store_url="s3://bucket/a/b")), S3Store)
    for wrong in ("/srv/repository", "s3://", "https://bucket/x", "s3://bucket/x?y"):
        with pytest.raises(Misconfigured, match="store_url"):
            open_store(Settings(home=tmp_path, store_url=wrong))


def test_what_is_removed_is_gone_and_removing_it_again_is_no_fault(store: Store) -> None:
    store.create("targets/a", b"one")
    store.create("targets/b", b"two")
    for _ in range(2):
        store.remove("targets/a")
    assert list(store.keys("targets/")) == ["targets/b"]
    with pytest.raises(NotStored):
        store.read("targets/a")
