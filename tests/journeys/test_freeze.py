"""A freeze that is announced in the middle of a wave: who has not begun does not begin."""

from datetime import datetime, timedelta

from distribution.calendars import freezes
from distribution.calendars.freeze_records import Scope
from distribution.control import plans
from distribution.control.rollouts import Word
from manifests.freeze import Freeze
from tests.simulators.village import PRODUCT, Village, now

WHY = Word("wati", "the client counts its stock")


def two_hours(begin: datetime) -> Freeze:
    """From a minute ago on."""
    return Freeze(
        name="stocktaking",
        zone="UTC",
        starts=(begin - timedelta(minutes=1)).replace(tzinfo=None),
        duration_seconds=7200,
    )


def announce(village: Village, scope: Scope, subject: str = "") -> None:
    """``hsp freeze announce``."""
    freezes.announce(village.server.database, scope, subject, [two_hours(now())], WHY, now())
    publish(village)


def lift(village: Village, number: int) -> None:
    """``hsp freeze lift``."""
    word = Word(WHY.by, "the stock is counted")
    freezes.lift(village.server.database, number, word, now(), may_lift=False)
    publish(village)


def publish(village: Village) -> None:
    server = village.server
    plans.publish_decision(server.database, server.store, server.online, PRODUCT, now())


def test_a_freeze_of_everything_stops_the_rest_of_a_wave_until_it_is_lifted(
    village: Village,
) -> None:
    first, second = village.site("warung-1"), village.site("apotek-1", "apotek")
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    village.publish("2.0")
    village.start("2.0")
    first.poll()
    assert first.serves() == "2.0"

    announce(village, Scope.EVERYTHING)
    village.poll_all()
    village.tick()
    assert second.serves() == "1.0"
    assert first.serves() == "2.0", "what has begun stays"
    assert village.state_of("2.0") == "running", "nobody paused it"
    told = second.command("explain").output
    assert "the site must not be changed now: stocktaking" in told

    lift(village, 1)
    second.poll()
    assert second.serves() == "2.0"
    village.tick()
    assert village.tickets() == [], "a freeze is no failure"


def test_a_freeze_of_one_client_holds_its_sites_and_no_others(village: Village) -> None:
    ours, theirs = village.site("warung-1"), village.site("apotek-1", "apotek")
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    announce(village, Scope.CLIENT, "warung")
    village.poll_all()  # each site hears at its poll what is announced for it
    village.publish("2.0")
    village.start("2.0")
    village.poll_all()
    assert (ours.serves(), theirs.serves()) == ("1.0", "2.0")
    assert "stocktaking" in ours.command("explain").output
    assert "stocktaking" not in theirs.command("explain").output

    lift(village, 1)
    ours.poll()
    assert ours.serves() == "1.0", "it hears of it now"
    ours.poll()
    assert ours.serves() == "2.0"
