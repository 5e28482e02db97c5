"""Only one site of a client in progress at once, held by the signed plan at real agents."""

from manifests.rollout import Limits
from tests.simulators.village import ONE_WAVE, Village

ONE_OF_EACH = ONE_WAVE.model_copy(update={"limits": Limits(at_once_per_client=1)})


def test_the_second_site_waits_until_the_first_one_is_through(village: Village) -> None:
    ours = [village.site("warung-1"), village.site("warung-2")]
    theirs = village.site("apotek-1", "apotek")
    village.publish("2.0")
    village.start("2.0", ONE_OF_EACH)
    village.poll_all()
    assert {site.serves() for site in village.sites} == {None}, "nobody has a turn yet"
    village.tick()
    village.poll_all()
    assert theirs.serves() == "2.0"
    assert {site.serves() for site in ours} == {None, "2.0"}
    waiting = next(site for site in ours if site.serves() is None)
    assert "other sites get 2.0 first: only so many do at once" in waiting.command("explain").output
    village.tick()
    village.poll_all()
    assert waiting.serves() == "2.0"
    village.tick()
    assert village.state_of("2.0") == "finished"
    assert village.tickets() == []
