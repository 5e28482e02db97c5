"""A repository of 1,000 products with 100 artifacts each: what publishing and polling cost.

    python -m tests.benchmarks.large_repository

The peer does what python-tuf's own tutorial does: one plain targets role that lists everything,
changed with the Metadata API, read by ``tuf.ngclient.Updater``. tufup, which has the same kind of
role, publishes in a process of its own (``tufup_publish``). Same machine, same files, in one run.
Ours is durable where it says so (every file is fsynced); the peers' writes are not. Our server
compresses metadata for who takes it, as a CDN does, and our agent does; what a client reads that
does not is a row of its own. All products have the same two engineers: with two of its own each,
their keys compress less.
"""

import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import Updater, UpdaterConfig

from client_updater.fetcher import Fetcher
from client_updater.floor import Floor, FloorFile
from client_updater.trusted import Place, Trusted
from distribution.api.application import application
from distribution.database.sessions import Database
from distribution.server import Server
from distribution.settings import Settings
from manifests.target_paths import plan_path, rollouts_role
from signing.store import Content, DirectoryStore
from tests.benchmarks.rows import Row, save
from tests.benchmarks.traffic import Traffic, served
from tests.simulators.big_repository import fill
from tests.simulators.estate import ENGINEERS, Estate
from tests.simulators.peers import ROOT, python_with

PRODUCTS, ARTIFACTS = 1_000, 100
PUBLISHES, POLLS = 7, 15
PRODUCT = "product-00007"
MOST_WRITTEN, MOST_COLD, MOST_REQUESTS, MOST_NOOP = 200_000, 200_000, 6, 600


class CountingStore(DirectoryStore):
    """A directory that counts the bytes of metadata that are written to it."""

    written = 0

    def create(self, key: str, content: Content) -> None:
        """See ``Store.create``."""
        super().create(key, content)
        if isinstance(content, bytes) and key.startswith("metadata/"):
            self.written += len(content)

    def replace(self, key: str, content: bytes, tag: str | None) -> None:
        """See ``Store.replace``."""
        super().replace(key, content, tag)
        self.written += len(content)


@dataclass(frozen=True)
class Poll:
    """The cost of one poll, and of many that find nothing new (median)."""

    cold_bytes: int
    cold_requests: int
    cold_seconds: float
    noop_bytes: int
    noop_requests: int
    noop_seconds: float


# --- ours


def ours(folder: Path) -> tuple[float, int, Poll, int]:
    """Seconds of a publish, bytes of metadata that it wrote, the polls; cold bytes uncompressed."""
    estate = Estate.create(folder, store=CountingStore(folder / "home/repository"))
    for number, name in enumerate(fill(estate, PRODUCTS, ARTIFACTS)):
        if number % 100 == 0:
            click.echo(f"  {name} of {PRODUCTS:,} is signed", err=True)
    publishes = [_publish(estate, number) for number in range(PUBLISHES)]
    estate.roll_out("2.0", product=PRODUCT)
    seconds = statistics.median(seconds for seconds, _ in publishes)
    return seconds, max(written for _, written in publishes), *_ours_polled(estate, folder)


def _publish(estate: Estate, number: int) -> tuple[float, int]:
    """Only the publishing itself: the proposal was signed before, on other machines."""
    store = estate.store
    assert isinstance(store, CountingStore)
    proposal = estate.propose(estate.build(f"2.{number}", product=PRODUCT))
    estate.sign(proposal, *ENGINEERS)
    store.written = 0
    begin = time.perf_counter()
    estate.publish_proposal(proposal)
    return time.perf_counter() - begin, store.written


def _ours_polled(estate: Estate, folder: Path) -> tuple[Poll, int]:
    settings = Settings(**estate.settings.model_dump())
    server = Server(settings, Database.open(settings), estate.store, estate.online)
    with served(Traffic(application(server))) as (url, traffic):
        place = Place(
            estate.root, f"{url}/repository/metadata/", f"{url}/repository/targets/",
            folder / "agent", folder / "agent/verified",
        )  # fmt: skip
        (folder / "agent/verified").mkdir(parents=True)
        (folder / "trust").mkdir()
        floors, fetcher = FloorFile(folder / "trust"), Fetcher()
        floors.save(Floor())
        roles = {"targets", PRODUCT, rollouts_role(PRODUCT)}

        def poll() -> None:
            trusted = Trusted(place, fetcher, floors, roles)
            trusted.refresh()
            assert trusted.find(plan_path(PRODUCT), rollouts_role(PRODUCT))
            assert trusted.find(f"releases/{PRODUCT}/2.0/manifest.json", PRODUCT)

        found = _measured(poll, traffic)
        traffic.reset()
        (folder / "plain").mkdir()
        plain = Updater(str(folder / "plain"), place.metadata_url, bootstrap=estate.root)
        plain.refresh()
        assert plain.get_targetinfo(plan_path(PRODUCT))
        assert plain.get_targetinfo(f"releases/{PRODUCT}/2.0/manifest.json")
        return found, traffic.body_bytes


# --- the peer


