"""What sites, the scheduler and publishers do leaves a record too."""

import pytest

from distribution.audit import publications
from manifests.freeze import Freeze
from tests.simulators.deeds import CLOSING, records
from tests.simulators.house import PRODUCT, House, Talker, schedule

pytestmark = pytest.mark.both_databases


def test_a_site_joins_in_one_record(house: House) -> None:
    before = records(house.database)
    talker = Talker("warung-1", house.server)
    talker.enrol()
    invited, joined = records(house.database)[len(before) :]
    assert (invited.action, joined.action) == ("site.invite", "site.enrol")
    assert joined.actor == "site:warung-1"
    assert talker.invitation is not None
    assert talker.invitation.token not in joined.changes + invited.changes


def test_what_a_site_changes_in_its_own_policy_is_recorded_once(house: House) -> None:
    shop = house.site("shop")
    before = records(house.database)
    shop.policy = shop.policy.model_copy(update={"freezes": (Freeze.model_validate(CLOSING),)})
    for _ in range(3):
        house.clock.forward(60)
        shop.check_in()
    [record] = records(house.database)[len(before) :]
    assert (record.actor, record.action) == ("site:shop", "site.policy")
    assert record.reason == "freeze added: year-end"


# --- what the scheduler does


def test_what_the_scheduler_decides_is_recorded_in_its_name(house: House) -> None:
    sites = house.sites(3)
    house.start("2.0", schedule(5000, 10_000, success_threshold_percent=0))
    house.tick(120)
    for site in sites:
        site.confirms()
    house.tick(120)
    house.tick(120)
    found = [r.action for r in records(house.database) if r.actor == "scheduler"]
    assert "wave.open" in found
    assert "rollout.finish" in found


def test_what_is_published_past_this_server_is_recorded_once(house: House) -> None:
    house.estate.publish("2.0")
    server, now = house.server, house.clock.now
    found = publications.record(server.database, server.store, publications.REPOSITORY, now)
    assert {each.role for each in found} >= {"root", "targets", PRODUCT}
    assert publications.record(server.database, server.store, "somebody", now) == []
    last = records(house.database)[-1]
    assert (last.actor, last.action) == ("the repository", "repository.publish")
    house.estate.publish("2.1")
    [news] = publications.record(server.database, server.store, "ani", now)
    assert (news.role, news.signed_by) == (PRODUCT, ("sari", "joko"))
    last = records(house.database)[-1]
    assert last.about == f"{PRODUCT} {news.version} sha256:{news.sha256}"
    assert last.reason == "signed by sari and joko"
