"""Freezes at the server: announced, in the plan and in answers, lifted, and recorded."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from distribution.calendars import calendar_access, calendar_export, freeze_records, freezes
from distribution.calendars.calendar_import import read_freezes
from distribution.calendars.freeze_records import Scope
from distribution.control import explanation, plans
from distribution.control.rollouts import Word
from distribution.errors import Invalid, NotAllowed, NotFound
from distribution.repository import catalogue
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.freeze import Freeze
from manifests.rollout import Ring, RolloutPlan
from manifests.site import InstalledProduct, SitePolicy
from manifests.target_paths import plan_path
from tests.simulators.estate_databases import written
from tests.simulators.house import BEGIN, PRODUCT, House, Talker, schedule
from tests.simulators.staff import api_of, token_of

ALL = 10_000
WHY = Word("wati", "the client closes its books")
CLOSING = Freeze(
    name="closing",
    zone="Asia/Jakarta",
    starts=datetime(2026, 11, 25),  # noqa: DTZ001 - a wall clock's
    duration_seconds=3 * 86400,
)
WINDOW = {
    "name": "Saturday night",
    "zone": "Asia/Jakarta",
    "starts": "2026-01-03T22:00",
    "rule": "FREQ=WEEKLY;BYDAY=SA",
    "duration_seconds": 4 * 3600,
}


def announce(house: House, scope: Scope, subject: str = "", *what: Freeze) -> int:
    found = freezes.announce(
        house.database, scope, subject, what or (CLOSING,), WHY, house.clock.now
    )
    publish(house, found[1])
    return found[0]


def publish(house: House, products: list[str]) -> None:
    server = house.server
    for product in products:
        plans.publish_decision(
            server.database, server.store, server.online, product, house.clock.now
        )


def in_plan(house: House) -> tuple[Freeze, ...]:
    data = catalogue.read_target(house.server.store, plan_path(PRODUCT))
    return RolloutPlan.from_bytes(data).freezes


def says(talker: Talker, policy: SitePolicy) -> bytes:
    """A sign of life with a policy."""
    document = CheckIn.model_validate(
        {
            "site_id": talker.site_id,
            "at": talker.now,
            "boot_id": talker.boot_id,
            "agent_version": "1",
            "ring": Ring.BROAD,
            "policy": policy,
            "products": [{"product": PRODUCT, "installed": InstalledProduct(version="1.0")}],
        }
    )
    return talker.sealed(document.to_bytes(), CHECK_IN_TYPE)


def test_one_for_everything_is_in_every_plan_and_in_no_answer(house: House) -> None:
    shop = house.site("shop")
    house.start("2.0", schedule(ALL))
    assert announce(house, Scope.EVERYTHING) == 1
    assert in_plan(house) == (CLOSING,)
    assert shop.check_in().freezes == ()


def test_one_of_a_product_is_in_the_plan_that_is_started_later(house: House) -> None:
    announce(house, Scope.PRODUCT, PRODUCT)
    announce(house, Scope.PRODUCT, "other")
    house.start("2.0", schedule(ALL))
    assert in_plan(house) == (CLOSING,)


def test_one_of_a_client_reaches_its_sites_and_no_plan(house: House) -> None:
    ours, theirs = house.site("ours"), house.site("theirs", client_id="klinik")
    house.start("2.0", schedule(ALL))
    announce(house, Scope.CLIENT, "warung")
    assert in_plan(house) == (), "a plan is read by every client"
    assert ours.check_in().freezes == (CLOSING,)
    assert theirs.check_in().freezes == ()


def test_explain_names_the_freeze_as_the_site_would(house: House) -> None:
    house.site("shop")
    release = house.start("2.0", schedule(ALL))
    announce(house, Scope.CLIENT, "warung")
    with house.database.reading() as session:
        [said] = explanation.explain(session, "shop", [release], house.clock.now)
    assert (said.decision, said.reason) == ("wait", "the site must not be changed now: closing")
    assert said.gates[-1].until == datetime(2026, 11, 27, 17, tzinfo=UTC)


def test_one_of_a_site_reaches_that_site(house: House) -> None:
    one, other = house.site("one"), house.site("other")
    announce(house, Scope.SITE, "one")
    assert one.check_in().freezes == (CLOSING,)
    assert other.check_in().freezes == ()


def test_announced_twice_it_is_there_once(house: House) -> None:
    assert announce(house, Scope.EVERYTHING) == 1
    assert announce(house, Scope.EVERYTHING) == 0
    with house.database.reading() as session:
        assert len(freeze_records.announced(session, house.clock.now)) == 1


def test_lifted_it_is_gone_from_the_plan_and_the_record_says_who_and_why(house: House) -> None:
    house.start("2.0", schedule(ALL))
    announce(house, Scope.EVERYTHING)
    word = Word("budi", "the books are closed")
    with pytest.raises(NotAllowed, match="wati announced freeze 1, and budi is no approver"):
        freezes.lift(house.database, 1, word, house.clock.now, may_lift=False)
    publish(house, freezes.lift(house.database, 1, word, house.clock.now, may_lift=True))
    assert in_plan(house) == ()
    with house.database.reading() as session:
        lifted, announced = freeze_records.changes(session)
    assert (lifted.by, lifted.reason, lifted.what) == (
        "budi", "the books are closed", "freeze lifted: closing",
    )  # fmt: skip
    assert (announced.by, announced.what) == ("wati", "freeze announced: closing")
    with pytest.raises(NotFound):
        freezes.lift(house.database, 1, word, house.clock.now, may_lift=True)


def test_one_that_is_over_leaves_by_itself(house: House) -> None:
    shop = house.site("shop")
    announce(house, Scope.CLIENT, "warung")
    house.clock.forward(4 * 86400)
    assert shop.check_in().freezes == ()


def test_what_is_refused(house: House) -> None:
    with pytest.raises(NotFound, match="client 'nobody'"):
        announce(house, Scope.CLIENT, "nobody")
    with pytest.raises(NotFound, match="site 'nowhere'"):
        announce(house, Scope.SITE, "nowhere")
    over = CLOSING.model_copy(update={"starts": datetime(2025, 1, 1)})  # noqa: DTZ001 - local
    with pytest.raises(Invalid, match="not in force within 13 months"):
        announce(house, Scope.EVERYTHING, "", over)
    many = [CLOSING.model_copy(update={"name": f"no. {n}"}) for n in range(101)]
    with pytest.raises(Invalid, match="at most 100"):
        announce(house, Scope.EVERYTHING, "", *many)
    with pytest.raises(Invalid, match="reason"):
        freezes.announce(
            house.database, Scope.EVERYTHING, "", [CLOSING], Word("x", " "), house.clock.now
        )


def test_what_an_administrator_changes_is_recorded_as_the_site_tells_it(house: House) -> None:
    shop = house.site("shop")
    with api_of(house.server) as client:
        policy = SitePolicy.from_plain({"windows": [WINDOW]})
        assert client.post("/v1/check-in", content=says(shop, policy)).status_code == 200
        house.clock.forward(60)
        assert client.post("/v1/check-in", content=says(shop, policy)).status_code == 200
        house.clock.forward(60)
        assert client.post("/v1/check-in", content=says(shop, SitePolicy())).status_code == 200
    with house.database.reading() as session:
        found = [(c.subject, c.by, c.what) for c in freeze_records.changes(session)]
    assert found == [
        ("shop", "the site's administrator", "window taken away: Saturday night"),
        ("shop", "the site's administrator", "window added: Saturday night"),
    ]


# --- what clients see


def events(content: bytes) -> dict[str, str]:
    """Each event's title with its start, as any calendar program reads them."""
    calendar = Calendar.from_ical(content)
    assert not [error for event in calendar.walk() for error in event.errors]
    return {
        str(e["SUMMARY"]): str(e["DTSTART"].to_ical().decode()) for e in calendar.walk("VEVENT")
    }


