"""A recall overtakes a rollout in progress: nobody gets the old one any more, all get the newer."""

from distribution.control import brakes, explanation, rollouts
from distribution.control.brakes import Scope
from distribution.control.rollouts import Word
from distribution.repository import catalogue
from manifests.failures import FailureCode, Tier
from manifests.rollout import Ring
from tests.simulators.village import ONE_WAVE, PRODUCT, TWO_WAVES, Village, now


def test_a_recall_in_the_middle_of_a_rollout(village: Village) -> None:
    early, late = village.site("warung-1"), village.site("koperasi-hq", "koperasi", Ring.CRITICAL)
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    village.publish("2.0")
    village.start("2.0", TWO_WAVES)
    village.poll_all()
    assert (early.soon_serves(), late.serves()) == ("2.0", "1.0")

    word = Word("wati", "the prices are a day old")
    rollouts.recall(village.server.database, PRODUCT, "2.0", word, now())
    village.tick()
    village.poll_all()
    village.tick()
    assert (early.serves(), late.serves()) == ("2.0", "1.0"), "what runs, runs on"
    assert "recalled: the prices are a day old" in late.command("explain").output
    (problem,) = village.tickets()
    assert (problem.code, problem.tier) == (FailureCode.ROLLOUT_STOPPED, Tier.L3)

    village.publish("2.1")
    village.start("2.1", ONE_WAVE)
    village.poll_all()
    assert (early.soon_serves(), late.soon_serves()) == ("2.1", "2.1")
    assert "2.0" not in [late.serves(), early.serves()]


def test_a_brake_of_support_outlives_the_resume_of_a_rollout(village: Village) -> None:
    site = village.site("warung-1")
    village.publish("1.0")
    site.poll()
    word = Word("wati", "they count their stock")
    brake = brakes.put_on(village.server.database, Scope.SITE, "warung-1", word, now())
    site.poll()
    village.start("1.0")
    village.pause("1.0", "a look first")
    rollouts.resume(village.server.database, PRODUCT, "1.0", word, now())
    village.tick()
    site.poll()
    assert site.serves() is None
    at_the_site = site.command("explain").output
    assert "a brake on this site is on (wati: they count" in at_the_site
    releases = catalogue.releases(village.server.store, PRODUCT)
    with village.server.database.reading() as session:
        (here,) = explanation.explain(session, "warung-1", releases, now())
    assert here.reason in at_the_site, "both sides say the same"
    brakes.take_off(village.server.database, brake.number, word, now(), may_lift=False)
    site.poll()  # it hears of it
    site.poll()
    assert site.soon_serves() == "1.0"
