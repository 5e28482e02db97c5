"""A client that must say yes first: its sites wait, other clients' do not, and a yes is enough."""

from distribution.control import approvals
from distribution.control.rollouts import Word
from tests.simulators.village import PRODUCT, Village, now

ASKS = 'approval = "client"\n'


def test_the_sites_of_a_client_wait_for_its_yes(village: Village) -> None:
    asks, other = village.site("warung-1", "warung"), village.site("apotek-1", "apotek")
    asks.set_policy(ASKS)
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    assert other.soon_serves() == "1.0"
    assert asks.serves() is None
    assert "the site's policy is to ask its client" in asks.command("explain").output
    village.tick()
    assert village.state_of("1.0") == "finished", "who waits for a yes holds nobody else up"

    word = Word("wati", "Ibu Rina said yes on the telephone")
    approvals.approve(village.server.database, PRODUCT, "1.0", "warung", word, now())
    asks.poll()  # it hears of it
    asks.poll()
    assert asks.soon_serves() == "1.0"


def test_the_administrator_at_the_site_may_say_yes_without_us(village: Village) -> None:
    site = village.site("warung-1")
    site.set_policy(ASKS)
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    assert site.serves() is None
    assert site.command("approve", PRODUCT, "1.0").exit_code == 0
    site.poll()
    assert site.soon_serves() == "1.0"


def test_a_site_that_trusts_its_administrator_alone_takes_no_servers_word(
    village: Village,
) -> None:
    site = village.site("warung-1")
    site.set_policy('approval = "administrator"\n')
    village.publish("1.0")
    village.start("1.0")
    site.poll()
    word = Word("thief", "everybody has said yes")
    approvals.approve(village.server.database, PRODUCT, "1.0", "warung", word, now())
    site.poll()
    site.poll()
    assert site.serves() is None
    assert "lifted by: the site's administrator" in site.command("explain").output
