"""Each drill as an operator walks through it, while real agents poll; nobody visits a site."""

import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner

from distribution.cli import main as hsp
from distribution.scheduling import scheduler
from manifests.target_paths import Lane
from signing import ceremony, signers
from signing.proposal import Proposal
from signing.update_repository import Repository
from tests.simulators.estate import ENGINEERS, OFFICERS, PASSPHRASE, PEOPLE, ROUNDS
from tests.simulators.thief import Thief
from tests.simulators.village import Village, VillageSite, now, open_village

SITES = ("warung-1", "warung-2")
PAUSE_SECONDS = 1.0
"""Between two polls of a site that nobody waits for."""


@dataclass
class Polling:
    """A site's agent, a process of its own again and again; what each poll came to."""

    site: VillageSite
    statuses: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    begun: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    wanted: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Poll until it is over: every now and then, and at once when somebody waits for it."""
        program = Path(sys.executable).with_name("hsp-updater")
        words = [program, "--state", self.site.state, "once"]
        while not self.over.is_set():
            self.wanted.clear()
            self.begun += 1
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            self.statuses.append(done.returncode)
            self.said.append(done.stdout + done.stderr)
            self.wanted.wait(PAUSE_SECONDS)

    def ask(self) -> int:
        """Let a poll begin after this moment; how many there are once it has ended."""
        next_one = self.begun + 1
        self.wanted.set()
        return next_one

    def until(self, count: int) -> None:
        """Wait for so many polls."""
        while len(self.statuses) < count:
            assert not self.over.is_set()
            time.sleep(0.02)

    def end(self) -> None:
        """The last poll is the one that goes on now."""
        self.over.set()
        self.wanted.set()


@contextmanager
def polling(village: Village) -> Iterator[list[Polling]]:
    """Let all sites poll in the background, all the while."""
    found = [Polling(site) for site in village.sites]
    threads = [threading.Thread(target=each.run) for each in found]
    for thread in threads:
        thread.start()
    try:
        yield found
    finally:
        for each, thread in zip(found, threads, strict=True):
            each.end()
            thread.join()


@dataclass
class Night:
    """An operator at the server, and people who sign on their own machines."""

    village: Village
    agents: Sequence[Polling] = ()

    def says(self, *words: str) -> str:
        """``hsp WORDS``."""
        settings = self.village.server.settings
        environment = {"HSP_PUBLIC_URL": settings.public_url}
        done = CliRunner().invoke(hsp, ["--home", str(settings.home), *words], env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    def walk(self, *words: str, keys: Sequence[Path] = (), limit: int = 20) -> str:
        """``hsp drill WORDS --yes`` until it is closed; what must be signed is, with these keys."""
        assert "Nothing was done" in self.says("drill", *words), "a dry run comes first"
        for _ in range(limit):
            told = self.says("drill", *words, "--yes")
            if "The drill is closed." in told:
                return told
            if "then: hsp publish" in told:
                self.sign_and_publish(Path(told.split("then: hsp publish ")[1].split()[0]), keys)
                self.agents_poll()
            if "the sites poll" in told:
                self.sites_poll()
        raise AssertionError(told)

    def sign_and_publish(self, proposal: Path, keys: Sequence[Path]) -> None:
        """What people do in between; whoever's key it is not for does not sign."""
        needed = self.may_sign(proposal)
        for key in keys:
            if signers.read_public(key.with_suffix(".pub")).keyid in needed:
                ceremony.sign(ceremony.prepare(proposal, now()), key, PASSPHRASE)
        assert "published" in self.says("publish", str(proposal))

    def may_sign(self, proposal: Path) -> set[str]:
        """The keys that a proposal can use."""
        read = Proposal.read(proposal)
        roles = [whose for role in read.metadata for whose in read.authorities(role)]
        return {key.keyid for role in roles for key in role.keys}

    def sites_poll(self) -> None:
        """Every site polls once more, and the scheduler looks."""
        self.agents_poll()
        if not self.agents:
            self.village.poll_all()
        self.village.tick()

    def agents_poll(self) -> None:
        """Those that poll in the background have seen what there is now."""
        for agent, count in [(agent, agent.ask()) for agent in self.agents]:
            agent.until(count)

    def key(self, person: str) -> Path:
        """The key that a person had from the beginning."""
        return self.village.estate.key(person)

    def new_key(self, person: str) -> Path:
        """A key pair in a folder of its own; its private half."""
        folder = self.village.folder / "new-keys"
        signers.generate(person, folder, PASSPHRASE, rounds=ROUNDS)
        return folder / f"{person}.key"

    def no_poll_failed(self) -> None:
        """All agents went on as if nothing happened."""
        for agent in self.agents:
            assert set(agent.statuses) == {0}, agent.said
            assert len(agent.statuses) >= 4

    def everybody_goes_on(self, version: str) -> None:
        """Whatever happened, the next release is published and installed as ever."""
        self.village.publish(version)
        self.village.start(version)
        self.village.poll_all()
        assert {site.serves() for site in self.village.sites} == {version}


