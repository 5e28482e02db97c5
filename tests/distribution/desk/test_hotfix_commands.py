"""``hsp hotfix``: what it makes of a ticket, and what it refuses before anything changes."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import CliRunner, Result

from distribution.cli import main
from distribution.control import rollouts
from distribution.database.tables import Problem
from distribution.desk.states import TicketState
from distribution.emergency import reviews
from distribution.repository import catalogue
from manifests.target_paths import Lane
from tests.distribution.desk.conftest import OnlyTicket
from tests.simulators.deeds import alarmed, records, ticketed
from tests.simulators.estate import ON_CALL
from tests.simulators.house import PRODUCT, House
from tests.simulators.insider import unnoticed


@pytest.fixture(autouse=True)
def ticket(house: House) -> None:
    """Ticket 1: the shop has tried 2.0 in vain."""
    house.site("shop")
    ticketed(house)


def says(house: House, words: Sequence[object], status: int = 0) -> str:
    """``hsp hotfix WORDS``, at the house's time."""
    arguments = ["--home", str(house.server.settings.home), "hotfix", *map(str, words)]
    with time_machine.travel(house.clock.now, tick=False):
        done: Result = CliRunner().invoke(main, arguments)
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done.output


def draft(
    house: House, version: str = "2.0.post1", *options: str, product: str = PRODUCT, status: int = 0
) -> tuple[Path, str]:
    """``hsp hotfix draft 1``: the proposal's folder, and what was said."""
    out = house.estate.folder / f"fix-{version}"
    source, file = house.estate.folder / "fix", house.estate.folder / "release.toml"
    source.mkdir(exist_ok=True)
    (source / "app.txt").write_text("mended")
    until = f"{house.clock.now + timedelta(hours=10):%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(f'product = "{product}"\nversion = "{version}"\n')
    if "--break-glass" in options:
        file.write_text(file.read_text() + f'sites = ["shop"]\nexpires_at = {until}\n')
    words = ("draft", 1, source, "--description", file, "--out", out, "--by", "wati", *options)
    return out, says(house, words, status)


def release(house: House, proposal: Path, status: int = 0) -> str:
    """``hsp hotfix release 1``."""
    return says(house, ("release", 1, proposal, "--by", "wati"), status)


def visible(house: House) -> list[str]:
    """Every release that the repository lists."""
    return sorted(str(each.path) for each in catalogue.releases(house.server.store))


# --- draft


@pytest.mark.parametrize(
    ("product", "version", "words"),
    [
        ("other", "2.0.post1", "this is a release of other; ticket 1 is about app"),
        (PRODUCT, "2.0", "2.0 is not newer than 2.0, which has the problem"),
        (PRODUCT, "1.9", "call it 2.0.post1, or higher"),
    ],
)
def test_a_draft_that_mends_nothing_is_refused_and_leaves_no_proposal(
    house: House, product: str, version: str, words: str
) -> None:
    out, said = draft(house, version, product=product, status=65)
    assert words in " ".join(said.split())
    assert not out.exists()


def test_a_ticket_that_is_about_no_product_has_no_hotfix(house: House) -> None:
    alarmed(house)
    words = ("draft", 2, house.estate.folder, "--description", house.estate.folder / "none.toml")
    assert "ticket 2 is about a site, and not about a product" in says(house, words, 65)


def test_nor_has_one_that_is_closed_or_that_is_not_there(house: House) -> None:
    proposal, _ = draft(house)
    house.estate.sign(proposal, *ON_CALL)
    with unnoticed(house.database) as session:
        session.get_one(Problem, 1).state = TicketState.CLOSED
    assert "ticket 1 is closed" in draft(house, "2.0.post2", status=65)[1]
    assert "ticket 1 is closed" in release(house, proposal, 65)
    assert "there is no ticket 99" in says(house, ("release", 99, proposal, "--by", "wati"), 66)
    assert "99999999999999999999" in says(house, ("release", "9" * 20, proposal), 2)
    assert visible(house) == []


def test_a_draft_says_who_signs_and_what_comes_then(house: House) -> None:
    proposal, said = draft(house)
    assert "is ready to be signed by" in said
    assert "wati" in said
    assert "then: hsp hotfix release 1" in said
    assert proposal.is_dir()
    assert visible(house) == []


# --- release


def test_what_too_few_have_signed_is_not_released(house: House) -> None:
    proposal, _ = draft(house)
    for signers in ((), ("wati",)):
        house.estate.sign(proposal, *signers)
        assert "sign" in release(house, proposal, 77)
    assert visible(house) == []


def test_a_release_ends_up_on_its_way_and_once_more_changes_nothing(
    house: House, only_ticket: OnlyTicket
) -> None:
    proposal, _ = draft(house)
    house.estate.sign(proposal, *ON_CALL)
    said = release(house, proposal)
    assert "its rollout has begun (emergency): hsp ticket show 1" in said
    path = f"hotfixes/{PRODUCT}/2.0.post1/manifest.json"
    assert visible(house) == [path]
    assert only_ticket().hotfix == path
    before = records(house.database)
    assert release(house, proposal) == said
    assert records(house.database) == before
    with house.database.reading() as session:
        [row] = rollouts.all_rollouts(session)
    assert (row.release, row.state) == (path, "running")


def test_a_crash_after_the_publish_is_made_good_by_the_same_command(
    house: House, only_ticket: OnlyTicket
) -> None:
    proposal, _ = draft(house)
    house.estate.sign(proposal, *ON_CALL)
    house.estate.publish_proposal(proposal)
    release(house, proposal)
    assert only_ticket().hotfix.startswith("hotfixes/")


@pytest.mark.parametrize("which", ["ordinary", "older", "no release"])
def test_any_other_proposal_is_refused_before_it_is_visible(house: House, which: str) -> None:
    estate = house.estate
    if which == "ordinary":
        proposal = estate.propose(estate.build("2.1"))
        estate.sign(proposal, *estate.signers_of(Lane.RELEASES))
    elif which == "older":
        proposal = estate.propose(estate.build("1.9"), Lane.HOTFIXES)
        estate.sign(proposal, *ON_CALL)
    else:
        proposal = estate.folder / "proposals" / "repository"
    said = release(house, proposal, 65)
    assert "nothing was published" in said or "1.9 is not newer than 2.0" in said
    assert visible(house) == []


def test_somebody_who_may_start_nothing_publishes_nothing(house: House) -> None:
    proposal, _ = draft(house)
    house.estate.sign(proposal, *ON_CALL)
    for name in ("lia", "nobody"):
        says(house, ("release", 1, proposal, "--by", name), 77)
    assert visible(house) == []


def test_break_glass_needs_one_signature_and_gets_a_review(
    house: House, only_ticket: OnlyTicket
) -> None:
    proposal, _ = draft(house, "2.0.post1", "--break-glass")
    house.estate.sign(proposal, "tono")
    release(house, proposal)
    assert only_ticket().hotfix == f"breakglass/{PRODUCT}/2.0.post1/manifest.json"
    with house.database.reading() as session:
        [review] = reviews.listed(session)
    assert review.signed_by == ("tono",)
