"""How far the log has come, signed and put where nobody takes it back."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from distribution.audit import checkpoints, examine, keys, log
from distribution.audit.chain import Kind
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.errors import Misconfigured, Unavailable
from distribution.repository import retention
from distribution.server import PASSPHRASE_VARIABLE
from manifests.audit_checkpoint import AuditCheckpoint
from manifests.failures import FailureCode
from signing.errors import StoreFailed
from signing.signers import P256, generate
from tests.simulators.deeds import deed
from tests.simulators.estate_databases import VARIABLE
from tests.simulators.house import House
from tests.simulators.insider import Rewriter, tamper


def work(house: House, seconds: float = 0) -> AuditCheckpoint | None:
    """The scheduler's step, after some time."""
    return checkpoints.work(house.server, house.clock.forward(seconds))


def stored(house: House) -> list[str]:
    """What lies in the store."""
    return sorted(house.server.store.keys(checkpoints.FOLDER))


def test_the_first_checkpoint_makes_the_logs_own_key_and_the_log_names_it(house: House) -> None:
    deed(house)
    made = work(house)
    assert made is not None
    [public] = keys.known(house.server.settings)
    with house.database.reading() as session:
        record = log.find(session, made.seq)
    assert (record.action, record.hash) == ("audit.make_key", made.hash)
    assert public.keyid in record.about
    private = house.server.settings.audit_keys_folder / "audit.key"
    assert b"ENCRYPTED" in private.read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600


def test_there_is_one_after_five_minutes_with_news_and_none_without(house: House) -> None:
    deed(house)
    assert work(house)
    assert work(house, 3600) is None
    deed(house)
    assert work(house, -3600 + 299) is None
    made = work(house, 1)
    assert made is not None
    assert len(stored(house)) == 2


def test_there_is_one_after_so_many_records_however_soon(house: House) -> None:
    deed(house)
    assert work(house)
    settings = house.server.settings.model_copy(update={"audit_checkpoint_records": 3})
    house.server = replace(house.server, settings=settings)
    for _ in range(2):
        deed(house)
    assert work(house, 1) is None
    deed(house)
    assert work(house, 1)


def test_the_schedulers_tick_makes_it(house: House) -> None:
    deed(house)
    house.tick()
    assert len(stored(house)) == 1


def test_after_a_crash_between_the_bucket_and_the_database_the_same_one_is_found(
    house: House,
) -> None:
    deed(house)
    assert work(house)
    tamper(house.database, "DELETE FROM checkpointrow")
    [key] = stored(house)
    assert work(house, 1)
    assert stored(house) == [key]
    assert examine.database(house.server.settings).is_whole


def test_while_the_store_is_away_nothing_is_noted_as_stored(house: House) -> None:
    class Away:
        def create(self, *_: object) -> None:
            raise StoreFailed("the store is away")

    deed(house)
    away = replace(house.server, store=Away())  # type: ignore[arg-type] # only this is asked of it
    with pytest.raises(Unavailable):
        checkpoints.work(away, house.clock.now)
    with house.database.reading() as session:
        assert checkpoints.newest(session) is None
    assert work(house)


def test_l3_hears_of_a_log_that_gets_no_checkpoints_until_it_gets_one(house: House) -> None:
    def tickets() -> list[str]:
        checkpoints.look(house.server, house.clock.now)
        with house.database.reading() as session:
            found = queue(session, Which.OPEN)
            return [t.detail for t in found if t.code is FailureCode.METADATA_AGING]

    deed(house)
    assert work(house)
    deed(house)
    house.clock.forward(1799)
    assert tickets() == []
    house.clock.forward(2)
    [words] = tickets()
    assert "has no signed checkpoint yet" in words
    assert len(tickets()) == 1
    assert work(house)
    assert tickets() == []


@pytest.mark.parametrize("cut", [False, True])
def test_security_hears_of_a_log_that_does_not_fit_its_newest_checkpoint(
    house: House, *, cut: bool
) -> None:
    deed(house)
    made = work(house)
    assert made is not None
    insider = Rewriter(house.database)
    insider.cut_off(after=1) if cut else insider.rebuild(2, actor="budi")
    for _ in range(2):
        checkpoints.look(house.server, house.clock.forward(10))
    with house.database.reading() as session:
        found = queue(session, Which.OPEN)
    [ticket] = [t for t in found if t.code is FailureCode.AUDIT_CONTRADICTED]
    assert f"record {made.seq} is not the one that was signed" in ticket.detail


def test_a_rebuilt_logs_checkpoints_lie_beside_the_old_ones(house: House) -> None:
    for _ in range(3):
        deed(house)
    assert work(house)
    Rewriter(house.database).rebuild(2, actor="budi")
    tamper(house.database, "DELETE FROM checkpointrow")
    assert work(house, 600)
    assert len(stored(house)) == 2
    [found] = examine.database(house.server.settings).findings
    assert found.kind is Kind.REBUILT
    assert found.since <= 2 <= found.last


