"""Keys change hands while real agents poll all the while, and none of their polls fails."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from distribution import catalogue, enrolment, scheduler
from distribution.cli import main as hsp
from manifests.rollout import Ring
from manifests.site import SiteProfile
from manifests.target_paths import Lane
from signing import signers
from signing.roles import TARGETS
from signing.update_repository import Repository
from tests.simulators.estate import OFFICERS, PASSPHRASE, ROUNDS, Estate
from tests.simulators.thief import Thief
from tests.simulators.village import Village, VillageSite, now, open_village


@dataclass
class Polling:
    """A site's agent, a process of its own again and again; what each poll came to."""

    site: VillageSite
    statuses: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Poll until it is over."""
        program = Path(sys.executable).with_name("hsp-updater")
        words = [program, "--state", self.site.state, "once"]
        while not self.over.is_set():
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            self.statuses.append(done.returncode)
            self.said.append(done.stdout + done.stderr)

    def more(self, polls: int = 2) -> None:
        """Wait for further polls."""
        wanted = len(self.statuses) + polls
        while len(self.statuses) < wanted:
            assert self.thread_lives()
            self.over.wait(0.05)

    def thread_lives(self) -> bool:
        """Whether it goes on."""
        return not self.over.is_set()


@contextmanager
def polling(site: VillageSite) -> Iterator[Polling]:
    """Let a site poll in the background."""
    found = Polling(site)
    thread = threading.Thread(target=found.run)
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        thread.join()


@pytest.fixture
def site(village: Village) -> VillageSite:
    """A site that runs the first release."""
    found = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    found.poll()
    assert found.serves() == "1.0"
    return found


def command(village: Village, *words: str) -> str:
    """``hsp WORDS`` on the server's machine."""
    home = str(village.server.settings.home)
    done = CliRunner().invoke(hsp, ["--home", home, *words])
    assert done.exit_code == 0, done.output
    return done.output


def sign_and_publish(village: Village, folder: Path, people: Sequence[str]) -> None:
    """The officers' part of each step."""
    village.estate.now = now()
    village.estate.sign(folder, *people)
    command(village, "publish", str(folder))


def new_key(estate: Estate, person: str) -> Path:
    """A key pair in a folder of its own."""
    folder = estate.folder / "new-keys"
    signers.generate(person, folder, PASSPHRASE, rounds=ROUNDS)
    return folder / f"{person}.pub"


def goes_on(village: Village, site: VillageSite, version: str) -> None:
    """Whatever happened, the next release is published and installed as ever."""
    village.publish(version)
    village.start(version)
    site.poll()
    assert site.serves() == version


def test_the_servers_keys_are_rotated_and_no_poll_fails(
    village: Village, site: VillageSite
) -> None:
    folder = village.folder / "proposals"
    with polling(site) as agent:
        agent.more()
        assert "Nothing was done" in command(village, "rotate")
        for name in ("add", "remove"):
            while not (folder / name).exists():
                command(village, "rotate", "--yes", "--out", str(folder / name))
            sign_and_publish(village, folder / name, OFFICERS)
            agent.more()
        assert "destroyed" in command(village, "rotate", "--yes")
        agent.more()
    assert set(agent.statuses) == {0}, agent.said
    assert len(agent.statuses) >= 6
    assert "no rotation has begun" in command(village, "rotate")
    goes_on(village, site, "1.1")


