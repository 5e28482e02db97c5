"""A restore: all of it or nothing, on either engine, and the present made right."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from distribution import events
from distribution.audit import examine
from distribution.audit.chain import Kind
from distribution.audit.log import Filter, last
from distribution.audit.tables import CheckpointRow
from distribution.backup import ahead, asking, in_place, making, restoring
from distribution.backup.tables import AskAgain
from distribution.control import plans, rollouts
from distribution.control.rollouts import Word
from distribution.database import engines
from distribution.database.sessions import Database
from distribution.database.tables import Receipt, Site
from distribution.desk import tickets
from distribution.desk.ticket_views import Which
from distribution.errors import Conflict, Invalid, NotAllowed, Unauthorised
from distribution.people import tokens
from distribution.people.tables import ApiToken
from distribution.scheduling import lease
from distribution.server import Server
from distribution.settings import Settings
from distribution.sites import check_ins
from manifests.audit_checkpoint import claimed
from manifests.failures import FailureCode
from manifests.install_report import Phase
from signing.update_repository import Repository
from tests.distribution.backup.test_backup import backup, rows
from tests.simulators.house import PRODUCT, House, Talker, schedule
from tests.simulators.insider import Rewriter
from tests.simulators.postgres import shared
from tests.simulators.staff import token_of

NOT_AS_IT_WAS = {"apitoken", "invitation", "auditrow", "restorerow", "site", "publishedrole"}
"""Tables in which a restore changes something on purpose."""

Restore = Callable[..., restoring.Restored]


@pytest.fixture
def shop(house: House) -> Talker:
    """A site that has installed 2.0."""
    talker = house.site("shop")
    house.start("2.0", schedule(10_000))
    talker.confirms()
    house.tick(20)
    return talker


@pytest.fixture
def restore(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Restore:
    """Lose the database, and restore into the same home (``engine``: into another database)."""

    def restored(engine: str = "", **options: object) -> restoring.Restored:
        settings = house.server.settings
        house.database.close()
        if engine == "postgresql" or engines.is_postgres(house.database.engine):
            monkeypatch.setenv("HSP_DATABASE_URL", shared().empty_database())
        else:
            for file in settings.home.glob("hsp.db*"):
                file.unlink()
        return restoring.restore(
            settings.home, tmp_path / "backup", "wati", house.clock.now, **options
        )

    return restored


def opened(house: House) -> House:
    """The same house over the database that was restored."""
    settings = Settings.load(house.server.settings.home)
    server = Server(
        settings, Database.open(settings), house.server.store, house.server.online, house.clock
    )
    return House(server, house.estate, house.clock)


@pytest.mark.parametrize("engine", ["", "postgresql"])
@pytest.mark.sqlite_only
@pytest.mark.usefixtures("shop")
def test_rows_are_the_same_on_the_same_engine_and_on_the_other(
    house: House, tmp_path: Path, restore: Restore, engine: str
) -> None:
    backup(house, tmp_path / "backup")
    before = rows(house.database)
    restore(engine)
    again = opened(house)
    after = rows(again.database)
    assert {name for name in before if before[name] != after[name]} <= NOT_AS_IT_WAS
    again.tick(10)
    Talker("new", again.server).enrol()  # and numbers go on
    making.make(again.database, again.server.settings, tmp_path / "2", "ani", "", again.clock.now)
    again.database.close()


@pytest.mark.sqlite_only
@pytest.mark.usefixtures("shop")
def test_back_from_postgresql_to_sqlite(
    house: House, tmp_path: Path, restore: Restore, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(house, tmp_path / "backup")
    restore("postgresql")
    there = opened(house)
    before = rows(there.database)
    making.make(there.database, there.server.settings, tmp_path / "2", "ani", "", house.clock.now)
    there.database.close()
    monkeypatch.delenv("HSP_DATABASE_URL")
    restoring.restore(tmp_path / "new", tmp_path / "2", "wati", house.clock.now)
    back = Database.open(Settings.load(tmp_path / "new"))
    after = rows(back)
    back.close()
    assert {name for name in before if before[name] != after[name]} <= NOT_AS_IT_WAS


@pytest.mark.usefixtures("shop")
def test_a_database_that_is_not_empty_is_left_alone_unless_somebody_says_so(
    house: House, tmp_path: Path
) -> None:
    backup(house, tmp_path / "backup")
    house.site("later")
    home, now = house.server.settings.home, house.clock.now
    with pytest.raises(Conflict, match="is not empty"):
        restoring.restore(home, tmp_path / "backup", "wati", now)
    assert _sites(house) == ["later", "shop"]
    restoring.restore(home, tmp_path / "backup", "wati", now, replace=True)
    assert _sites(house) == ["shop"]


def _sites(house: House) -> list[str]:
    with house.database.reading() as session:
        return sorted(session.exec(select(Site.id)))


@pytest.mark.usefixtures("shop")
def test_it_is_all_or_nothing(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(house, tmp_path / "backup")
    before = rows(house.database)
    home, now = house.server.settings.home, house.clock.now
    with pytest.raises(NotAllowed, match="no account 'nobody'"):
        restoring.restore(home, tmp_path / "backup", "nobody", now, replace=True)
    with pytest.raises(NotAllowed, match="joko may not"):
        restoring.restore(home, tmp_path / "backup", "joko", now, replace=True)
    monkeypatch.setattr("distribution.backup.loading._without", lambda row, *_: row[:-1])
    with pytest.raises(Exception, match=r"."):
        restoring.restore(home, tmp_path / "backup", "wati", now, replace=True)
    assert rows(house.database) == before


def test_rights_to_come_in_end(house: House, tmp_path: Path, restore: Restore) -> None:
    token = token_of(house.database, "joko", house.clock.now)
    visitor = Talker("late", house.server)
    visitor.invited()
    backup(house, tmp_path / "backup")
    restore()
    again = opened(house)
    with again.database.reading() as session:
        assert session.exec(select(ApiToken).where(ApiToken.account == "joko")).one().revoked_at
    with pytest.raises(Unauthorised):
        tokens.person_of(again.database, token, again.clock.now)
    visitor.server = again.server
    with pytest.raises(Unauthorised):
        visitor.enrol()


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("engine", ["", "postgresql"])
def test_numbers_of_events_jump_and_no_lease_is_held(
    house: House, tmp_path: Path, restore: Restore, engine: str
) -> None:
    backup(house, tmp_path / "backup")
    for _ in range(3):
        house.tick(10)
        house.site()
    with house.database.reading() as session:
        watched = events.newest(session)
    restore(engine)
    again = opened(house)
    with again.database.reading() as session:
        first = events.after(session, watched)[0]
        assert first.kind is events.EventKind.RESTORED
        assert lease.leader(session) is None
    again.site("other")
    with again.database.reading() as session:
        assert [each.site_id for each in events.after(session, first.number)][-1] == "other"


def test_what_was_decided_since_is_taken_over_from_the_published_plan(
    house: House, shop: Talker, tmp_path: Path, restore: Restore
) -> None:
    backup(house, tmp_path / "backup")
    rollouts.stop(house.database, PRODUCT, "2.0", Word("wati", "rain"), house.clock.now)
    house.tick(10)
    done = restore()
    assert any("stopped by wati" in words for words in done.taken_over)
    again = opened(house)
    again.tick(10)  # publishes, above what sites have seen
    with again.database.reading() as session:
        assert rollouts.find(session, PRODUCT, "2.0").state == "stopped"
    assert plans.differing(again.database, again.server.store) == []


def test_a_site_is_not_silent_because_there_was_no_server(
    house: House, shop: Talker, tmp_path: Path, restore: Restore
) -> None:
    backup(house, tmp_path / "backup")
    house.clock.forward(86_400)
    restore()
    again = opened(house)
    again.tick(10)
    assert _codes(again) == set()
    shop.server = again.server
    shop.check_in()
    again.tick(again.server.settings.silent_after_seconds + 60)
    assert _codes(again) == {FailureCode.SILENT}, "but from then on it is expected as ever"


def _codes(house: House) -> set[str]:
    with house.database.reading() as session:
        return {each.code for each in tickets.queue(session, Which.OPEN, None, limit=10)}


# --- the audit log


def test_the_gap_is_on_record_and_the_witnesses_alarm_is_explained(
    house: House, shop: Talker, tmp_path: Path, restore: Restore
) -> None:
    backup(house, tmp_path / "backup")
    house.site("later")
    rollouts.pause(house.database, PRODUCT, "2.0", Word("wati", "rain"), house.clock.now)
    house.tick(400)  # a checkpoint of it
    answer = shop.check_in()
    done = restore()
    assert done.audit_lost > done.manifest.audit_seq
    again = opened(house)
    with again.database.reading() as session:
        [record] = last(session, 9, Filter(action="backup.restore"))
        gone = last(session, 99, Filter(action="backup.lost"))
    assert len(gone) == done.audit_lost - done.manifest.audit_seq
    assert record.seq == done.manifest.audit_seq + 1
    assert record.actor == "wati"
    assert f"records {record.seq} to {done.audit_lost} at least" in record.reason
    shop.server = again.server
    body = _witnessing(shop, answer.audit_checkpoint)
    check_ins.accept(again.database, body, again.server.settings, _Nothing(), again.clock.now)
    again.tick(10)
    with again.database.reading() as session:
        found = tickets.queue(session, Which.OPEN, None, limit=10)
    [ticket] = [each for each in found if each.code == FailureCode.AUDIT_CONTRADICTED]
    assert "restored by wati" in ticket.detail, "explained, and rung all the same"
    found = examine.database(again.server.settings)
    assert [finding.kind for finding in found.findings] == [Kind.REBUILT]
    assert "restored by wati" in found.findings[0].detail
    newest = claimed(shop.check_in().audit_checkpoint)
    assert newest is not None
    assert newest.seq > done.audit_lost, "which the site keeps in the place of the other"
    again.clock.forward(400)
    rollouts.resume(again.database, PRODUCT, "2.0", Word("budi", "sun"), again.clock.now)
    again.tick()
    Rewriter(again.database).rebuild(newest.seq + 1, reason="another")
    later = examine.database(again.server.settings).findings
    kinds = [(each.kind, "restored by wati" in each.detail) for each in later]
    assert kinds == [(Kind.REBUILT, True), (Kind.REBUILT, False)], "no cover for what comes later"
    Rewriter(again.database).rebuild(record.seq + 1, reason="another")
    assert "restored by wati" not in examine.database(again.server.settings).findings[0].detail


class _Nothing:
    root_version = timestamp_version = 0


def _witnessing(site: Talker, checkpoint: str) -> bytes:
    from manifests.check_in import CHECK_IN_TYPE, CheckIn
    from manifests.envelope import peek

    said = CheckIn.from_bytes(peek(site.sign_of_life(), CHECK_IN_TYPE))
    said = said.model_copy(update={"audit_checkpoint": checkpoint})
    return site.sealed(said.to_bytes(), CHECK_IN_TYPE)


# --- reports since the backup


def _says(site: Talker, house: House) -> int | None:
    from manifests.check_in import CHECK_IN_TYPE, CheckIn
    from manifests.envelope import peek

    said = CheckIn.from_bytes(peek(site.sign_of_life(), CHECK_IN_TYPE))
    said = said.model_copy(update={"last_sequence": site.sequence})
    body = site.sealed(said.to_bytes(), CHECK_IN_TYPE)
    answer = check_ins.accept(
        house.database, body, house.server.settings, _Nothing(), house.clock.forward(1)
    )
    return answer.known_sequence


@pytest.mark.both_databases
def test_checkpoints_that_are_gone_from_their_place_are_told(
    house: House, shop: Talker, tmp_path: Path, restore: Restore
) -> None:
    backup(house, tmp_path / "backup")
    with house.database.reading() as session:
        known = session.exec(select(CheckpointRow.seq)).all()
    for key in list(house.server.store.keys("audit/")):
        house.server.store.remove(key)
    done = restore()
    [said] = [words for words in done.open_ends if "newest checkpoint" in words]
    assert "in the repository's directory is of record 0" in said
    assert f"the backup knows one of record {max(known)}:" in said


def test_each_site_is_asked_for_what_it_has_reported_since_until_nothing_is_missing(
    house: House, tmp_path: Path, database_kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, quiet = house.site("shop"), house.site("quiet")
    site.report(Phase.ACTIVATING)
    backup(house, tmp_path / "backup")
    lost = [site.message(Phase.ACTIVATING) for _ in range(4)]
    for message in lost:
        site.send(message)
    settings = house.server.settings
    monkeypatch.setenv("HSP_DATABASE_URL", settings.database_url)
    restoring.restore(settings.home, tmp_path / "backup", "wati", house.clock.now, replace=True)
    assert _says(quiet, house) is None, "it has nothing that is missing"
    site.report(Phase.CONFIRMED)  # a new one, before it was asked
    assert _says(site, house) == 1
    for message in lost[:2]:
        site.send(message)
    assert _says(site, house) == 3
    for message in lost[2:]:
        site.send(message)
    assert _says(site, house) is None
    with house.database.reading() as session:
        assert asking.is_over(session)
        assert sorted(session.exec(select(Receipt.sequence))) == [1, 2, 3, 4, 5, 6]


def test_what_a_site_no_longer_has_is_passed_over_after_some_tries(
    house: House, tmp_path: Path
) -> None:
    site = house.site("shop")
    backup(house, tmp_path / "backup")
    messages = [site.message(Phase.ACTIVATING) for _ in range(4)]
    restoring.restore(
        house.server.settings.home, tmp_path / "backup", "wati", house.clock.now, replace=True
    )
    site.send(messages[1])
    site.send(messages[3])
    said = [_says(site, house) for _ in range(3 * asking.TRIES + 3)]
    assert said[:4] == [0, 0, 0, 2], "the first one is gone for good"
    assert said[-1] is None
    with house.database.reading() as session:
        assert session.get(AskAgain, "shop") is None


def test_a_site_that_joins_anew_is_asked_for_what_it_numbered_since(
    house: House, tmp_path: Path
) -> None:
    """One whose key the backup does not know any more, and one that it does not know at all."""
    site = house.site("shop")
    site.report(Phase.ACTIVATING)
    backup(house, tmp_path / "backup")
    later = house.site("later")
    lost = [talker.message(Phase.CONFIRMED) for talker in (site, later)]
    home = house.server.settings.home
    restoring.restore(home, tmp_path / "backup", "wati", house.clock.now, replace=True)
    for talker, message, known in ((site, lost[0], 1), (later, lost[1], 0)):
        talker.invitation = None
        talker.enrol()
        assert _says(talker, house) == known
        talker.send(message)
        assert _says(talker, house) is None
    assert _says(house.site("new"), house) is None
    with house.database.reading() as session:
        assert asking.is_over(session)


@pytest.mark.sqlite_only
def test_a_database_that_came_back_by_its_own_means_catches_up(
    house: House, tmp_path: Path
) -> None:
    site = house.site("shop")
    site.report(Phase.ACTIVATING)
    token = token_of(house.database, "joko", house.clock.now)
    home, now = house.server.settings.home, house.clock.forward(60)
    house.database.close()
    shutil.copy(home / "hsp.db", tmp_path / "copy")
    lost = site.message(Phase.CONFIRMED)
    site.send(lost)
    house.database.close()
    shutil.copy(tmp_path / "copy", home / "hsp.db")
    moment, _ = in_place.catch_up(house.server.settings, "wati", now)
    assert moment.at == now - timedelta(seconds=60)
    with pytest.raises(Unauthorised):
        tokens.person_of(house.database, token, now)
    assert _says(site, house) == 1
    site.send(lost)
    assert _says(site, house) is None
    with house.database.reading() as session:
        [record] = last(session, 9, Filter(action="backup.restore"))
    assert (record.actor, record.role) == ("wati", "l3")


# --- the repository


def test_a_repository_that_was_lost_too_goes_ahead_of_what_sites_have_seen(
    house: House, shop: Talker, tmp_path: Path
) -> None:
    backup(house, tmp_path / "backup")
    for _ in range(3):
        house.clock.forward(4 * 3600)
        house.tick()
    seen = Repository.read(house.server.store)
    done = restoring.restore(tmp_path / "new", tmp_path / "backup", "wati", house.clock.now)
    assert done.put_back == done.manifest.repository.copied if done.manifest.repository else 0
    from distribution.repository.bucket import open_store

    store = open_store(Settings.load(tmp_path / "new"))
    ahead.go_ahead(store, house.server.online, house.clock.now)
    found = Repository.read(store)
    assert found.timestamp and seen.timestamp and found.snapshot and seen.snapshot
    assert found.timestamp.signed.version > seen.timestamp.signed.version
    assert found.snapshot.signed.version > seen.snapshot.signed.version
    assert found.version(f"{PRODUCT}.rollouts") > seen.version(f"{PRODUCT}.rollouts")
    assert found.version(PRODUCT) == seen.version(PRODUCT), "people's numbers are people's"


def test_a_row_that_is_none_is_named(house: House, tmp_path: Path) -> None:
    from distribution.backup import loading
    from distribution.backup.manifest import TableFile

    described = TableFile(name="client", columns=("id", "secret"), rows=0, sha256="0" * 64)
    manifest = backup(house, tmp_path / "backup").manifest
    with pytest.raises(Invalid, match=r"table client \(secret\)"):
        loading.check_known(manifest.model_copy(update={"tables": (described,)}))
