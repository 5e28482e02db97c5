"""One download per building: three tills, one of them relays, the line carries each file once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.simulators.ports import free_port
from tests.simulators.village import Village, VillageSite


@contextmanager
def _relay(site: VillageSite) -> Iterator[str]:
    """``hsp-updater relay``, in a process of its own."""
    address = f"127.0.0.1:{free_port()}"
    words = ("--state", str(site.state), "relay", "--listen", address)
    process = subprocess.Popen(
        [sys.executable, "-m", "client_updater.cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        assert b"relaying" in process.stdout.readline()
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def _point_at(site: VillageSite, url: str) -> None:
    (site.state / "agent.toml").write_text(
        f'metadata_url = "{url}/metadata"\ntargets_url = "{url}/targets"\n'
    )


def test_three_tills_and_one_download(village: Village) -> None:
    relaying, *others = (village.site(f"till-{number}") for number in range(3))
    village.publish("1.0", files={"data.bin": os.urandom(300_000)})
    village.start("1.0")
    with _relay(relaying) as url:
        for site in others:
            _point_at(site, url)
            site.poll()
            assert site.serves() == "1.0"
        kept = [path for path in (relaying.state / "relay").iterdir() if path.stat().st_size > 1e5]
        assert len(kept) == 1
        _cut_the_line_for_targets(village)
        late = village.site("till-9")
        _point_at(late, url)
        late.poll()
        assert late.serves() == "1.0", "from what the relay has"


def _cut_the_line_for_targets(village: Village) -> None:
    for path in village.server.settings.repository_folder.glob("targets/releases/**/*.tar.zst"):
        path.unlink()


def test_a_relay_that_lies_installs_nothing(village: Village) -> None:
    relaying, other = village.site("till-0"), village.site("till-1")
    village.publish("1.0")
    village.start("1.0")
    with _relay(relaying) as url:
        _point_at(other, url)
        other.poll()
        assert other.serves() == "1.0"
        village.publish("1.1")
        village.start("1.1")
        third = village.site("till-2")
        for path in (relaying.state / "relay").iterdir():
            path.write_bytes(bytes(path.stat().st_size))
        _point_at(third, url)
        third.poll()
        assert third.serves() in (None, "1.1"), "nothing of what it spoilt"
        other.poll()
        assert other.serves() == "1.1"
