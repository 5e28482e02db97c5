"""Checkpoints in a real bucket, with S3's object lock and without."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from distribution.audit import checkpoints, examine, keys
from distribution.audit.tables import CheckpointRow
from distribution.errors import Unavailable
from distribution.repository.bucket import S3Store
from distribution.server import Server
from tests.simulators.deeds import deed
from tests.simulators.house import House
from tests.simulators.seaweed import Seaweed


@pytest.fixture(scope="module")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """SeaweedFS, with a bucket that was made with object lock and one that was not."""
    with Seaweed() as s3:
        s3.client().create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        s3.make_bucket("open")
        yield s3


def in_bucket(house: House, s3: Seaweed, bucket: str, folder: Path, days: int) -> Server:
    """The same server, whose store is a bucket."""
    settings = house.server.settings.model_copy(update={"audit_lock_days": days})
    store = S3Store(s3.client(), bucket, folder.name)
    return replace(house.server, store=store, settings=settings)


def test_in_a_bucket_with_object_lock_nobody_removes_a_checkpoint(
    house: House, seaweed: Seaweed, tmp_path: Path
) -> None:
    house.clock.now = datetime.now(UTC)  # S3 looks at the real time
    deed(house)
    server = in_bucket(house, seaweed, "locked", tmp_path, days=1)
    made = checkpoints.work(server, house.clock.now)
    assert made is not None
    key = f"{tmp_path.name}/{checkpoints.key_of(made)}"
    client = seaweed.client()
    lock = client.get_object_retention(Bucket="locked", Key=key)["Retention"]
    assert lock["Mode"] == "COMPLIANCE"
    assert lock["RetainUntilDate"] > house.clock.now + timedelta(hours=23)
    [version] = client.list_object_versions(Bucket="locked", Prefix=key)["Versions"]
    with pytest.raises(ClientError):
        client.delete_object(Bucket="locked", Key=key, VersionId=version["VersionId"])
    [stored_one] = checkpoints.stored(server.store, keys.known(server.settings))
    assert stored_one.checkpoint == made


def test_in_any_other_bucket_it_is_written_once(
    house: House, seaweed: Seaweed, tmp_path: Path
) -> None:
    deed(house)
    server = in_bucket(house, seaweed, "open", tmp_path, days=0)
    assert checkpoints.work(server, house.clock.now)
    assert len(list(server.store.keys(checkpoints.FOLDER))) == 1


def test_a_bucket_without_object_lock_that_should_have_it_is_told_of(
    house: House, seaweed: Seaweed, tmp_path: Path
) -> None:
    deed(house)
    server = in_bucket(house, seaweed, "open", tmp_path, days=1)
    with pytest.raises(Unavailable):
        checkpoints.work(server, house.clock.now)
    with house.database.reading() as session:
        assert session.get(CheckpointRow, 1) is None


def test_checkpoints_may_lie_in_a_bucket_of_their_own(
    house: House, seaweed: Seaweed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in seaweed.environment().items():
        monkeypatch.setenv(name, value)
    deed(house)
    own = {"audit_store_url": f"s3://open/{tmp_path.name}-own"}
    settings = house.server.settings.model_copy(
        update={**own, "s3_endpoint_url": seaweed.endpoint_url}
    )
    made = checkpoints.work(replace(house.server, settings=settings), house.clock.now)
    assert made is not None
    assert list(house.server.store.keys(checkpoints.FOLDER)) == []
    assert examine.database(settings).is_whole
    written = json.loads(list(examine.export(settings))[-1])["checkpoint"]
    assert checkpoints.opened(written.encode(), keys.known(settings)) == made
