"""A site that runs 1.0 while 2.0 is on offer, a repository and a server that can be turned on it.

``fresh`` puts the site back to where it was, so that one scene serves many attacks. What stands in
``overlay`` is served instead of what the repository signed; ``None`` means that it is not there.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from client_updater import durable
from client_updater.floor import Floor
from client_updater.slots import verify_tree
from client_updater.status import LastPoll
from manifests.errors import UpdateError
from manifests.file_list import FileList
from manifests.install_report import InstallReport
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Web

OLD, NEW = "1.0", "2.0"
FILES = {"app.py": Random("app.py").randbytes(90_000), "docs/read.me": b"how to use it\n" * 50}
MOST_EXCESS_BYTES = 64 * 1024
METADATA_BYTES = 3 * 1024 * 1024
SETTINGS = """\
connect_seconds = 2
read_seconds = 1
request_seconds = 1.5
download_seconds = 3
rate_window_seconds = 1
tries = 2
"""
_BRAKE = '[brake]\nby = "the tests"\nat = "2026-01-01T00:00:00Z"\nreason = "not now"\n'


class Watched(durable.Disk):
    """The real disk, which notes the largest size that any file had while it was written."""

    def __init__(self) -> None:
        self.largest_bytes = 0

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """As ``os.write``."""
        done = super().write(fd, data)
        self.largest_bytes = max(self.largest_bytes, os.fstat(fd).st_size)
        return done


class Served:
    """The repository on its own host, where anything may lie over it, and honestly on another."""

    def __init__(self) -> None:
        self.repository = SimulatedRepository(["notes"])
        self.overlay: dict[str, bytes | None] = {}
        self.web, self.other = Web(self.read), Web(self.repository.files)

    def read(self, path: str) -> bytes | None:
        """What the repository's host serves now."""
        return self.overlay[path] if path in self.overlay else self.repository.files.get(path)


