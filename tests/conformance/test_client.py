"""The executable ``client`` against our own repository: what the public suite is about.

The public suite itself is not part of this tree. To run all of it (113 tests)::

    git clone https://github.com/theupdateframework/tuf-conformance && cd tuf-conformance
    python -m venv v && v/bin/pip install .
    v/bin/pytest tuf_conformance --entrypoint /path/to/this/repository/tests/conformance/client

``faketime`` must be installed. There is no list of expected failures beside ``client``: all pass.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.simulators.repository import SimulatedRepository
from tests.simulators.web import Replaced, Status, Web

CLIENT = Path(__file__).parent / "client"
PATH = "releases/notes/1.0/manifest.json"


@dataclass
class Client:
    """One client with its folders."""

    folder: Path
    web: Web

    @property
    def metadata(self) -> Path:
        """What it trusts."""
        return self.folder / "metadata"

    def run(self, *words: str) -> int:
        """One command."""
        url = ("--metadata-url", f"{self.web.url}/metadata")
        place = ("--metadata-dir", str(self.metadata))
        done = subprocess.run([CLIENT, *url, *place, *words], check=False, timeout=60)
        return done.returncode

    def init(self, root: bytes) -> int:
        """Pin a root."""
        (self.folder / "first-root").write_bytes(root)
        return self.run("init", str(self.folder / "first-root"))

    def download(self, *names: str) -> int:
        """Fetch targets."""
        wanted = [word for name in names for word in ("--target-name", name)]
        there = ("--target-dir", str(self.folder / "targets"))
        return self.run(*wanted, *there, "--target-base-url", f"{self.web.url}/targets", "download")

    def downloaded(self) -> list[bytes]:
        """What it has fetched."""
        return [path.read_bytes() for path in (self.folder / "targets").iterdir()]


@pytest.fixture
def repository() -> SimulatedRepository:
    """With one release."""
    made = SimulatedRepository(["notes"])
    made.release("notes", "1.0", {"app.py": b"x"})
    return made


@pytest.fixture
def client(tmp_path: Path, repository: SimulatedRepository) -> Iterator[Client]:
    """One that has pinned the first root."""
    with Web(repository.files) as web:
        made = Client(tmp_path, web)
        assert made.init(repository.root) == 0
        assert not web.requests, "init asks nobody"
        yield made


def test_a_refresh_asks_in_the_specification_s_order_and_keeps_what_was_served(
    client: Client, repository: SimulatedRepository
) -> None:
    assert client.run("refresh") == 0

    snapshot, targets = repository.versions["snapshot"], repository.listed["targets"]
    asked = [each.path.removeprefix("/metadata/") for each in client.web.requests]
    expected = [
        "2.root.json",
        "timestamp.json",
        f"{snapshot}.snapshot.json",
        f"{targets}.targets.json",
    ]
    assert asked == expected
    kept = {path.name for path in client.metadata.iterdir() if path.name.endswith(".json")}
    assert kept == {"root.json", "timestamp.json", "snapshot.json", "targets.json"}
    served = repository.files[f"/metadata/{snapshot}.snapshot.json"]
    assert (client.metadata / "snapshot.json").read_bytes() == served
    assert (client.metadata / "root.json").read_bytes() == repository.root


def test_new_roots_are_followed(client: Client, repository: SimulatedRepository) -> None:
    repository.rotate("timestamp", "snapshot")
    repository.rotate("root")

    assert client.run("refresh") == 0

    assert (client.metadata / "root.json").read_bytes() == repository.root
    assert client.web.asked(".root.json") == [f"/metadata/{n}.root.json" for n in (2, 3, 4)]


def test_an_older_repository_is_refused_even_when_the_cache_is_lost(
    client: Client, repository: SimulatedRepository
) -> None:
    before = dict(repository.files)
    repository.commit()
    assert client.run("refresh") == 0
    repository.files.update(before)
    for lost in client.metadata.glob("*.json"):
        lost.unlink()  # so that the trust floor alone remembers

    assert client.run("refresh") == 1

    repository.commit()
    repository.commit()
    assert client.run("refresh") == 0


def test_what_has_expired_is_refused_and_not_kept(
    client: Client, repository: SimulatedRepository
) -> None:
    assert client.run("refresh") == 0
    kept = (client.metadata / "timestamp.json").read_bytes()
    repository.now -= timedelta(days=31)
    repository.sign_timestamp()

    assert client.run("refresh") == 1

    assert (client.metadata / "timestamp.json").read_bytes() == kept


def test_a_404_is_an_answer_and_not_tried_again(client: Client) -> None:
    client.web.faults["/metadata/timestamp.json"] = [Status(status=404)]

    assert client.run("refresh") == 1

    assert client.web.asked("timestamp.json") == ["/metadata/timestamp.json"]


def test_a_target_is_fetched_once_and_a_wrong_one_is_never_kept(
    client: Client, repository: SimulatedRepository
) -> None:
    content = repository.files[_stored(repository)]
    assert client.download(PATH) == 0
    assert client.download(PATH) == 0
    assert client.web.asked(".manifest.json") == [_stored(repository)]
    assert client.downloaded() == [content]

    repository.release("notes", "2.0", {"app.py": b"y"})
    for path in repository.files:
        if "/notes/2.0/" in path:
            client.web.faults[path] = [Replaced(body=b"something else")]

    assert client.download(PATH, PATH.replace("1.0", "2.0")) == 1
    assert client.download(PATH.replace("1.0", "3.0")) == 1
    assert client.downloaded() == [content]


def _stored(repository: SimulatedRepository) -> str:
    return next(p for p in repository.files if "/notes/1.0/" in p and p.endswith(".manifest.json"))
