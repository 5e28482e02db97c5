"""L3's work: who runs it, the cause, the hand-over to developers, the hotfix that ends it."""

from collections.abc import Callable

import pytest

from distribution.control import rollouts
from distribution.desk import handing_over, known_issue_work, problem_work
from distribution.desk import tickets as views
from distribution.desk.hand_over import HandOver
from distribution.desk.known_issue_work import NewKnownIssue
from distribution.desk.news import News
from distribution.desk.problem_work import ClientsSites
from distribution.desk.ticket_views import Ticket, Which
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound
from distribution.people.roles import Person
from manifests.failures import FailureCode, Tier
from manifests.rollout import Ring
from manifests.target_paths import Lane
from tests.distribution.desk.conftest import OnlyTicket, Tickets
from tests.simulators.house import PRODUCT, House, schedule

People = Callable[[str], Person]
Told = Callable[[], list[tuple[News, str]]]

ALL = 10_000
HOTFIX = "2.0.post1"
HOTFIX_PATH = f"hotfixes/{PRODUCT}/{HOTFIX}/manifest.json"


def page(house: House, number: int) -> Ticket:
    with house.database.reading() as session:
        return views.one(session, number)


def test_l3_sees_who_runs_the_version_and_who_gets_it_next(
    house: House, only_ticket: OnlyTicket
) -> None:
    house.start("2.0", schedule(ALL))
    path = f"releases/{PRODUCT}/2.0/manifest.json"
    bad = house.site("bad", client_id="warung")
    runs = house.site("runs", client_id="warung", installed="2.0")
    waits = house.site("waits", client_id="apotek", installed="1.0")
    house.site("elsewhere", client_id="toko", installed="1.0")
    for site in (bad, waits):
        site.check_in(candidate=path, decision="wait", gate="wave_open", reason="later")
    runs.check_in()
    bad.fails()
    house.tick()
    assert page(house, only_ticket().number).runs == (
        ClientsSites("apotek", (), ("waits",)),
        ClientsSites("warung", ("runs",), ()),
    )


def test_the_hand_over_has_everything_and_no_customers_name(
    house: House, tickets: Tickets, person: People, told: Told
) -> None:
    house.start("2.0", schedule(ALL))
    one = house.site("shop-jakarta", client_id="warung", installed="1.0")
    other = house.site("shop-bandung", client_id="apotek")
    for site in (one, other):
        detail = f"{site.site_id} of {site.client_id} has no prices"
        site.fails(detail=detail)
    house.tick()
    [number] = [t.number for t in tickets() if t.code is FailureCode.UNHEALTHY]
    wati, now = person("wati"), house.clock.now
    house.site("till-7", client_id="toko")
    words = "warung has no category, as Toko and till-7."
    problem_work.cause(house.database, wati, number, words, now)
    done = handing_over.hand_over(house.database, wati, number, "developers", now)
    assert (done.sites, done.sites_open, done.clients, done.tier) == (2, 2, 2, "L3")
    assert done.release == f"releases/{PRODUCT}/2.0/manifest.json"
    assert [(i.site, i.client) for i in done.incidents] == [
        ("site 1", "client 1"), ("site 2", "client 2"),
    ]  # fmt: skip
    assert done.incidents[1].detail == "site 2 of client 2 has no prices"
    assert done.cause == "client 1 has no category, as another one and another one."
    text = done.to_json()
    assert not any(name in text for name in ("jakarta", "bandung", "warung", "apotek"))
    with house.database.reading() as session:
        assert handing_over.handed_over(session, number) == [done]
    assert told()[-1] == (News.HANDED_OVER, "")
    assert page(house, number).handed_over == (("developers", now),)

    named = handing_over.hand_over(
        house.database, wati, number, "developers", now, with_names=True
    )  # fmt: skip
    assert [i.site for i in named.incidents] == ["shop-jakarta", "shop-bandung"]
    assert HandOver.from_json(named.to_json()) == named


