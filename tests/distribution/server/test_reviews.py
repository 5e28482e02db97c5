"""What one engineer did alone, somebody else looks at, before that engineer does it again."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from distribution import events
from distribution.cli import main as hsp
from distribution.database.sessions import Database
from distribution.desk.ticket_views import TicketLine, Which
from distribution.desk.tickets import queue
from distribution.emergency import break_glass, review_tickets, reviews
from distribution.emergency.review_tables import ReviewRow
from distribution.emergency.reviewed_publish import reviewed
from distribution.emergency.reviews import Review
from distribution.errors import Conflict, Invalid, NotAllowed, NotFound, Unavailable, Unreviewed
from distribution.events import EventKind
from distribution.repository import publish
from distribution.scheduling import scheduler
from manifests.failures import FailureCode, Tier
from manifests.target_paths import Lane
from signing import propose
from signing.errors import MissingSignatures
from signing.propose import Assignment
from signing.roles import BREAKGLASS
from signing.update_repository import Repository
from tests.simulators.estate import OFFICERS, Estate
from tests.simulators.house import House
from tests.simulators.insider import unnoticed


def proposed(house: House, version: str, *signers: str) -> Path:
    """A break-glass release, signed by these."""
    estate = house.estate
    estate.now = house.clock.now
    until = estate.now + timedelta(hours=10)
    built = estate.build(version, issued_at=estate.now, sites=["shop"], expires_at=until)
    proposal = estate.propose(built, Lane.BREAKGLASS)
    estate.sign(proposal, *signers)
    return proposal


def publishes(house: House, proposal: Path) -> Any:
    """``hsp publish``, at the house's time."""
    server = house.server
    with reviewed(server.settings, server.store, proposal, house.clock.now):
        return house.estate.publish_proposal(proposal)


def past_the_server(house: House, version: str, *signers: str) -> str:
    """Published on another machine, which has another database."""
    return house.estate.publish_proposal(proposed(house, version, *signers)).releases[0]


def listed(house: House, *, also_closed: bool = False) -> list[Review]:
    with house.database.reading() as session:
        return reviews.listed(session, also_closed=also_closed)


def close(house: House, number: int, by: str = "wati", verdict: str = "it was right") -> Review:
    on_call = break_glass.people(house.server.store)
    return reviews.close(house.database, number, by, verdict, on_call, house.clock.now)


def tickets(house: House, code: FailureCode) -> list[TicketLine]:
    with house.database.reading() as session:
        return [ticket for ticket in queue(session, Which.OPEN) if ticket.code is code]


# --- when it is due


@pytest.mark.parametrize(
    ("opened", "due"),
    [
        ("2026-11-25T02:00", "2026-11-27T02:00"),  # Wednesday: Friday
        ("2026-11-26T23:59", "2026-11-30T23:59"),  # Thursday: Monday
        ("2026-11-27T22:00", "2026-12-01T22:00"),  # Friday: Tuesday
        ("2026-11-28T03:00", "2026-12-01T03:00"),  # Saturday: Tuesday
        ("2026-11-29T03:00", "2026-12-01T03:00"),  # Sunday: Tuesday
    ],
)
def test_two_working_days(opened: str, due: str) -> None:
    moments = [datetime.fromisoformat(each).replace(tzinfo=UTC) for each in (opened, due)]
    assert reviews.due(moments[0]) == moments[1]


# --- opened with the publish, and in the way of the next


def test_a_break_glass_release_opens_its_review(house: House) -> None:
    done = publishes(house, proposed(house, "2.0", "tono"))
    [review] = listed(house)
    assert (review.release, review.signed_by) == (done.releases[0], ("tono",))
    assert review.due_at == house.clock.now + timedelta(days=2)
    with house.database.reading() as session:
        told = [each for each in events.after(session, 0) if each.kind is EventKind.REVIEW]
    assert [(each.product, each.version) for each in told] == [("app", "2.0")]