@pytest.fixture
def night(village: Village) -> Night:
    """Two sites run the first release."""
    for name in SITES:
        village.site(name)
    night = Night(village)
    night.everybody_goes_on("1.0")
    return night


def public(key: Path) -> str:
    return str(key.with_suffix(".pub"))


def move_in(village: Village, *keys: Path) -> None:
    """From now on these are their people's keys."""
    for key in keys:
        for file in (key, key.with_suffix(".pub")):
            file.replace(village.estate.folder / "keys" / file.name)


def test_planned_rotation_of_the_servers_keys(night: Night) -> None:
    with polling(night.village) as night.agents:
        officers = [night.key(person) for person in OFFICERS]
        told = night.walk("planned-rotation", keys=officers)
        night.sites_poll()
    night.no_poll_failed()
    assert "polls that failed meanwhile, of all sites: 0" in told
    assert "blind for" in told
    assert "nobody has a key that is not theirs" in told
    listed = night.says("drill")
    assert "planned-rotation" in listed
    night.agents = ()
    night.everybody_goes_on("1.1")


def test_planned_rotation_of_every_persons_key(night: Night) -> None:
    with polling(night.village) as night.agents:
        new = [night.new_key(person) for person in PEOPLE]
        words = [word for key in new for word in ("--key", public(key))]
        told = night.walk("planned-rotation", *words, keys=[*map(night.key, OFFICERS), *new])
        night.sites_poll()
    night.no_poll_failed()
    assert "polls that failed meanwhile, of all sites: 0" in told
    move_in(night.village, *new)
    night.agents = ()
    night.everybody_goes_on("1.1")
    night.village.publish("1.2", lane=Lane.HOTFIXES)


def test_a_stolen_online_key(night: Night) -> None:
    """Its thief has written a plan and pushed all versions to the end of the numbers."""
    thief = Thief(night.village.server.store, night.village.server.online.generations[0])
    thief.plan("app")
    thief.push_versions(2**31)
    night.village.poll_all()
    with polling(night.village) as night.agents:
        told = night.walk("stolen-online-key", keys=[night.key(person) for person in OFFICERS])
    night.agents = ()
    assert "could not sign a release" in told
    assert "done  5. put our own plans in the place of what the thief published" in told
    timestamp = Repository.read(night.village.server.store).timestamp
    assert timestamp
    assert timestamp.signed.version < 2**30
    night.everybody_goes_on("1.1")
    thief.push_versions(2**32)
    for site in night.village.sites:
        assert site.poll().exit_code != 0
        assert site.serves() == "1.1"


def test_a_stolen_release_key(night: Night) -> None:
    with polling(night.village) as night.agents:
        new = night.new_key("dewi")
        keys = [*map(night.key, (*OFFICERS, "sari")), new]
        told = night.walk("stolen-release-key", "joko", "--instead", public(new), keys=keys)
        night.sites_poll()
    night.no_poll_failed()
    assert "could sign nothing of app alone" in told
    assert "joko" not in night.says("people")


def test_a_stolen_l3_laptop(night: Night) -> None:
    """The same person goes on with another key; the old one is worth nothing any more."""
    village = night.village
    with polling(village) as night.agents:
        new = night.new_key("tono")
        keys = [*map(night.key, (*OFFICERS, "wati")), new]
        told = night.walk("stolen-l3-laptop", "tono", "--instead", public(new), keys=keys)
        night.sites_poll()
    night.no_poll_failed()
    assert "ten sites" in told
    repository = Repository.read(village.server.store)
    old = signers.read_public(night.key("tono").with_suffix(".pub"))
    delegations = repository.targets.delegations
    assert delegations
    assert old.keyid not in delegations.keys
    move_in(village, new)
    village.publish("1.1", lane=Lane.HOTFIXES)


