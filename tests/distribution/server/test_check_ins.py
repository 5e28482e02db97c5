"""Check-ins: what is noted of them, and what the answer tells."""

import pytest

from distribution.errors import Unauthorised
from distribution.repository.catalogue import trust_state
from distribution.sites import check_ins, site_records
from distribution.sites.site_records import SiteRecord
from manifests.rollout import Ring
from tests.simulators.house import PRODUCT, House, Talker

pytestmark = pytest.mark.both_databases


def record(house: House, site: Talker) -> SiteRecord:
    with house.database.reading() as session:
        return site_records.details(session, site.site_id, house.clock.now).site


def test_what_a_site_runs_and_why_it_waits_is_known(house: House) -> None:
    site = house.site()
    site.installed = "1.0"
    site.check_in(
        candidate="releases/app/2.0/manifest.json",
        decision="wait",
        gate="window_open",
        reason="the site's window is closed",
        lifted_by="the site's administrator",
    )
    (product,) = record(house, site).products
    assert (product.product, product.version, product.gate) == (PRODUCT, "1.0", "window_open")


def test_the_answer_names_the_newest_root_and_timestamp(house: House) -> None:
    site = house.site()
    before = site.check_in()
    assert before.root_version == 1
    house.estate.publish("2.0")
    assert site.check_in().timestamp_version == before.timestamp_version + 1
    assert site.check_in().poll_seconds == house.server.settings.poll_seconds


def test_the_ring_is_the_sites_own(house: House) -> None:
    site = house.site(ring=Ring.BROAD)
    site.ring = Ring.CRITICAL
    site.check_in()
    assert record(house, site).ring is Ring.CRITICAL


def test_an_older_check_in_of_the_same_run_does_not_undo_a_newer_one(house: House) -> None:
    site = house.site()
    old = site.sign_of_life()
    house.clock.forward(60)
    site.installed = "2.0"
    site.check_in()
    trust = trust_state(house.server.store)
    check_ins.accept(house.database, old, house.server.settings, trust, house.clock.now)
    assert record(house, site).products[0].version == "2.0"


def test_a_check_in_in_anothers_name_is_refused(house: House) -> None:
    house.site("honest")
    with pytest.raises(Unauthorised):
        Talker("honest", house.server).check_in()
    with pytest.raises(Unauthorised):
        Talker("nobody", house.server).check_in()
