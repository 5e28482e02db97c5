"""What a thief of the server's keys and the store lists of people's roles is gone with the keys."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tuf.api.metadata import Metadata, MetaFile, Targets

from distribution import home
from distribution.repository.recovery import rebuilt
from signing import assignments, propose
from signing.errors import Tampered
from signing.metadata import serialised
from signing.store import Store
from signing.update_repository import Repository
from tests.simulators.estate import OFFICERS, Estate
from tests.simulators.thief import Thief
from tests.simulators.tuf_reader import TufReader

MANIFEST, NEXT = (f"releases/app/{version}/manifest.json" for version in ("1.0", "2.0"))


def rotated(estate: Estate, read: Callable[[Store], Repository] = rebuilt) -> None:
    """Other online keys, in one step."""
    passphrase = (estate.settings.online_keys_folder / home.PASSPHRASE_FILE).read_text().strip()
    keys = home.make_next_keys(estate.settings, passphrase)
    repository = read(estate.store)
    changed = assignments.of_the_server(repository, keys, beside=False)
    draft = estate.draft("stolen")
    propose.people(repository, changed, draft)
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)


def test_unsigned_and_absent_versions_are_not_listed_any_more(
    estate: Estate, tmp_path: Path
) -> None:
    estate.publish("1.0")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    assert reader.read(MANIFEST)[MANIFEST]
    thief = Thief(estate.store, estate.online.generations[0])
    thief.sign("app", {MANIFEST: b"{}"}, keep=True)  # with a key that may not
    estate.store.create("metadata/7.hotfixes.json", serialised(Metadata(Targets(version=7))))
    timestamp, snapshot = thief._timestamp(), thief._snapshot()
    snapshot.signed.meta |= {"hotfixes.json": MetaFile(7), "breakglass.json": MetaFile(2**31)}
    thief._commit(snapshot, timestamp)
    assert Repository.read(estate.store).version("app") == 2

    rotated(estate)
    repository = Repository.read(estate.store)
    found = {role: repository.version(role) for role in ("app", "hotfixes", "breakglass")}
    assert found == {"app": 1, "hotfixes": 0, "breakglass": 0}
    assert reader.read(MANIFEST)[MANIFEST]
    proposal = estate.propose(estate.build("2.0"))
    estate.sign(proposal, "sari", "joko")
    estate.publish_proposal(proposal, replace_unfinished=True)  # of the thief's file
    assert reader.read(NEXT)[NEXT]


def test_nobody_builds_upon_an_older_list_of_who_may_sign(estate: Estate, tmp_path: Path) -> None:
    """Sites forget which one they have seen: a revoked person would be back."""
    estate.publish("1.0")
    store = estate.store
    thief = Thief(store, estate.online.generations[0])
    timestamp, snapshot = thief._timestamp(), thief._snapshot()
    snapshot.signed.meta["targets.json"] = MetaFile(1)
    thief._commit(snapshot, timestamp)
    with pytest.raises(Tampered, match="signed targets 2, and 1 is listed") as told:
        rotated(estate, Repository.read)
    assert "hsp drill stolen-online-key" in told.value.hint

    shutil.rmtree(estate.folder / "proposals" / "stolen", ignore_errors=True)
    rotated(estate)
    assert Repository.read(store).version("targets") == 3
    reader = TufReader(tmp_path / "reader", store, estate.root)
    assert reader.read(MANIFEST)[MANIFEST]
