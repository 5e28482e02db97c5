"""Drills: what is refused, what goes on after a crash, and what is counted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlmodel import select

from distribution.cli import main as hsp
from distribution.control.control_tables import DrillRow, NoticeRow
from distribution.database.sessions import Database
from distribution.drills import records
from distribution.drills.records import Goal
from distribution.repository import catalogue
from distribution.sites import check_ins
from manifests import envelope
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from signing import assignments, ceremony, signers
from signing.update_repository import Repository
from tests.simulators.estate import OFFICERS, PASSPHRASE, ROUNDS, Estate
from tests.simulators.house import Clock, House, Talker


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    return Estate.usual(tmp_path)


def drill(estate: Estate, *words: str) -> Result:
    done = CliRunner().invoke(hsp, ["--home", str(estate.settings.home), "drill", *words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def newcomer(estate: Estate, person: str) -> str:
    folder = estate.folder / "new-keys"
    signers.generate(person, folder, PASSPHRASE, rounds=ROUNDS)
    return str(folder / f"{person}.pub")


@pytest.mark.parametrize(
    ("name", "person", "hint"),
    [
        ("stolen-release-key", "ani", "hsp drill lost-root-key ani"),
        ("stolen-l3-laptop", "sari", "hsp drill stolen-release-key sari"),
        ("lost-root-key", "wati", "hsp drill stolen-l3-laptop wati"),
        ("lost-root-key", "nobody", "hsp people"),
    ],
)
def test_the_wrong_drill_names_the_right_one(
    estate: Estate, name: str, person: str, hint: str
) -> None:
    refused = drill(estate, name, person)
    assert refused.exit_code != 0
    assert hint in refused.output


def test_a_role_that_would_have_too_few_people_is_refused_in_the_dry_run(estate: Estate) -> None:
    refused = drill(estate, "stolen-release-key", "joko")
    assert refused.exit_code != 0
    assert "app" in refused.output
    assert not list((estate.settings.home / "proposals").iterdir())


def test_a_dry_run_leaves_nothing(estate: Estate) -> None:
    for words in (
        ("planned-rotation",),
        ("stolen-online-key",),
        ("lost-root-key", "budi", "--instead", newcomer(estate, "citra")),
        ("expiring",),
    ):
        assert drill(estate, *words).exit_code == 0
    assert not (estate.settings.online_keys_folder / "next").exists()
    assert not list((estate.settings.home / "proposals").iterdir())
    with Database.open(estate.settings).reading() as session:
        assert records.listed(session, 10) == []


def test_a_proposal_that_the_repository_has_overtaken_is_made_anew(estate: Estate) -> None:
    words = ("lost-root-key", "budi", "--instead", newcomer(estate, "citra"))
    assert "have 0 of 2" in drill(estate, *words, "--yes").output
    estate.add_product("till")
    again = drill(estate, *words)
    assert "next  1. propose" in again.output, "what was proposed is stale"
    drill(estate, *words, "--yes")
    told = drill(estate, *words).output
    assert "done  1. propose" in told
    assert "lost-root-key-budi-2" in told


def test_the_same_key_is_meant_until_the_drill_is_closed(estate: Estate) -> None:
    """Also when the person has another key by now, and nobody names it again."""
    new = newcomer(estate, "budi")
    drill(estate, "lost-root-key", "budi", "--instead", new, "--yes")
    old = signers.read_public(estate.key("budi").with_suffix(".pub")).keyid
    folder = estate.settings.home / "proposals" / "lost-root-key-budi"
    estate.sign(folder, *OFFICERS)
    prepared = ceremony.prepare(folder, estate.now)
    ceremony.sign(prepared, Path(new).with_suffix(".key"), PASSPHRASE)
    estate.publish_proposal(folder)
    told = drill(estate, "lost-root-key", "budi").output
    assert "done  2. have it signed" in told
    assert old[:16] in told


def test_how_a_root_was_lost_must_be_said(estate: Estate) -> None:
    refused = drill(estate, "compromised-root")
    assert refused.exit_code != 0
    assert "--left-behind" in refused.output
    nowhere = drill(estate, "compromised-root", "--left-behind", str(estate.folder / "nowhere"))
    assert nowhere.exit_code != 0
    assert "is not the home of a server" in nowhere.output
    assert not (estate.folder / "nowhere").exists()


def test_a_new_repository_with_older_versions_is_no_place_to_go(tmp_path: Path) -> None:
    """A site refuses what is older than what it has seen, whoever signs it."""
    old, new = _house(tmp_path / "old"), Estate.create(tmp_path / "new")
    site = old.site("warung-1")
    site.installed = "2.0"
    site.check_in()
    old.database.close()
    words = ("compromised-root", "--left-behind", str(old.server.settings.home))
    assert "app: sites run 2.0; publish that or a newer one" in drill(new, *words, "--yes").output
    new.publish("1.0")
    assert "app: sites run 2.0; publish that or a newer one" in drill(new, *words, "--yes").output
    new.publish("2.0")
    told = drill(new, *words, "--yes").output
    assert "invite 1 site again" in told
    assert (new.settings.home / "invitations" / "warung-1.txt").exists()
    assert "not yet: warung-1" in drill(new, *words).output


def _house(folder: Path) -> House:
    folder.mkdir()
    return House.build(folder, Clock(datetime.now(UTC).replace(microsecond=0)))


def test_failed_polls_are_counted_while_a_drill_is_open(tmp_path: Path) -> None:
    house = _house(tmp_path / "house")
    sick, full = house.sites(2)
    sick.problem, full.problem = "untrusted_metadata", "disk_full"

    def polls() -> None:
        sick.check_in()
        full.check_in()

    polls()
    begun = DrillRow(name="expiring", by="ani", began_at=house.clock.now)
    records.begin(house.database, begun, Goal(newer={"root": 1}))
    polls()
    polls()
    records.close(house.database, "expiring", "", "ani", house.clock.forward(60))
    polls()
    with house.database.reading() as session:
        assert [row.failed_polls for row in records.listed(session, 10)] == [2]
    house.database.close()


def test_the_last_site_that_is_online_says_how_long_agents_were_blind(tmp_path: Path) -> None:
    """Under new keys timestamps may count from lower again: the root's version comes first."""
    house = _house(tmp_path / "house")
    silent = house.site("silent")
    house.clock.forward(house.server.settings.silent_after_seconds + 1)
    one, two = house.sites(2)
    for site in (one, two):
        _polls(house, site, 1, 2**31)
    begun = DrillRow(name="stolen-online-key", by="ani", began_at=house.clock.now)
    records.begin(house.database, begun, Goal(without=("0" * 64,)))
    records.look(house.database, house.server.store, house.clock.now)
    with house.database.writing() as session:
        notice = session.exec(select(NoticeRow)).one()
        notice.root_version, notice.timestamp_version = 2, 5
        session.add(notice)
    house.tick(1)
    assert _told(house)[0] == "0 of 2 sites that are online know of the change"
    _polls(house, one, 2, 4)
    house.tick(1)
    assert _told(house)[0] == "0 of 2 sites that are online know of the change"
    _polls(house, one, 2, 5)
    _polls(house, two, 3, 1)
    house.tick(1)
    assert _told(house)[0].startswith("blind for 2.0 s at most")
    assert _told(house)[-1] == f"not online, and will know at their next poll: {silent.site_id}"
    house.database.close()


def _polls(house: House, site: Talker, root: int, timestamp: int) -> None:
    document = CheckIn.from_bytes(envelope.peek(site.sign_of_life(), CHECK_IN_TYPE))
    seen = {"root_version": root, "timestamp_version": timestamp}
    body = site.sealed(document.model_copy(update=seen).to_bytes(), CHECK_IN_TYPE)
    trust = catalogue.trust_state(house.server.store)
    check_ins.accept(house.database, body, house.server.settings, trust, house.clock.now)


def _told(house: House) -> list[str]:
    since = house.clock.now - timedelta(seconds=house.server.settings.silent_after_seconds)
    with house.database.reading() as session:
        row = records.listed(session, 1)[0]
        return list(records.in_words(records.noticed(session, row, since)))


def test_nothing_at_all_is_never_reached(estate: Estate) -> None:
    repository = Repository.read(estate.store)
    assert not Goal().is_reached(repository)
    assert Goal(without=("0" * 64,)).is_reached(repository)
    assert not Goal(newer={"root": 1}).is_reached(repository)
    held = next(iter(assignments.holders(repository)))
    assert not Goal(without=(held.keys[0].keyid,)).is_reached(repository)