def exported(house: House, client: str = "warung") -> bytes:
    with house.database.reading() as session:
        return calendar_export.of_client(session, client, house.clock.now)


def test_a_client_sees_its_windows_freezes_and_planned_installs(house: House) -> None:
    shop = house.site("shop")
    house.site("theirs", client_id="klinik")
    release = house.start("2.0", schedule(ALL))
    own = {"name": "stocktaking", "starts_at": BEGIN, "ends_at": BEGIN + timedelta(hours=5)}
    policy = SitePolicy.from_plain({"windows": [WINDOW], "blackouts": [own]})
    with api_of(house.server) as client:
        client.post("/v1/check-in", content=says(shop, policy))
    announce(house, Scope.CLIENT, "klinik", CLOSING.model_copy(update={"name": "secret"}))
    announce(house, Scope.EVERYTHING)
    house.clock.forward(60)
    with house.database.writing() as session:
        from distribution.database.tables import SiteProduct

        row = session.get_one(SiteProduct, ("shop", PRODUCT))
        row.candidate, row.decision = str(release.path), "wait"
        row.until = datetime(2026, 11, 28, 15, tzinfo=UTC)
        session.add(row)
    found = events(exported(house))
    assert found == {
        "shop: Saturday night": "20260103T220000",
        "shop: no updates (stocktaking)": "20261125T020000Z",
        "shop: app 2.0 is planned": "20261128T150000Z",
        "all sites: no updates (closing)": "20261125T000000",
    }
    text = exported(house).decode()
    assert "RRULE:FREQ=WEEKLY;BYDAY=SA" in text
    assert "BEGIN:VTIMEZONE" in text
    assert "klinik" not in text
    assert "secret" not in text