def test_an_unreviewed_one_blocks_that_persons_next(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    house.clock.forward(3600)
    second = proposed(house, "2.1", "tono")
    with pytest.raises(Unreviewed, match=r"review 1 is open: nobody has reviewed app 2\.0") as told:
        publishes(house, second)
    assert "hsp review close 1" in told.value.hint
    assert told.value.exit_status == 77
    assert len(break_glass.published(house.server.store)) == 1
    close(house, 1)
    publishes(house, second)
    assert [review.what for review in listed(house)] == ["app 2.1"]


def test_another_engineer_is_not_blocked_by_it(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    publishes(house, proposed(house, "2.1", "wati"))
    assert [review.signed_by for review in listed(house)] == [("tono",), ("wati",)]
    with pytest.raises(Unreviewed):
        publishes(house, proposed(house, "2.2", "wati", "tono"))


def test_who_signs_together_with_the_blocked_one_does_not_lift_it(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    with pytest.raises(Unreviewed):
        publishes(house, proposed(house, "2.1", "wati", "tono"))


def test_other_releases_open_nothing_and_need_no_database(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    estate, absent = house.estate, house.server.settings.model_copy(update={"home": Path("none")})
    for version, lane in (("3.0", Lane.RELEASES), ("3.1", Lane.HOTFIXES)):
        proposal = estate.propose(estate.build(version), lane)
        estate.sign(proposal, *estate.signers_of(lane))
        with reviewed(absent, estate.store, proposal, estate.now):
            estate.publish_proposal(proposal)
    assert len(listed(house)) == 1


def test_publishing_again_changes_nothing(house: House) -> None:
    proposal = proposed(house, "2.0", "tono")
    publishes(house, proposal)
    assert publishes(house, proposal).already
    close(house, 1)
    house.clock.forward(60)
    assert publishes(house, proposal).already
    assert listed(house) == []


# --- crashes, rivals, refusals


def test_a_crash_in_the_middle_leaves_no_release_without_a_review(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = proposed(house, "2.0", "tono")
    with monkeypatch.context() as patched:
        patched.setattr(Estate, "publish_proposal", _crash)
        with pytest.raises(KeyboardInterrupt):
            publishes(house, proposal)
    assert [review.what for review in listed(house)] == ["app 2.0"]
    publishes(house, proposal)
    assert len(listed(house, also_closed=True)) == 1


def _crash(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_refused_publish_leaves_no_review(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = proposed(house, "2.0", "tono")
    with monkeypatch.context() as patched:
        patched.setattr(Estate, "publish_proposal", _refuse)
        with pytest.raises(Conflict):
            publishes(house, proposal)
    assert listed(house, also_closed=True) == []
    unsigned = proposed(house, "2.1")
    with pytest.raises(MissingSignatures):
        publishes(house, unsigned)
    assert listed(house, also_closed=True) == []


def _refuse(*_: object) -> None:
    raise Conflict("somebody else's unfinished publish is in the way")


def test_a_publish_whose_end_nobody_knows_keeps_its_review(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store went away after the commit: the release may be visible."""
    proposal, real = proposed(house, "2.0", "tono"), publish.publish

    def _lost(estate: Estate, path: Path) -> None:
        real(estate.store, path, estate.online, estate.now)
        raise Unavailable("the store does not answer")

    with monkeypatch.context() as patched:
        patched.setattr(Estate, "publish_proposal", _lost)
        with pytest.raises(Unavailable):
            publishes(house, proposal)
    assert len(listed(house)) == 1


def test_closing_before_there_is_anything_to_see_does_not_count(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = proposed(house, "2.0", "tono")
    with monkeypatch.context() as patched:
        patched.setattr(Estate, "publish_proposal", _crash)
        with pytest.raises(KeyboardInterrupt):
            publishes(house, proposal)
    close(house, 1, verdict="nothing was published")
    publishes(house, proposal)
    assert [review.number for review in listed(house)] == [1]


def test_of_two_at_once_by_one_person_one_is_refused(house: House) -> None:
    proposals = [proposed(house, version, "tono") for version in ("2.0", "2.1")]
    found: list[Any] = []

    def one(proposal: Path) -> None:
        try:
            found.append(publishes(house, proposal))
        except Unreviewed as error:
            found.append(error)

    threads = [threading.Thread(target=one, args=(each,)) for each in proposals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(isinstance(each, Unreviewed) for each in found) == 1
    assert len(break_glass.published(house.server.store)) == len(listed(house)) == 1


# --- closing


def test_never_by_who_signed_it(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    for name in ("tono", " Tono "):
        with pytest.raises(NotAllowed, match=r"tono signed app 2\.0"):
            close(house, 1, by=name)
    house.clock.forward(60)
    done = close(house, 1, by="sari", verdict="the release of Friday contains it")
    assert (done.closed_by, done.closed_at) == ("sari", house.clock.now)
    with pytest.raises(Conflict, match="closed by sari already"):
        close(house, 1)
    with pytest.raises(NotFound):
        close(house, 7)
    assert listed(house, also_closed=True)[0].verdict == "the release of Friday contains it"


@pytest.mark.parametrize(("by", "verdict"), [("", "x"), (" ", "x"), ("sari", ""), ("sari", " ")])
def test_in_somebodys_name_and_with_a_verdict(house: House, by: str, verdict: str) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    with pytest.raises(Invalid):
        close(house, 1, by=by, verdict=verdict)


# --- found in the repository


def test_what_was_published_elsewhere_is_found(house: House) -> None:
    path = past_the_server(house, "2.0", "tono")
    house.tick(60)
    [review] = listed(house)
    assert (review.release, review.signed_by) == (path, ("tono",))
    house.tick(60)
    assert len(listed(house)) == 1


def test_what_was_published_elsewhere_blocks_before_any_scheduler_saw_it(house: House) -> None:
    past_the_server(house, "2.0", "tono")
    with pytest.raises(Unreviewed):
        publishes(house, proposed(house, "2.1", "tono"))


def test_a_restored_database_gets_its_reviews_back(house: House) -> None:
    """Weeks later, and with others' signatures on newer versions of the role."""
    publishes(house, proposed(house, "2.0", "tono"))
    house.clock.forward(60)
    publishes(house, proposed(house, "2.1", "wati"))
    before = {review.release: review.signed_by for review in listed(house)}
    with unnoticed(house.database) as session:
        for row in session.exec(reviews.select(ReviewRow)).all():
            session.delete(row)
    house.clock.forward(7 * 86_400)
    reviews.find(house.database, house.server.store, house.clock.now)
    found = listed(house)
    assert {review.release: review.signed_by for review in found} == before
    assert all(review.is_overdue(house.clock.now) for review in found)


def give(house: House, people: Sequence[str]) -> None:
    """The officers give the break-glass role to these; who they are now signs what there was."""
    estate = house.estate
    estate.now = house.clock.now
    draft = estate.draft(f"people-{'-'.join(people)}")
    keys = [estate.public(person) for person in people]
    propose.people(Repository.read(estate.store), [Assignment(BREAKGLASS, keys, 1)], draft)
    estate.sign(draft.folder, *OFFICERS, *people)
    estate.publish_proposal(draft.folder)


def renewed_by(house: House, person: str) -> None:
    """Somebody gives more time to what is there."""
    draft = house.estate.draft("renewal")
    propose.renewal(Repository.read(house.server.store), BREAKGLASS, draft)
    house.estate.sign(draft.folder, person)
    house.estate.publish_proposal(draft.folder)


def test_who_gives_it_more_time_has_not_signed_it(house: House) -> None:
    past_the_server(house, "2.0", "tono")
    renewed_by(house, "wati")
    reviews.find(house.database, house.server.store, house.clock.now)
    assert listed(house)[0].signed_by == ("tono",)


def test_who_signed_is_known_after_they_have_gone(house: House) -> None:
    past_the_server(house, "2.0", "tono")
    give(house, ["wati"])
    reviews.find(house.database, house.server.store, house.clock.now)
    assert listed(house)[0].signed_by == ("tono",)


@pytest.mark.parametrize("damage", ["gone", "by a stranger"])
def test_where_nobody_can_tell_who_it_was_it_may_have_been_anybody(
    house: House, tmp_path: Path, damage: str
) -> None:
    past_the_server(house, "2.0", "tono")
    file = house.server.settings.repository_folder / "metadata" / "1.breakglass.json"
    renewed_by(house, "wati")
    if damage == "gone":
        file.unlink()
    else:
        stranger = House.build(tmp_path / "other", house.clock)
        past_the_server(stranger, "2.0", "wati")
        other = stranger.server.settings.repository_folder / "metadata" / "1.breakglass.json"
        file.write_bytes(other.read_bytes())
        stranger.database.close()
    reviews.find(house.database, house.server.store, house.clock.now)
    [unknown] = listed(house)
    assert unknown.signed_by == ()
    with pytest.raises(Unreviewed, match="not known any more"):
        publishes(house, proposed(house, "2.2", "tono"))
    for person in ("tono", "wati"):
        with pytest.raises(NotAllowed, match="may have signed"):
            close(house, unknown.number, by=person)
    close(house, unknown.number, by="ani")


# --- told


def test_l3_has_it_at_once_and_security_when_it_is_overdue(house: House) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    house.tick()
    [ticket] = tickets(house, FailureCode.BREAKGLASS_REVIEW)
    assert ticket.tier is Tier.L3
    assert "tono signed the break-glass release app 2.0 alone" in ticket.detail
    assert "by Fri 2026-11-27 02:00 UTC" in ticket.detail
    house.tick(2 * 86_400 - 60)
    assert tickets(house, FailureCode.REVIEW_OVERDUE) == []
    house.tick(60)
    [overdue] = tickets(house, FailureCode.REVIEW_OVERDUE)
    assert overdue.tier is Tier.SECURITY
    assert overdue.detail.startswith("OVERDUE: tono")
    close(house, 1)
    house.tick(60)
    for code in (FailureCode.BREAKGLASS_REVIEW, FailureCode.REVIEW_OVERDUE):
        assert tickets(house, code) == []


def test_without_news_nothing_is_written(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    review_tickets.look(house.database, house.clock.now)
    monkeypatch.setattr(Database, "writing", _crash)
    scheduler.watch_reviews(house.server, house.clock.now)


# --- on the command line, and over the API


def hsp_says(house: House, status: int, *words: object) -> str:
    arguments = ["--home", str(house.server.settings.home), *map(str, words)]
    result = CliRunner().invoke(hsp, arguments)
    assert result.exit_code == status, result.output
    return result.output


def test_the_commands_of_a_night_and_the_days_after(house: House) -> None:
    house.clock.now = datetime.now(UTC).replace(microsecond=0)  # commands know the real time only
    first, second = (proposed(house, version, "tono") for version in ("2.0", "2.1"))
    assert "reviews it within two working days" in hsp_says(house, 0, "publish", first)
    refused = hsp_says(house, 77, "publish", second)
    assert "review 1 is open: nobody has reviewed app 2.0" in refused
    told = hsp_says(house, 0, "review", "list")
    assert "breakglass/app/2.0/manifest.json" in told
    assert "tono" in told
    words = ("review", "close", 1, "--verdict", "it was right", "--by")
    assert "a review is somebody else's" in hsp_says(house, 77, *words, "tono")
    assert "review 1 of app 2.0 is closed by wati" in hsp_says(house, 0, *words, "wati")
    assert "it was right" in hsp_says(house, 0, "review", "list", "--all")


def test_a_token_says_who_closes_it(house: House, ani: TestClient) -> None:
    publishes(house, proposed(house, "2.0", "tono"))
    assert ani.get("/v1/reviews").json()[0]["signed_by"] == ["tono"]
    answer = ani.post("/v1/reviews/1/close", json={"reason": "it was right"})
    assert (answer.status_code, answer.json()["closed_by"]) == (200, "ani")
    assert ani.get("/v1/reviews").json() == []
    assert ani.get("/v1/reviews", params={"also_closed": True}).json()[0]["verdict"]
