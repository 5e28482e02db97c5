"""A break-glass release at night: one engineer, named sites, and the review that follows."""

from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner

from distribution.cli import main as hsp
from distribution.people.roles import Role
from manifests.target_paths import Lane
from tests.simulators.staff import hire
from tests.simulators.village import Village, now

TONO, WATI = "tono", "wati"
AT_ONCE = """
name = "at-once"
[[waves]]
after_seconds = 0
up_to_basis_points = 10_000
[gates]
soak_seconds = 0
success_threshold_percent = 95
error_threshold_percent = 5
"""


def says(village: Village, *words: object, status: int = 0) -> str:
    """``hsp WORDS`` on the server's machine."""
    home = str(village.server.settings.home)
    done = CliRunner().invoke(hsp, ["--home", home, *map(str, words)])
    assert done.exit_code == status, done.output
    return done.output


def signed_alone(village: Village, version: str, site: str) -> Path:
    """A release for one site by name, with Tono's signature and no other."""
    built = village.build(version, sites=[site], expires_at=now() + timedelta(hours=10))
    proposal = village.estate.propose(built, Lane.BREAKGLASS)
    village.estate.sign(proposal, TONO)
    return proposal


def test_one_engineer_reaches_one_named_site_and_somebody_else_reviews_it(village: Village) -> None:
    hire(village.server.database, now(), {name: (Role.L3,) for name in (TONO, WATI)})
    broken, other = village.site("warung-1"), village.site("warung-2")
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    for site in (broken, other):
        site.set_policy('breakglass = "immediate"\n')
    village.publish("2.0", healthy=False)
    village.start("2.0")
    broken.poll()
    says(village, "rollout", "pause", "app", "2.0", "--reason", "it does not start", "--by", TONO)
    village.tick()
    [ticket] = [t for t in village.tickets() if t.version == "2.0"]

    fix = signed_alone(village, "2.0.post1", broken.site_id)
    schedule = village.folder / "at-once.toml"
    schedule.write_text(AT_ONCE)
    says(village, "hotfix", "release", ticket.number, fix, "--schedule", schedule, "--by", TONO)
    village.poll_all()
    village.tick()
    assert broken.serves() == "2.0.post1"
    assert other.serves() == "1.0", "it is not named"
    [ticket] = [t for t in village.tickets() if t.version == "2.0"]
    assert (ticket.state, ticket.sites_open) == ("closed", 0)

    [review] = [t for t in village.tickets() if t.code == "breakglass_review"]
    assert (review.tier, review.state) == ("L3", "open")
    again = signed_alone(village, "2.0.post2", broken.site_id)
    assert "review" in says(village, "publish", again, "--by", TONO, status=77)
    refused = says(village, "review", "close", 1, "--by", TONO, "--verdict", "fine", status=77)
    assert TONO in refused
    says(village, "review", "close", 1, "--by", WATI, "--verdict", "needed; 2.1 contains it")
    village.tick()
    [review] = [t for t in village.tickets() if t.code == "breakglass_review"]
    assert review.state == "closed"
    says(village, "publish", again, "--by", TONO)
    audit = says(village, "audit", "list")
    assert "review.close" in audit