def test_what_is_exported_is_read_back_as_the_same_freeze(house: House) -> None:
    house.site("shop")
    yearly = CLOSING.model_copy(
        update={
            "rule": "FREQ=YEARLY",
            "except_starts": (datetime(2027, 11, 25), datetime(2030, 11, 25)),  # noqa: DTZ001 - local
        }
    )
    announce(house, Scope.CLIENT, "warung", yearly)
    [read] = read_freezes(exported(house), "", house.clock.now).freezes
    assert read.model_copy(update={"name": yearly.name}) == yearly


def test_over_the_api_a_freeze_is_announced_listed_and_lifted(house: House) -> None:
    house.start("2.0", schedule(ALL))
    token = token_of(house.database, "ani", house.clock.now)
    with api_of(house.server) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        what = {
            "name": "closing",
            "zone": "Asia/Jakarta",
            "starts": "2026-11-25T00:00",
            "duration_seconds": 3 * 86400,
        }
        wanted = {"scope": "global", "freeze": what, "reason": "the books are closed"}
        for _ in range(2):
            made = client.post("/v1/freezes", json=wanted).json()
            assert (made["number"], made["by"]) == (1, "ani")
        assert [f.name for f in in_plan(house)] == ["closing"], "published at once"
        assert client.get("/v1/freezes").json() == [made]
        nobody = {**wanted, "scope": "client", "subject": "nobody"}
        assert client.post("/v1/freezes", json=nobody).status_code == 404
        badly = {**wanted, "freeze": {**what, "zone": "Mars/Phobos"}}
        assert client.post("/v1/freezes", json=badly).status_code == 422
        unknown = {**wanted, "freeze": {**what, "until": "2027"}}
        assert client.post("/v1/freezes", json=unknown).status_code == 422
        over = {"reason": "the books were closed early"}
        assert client.post("/v1/freezes/1/lift", json=over).json() == []
        assert in_plan(house) == ()
        assert client.post("/v1/freezes/1/lift", json=over).status_code == 404


def test_the_same_calendar_has_the_same_uids_so_that_programs_update_in_place(house: House) -> None:
    house.site("shop")
    announce(house, Scope.CLIENT, "warung")
    first = exported(house)
    house.clock.forward(3600)
    uids = [
        {str(event["UID"]) for event in Calendar.from_ical(content).walk("VEVENT")}
        for content in (first, exported(house))
    ]
    assert uids[0] == uids[1]
    assert len(uids[0]) == 1


def test_the_subscribe_address_opens_that_clients_calendar_and_nothing_else(house: House) -> None:
    house.site("shop")
    house.site("theirs", client_id="klinik")
    token = calendar_access.make_token(house.database, "warung", "ani", house.clock.now)
    with api_of(house.server) as client:
        path = calendar_access.address("", "warung", token)
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/calendar")
        assert answer.headers["cache-control"] == "private, no-store"
        assert Calendar.from_ical(answer.content)["X-WR-CALNAME"] == "Updates at warung"
        refused = {
            client.get(path.replace(old, new)).content
            for old, new in (("warung", "klinik"), ("warung", "nobody"), (token, "x"), (token, ""))
        }
        assert len(refused) == 1, "nobody learns which of them was wrong"
        headers = {"Authorization": f"Bearer {token}"}
        assert client.get("/v1/sites", headers=headers).status_code == 401


def test_a_new_address_ends_the_old_one_and_only_the_hash_is_kept(house: House) -> None:
    house.site("shop")
    old, new = (
        calendar_access.make_token(house.database, "warung", "ani", house.clock.now)
        for _ in range(2)
    )
    with api_of(house.server) as client:
        status = [
            client.get(calendar_access.address("", "warung", token)).status_code
            for token in (old, new)
        ]
        assert status == [401, 200]
        assert calendar_access.revoke(house.database, "warung", "ani", house.clock.now) == 1
        assert client.get(calendar_access.address("", "warung", new)).status_code == 401
    assert new.encode() not in written(house.server.settings)
    with pytest.raises(NotFound):
        calendar_access.make_token(house.database, "nobody", "ani", house.clock.now)
