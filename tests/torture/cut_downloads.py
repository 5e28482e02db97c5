"""Row ``cut_downloads``: the connection is cut at random offsets, and the object changed meanwhile.

Each try downloads one artifact into an empty folder. In the end the right bytes are there, or the
download says that it failed; per cut at most 1 MiB is fetched twice; nothing wrong is ever handed
out. Where the object was changed under way, what came of the other one is fetched anew as well.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from client_updater.downloads import Downloads
from client_updater.errors import AgentError, DownloadFailed
from client_updater.fetcher import Fetcher
from client_updater.line_settings import LineSettings
from client_updater.trusted import Target
from tests.simulators.web import Cut, Fault, Status, Web
from tests.torture.bench import MEMORY
from tests.torture.rows import Outcome, Scale
from tests.torture.shares import Share, Tally, in_shares

OFFSETS = {Scale.TEST: 150, Scale.TORTURE: 1_000}
SIZE_BYTES = 5 * 2**20 + 321
MOST_TWICE_BYTES = 2**20
_RIGHT = Random("right").randbytes(SIZE_BYTES)
_OTHER = Random("other").randbytes(SIZE_BYTES)


def run(scale: Scale) -> Outcome:
    """Cut and count, in all processes."""
    return in_shares(_share, OFFSETS[scale])


@dataclass
class Line:
    """One artifact on a server, and what it serves at the moment."""

    web: Web
    served: dict[str, bytes]
    folder: Path

    @property
    def target(self) -> Target:
        """What was signed."""
        digest = hashlib.sha256(_RIGHT).hexdigest()
        return Target("releases/a/1/a.tar.zst", f"{self.web.url}/file", SIZE_BYTES, digest)

    def fetch(self, tries: int = 3) -> Path:
        """Download, as a new process would."""
        downloads = Downloads(self.folder, Fetcher(LineSettings()), tries)
        return downloads.fetch(self.target, lambda size: None)

    def faults(self, *faults: Fault) -> None:
        """What the next requests meet; from then on all is well."""
        self.web.faults["/file"] = list(faults)


def _share(offsets: int, share: Share) -> Outcome:
    tally, served = Tally(), {"/file": _RIGHT}
    with (
        tempfile.TemporaryDirectory(dir=MEMORY) as folder,
        Web(lambda path: served.get(path)) as web,
    ):
        line = Line(web, served, Path(folder, "downloads"))
        for number in range(offsets):
            if share.takes(number):
                random = Random(f"cut {number}")
                kind = _KINDS[number % len(_KINDS)]
                offset = random.randrange(SIZE_BYTES)
                name = f"{kind.__name__.strip('_')} at {offset} (number {number})"
                tally.count(name, _broken(line, kind, offset, random))
    return tally.outcome


Kind = Callable[[Line, int, Random], int]
"""Cuts, downloads, and says how many bytes more than the artifact's may have come."""


def _broken(line: Line, kind: Kind, offset: int, random: Random) -> list[str]:
    shutil.rmtree(line.folder, ignore_errors=True)
    line.folder.mkdir(mode=0o700)
    line.served["/file"], before, broken = _RIGHT, line.web.bytes_sent, []
    try:
        allowed = kind(line, offset, random)
        done = _poll_until_it_is_here(line)
    except AgentError as error:
        return [f"it did not come: {error}"]
    if done.read_bytes() != _RIGHT:
        broken.append("wrong bytes were handed out")
    extra = line.web.bytes_sent - before - SIZE_BYTES
    if extra > allowed:
        broken.append(f"{extra} bytes came twice, at most {allowed} may")
    if sorted(os.listdir(line.folder)) != [done.name]:
        broken.append(f"left behind: {sorted(os.listdir(line.folder))}")
    return broken


def _poll_until_it_is_here(line: Line) -> Path:
    """A download may say that the line is too bad for now; the next poll goes on with it."""
    for _ in range(3):
        with suppress(DownloadFailed):
            return line.fetch()
    return line.fetch()


def _cut(line: Line, offset: int, random: Random) -> int:
    line.faults(Cut(times=1, after=offset))
    return MOST_TWICE_BYTES


def _cut_again_and_again(line: Line, offset: int, random: Random) -> int:
    parts = [random.randrange(SIZE_BYTES // 6) for _ in range(5)]
    line.faults(*(Cut(times=1, after=part) for part in parts))
    return len(parts) * MOST_TWICE_BYTES


def _cut_and_the_agent_ends(line: Line, offset: int, random: Random) -> int:
    line.faults(Cut(times=1, after=offset), Status(times=1, status=500))
    _expect_failure(line)
    return MOST_TWICE_BYTES


def _other_object_before(line: Line, offset: int, random: Random) -> int:
    """What came first is of another object with another entity tag."""
    line.served["/file"] = _OTHER
    line.faults(Cut(times=1, after=offset), Status(times=1, status=500))
    _expect_failure(line)
    line.served["/file"] = _RIGHT
    return offset + MOST_TWICE_BYTES


def _other_object_for_a_while(line: Line, offset: int, random: Random) -> int:
    """Between two parts somebody puts another object there, and takes it away again."""
    line.faults(Cut(times=1, after=offset), Status(times=1, status=500))
    _expect_failure(line)
    line.served["/file"] = _OTHER
    line.faults(Cut(times=4, after=SIZE_BYTES // 2))
    _expect_failure(line)
    line.served["/file"] = _RIGHT
    return offset + 5 * SIZE_BYTES


def _damaged_part(line: Line, offset: int, random: Random) -> int:
    """The disk has other bytes than those that came, as after a power loss."""
    line.faults(Cut(times=1, after=offset), Status(times=1, status=500))
    _expect_failure(line)
    part = next(line.folder.glob("*.part"))
    data = bytearray(part.read_bytes())
    if data:
        data[random.randrange(len(data))] ^= 1
    part.write_bytes(bytes(data))
    return SIZE_BYTES + MOST_TWICE_BYTES


def _expect_failure(line: Line) -> None:
    try:
        line.fetch(tries=1)
    except AgentError:
        line.faults()
        return
    raise AssertionError("a download that was cut off was handed out")


_KINDS: tuple[Kind, ...] = (
    *(_cut, _cut, _cut, _cut_again_and_again, _cut_and_the_agent_ends),
    *(_other_object_before, _other_object_for_a_while, _damaged_part),
)
