"""Attacks that the lists of TUF, of Uptane and of our own have in common.

None of them needs a key of ours. Each leaves the sites as they were, with an honest release on
offer that they have not got; the caller lets the attacker go and the fleet go on.
"""

import io
import json
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from client_updater import durable
from manifests.failures import FailureCode
from tests.simulators.web import Endless, Fault, Trickle, TrickledHeaders
from tests.threats.fleet import Fleet, later
from tests.torture.scene import MOST_EXCESS_BYTES, Watched

TIMESTAMP = "metadata/timestamp.json"
LIFE_OF_TIMESTAMP = timedelta(hours=6)
METADATA_BYTES = 5_000_000
"""The most that any metadata file may have: python-tuf's limit of a targets role."""
PATIENCE = {"request_seconds": 1, "download_seconds": 0.2}
"""Instead of 120 s and 6 h, so that nobody waits for the end of a test."""
MOST_SECONDS = 15
"""For a poll that meets a trickle, on a busy machine."""


def other_software(fleet: Fleet) -> None:
    """A program of the attacker's, instead of the signed one and in a repository of its own."""
    version = fleet.news()
    evil = fleet.evil()
    forger = fleet.forger()
    forger.offer(evil)  # every file well-formed, none signed by anybody whom the sites know
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.bucket.evict()
    forger.own_root()
    forger.offer(evil)  # and now with a root that says that these are the keys
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.bucket.evict()
    forger.overwrite("app", {})
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.bucket.evict()
    signed = fleet.bucket.read(fleet.artifact(version))
    archive = next(evil.glob("*.tar.zst")).read_bytes().ljust(len(signed), b"?")[: len(signed)]
    fleet.bucket.write(fleet.artifact(version), archive)
    fleet.refuse(FailureCode.ARTIFACT_MISMATCH)
    assert all(not (site.state / "slots/app" / version).exists() for site in fleet.sites)


def frozen(fleet: Fleet) -> None:
    """The attacker serves what is true now for ever; the timestamp's life is the limit."""
    copy = fleet.bucket.copy()
    fleet.news()
    fleet.bucket.replay(copy)
    with later(LIFE_OF_TIMESTAMP - timedelta(minutes=10)):
        fleet.see_nothing_new()
    with later(LIFE_OF_TIMESTAMP + timedelta(minutes=1)):
        fleet.refuse(FailureCode.EXPIRED_METADATA)
        assert FailureCode.EXPIRED_METADATA in fleet.security_tickets()
        fleet.goes_on()


def rolled_back(fleet: Fleet) -> None:
    """The attacker serves yesterday's whole repository, also after a power cut ate the cache."""
    copy = fleet.bucket.copy()
    fleet.version = fleet.news()
    fleet.poll()
    assert fleet.runs() == {fleet.version}
    fleet.news()
    fleet.bucket.replay(copy)
    fleet.refuse(FailureCode.ROLLBACK)
    fleet.lose_caches()
    fleet.refuse(FailureCode.ROLLBACK)
    assert FailureCode.ROLLBACK in fleet.security_tickets()
    assert fleet.runs() == {fleet.version}


def endless(fleet: Fleet) -> None:
    """Metadata and then an artifact that never end."""
    version = fleet.news()
    artifact = fleet.artifact(version)
    size = len(fleet.bucket.read(artifact))
    for key, code, most in (
        (TIMESTAMP, FailureCode.UNTRUSTED_METADATA, METADATA_BYTES),
        (artifact, FailureCode.ARTIFACT_MISMATCH, size + MOST_EXCESS_BYTES),
    ):
        fleet.bucket.web.faults[f"/{key}"] = [Endless()]
        sent = fleet.bucket.web.bytes_sent
        with watched() as disk:
            fleet.refuse(code)
        assert disk.largest_bytes <= most
        assert fleet.bucket.web.bytes_sent - sent < len(fleet.sites) * (METADATA_BYTES + most)
        fleet.bucket.evict()


def trickled(fleet: Fleet) -> None:
    """A byte now and then: of the metadata, of its headers, and of the artifact."""
    artifact = fleet.artifact(fleet.news())
    fleet.set_agent(**PATIENCE)
    attacks: tuple[tuple[str, Callable[[], Fault], FailureCode], ...] = (
        (TIMESTAMP, lambda: Trickle(pause_seconds=0.05), FailureCode.UNREACHABLE),
        (TIMESTAMP, lambda: TrickledHeaders(pause_seconds=0.05), FailureCode.UNREACHABLE),
        (artifact, lambda: Trickle(pause_seconds=0.01), FailureCode.DOWNLOAD_FAILED),
    )
    for key, fault, code in attacks:
        fleet.bucket.web.faults[f"/{key}"] = [fault()]
        began = time.monotonic()
        fleet.first_refuses(code)
        assert time.monotonic() - began < MOST_SECONDS
        fleet.bucket.evict()
    fleet.set_agent()


@contextmanager
def watched() -> Iterator[Watched]:
    """The real disk, which notes how large any file became."""
    disk, kept = Watched(), durable.disk
    durable.disk = disk
    try:
        yield disk
    finally:
        durable.disk = kept


def mixed(fleet: Fleet) -> None:
    """Versions that were never together: with the host, and one online key after the other."""
    fleet.version = fleet.news()
    fleet.poll()
    fleet.news()
    honest, store = fleet.forger(), fleet.village.server.store
    snapshot, app = honest.snapshot_version(), honest.listed("app")
    for name, older in ((f"{snapshot}.snapshot", snapshot - 1), (f"{app}.app", app - 1)):
        kind = name.partition(".")[2]
        fleet.bucket.write(f"metadata/{name}.json", store.read(f"metadata/{older}.{kind}.json"))
        fleet.refuse(FailureCode.ROLLBACK, FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
    fleet.forger(timestamp=True).point_at_snapshot(snapshot - 3)
    _also_without_cache(fleet)
    fleet.forger(snapshot=True, timestamp=True).list_version(app=app - 1)
    _also_without_cache(fleet)


def _also_without_cache(fleet: Fleet) -> None:
    fleet.refuse(FailureCode.ROLLBACK)
    fleet.lose_caches()
    fleet.refuse(FailureCode.ROLLBACK)
    fleet.bucket.evict()
    fleet.lose_caches()


def _flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _edited(data: bytes, **signed: object) -> bytes:
    plain = json.loads(data)
    plain.get("signed", plain).update(signed)
    return json.dumps(plain).encode()


def _unsigned(data: bytes) -> bytes:
    return json.dumps({**json.loads(data), "signatures": []}).encode()


CHANGES: tuple[Callable[[bytes], bytes | None], ...] = (
    _flipped,
    lambda data: data[: len(data) // 2],
    lambda data: b"",
    lambda data: data + data,
    _unsigned,
    lambda data: _edited(data, version=1000),
    lambda data: _edited(data, expires="2099-01-01T00:00:00Z"),
    lambda data: b"[" * 16_000,
    lambda data: None,
)
"""What somebody without a key can make of a file; the last takes it away."""

HOSTILE = (
    b"",
    b"[" * 50_000,
    b'{"format": 1, "serial": NaN}',
    b'{"format": 1, "format": 2}',
    b'{"format": ' + b"9" * 5_000 + b"}",
    b"\xff\xfe{}",
    b'{"product": "\\ud800"}',
    b"null",
)
"""What no parser of ours expects."""


def climbing_tar(name: str) -> bytes:
    """An archive whose one file wants to lie somewhere else."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    return out.getvalue()
