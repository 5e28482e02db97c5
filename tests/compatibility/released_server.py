"""The server of an older release, set up and run by its own programs, in processes of its own."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from signing import ceremony, signers
from tests.compatibility.releases import Released
from tests.simulators.peers import start
from tests.simulators.ports import free_port

PASSPHRASE = "a passphrase for tests"
PEOPLE = ("ani", "budi", "sari", "joko", "tono", "wati")


@dataclass(frozen=True)
class ReleasedServer:
    """Its home, and the officers' keys beside it; today's ``signing`` signs what it proposes."""

    release: Released
    folder: Path
    port: int

    @property
    def home(self) -> Path:
        """Where it has everything."""
        return self.folder / "home"

    def hsp(self, *commands: Sequence[str]) -> str:
        """Commands of its staff; what they said."""
        at_home = (["--home", str(self.home), *words] for words in commands)
        done = self.release.finish(self.release.commands("hsp", *at_home))
        assert done.returncode == 0, f"hsp {commands}: {done.stderr}"
        return done.stdout

    def signed(self, proposal: Path, *people: str) -> Sequence[str]:
        """Signed by these people on machines of today; the command that publishes it."""
        for person in people:
            key = self.folder / f"{person}.key"
            ceremony.sign(ceremony.prepare(proposal, datetime.now(UTC)), key, PASSPHRASE)
        return ("publish", str(proposal), "--by", "ani")

    def found(self, product: str) -> None:
        """Make the home, the repository and a product."""
        for person in PEOPLE:
            signers.generate(person, self.folder, PASSPHRASE, rounds=1000)
        pub = {person: str(self.folder / f"{person}.pub") for person in PEOPLE}
        officers = [word for name in ("ani", "budi") for word in ("--officer", pub[name])]
        on_call = [word for name in ("tono", "wati") for word in ("--hotfix", pub[name])]
        url = f"public_url=http://127.0.0.1:{self.port}"
        self.hsp(("init", *officers, *on_call, "--set", url, "--administrator", "ani"))
        proposals = self.home / "proposals"
        who = ("--author", pub["sari"], "--approver", pub["joko"])
        self.hsp(
            self.signed(proposals / "repository", "ani", "budi"),
            ("product", "add", product, *who, "--out", str(proposals / "product")),
        )
        self.hsp(self.signed(proposals / "product", "ani", "budi"))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """It listens."""
        where = ("--listen", f"127.0.0.1:{self.port}")
        command = self.release.command("hsp", "--home", str(self.home), "serve", *where)
        log = self.folder / "serve.log"
        process = start(command, self.folder, log, self.release.environment)
        try:
            deadline = time.monotonic() + 120
            while not _answers(f"http://127.0.0.1:{self.port}/healthz"):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the released server does not answer"
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def released_server(release: Released, folder: Path) -> ReleasedServer:
    """One that is founded below ``folder``, with a free port."""
    folder.mkdir()
    return ReleasedServer(release, folder, free_port())
