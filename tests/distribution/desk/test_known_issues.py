"""Known issues match first, are no news, and tell no client of another."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from distribution.control.explanation import known_site
from distribution.desk import known_issue_work, known_issues, tickets
from distribution.desk.known_issue_work import NewKnownIssue
from distribution.desk.known_issues import HeldNotice
from distribution.desk.news import News
from distribution.desk.ticket_views import Which
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.roles import Person
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from tests.distribution.desk.conftest import OnlyTicket, Tickets
from tests.simulators.house import PRODUCT, House, Talker
from tests.simulators.tickets import sites

pytestmark = pytest.mark.both_databases

People = Callable[[str], Person]
Told = Callable[[], list[tuple[News, str]]]

PRICES = NewKnownIssue(
    product=PRODUCT,
    versions=">=2,<3",
    words="prices missing",
    workaround="import the price list by hand",
    sentence="The price list is not there after the update; we are mending it.",
)


@pytest.fixture
def add(house: House, person: People) -> Callable[[NewKnownIssue], str]:
    """Wati makes a known issue."""

    def made(new: NewKnownIssue) -> str:
        now = house.clock.now
        return known_issue_work.add(house.database, person("wati"), new, now).number

    return made


def held(house: House, site: Talker) -> list[HeldNotice]:
    """What the site's client hears."""
    with house.database.reading() as session:
        return known_issues.at_site(session, known_site(session, site.site_id))


def test_what_a_known_issue_explains_is_attached_to_it_and_raises_nothing(
    house: House, add: Callable[[NewKnownIssue], str], only_ticket: OnlyTicket, told: Told
) -> None:
    assert add(PRICES) == "K-1"
    one, other = house.site(client_id="warung"), house.site(client_id="apotek")
    for site, version in ((one, "2.0"), (other, "2.1"), (one, "2.0"), (one, "2.2")):
        site.fails(version)
    house.tick()
    line = only_ticket()
    assert (line.known_issue, line.tier, line.clients) == ("K-1", Tier.L2, 2)
    assert set(sites(house.database, line)) == {one.site_id, other.site_id}
    assert told() == []
    with house.database.reading() as session:
        page = tickets.one(session, line.number)
    assert page.known_issue is not None
    assert page.known_issue.workaround == "import the price list by hand"
    house.clock.forward(3 * 24 * 3600)
    for site in (one, other):
        site.check_in()
    house.tick()
    assert (only_ticket().tier, told()) == (Tier.L2, []), "it has been answered"
    for site in (one, other):
        site.confirms("2.0.post1")
    house.tick()
    assert only_ticket(Which.CLOSED).number == line.number


@pytest.mark.parametrize(
    "other",
    [
        replace(PRICES, versions="3.0, 3.1"),
        replace(PRICES, words="prices stock"),
        replace(PRICES, code=FailureCode.START_FAILED),
        replace(PRICES, product="till"),
        replace(PRICES, words="", signature="unhealthy reverted: the stock is missing"),
    ],
)
def test_what_does_not_fit_in_one_point_is_news(
    house: House,
    add: Callable[[NewKnownIssue], str],
    only_ticket: OnlyTicket,
    told: Told,
    other: NewKnownIssue,
) -> None:
    add(other)
    site = house.site()
    site.fails()
    house.tick()
    assert (only_ticket().known_issue, told()) == ("", [(News.OPENED, site.site_id)])


def test_made_of_a_ticket_it_knows_that_tickets_failures_again(
    house: House,
    add: Callable[[NewKnownIssue], str],
    only_ticket: OnlyTicket,
    told: Told,
    person: People,
) -> None:
    house.site(client_id="warung").fails()
    house.tick()
    number = only_ticket().number
    bare = NewKnownIssue(workaround="wait", sentence="We are mending it.", problem=number)
    assert add(bare) == "K-1"
    house.site(client_id="apotek").fails()
    house.tick()
    line = only_ticket()
    assert (line.number, line.tier, line.sites, line.owner) == (number, Tier.L2, 2, "wati")
    assert [kind for kind, _ in told()] == [News.OPENED]
    with pytest.raises(Conflict):
        add(bare)

    end, wati, now = known_issue_work.end, person("wati"), house.clock.now
    end(house.database, wati, 1, "it was something else", now)
    ended = only_ticket()
    assert (ended.known_issue, ended.answered_at) == ("", None), "it has a clock again"
    house.site(client_id="toko").fails()
    house.tick()
    assert only_ticket().tier is Tier.L3
    with pytest.raises(Conflict):
        end(house.database, wati, 1, "again", now)
    with pytest.raises(NotFound):
        end(house.database, wati, 7, "again", now)


def test_another_client_hears_its_number_and_not_where_it_was_seen(
    house: House, add: Callable[[NewKnownIssue], str]
) -> None:
    add(PRICES)
    one = house.site(client_id="warung")
    other = house.site(client_id="apotek", installed="2.0")
    about_to_get_it = house.site(client_id="toko", installed="1.0")
    about_to_get_it.check_in(candidate=f"releases/{PRODUCT}/2.0/manifest.json")
    elsewhere = house.site(client_id="toko", installed="1.0")
    one.installed = "2.0"
    one.fails()
    house.tick()
    says = f"held: known issue K-1: {PRICES.sentence}"
    assert held(house, other) == [HeldNotice("K-1", PRODUCT, says, here=False, workaround="")]
    assert [notice.says for notice in held(house, about_to_get_it)] == [says]
    assert held(house, elsewhere) == []
    assert held(house, one) == [
        HeldNotice("K-1", PRODUCT, says, here=True, workaround=PRICES.workaround)
    ]


def test_what_security_must_see_is_never_a_known_issue(
    house: House, add: Callable[[NewKnownIssue], str], only_ticket: OnlyTicket
) -> None:
    with pytest.raises(Invalid, match="security"):
        add(replace(PRICES, code=FailureCode.CLOCK))
    add(replace(PRICES, words="missing"))
    site = house.site()
    code = FailureCode.ARTIFACT_MISMATCH
    site.report(Phase.FAILED, code=code, detail="bytes are missing")
    house.tick()
    assert (only_ticket().known_issue, only_ticket().tier) == ("", Tier.SECURITY)


def test_a_failed_revert_is_explained_only_by_an_issue_that_names_it(
    house: House, add: Callable[[NewKnownIssue], str], tickets: Tickets
) -> None:
    add(PRICES)
    code, detail = FailureCode.REVERT_FAILED, "the prices are missing"
    house.site().report(Phase.REVERT_FAILED, code=code, detail=detail)
    house.tick()
    assert [ticket.known_issue for ticket in tickets()] == [""]
    add(replace(PRICES, code=code))
    house.site().report(Phase.REVERT_FAILED, code=code, detail=detail)
    house.tick()
    assert {ticket.known_issue for ticket in tickets()} == {"", "K-2"}


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PRICES, product=""),
        replace(PRICES, words=" "),
        replace(PRICES, versions="newer than 2"),
        replace(PRICES, workaround=" "),
        replace(PRICES, sentence=""),
    ],
)
def test_a_known_issue_that_says_too_little_is_refused(
    add: Callable[[NewKnownIssue], str], wrong: NewKnownIssue
) -> None:
    with pytest.raises(Invalid):
        add(wrong)


def test_only_l3_makes_known_issues(house: House, person: People) -> None:
    for name in ("lia", "joko", "rina"):
        with pytest.raises(NotAllowed):
            known_issue_work.add(house.database, person(name), PRICES, house.clock.now)