def test_a_lost_root_key(night: Night) -> None:
    with polling(night.village) as night.agents:
        new = night.new_key("citra")
        keys = [*map(night.key, OFFICERS), new]
        told = night.walk("lost-root-key", "budi", "--instead", public(new), keys=keys)
        night.sites_poll()
    night.no_poll_failed()
    assert "could sign nothing of root alone" in told
    move_in(night.village, new)
    night.agents = ()
    night.village.estate.officers = ("ani", "citra")
    night.village.estate.add_product("till")
    night.everybody_goes_on("1.1")


def test_a_compromised_root_by_a_signed_hand_over(night: Night) -> None:
    with polling(night.village) as night.agents:
        new = [night.new_key(person) for person in ("citra", "eko")]
        words = [word for key in new for word in ("--officer", public(key))]
        told = night.walk("compromised-root", *words, keys=[*map(night.key, OFFICERS), *new])
        night.sites_poll()
    night.no_poll_failed()
    assert "could sign any root" in told
    people = night.says("people")
    assert "ani" not in people
    assert "budi" not in people
    night.agents = ()
    night.everybody_goes_on("1.1")


def test_a_compromised_root_that_is_left_behind(night: Night, tmp_path: Path) -> None:
    """The thieves go on signing under the old root; nobody listens any more, and nobody travels."""
    old = night.village
    with open_village(tmp_path / "anew") as village:
        anew = Night(village)
        home = str(old.server.settings.home)
        told = anew.says("drill", "compromised-root", "--left-behind", home)
        assert "app: sites run 1.0; publish that or a newer one" in told
        village.publish("1.1")
        village.start("1.1")
        assert "invite 2 sites again" in anew.says(
            "drill", "compromised-root", "--left-behind", home, "--yes"
        )
        for site in old.sites:
            file = village.server.settings.home / "invitations" / f"{site.site_id}.txt"
            words = ("enroll", file.read_text(), "--root-sha256", village.estate.root_sha256)
            refused = site.command(*words)
            assert "--again" in refused.output
            assert site.command(*words, "--again").exit_code == 0, "as its administrator was told"
            assert site.serves() == "1.0", "what runs goes on running"
            site.poll()
        village.tick()
        closing = anew.says("drill", "compromised-root", "--left-behind", home, "--yes")
        assert "The drill is closed." in closing
        assert "the last of 2 sites enrolled here" in closing
        assert {site.serves() for site in old.sites} == {"1.1"}
        old.publish("6.6.6")
        old.start("6.6.6")
        old.poll_all()
        assert {site.serves() for site in old.sites} == {"1.1"}, "the old root means nothing here"


def test_expiring_roots_and_roles(night: Night) -> None:
    """Nobody has looked for a year but for the server's own signatures."""
    village = night.village
    assert "Nothing is near its end" in night.says("drill", "expiring")
    with time_machine.travel(now() + timedelta(days=300), tick=True):
        _wait_for_the_date(village)
        village.tick()
        assert "less than a quarter of its life" in night.says("status")
        held = [site.poll() for site in village.sites]
        assert all("expired" in each.output for each in held), [each.output for each in held]
        assert {site.serves() for site in village.sites} == {"1.0"}
        people = [night.key(person) for person in (*OFFICERS, *ENGINEERS)]
        told = night.walk("expiring", keys=people)
        assert "targets HAS EXPIRED" in told
        night.everybody_goes_on("1.1")


def _wait_for_the_date(village: Village) -> None:
    """The web server writes its Date anew once a second, and agents hold it against their clock."""
    year = now().strftime("%Y")
    while True:
        with urllib.request.urlopen(f"{village.server.settings.public_url}/healthz") as answer:
            if year in answer.headers["Date"]:
                return
        time.sleep(0.1)


def test_a_withdrawn_release_is_installed_nowhere_else(night: Night) -> None:
    village, (first, late) = night.village, night.village.sites
    village.publish("2.0")
    village.start("2.0")
    first.poll()
    folder = village.folder / "proposals" / "withdraw"
    words = ("release", "withdraw", "app", "2.0", "--reason", "it deletes prices")
    said = night.says(*words, "--out", str(folder))
    assert "1 site run it now" in said
    assert "warung-1" in said
    night.sign_and_publish(folder, [night.key(person) for person in ENGINEERS])
    late.poll()
    assert late.serves() == "1.0", "the plan is as it was, and the site refuses"
    assert "withdrawn: it deletes prices" in late.command("explain").output
    assert "WITHDRAWN: it deletes prices" in night.says("release", "list", "app")

    scheduler.stop_withdrawn(village.server, now())
    assert village.state_of("2.0") == "stopped"
    assert first.serves() == "2.0", "who runs it goes on until there is something newer"
    night.everybody_goes_on("2.1")