def test_officers_and_engineers_change_and_no_poll_fails(
    village: Village, site: VillageSite
) -> None:
    folder = village.folder / "proposals"
    with polling(site) as agent:
        new = new_key(village.estate, "citra")
        command(village, "people", "revoke", "budi", "--instead", str(new), "--out", f"{folder}/1")
        _move_in(village.estate, "citra")
        sign_and_publish(village, folder / "1", ("ani", "budi", "citra"))
        agent.more()
        new = new_key(village.estate, "dewi")
        command(village, "people", "revoke", "joko", "--instead", str(new), "--out", f"{folder}/2")
        _move_in(village.estate, "dewi")
        sign_and_publish(village, folder / "2", ("ani", "citra", "sari", "dewi"))
        agent.more()
        for role, people in (("root", ("ani", "citra")), (TARGETS, ("ani", "citra"))):
            command(village, "renew", role, "--out", f"{folder}/{role}")
            sign_and_publish(village, folder / role, people)
            agent.more()
    assert set(agent.statuses) == {0}, agent.said
    listed = command(village, "people")
    assert "budi" not in listed
    assert "joko" not in listed


def _move_in(estate: Estate, person: str) -> None:
    """The estate looks for a person's key where all the others are."""
    for file in (estate.folder / "new-keys").glob(f"{person}.*"):
        file.rename(estate.folder / "keys" / file.name)


def test_a_thief_of_the_servers_keys_is_shut_out_without_a_visit(
    village: Village, site: VillageSite
) -> None:
    """Even one who has pushed all versions to the end of the numbers."""
    thief = Thief(village.server.store, village.server.online.generations[0])
    thief.push_versions(2**31)
    site.poll()
    folder = village.folder / "proposals"
    while not (folder / "stolen").exists():
        command(village, "rotate", "--stolen", "--yes", "--out", str(folder / "stolen"))
    sign_and_publish(village, folder / "stolen", OFFICERS)
    assert "destroyed" in command(village, "rotate", "--stolen", "--yes")
    goes_on(village, site, "1.1")
    timestamp = Repository.read(village.server.store).timestamp
    assert timestamp
    assert timestamp.signed.version < 2**30
    thief.push_versions(2**32)
    refused = site.poll()
    assert refused.exit_code != 0
    assert site.serves() == "1.1"


def test_a_withdrawn_release_is_installed_nowhere_else(village: Village, site: VillageSite) -> None:
    late = village.site("warung-2")
    village.publish("2.0")
    village.start("2.0")
    site.poll()
    folder = village.folder / "proposals" / "withdraw"
    words = ("release", "withdraw", "app", "2.0", "--reason", "it deletes prices")
    said = command(village, *words, "--out", str(folder))
    assert "1 site run it now" in said
    assert "warung-1" in said
    sign_and_publish(village, folder, village.estate.signers_of(Lane.RELEASES))
    late.poll()
    assert late.serves() == "1.0", "the plan is as it was, and the site refuses"
    assert "withdrawn: it deletes prices" in late.command("explain").output
    assert "WITHDRAWN: it deletes prices" in command(village, "release", "list", "app")

    scheduler.stop_withdrawn(village.server, now())
    assert village.state_of("2.0") == "stopped"
    assert site.serves() == "2.0", "who runs it goes on until there is something newer"
    goes_on(village, site, "2.1")
    late.poll()
    assert late.serves() == "2.1"


def test_a_compromised_root_is_left_behind_and_nobody_travels(
    village: Village, site: VillageSite, tmp_path: Path
) -> None:
    """Thieves of the officers' keys sign any root: a new repository, and a line by telephone."""
    with open_village(tmp_path / "anew") as anew:
        profile = SiteProfile(
            site_id="warung-1", client_id="warung", ring=Ring.PILOT, products=("app",)
        )
        trust = catalogue.trust_state(anew.server.store)
        settings, database = anew.server.settings, anew.server.database
        invitation = enrolment.invite(database, profile, trust, settings, "ani", now()).to_text()
        words = ("enroll", invitation, "--root-sha256", anew.estate.root_sha256)
        refused = site.command(*words)
        assert "--again" in refused.output
        assert site.command(*words, "--again").exit_code == 0, "as its administrator was told"
        assert site.serves() == "1.0", "what runs goes on running"
        goes_on(anew, site, "1.1")
        village.publish("6.6.6")
        village.start("6.6.6")
        site.poll()
        assert site.serves() == "1.1", "what the old root signs means nothing here any more"