def test_a_hand_over_is_l3s_and_goes_to_somebody(
    house: House, only_ticket: OnlyTicket, person: People
) -> None:
    house.site().fails()
    house.tick()
    number, now = only_ticket().number, house.clock.now
    with pytest.raises(NotAllowed):
        handing_over.hand_over(house.database, person("joko"), number, "developers", now)
    with pytest.raises(Invalid):
        handing_over.hand_over(house.database, person("wati"), number, "Our Tracker!", now)
    with pytest.raises(NotFound):
        handing_over.hand_over(house.database, person("wati"), 99, "developers", now)
    with pytest.raises(NotAllowed):
        problem_work.cause(house.database, person("joko"), number, "the moon", now)


def test_a_hotfix_is_linked_by_its_rollout_and_the_stopped_ones_ticket_closes_by_itself(
    house: House, tickets: Tickets, person: People, told: Told
) -> None:
    sites = [house.site(ring=Ring.PILOT, client_id=f"client-{n}") for n in range(3)]
    house.start("2.0", schedule(100, ALL))
    sites[0].fails()
    sites[1].fails()
    sites[2].fails(code=FailureCode.START_FAILED, detail="exit status 1")
    house.tick(1)
    [stopped] = [t for t in tickets() if t.code is FailureCode.ROLLOUT_STOPPED]
    assert (stopped.tier, stopped.parts, stopped.progress) == (
        Tier.L3, 2, "0 of 3 sites confirmed",
    )  # fmt: skip

    release = house.estate.publish(HOTFIX, lane=Lane.HOTFIXES)
    args = house.database, release, schedule(ALL), "wati", house.clock.now, None, "l3"
    with pytest.raises(NotFound):
        rollouts.start(*args, for_problem=99)
    rollouts.start(*args, for_problem=stopped.number)
    assert page(house, stopped.number).line.hotfix == HOTFIX_PATH
    for count, site in enumerate(sites, 1):
        [line] = [t for t in tickets() if t.number == stopped.number]
        assert line.progress == f"{count - 1} of 3 sites confirmed"
        site.confirms(HOTFIX, release=HOTFIX_PATH)
        house.tick()
    assert tickets() == []
    assert page(house, stopped.number).line.progress == "3 of 3 sites confirmed"
    closed = [t for t in tickets(Which.CLOSED) if t.part_of == stopped.number]
    assert len(closed) == 2
    assert told().count((News.CLOSED, "")) == 3, "two parts, and the one that gathers them"


def test_a_hotfix_is_another_version_of_the_same_product(
    house: House, only_ticket: OnlyTicket, person: People
) -> None:
    house.start("2.0", schedule(ALL))
    site = house.site()
    site.fails()
    house.tick()
    number, wati, now = only_ticket().number, person("wati"), house.clock.now
    for release, error in (
        ("2.0", Conflict),
        ("releases/till/2.1/manifest.json", Conflict),
        ("the newest one", Invalid),
    ):
        with pytest.raises(error):
            problem_work.hotfix(house.database, wati, number, release, now)
    problem_work.hotfix(house.database, wati, number, HOTFIX_PATH, now)
    assert only_ticket().hotfix == HOTFIX_PATH
    site.confirms(HOTFIX)
    house.tick()
    with pytest.raises(Conflict, match="closed"):
        problem_work.hotfix(house.database, wati, number, HOTFIX_PATH, now)


def test_a_known_issue_is_named_in_the_hand_over(
    house: House, only_ticket: OnlyTicket, person: People
) -> None:
    wati = person("wati")
    new = NewKnownIssue("wait", "We are mending it.", product=PRODUCT, words="prices")
    known_issue_work.add(house.database, wati, new, house.clock.now)
    house.site().fails()
    house.tick()
    number, now = only_ticket().number, house.clock.now
    done = handing_over.hand_over(house.database, wati, number, "developers", now)
    assert (done.known_issue, done.release) == ("K-1", "")
