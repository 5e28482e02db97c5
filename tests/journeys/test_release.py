"""A release, or a hotfix, on its way from two people's signatures to the sites that run it."""

import pytest

from manifests.target_paths import Lane
from tests.simulators.village import Village

CLOSED = """
[[windows]]
zone = "Asia/Jakarta"
starts = 2026-01-04T02:00:00
rule = "FREQ=YEARLY"
duration_seconds = 60
"""


@pytest.mark.parametrize("lane", [Lane.RELEASES, Lane.HOTFIXES])
def test_a_signed_release_reaches_a_site_that_runs_it(village: Village, lane: Lane) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    assert site.serves() == "1.0"

    village.publish("1.1", lane=lane)
    site.poll()
    assert site.serves() == "1.0", "published is not started"

    village.start("1.1", lane=lane)
    site.poll()
    village.tick()
    assert site.serves() == "1.1"
    assert village.tickets() == []
    assert "1.1" in site.command("status").output


def test_a_hotfix_reaches_a_closed_window_as_the_policy_says(village: Village) -> None:
    allows, waits, asks = (village.site(f"warung-{name}") for name in ("now", "later", "ask"))
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    allows.set_policy('hotfix = "immediate"' + CLOSED)
    waits.set_policy('hotfix = "next_window"' + CLOSED)
    asks.set_policy('hotfix = "ask"' + CLOSED)

    village.publish("1.0.post1", lane=Lane.HOTFIXES)
    village.start("1.0.post1", lane=Lane.HOTFIXES)
    village.poll_all()
    assert [site.serves() for site in (allows, waits, asks)] == ["1.0.post1", "1.0", "1.0"]
    assert "window" in waits.command("explain").output

    assert asks.command("approve", "app", "1.0.post1").exit_code == 0
    asks.poll()
    assert asks.serves() == "1.0.post1"


def test_an_ordinary_release_waits_for_the_window(village: Village) -> None:
    site = village.site("warung-1")
    site.set_policy('hotfix = "immediate"' + CLOSED)
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    assert site.serves() is None
    explained = site.command("explain").output
    assert "window" in explained and "administrator" in explained


def test_a_power_cut_leaves_the_site_with_what_it_ran(village: Village) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    site.stop_program()
    assert site.serves() is None
    site.poll()
    assert site.soon_serves() == "1.0"


def test_a_server_that_is_not_there_stops_nothing(village: Village) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    enrolment = (site.state / "enrolment.json").read_text()
    port = village.server.settings.public_url.rpartition(":")[2]
    (site.state / "enrolment.json").write_text(enrolment.replace(f":{port}", ":9"))
    site.stop_program()
    result = site.poll()
    assert result.exit_code == 69
    assert "Traceback" not in result.output
    assert site.soon_serves() == "1.0", "it starts what it has, with nobody there"
