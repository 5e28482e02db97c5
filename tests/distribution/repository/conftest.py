"""Estates and stores: a directory, S3 as moto imitates it, and a real S3 server."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from distribution.repository.bucket import S3Store
from signing.store import DirectoryStore, Store
from tests.simulators.estate import Estate
from tests.simulators.seaweed import Seaweed

BUCKET = "repository"

_numbers = itertools.count(1)


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """People, a directory store, a repository, the product "app"."""
    return Estate.usual(tmp_path)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """A real S3 server for all tests of this process."""
    with Seaweed() as running:
        running.make_bucket(BUCKET)
        yield running


@pytest.fixture
def real_s3(seaweed: Seaweed) -> S3Store:
    """A new prefix in a bucket of the real server."""
    return S3Store(seaweed.client(), BUCKET, f"tests/number-{next(_numbers)}")


@pytest.fixture
def moto_s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A bucket that moto imitates in this process."""
    for name, value in (
        ("ACCESS_KEY_ID", "x"),
        ("SECRET_ACCESS_KEY", "x"),
        ("REGION", "us-east-1"),
    ):
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="repository")
        yield S3Store(client, "repository", "prefix")


@pytest.fixture(params=["directory", "real_s3"])
def real_store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """The two stores that a repository is really kept in."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "repository")
    store: Store = request.getfixturevalue("real_s3")
    return store


@pytest.fixture(params=["directory", "moto_s3", "real_s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Every implementation of ``Store``: one behaviour."""
    if request.param == "directory":
        return DirectoryStore(tmp_path / "repository")
    found: Store = request.getfixturevalue(request.param)
    return found