class Scene:
    """See above; ``scene`` makes one."""

    def __init__(self, folder: Path, served: Served, plane: ControlPlane) -> None:
        self.folder, self.plane = folder, plane
        self.repository, self.overlay = served.repository, served.overlay
        self.web, self.other = served.web, served.other
        self.site = SimulatedSite(folder / "site", self.repository, self.web, plane)
        self.repository.release("notes", OLD, FILES)
        self.repository.roll_out("notes", OLD)
        self._begin()

    def _begin(self) -> None:
        self.site.enrol()
        (self.site.folder / "agent.toml").write_text(SETTINGS)
        self.plane.answer = self.plane.answer.model_copy(update={"root_version": 2})
        assert self.site.poll().problem == "" and self.site.current() == OLD
        self._keep("unaware")
        self.yesterday = dict(self.repository.files)
        self.manifest = self.repository.release(
            "notes", NEW, {**FILES, "new.py": Random("new.py").randbytes(70_000)}
        )
        self.repository.roll_out("notes", NEW)
        self.repository.sign_targets("targets")
        self.repository.rotate("root")
        self.site.write_policy(_BRAKE)
        assert self.site.poll().problem == "" and self.site.current() == OLD
        self.site.write_policy("")
        self._keep("aware")
        self.paths = self._paths()

    def _keep(self, name: str) -> None:
        shutil.copytree(self.site.folder, self.folder / name, symlinks=True)

    def _paths(self) -> dict[str, str]:
        """What a poll of 2.0 fetches, by what it is."""
        numbers = {"snapshot": self.repository.versions["snapshot"], **self.repository.listed}
        wanted = ("snapshot", "targets", "notes", "notes.rollouts")
        metadata = {name: f"/metadata/{numbers[name]}.{name}.json" for name in wanted}
        stored = {
            "plan": next(p for p in self.repository.files if p.endswith("plan.json")),
            "manifest": self._stored("manifest.json"),
            "artifact": self._stored(".tar.zst"),
        }
        plan = self.repository.targets["notes.rollouts"].targets["rollouts/notes/plan.json"]
        stored["plan"] = f"/targets/rollouts/notes/{plan.hashes['sha256']}.plan.json"
        top = {"root": "/metadata/2.root.json", "timestamp": "/metadata/timestamp.json"}
        return {**top, **metadata, **stored}

    def _stored(self, ending: str) -> str:
        files = self.repository.files
        return next(
            p for p in files if p.startswith("/targets/releases/notes/2.0/") and p.endswith(ending)
        )

    def honest(self) -> None:
        """From now on everything is as it should be."""
        self.overlay.clear()
        self.web.faults.clear()

    def fresh(self, name: str = "unaware") -> None:
        """The site as it was before 2.0 was seen; or ``aware`` of it, with nothing of it yet."""
        self.honest()
        self.plane.reports.clear()
        shutil.rmtree(self.site.folder)
        shutil.copytree(self.folder / name, self.site.folder, symlinks=True)

    def lose_cache(self) -> None:
        """python-tuf's folder as a power loss may leave it: the trust floor alone remembers."""
        for path in (self.site.folder / "metadata").glob("*.json"):
            path.unlink()

    def poll_badly(self) -> tuple[LastPoll, list[str]]:
        """Poll, and say which promises were broken in it."""
        before, watched = self._facts(), Watched()
        size = _size(self.site.folder)
        durable.disk, kept = watched, durable.disk
        try:
            last = self.site.poll()
        except UpdateError as error:
            return LastPoll(), [f"the poll raised {type(error).__name__}: {error}"]
        except Exception as error:  # whatever it is, it must not come out of a poll
            return LastPoll(), [f"the poll raised {type(error).__name__}: {error}"]
        finally:
            durable.disk = kept
        broken = [] if self._facts() == before else ["what is installed has changed"]
        room = len(self.repository.files[self.paths["artifact"]]) + MOST_EXCESS_BYTES
        if watched.largest_bytes > max(room, METADATA_BYTES):
            broken.append(f"a file grew to {watched.largest_bytes} bytes")
        if _size(self.site.folder) - size > room + METADATA_BYTES:
            broken.append(f"the state folder grew by {_size(self.site.folder) - size} bytes")
        return last, broken

    def poll_well(self) -> list[str]:
        """An honest poll, after the pause that a failed attempt makes: 2.0 must run then."""
        later = datetime.now(UTC) + timedelta(seconds=150)
        last = self.site.poll(clock=lambda: later)
        found = []
        if last.problem:
            found.append(f"the next honest poll met {last.detail}")
        if self.site.current() != NEW:
            found.append(f"after an honest poll {self.site.current()} runs")
        return [*found, *self.wrong_files()]

    def wrong_files(self) -> list[str]:
        """Whether what runs is what was signed."""
        version = self.site.current() or ""
        files = self._files(version)
        try:
            verify_tree(self.site.folder / "slots/notes" / version, files)
        except UpdateError as error:
            return [f"{version} is not what was signed: {error}"]
        return []

    def _files(self, version: str) -> FileList:
        agent = self.site.agent()
        return agent.slots.release("notes", version).manifest.artifacts[0].files

    def _facts(self) -> object:
        folder = self.site.folder / "slots"
        installed = {str(path.relative_to(folder)): _content(path) for path in folder.rglob("*")}
        changed = {name for name in installed if name.endswith(".release")}
        return {name: value for name, value in installed.items() if name not in changed}

    def failures(self) -> list[str]:
        """The codes that the site has reported since it was ``fresh``."""
        reports = map(InstallReport.from_bytes, self.plane.reports.values())
        return [report.code for report in reports if report.code is not None]

    def floor(self) -> Floor:
        """What the site trusts at least."""
        return self.site.agent().floors.load()


def _content(path: Path) -> str:
    if path.is_symlink():
        return str(path.readlink())
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _size(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A scene below ``folder``."""
    served = Served()
    with served.web, served.other, ControlPlane() as plane:
        made = Scene(folder, served, plane)
        yield made
        made.site.close()
