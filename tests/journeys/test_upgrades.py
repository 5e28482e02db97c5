"""Upgrades: agents and officers' machines of a release meet today's server, and vice versa.

The released programs run as they were released (tests/compatibility/released), as processes.
"""

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import select

from distribution.database.tables import Attempt
from distribution.repository import catalogue
from distribution.scheduling import scheduler
from distribution.sites import enrolment
from manifests.delta import delta_path
from manifests.rollout import Ring
from manifests.site import SiteProfile
from manifests.target_paths import Lane
from signing import propose
from signing.draft import Draft
from signing.store import DirectoryStore
from signing.update_repository import Repository
from tests.compatibility.released_server import ReleasedServer, released_server
from tests.compatibility.releases import RELEASES, Released
from tests.simulators.estate import ENGINEERS, PASSPHRASE
from tests.simulators.ports import free_port
from tests.simulators.village import POLICY, PRODUCT, PROGRAM, Village, VillageSite, now

every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)


@dataclass
class OldSite(VillageSite):
    """A site whose administrator has not upgraded the agent yet."""

    release: Released = field(default=RELEASES[-1])

    def old(self, *words: str) -> str:
        """A command of the released ``hsp-updater``, which ends well; what it said."""
        done = self.release.run("hsp-updater", "--state", str(self.state), *words)
        assert done.returncode == 0, f"hsp-updater {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout


def enrolled(village: Village, release: Released) -> OldSite:
    """A site that the released agent has made a member."""
    profile = SiteProfile(
        site_id="warung-1", client_id="warung", ring=Ring.PILOT, products=(PRODUCT,)
    )
    server = village.server
    trust = catalogue.trust_state(server.store)
    invitation = enrolment.invite(server.database, profile, trust, server.settings, "ani", now())
    site = OldSite("warung-1", village.folder / "sites" / "warung-1", free_port(), release)
    site.state.parent.mkdir()
    policy = village.folder / "site.toml"
    policy.write_text(POLICY.format(port=site.port))
    trusting = ("--root-sha256", village.estate.root_sha256, "--policy", str(policy))
    site.old("enroll", invitation.to_text(), *trusting)
    village.sites.append(site)
    return site


def data(version: str) -> dict[str, bytes]:
    """Bytes that no compressor makes smaller; between versions, only some of them differ."""
    changing = bytearray(random.Random(1).randbytes(200_000))
    changing[1000:2000] = random.Random(version).randbytes(1000)
    return {"data.bin": bytes(changing)}


@every_release
def test_a_released_agent_works_with_todays_server_and_can_be_upgraded_and_back(
    village: Village, release: Released
) -> None:
    site = enrolled(village, release)
    village.publish("1.0")
    village.start("1.0")
    site.old("once")
    assert site.serves() == "1.0"

    village.publish("1.1", healthy=False)
    village.start("1.1")
    site.old("once")
    village.tick()
    assert site.soon_serves() == "1.0", "it has gone back"
    assert "unhealthy" in [ticket.code for ticket in village.tickets()]
    site.old("rotate-key")

    village.publish("1.2", files=data("1.2"))
    village.start("1.2")
    assert site.poll().exit_code == 0, "today's agent takes the folder over"
    assert site.serves() == "1.2"

    assert "1.2" in site.old("status"), "its launcher has gone back to the released agent"
    village.publish("1.3", files=data("1.3"))
    village.start("1.3")
    scheduler.make_deltas(village.server, now())
    assert catalogue.target(village.server.store, delta_path(PRODUCT, "1.2", "1.3", "any"))
    site.old("once")
    village.tick()
    assert site.serves() == "1.3"
    scheduler.process_reports(village.server, now())
    with village.server.database.reading() as session:
        saved = select(Attempt.saved_bytes).where(Attempt.version == "1.3")
        assert session.exec(saved).one() > 0, "by today's delta"
    assert "artifact_mismatch" not in [ticket.code for ticket in village.tickets()]
    assert "what was signed" in site.old("verify")


@every_release
def test_an_officers_machine_of_a_release_signs_for_todays_server(
    village: Village, release: Released
) -> None:
    proposal = village.estate.propose(village.build("1.0"))
    for person in ENGINEERS:
        key = str(village.estate.key(person))
        words = ("sign", str(proposal), "--key", key, "--yes")
        done = release.run("hsp-sign", *words, HSP_PASSPHRASE=PASSPHRASE)
        assert done.returncode == 0, done.stderr
    assert village.estate.publish_proposal(proposal).releases


DESCRIPTION = """\
product = "app"
version = "1.0"
variables = ["port"]

[install]
kind = "slot"

[install.service]
kind = "program"
command = ["python3", "-S", "serve.py", "{port}"]
stop_grace_seconds = 1

[health]
attempts = 3
interval_seconds = 1
checks = [{kind = "http", url = "http://127.0.0.1:{port}/", expect_json = {RELEASE = "1.0"}}]
"""
AT_ONCE = """\
format = 1
name = "at-once"

[[waves]]
after_seconds = 0
up_to_basis_points = 10000

[gates]
soak_seconds = 0
success_threshold_percent = 95
error_threshold_percent = 5
"""


def rolled_out(server: ReleasedServer, folder: Path) -> str:
    """A release that it builds, publishes and starts, and an invitation; what it said of that."""
    source, built = folder / "source", folder / "built"
    source.mkdir()
    for name, content in (("serve.py", PROGRAM), ("RELEASE", b"1.0"), ("health.txt", b"yes")):
        (source / name).write_bytes(content)
    (folder / "release.toml").write_text(DESCRIPTION)
    pace = folder / "at-once.toml"
    pace.write_text(AT_ONCE)
    described = ("--description", str(folder / "release.toml"), "--pace", str(pace))
    said = server.hsp(
        ("release", "build", str(source), *described, "--out", str(built)),
        (
            *("site", "invite", "warung-1", "--client", "warung", "--ring", "pilot"),
            *("--product", PRODUCT, "--out", str(folder / "invitation.txt"), "--by", "ani"),
        ),
    )
    draft = Draft(folder / "proposal", "sari", now())
    store = DirectoryStore(server.home / "repository")
    propose.release(Repository.read(store), built, Lane.RELEASES, draft)
    server.hsp(
        server.signed(folder / "proposal", *ENGINEERS),
        ("rollout", "start", PRODUCT, "1.0", "--schedule", str(pace), "--by", "ani"),
    )
    return said


@every_release
def test_todays_agent_and_officers_work_with_a_released_server(
    tmp_path: Path, release: Released
) -> None:
    """While servers are rolled one after another, somebody may meet the old one once more."""
    server = released_server(release, tmp_path / "old")
    server.found(PRODUCT)
    [fingerprint] = re.findall(r"root 1, sha256 (\w{64})", rolled_out(server, tmp_path))
    site = VillageSite("warung-1", tmp_path / "site", free_port())
    policy = tmp_path / "site.toml"
    policy.write_text(POLICY.format(port=site.port))
    with server.serving():
        joined = site.command(
            *("enroll", str(tmp_path / "invitation.txt"), "--policy", str(policy)),
            *("--root-sha256", fingerprint),
        )
        assert joined.exit_code == 0, joined.output
        try:
            assert site.poll().exit_code == 0
            assert site.serves() == "1.0"
            assert site.poll().exit_code == 0
        finally:
            site.stop_program()
    listed = server.hsp(("site", "list"))
    assert "warung-1" in listed and "1.0" in listed
