"""Large files over a bad line: resumed, never mixed up, never longer than what was signed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from client_updater.downloads import Downloads
from client_updater.errors import ArtifactMismatch, DownloadFailed, Stopping
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.trusted import Target
from tests.simulators.web import Cut, Endless, Fault, Replaced, Reset, Status, Web

BODY = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(BODY).hexdigest()


class Line:
    """A web server with one file, and downloads of it."""

    def __init__(self, folder: Path, web: Web) -> None:
        self.web = web
        self.target = Target("releases/a/1/a.tar.zst", f"{web.url}/file", len(BODY), SHA256)
        self.folder = folder
        self.arrived = 0

    def downloads(self, **settings: float) -> Downloads:
        """A new process's view of the folder."""
        return Downloads(self.folder, Fetcher(LineSettings(**{"tries": 1, **settings})))

    def fetch(self) -> bytes:
        """Fetch in a new process; what arrived is counted."""
        self.arrived = 0
        return self.downloads().fetch(self.target, self._count).read_bytes()

    def _count(self, size: int) -> None:
        self.arrived += size


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    with Web({"/file": BODY}) as web:
        yield Line(tmp_path, web)


def test_a_file_is_fetched_and_nothing_else_is_left(line: Line) -> None:
    assert line.fetch() == BODY
    assert [path.name for path in line.folder.iterdir()] == [SHA256]


def test_a_fetched_file_is_not_fetched_again(line: Line) -> None:
    line.fetch()
    line.web.requests.clear()
    assert line.fetch() == BODY
    assert line.web.requests == []


@pytest.mark.parametrize("offset", [1, 1000, 500_000, len(BODY) - 1])
def test_a_cut_download_goes_on_where_it_was_cut(line: Line, offset: int) -> None:
    line.web.faults["/file"] = [Cut(1, after=offset)]
    assert line.fetch() == BODY
    assert line.arrived <= len(BODY) + 1024 * 1024
    first, second = line.web.requests
    assert "Range" not in first.headers
    assert second.headers["Range"] == f"bytes={offset}-"
    assert second.headers["If-Match"].startswith('"')


def test_a_download_goes_on_after_the_agent_was_killed(line: Line) -> None:
    (line.folder / f"{SHA256}.part").write_bytes(BODY[:700_000])
    (line.folder / f"{SHA256}.part").chmod(0o600)
    assert line.fetch() == BODY
    assert line.arrived == len(BODY) - 700_000


def test_a_file_that_changes_between_two_parts_is_never_joined(line: Line) -> None:
    line.web.faults["/file"] = [Cut(1, after=300_000), Replaced(1, body=b"another" * 90_000)]
    assert line.fetch() == BODY


def test_a_server_without_ranges_costs_bytes_but_works(line: Line) -> None:
    line.web.faults["/file"] = [Cut(1, after=300_000), Status(1, status=200, body=BODY)]
    assert line.fetch() == BODY
    assert line.arrived == 300_000 + len(BODY)


def test_what_a_power_loss_made_of_the_part_costs_one_clean_try(line: Line) -> None:
    (line.folder / f"{SHA256}.part").write_bytes(bytes(500_000))
    (line.folder / f"{SHA256}.part").chmod(0o600)
    assert line.fetch() == BODY


def test_what_a_power_loss_made_of_the_finished_file_is_fetched_again(line: Line) -> None:
    (line.folder / SHA256).write_bytes(BODY[:-1] + b"?")
    assert line.fetch() == BODY


def test_a_part_that_is_a_link_is_not_followed(
    line: Line, tmp_path_factory: pytest.TempPathFactory
) -> None:
    victim = tmp_path_factory.mktemp("elsewhere") / "victim"
    victim.write_bytes(b"precious")
    (line.folder / f"{SHA256}.part").symlink_to(victim)
    assert line.fetch() == BODY
    assert victim.read_bytes() == b"precious"


def test_other_bytes_are_refused_and_nothing_of_them_is_kept(line: Line) -> None:
    line.web.faults["/file"] = [Replaced(body=b"?" * len(BODY))]
    with pytest.raises(ArtifactMismatch):
        line.fetch()
    assert list(line.folder.iterdir()) == []
    line.web.faults.clear()
    assert line.fetch() == BODY


def test_endless_data_is_never_written_beyond_the_declared_length(line: Line) -> None:
    line.web.faults["/file"] = [Endless()]
    downloads = line.downloads()
    most = 0

    def watch(size: int) -> None:
        nonlocal most
        most = max(most, sum(path.stat().st_size for path in line.folder.iterdir()))

    with pytest.raises(ArtifactMismatch):
        downloads.fetch(line.target, watch)
    assert most <= len(BODY) + 64 * 1024
    assert list(line.folder.iterdir()) == []


@pytest.mark.parametrize(
    "fault", [Reset(), Status(status=404), Status(status=302, headers={"Location": "/file2"})]
)
def test_what_does_not_come_is_given_up_after_three_tries(line: Line, fault: Fault) -> None:
    line.web.faults["/file"] = [fault]
    with pytest.raises(DownloadFailed):
        line.fetch()
    assert line.web.asked() == ["/file"] * 3


def test_a_line_that_is_cut_again_and_again_but_goes_on_is_not_given_up(line: Line) -> None:
    line.web.faults["/file"] = [Cut(9, after=50_000)]
    assert line.fetch() == BODY


def test_an_order_to_stop_keeps_what_came(line: Line) -> None:
    seen: list[int] = []
    fetcher = Fetcher(LineSettings(), stopping=lambda: sum(seen) > 100_000)
    with pytest.raises(Stopping):
        Downloads(line.folder, fetcher).fetch(line.target, seen.append)
    assert (line.folder / f"{SHA256}.part").stat().st_size == sum(seen)
    assert line.fetch() == BODY
    assert line.arrived < len(BODY)


def test_old_parts_that_nobody_asks_for_are_removed(line: Line) -> None:
    import os

    old, asked = line.folder / "aa.part", line.folder / "bb.part"
    for path in (old, asked):
        path.write_bytes(b"x")
        os.utime(path, (1, 1))
    line.downloads().forget_old({"bb"})
    assert not old.exists()
    assert asked.exists()