def test_a_checkpoint_that_is_gone_from_the_bucket_is_missed(house: House) -> None:
    deed(house)
    assert work(house)
    [key] = stored(house)
    house.server.store.remove(key)
    [found] = examine.database(house.server.settings).findings
    assert (found.kind, "gone from the bucket" in found.detail) == (Kind.CHECKPOINT, True)


def test_a_checkpoint_that_the_logs_key_did_not_sign_is_no_checkpoint(house: House) -> None:
    deed(house)
    assert work(house)
    [key] = stored(house)
    sealed = json.loads(house.server.store.read(key))
    house.server.store.remove(key)
    sealed["signatures"][0]["sig"] = "A" * 86 + "=="
    house.server.store.create(key, json.dumps(sealed).encode())
    kinds = {found.kind for found in examine.database(house.server.settings).findings}
    assert kinds == {Kind.CHECKPOINT}


@pytest.mark.parametrize("envelope", [b"{}", b"\xff"])
def test_a_checkpoint_that_somebody_changed_in_the_database_is_found(
    house: House, envelope: bytes
) -> None:
    deed(house)
    assert work(house)
    tamper(house.database, "UPDATE checkpointrow SET envelope = CAST(:new AS TEXT)", new=envelope)
    [found] = examine.database(house.server.settings).findings
    assert found.kind is Kind.CHECKPOINT


def test_a_new_key_signs_on_and_the_old_ones_word_still_counts(house: House) -> None:
    deed(house)
    assert work(house)
    folder = house.server.settings.audit_keys_folder
    (folder / "audit.pub").rename(folder / "audit-2026.pub")
    (folder / "audit.key").unlink()
    deed(house)
    assert work(house, 600)
    assert len(keys.known(house.server.settings)) == 2
    found = examine.database(house.server.settings)
    assert (found.findings, found.log.checkpoints) == ((), 2)


def test_a_key_that_does_not_open_is_an_operators_to_mend(house: House) -> None:
    deed(house)
    assert work(house)
    (house.server.settings.audit_keys_folder / "audit.key").write_text("nothing")
    deed(house)
    with pytest.raises(Misconfigured, match="the server's keys"):
        work(house, 600)


def test_a_key_that_was_half_made_is_made_anew(house: House) -> None:
    folder = house.server.settings.audit_keys_folder
    folder.mkdir(parents=True)
    (folder / "audit.key").write_text("half")
    (folder / "passphrase").write_text("")
    deed(house)
    assert work(house)
    deed(house)
    assert work(house, 600)


def test_the_key_opens_with_the_passphrase_of_its_making(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "of the environment")
    deed(house)
    assert work(house)
    assert not (house.server.settings.audit_keys_folder / "passphrase").exists()
    deed(house)
    assert work(house, 600)
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "another")
    deed(house)
    with pytest.raises(Misconfigured):
        work(house, 600)


def test_the_key_may_live_elsewhere_and_be_of_the_kind_that_kms_has(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "p")
    private, _ = generate("log", tmp_path / "elsewhere", "p", scheme=P256, rounds=1000)
    settings = house.server.settings.model_copy(update={"audit_key": str(private)})
    house.server = replace(house.server, settings=settings)
    deed(house)
    assert work(house)
    assert [file.name for file in settings.audit_keys_folder.iterdir()] == ["audit.pub"]
    found = examine.database(settings)
    assert (found.findings, found.log.checkpoints) == ((), 1)


def test_retention_leaves_the_checkpoints_where_they_are(house: House) -> None:
    deed(house)
    assert work(house)
    for _ in range(3):
        retention.sweep(house.server, house.clock.forward(10 * 24 * 3600))
    assert len(stored(house)) == 1


def test_another_server_does_not_make_a_key_of_its_own(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Two machines on one PostgreSQL: the log has one key, which is copied or lies elsewhere."""
    monkeypatch.setenv(VARIABLE, "postgresql")
    first = House.build(tmp_path / "first", house.clock)
    deed(first)
    assert work(first)
    settings = first.server.settings.model_copy(update={"home": tmp_path / "second"})
    (tmp_path / "second").mkdir()
    second = replace(first.server, settings=settings)
    deed(first)
    with pytest.raises(Misconfigured, match="has a key, which is not here") as refused:
        checkpoints.work(second, house.clock.forward(3600))
    assert "copy" in refused.value.hint
    shutil.copytree(first.server.settings.audit_keys_folder, settings.audit_keys_folder)
    made = checkpoints.work(second, house.clock.now)
    assert made is not None
    with first.database.reading() as session:
        assert len(log.last(session, 10, log.Filter(action="audit.make_key"))) == 1
    first.database.close()