class PlainRepository:
    """One targets role with everything in it, as python-tuf's tutorial makes it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, datetime.now(UTC).replace(microsecond=0)
        self.keys = {
            name: CryptoSigner.generate_ed25519()
            for name in ("root", "targets", "snapshot", "timestamp")
        }
        expires = self.now + timedelta(days=30)
        root = Root(consistent_snapshot=True, expires=expires)
        for name, signer in self.keys.items():
            root.add_key(signer.public_key, name)
        targets = Targets(expires=expires)
        for product in range(PRODUCTS):
            for number in range(ARTIFACTS):
                file = _plain_file(product, number)
                targets.targets[file.path] = file
        folder.mkdir(parents=True)
        self._write("root", Metadata(root), "1.root.json")
        self._write("targets", Metadata(targets), "1.targets.json")
        self._commit(1)

    def _commit(self, version: int) -> None:
        expires = self.now + timedelta(days=30)
        snapshot = Snapshot(version, expires=expires, meta={"targets.json": MetaFile(version)})
        self._write("snapshot", Metadata(snapshot), f"{version}.snapshot.json")
        timestamp = Timestamp(version, expires=expires, snapshot_meta=MetaFile(version))
        self._write("timestamp", Metadata(timestamp), "timestamp.json")

    def _write(self, role: str, metadata: Metadata[Any], name: str) -> None:
        metadata.sign(self.keys[role])
        metadata.to_file(str(self.folder / name))

    def publish(self, version: int) -> float:
        """Seconds to add one release: read, change, sign, write."""
        begin = time.perf_counter()
        metadata = Metadata[Targets].from_file(str(self.folder / f"{version - 1}.targets.json"))
        for number in (0, 1):
            file = _plain_file(PRODUCTS + version, number)
            metadata.signed.targets[file.path] = file
        metadata.signed.version = version
        self._write("targets", metadata, f"{version}.targets.json")
        self._commit(version)
        return time.perf_counter() - begin


def _plain_file(product: int, number: int) -> TargetFile:
    path = f"releases/product-{product:05}/1.{number}/product-{product:05}-1.{number}.tar.zst"
    return TargetFile(1000, {"sha256": f"{product * 1000 + number:064x}"}, path)


def peer(folder: Path) -> tuple[float, Poll]:
    """The same of python-tuf on one plain role."""
    repository = PlainRepository(folder / "metadata")
    seconds = statistics.median(repository.publish(2 + number) for number in range(3))
    cache = folder / "cache"
    cache.mkdir()
    root = (folder / "metadata/1.root.json").read_bytes()
    with served(Traffic(_files(folder / "metadata"))) as (url, traffic):

        def poll() -> None:
            limits = UpdaterConfig(targets_max_length=10**9)  # its own is 5 MB
            updater = Updater(str(cache), f"{url}/", bootstrap=root, config=limits)
            updater.refresh()
            assert updater.get_targetinfo(_plain_file(7, 3).path)

        return seconds, _measured(poll, traffic)


def tufup(folder: Path) -> float:
    """Seconds of a publish by tufup."""
    folder.mkdir()
    python = python_with(ROOT / "tests/simulators/tufup.lock")
    words = (ROOT / "tests/benchmarks/tufup_publish.py", folder, str(PRODUCTS * ARTIFACTS), "3")
    done = subprocess.run([python, *words], check=True, capture_output=True)
    return statistics.median(json.loads(done.stdout))


def _files(folder: Path) -> Any:
    from starlette.applications import Starlette
    from starlette.staticfiles import StaticFiles

    app = Starlette()
    app.mount("/", StaticFiles(directory=folder))
    return app


# --- measuring


def _measured(poll: Callable[[], None], traffic: Traffic) -> Poll:
    traffic.reset()
    begin = time.perf_counter()
    poll()
    cold = (traffic.body_bytes, traffic.requests, time.perf_counter() - begin)
    seconds = []
    for _ in range(POLLS):
        traffic.reset()
        begin = time.perf_counter()
        poll()
        seconds.append(time.perf_counter() - begin)
    return Poll(*cold, traffic.body_bytes, traffic.requests, statistics.median(seconds))


def _ratio(name: str, ours: float, peer: float, unit: str, goal: float) -> Row:
    return Row(name, ours, peer, unit, round(peer / ours, 2), goal)


def rows(
    published: tuple[float, float, float], written: int, own: Poll, raw: int, plain: Poll
) -> tuple[Row, ...]:
    """Against the peers, and against the limits of issue 5. ``published``: seconds of each."""
    seconds, peer_seconds, tufup_seconds = published
    return (
        _ratio("publish_100k_vs_python_tuf", seconds, peer_seconds, "s", 50),
        _ratio("publish_100k_vs_tufup", seconds, tufup_seconds, "s", 50),
        _ratio("publish_100k: metadata written (limit)", written, MOST_WRITTEN, "bytes", 1),
        _ratio("cold_bytes_100k_vs_python_tuf", own.cold_bytes, plain.cold_bytes, "bytes", 100),
        _ratio("cold_100k: bytes (limit)", own.cold_bytes, MOST_COLD, "bytes", 1),
        _ratio("cold_100k: bytes, not compressed", raw, plain.cold_bytes, "bytes", 1),
        _ratio("cold_100k: requests (limit)", own.cold_requests, MOST_REQUESTS, "requests", 1),
        _ratio("noop_poll_100k_vs_python_tuf", own.noop_seconds, plain.noop_seconds, "s", 20),
        _ratio("noop_100k: bytes of body (limit)", own.noop_bytes, MOST_NOOP, "bytes", 1),
        _ratio("noop_100k: requests (limit)", own.noop_requests, 2, "requests", 1),
    )


def main(_: tuple[str, ...] = ()) -> None:
    """Measure, print, and keep the rows."""
    with TemporaryDirectory(prefix="hsp-large-") as folder:
        seconds, written, own, raw = ours(Path(folder) / "ours")
        shutil.rmtree(Path(folder) / "ours")
        peer_seconds, plain = peer(Path(folder) / "peer")
        published = (seconds, peer_seconds, tufup(Path(folder) / "tufup"))
    found = rows(published, written, own, raw, plain)
    save(found)
    for row in found:
        click.echo(
            f"{row.name}: {row.ours:,.4g} {row.unit}, peer or limit {row.peer:,.4g}: "
            f"{row.ratio} times, goal {row.goal}"
        )


if __name__ == "__main__":
    main()
