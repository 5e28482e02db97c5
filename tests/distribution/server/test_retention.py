"""Only what nothing leads to is removed, and only when that has been so for long."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from distribution.repository import retention
from manifests.errors import UpdateError
from signing import propose
from signing.metadata import metadata_key, target_key
from signing.update_repository import Repository, target_file
from tests.simulators.crashing_store import Crash, CrashingStore
from tests.simulators.house import House, Talker
from tests.simulators.tuf_reader import TufReader

MANIFEST = "releases/app/1.0/manifest.json"
RETENTION = timedelta(days=7)


@pytest.fixture
def busy(house: House) -> House:
    """Releases and many plans, so that there are old versions of everything."""
    for version in ("1.0", "1.1"):
        house.estate.publish(version)
        for _ in range(3):
            house.estate.roll_out(version)
    return house


def keys(house: House) -> set[str]:
    """Everything in the repository."""
    store = house.server.store
    return {*store.keys("metadata/"), *store.keys("targets/")}


def sweep(house: House, after: timedelta) -> list[str]:
    """Look again so much later."""
    house.clock.now += after
    return retention.sweep(house.server, house.clock.now)


def test_what_is_superseded_goes_after_its_time(busy: House, tmp_path: Path) -> None:
    before = keys(busy)
    assert sweep(busy, timedelta()) == []
    assert sweep(busy, RETENTION - timedelta(minutes=1)) == []
    assert keys(busy) == before
    removed = set(sweep(busy, timedelta(hours=2)))
    assert keys(busy) == before - removed
    repository = Repository.read(busy.server.store)
    assert repository.snapshot
    old = {metadata_key("snapshot", n) for n in range(1, repository.snapshot.signed.version)}
    assert old <= removed
    assert {metadata_key("app", 1), metadata_key("app.rollouts", 1)} <= removed
    assert sum(key.startswith("targets/rollouts/app/") for key in removed) == 5
    assert not {key for key in removed if ".root." in key or ".targets." in key}
    assert not {key for key in removed if "/releases/" in key}
    reader = TufReader(tmp_path, busy.server.store, repository.root_files[0])
    with time_machine.travel(busy.estate.now):  # as it was signed then, so python-tuf reads it
        assert reader.read(MANIFEST)[MANIFEST]
    assert sweep(busy, RETENTION) == []


def test_a_client_between_two_requests_finds_everything(busy: House) -> None:
    """It has read a timestamp; whatever is published meanwhile, the rest of that is there."""
    store = busy.server.store
    sweep(busy, timedelta())
    then = Repository.read(store)
    assert then.snapshot
    for _ in range(3):
        busy.estate.roll_out("1.1")
        sweep(busy, RETENTION / 4)
    store.read(metadata_key("snapshot", then.snapshot.signed.version))
    for name, listed in then.snapshot.signed.meta.items():
        store.read(metadata_key(name.removesuffix(".json"), listed.version))


def test_a_publish_that_was_not_finished_is_left_alone(busy: House) -> None:
    estate = busy.estate
    proposal = estate.propose(estate.build("2.0"))
    estate.sign(proposal, "sari", "joko")
    store = busy.server.store
    estate.store = CrashingStore(store, 3, after=True)  # both files and the role's metadata
    with pytest.raises(Crash):
        estate.publish_proposal(proposal)
    estate.store = store
    for _ in range(3):
        sweep(busy, RETENTION)
    assert metadata_key("app", 3) in keys(busy)
    estate.publish_proposal(proposal)
    assert any("/app/2.0/" in key for key in keys(busy))


def test_content_that_is_needed_again_stays(busy: House) -> None:
    estate, store = busy.estate, busy.server.store
    built = estate.build("3.0")
    proposal = estate.propose(built)
    estate.sign(proposal, "sari", "joko")
    for file in ("manifest.json", "app-3.0.tar.zst"):
        path = f"releases/app/3.0/{file}"
        listed = target_file(path, built / file)
        store.create(target_key(path, listed.hashes["sha256"]), built / file)
    sweep(busy, timedelta())
    sweep(busy, timedelta(hours=2))
    estate.publish_proposal(proposal)
    removed = sweep(busy, RETENTION)
    removed += sweep(busy, timedelta(hours=2))
    assert not [key for key in removed if "/app/3.0/" in key]


def test_a_withdrawn_release_keeps_its_files_while_a_site_runs_it(busy: House) -> None:
    site = Talker("warung-1", busy.server)
    site.enrol()
    site.check_in()
    site.confirms("1.0")
    estate = busy.estate
    draft = estate.draft("withdraw")
    propose.withdrawal(Repository.read(busy.server.store), "app", "1.0", "it leaks", draft)
    estate.sign(draft.folder, "sari", "joko")
    estate.publish_proposal(draft.folder)
    removed = [*sweep(busy, timedelta()), *sweep(busy, RETENTION)]
    assert not [key for key in removed if "/app/1.0/" in key], "repair may need them"
    site.confirms("1.1")
    sweep(busy, timedelta(hours=2))
    removed = sweep(busy, RETENTION)
    assert [key.rpartition(".app-")[2] for key in removed if "/app/1.0/" in key] == ["1.0.tar.zst"]


def test_nothing_is_removed_from_a_repository_that_does_not_verify(busy: House) -> None:
    sweep(busy, timedelta())
    before = keys(busy)
    file = busy.server.settings.repository_folder / "metadata/timestamp.json"
    file.write_bytes(file.read_bytes().replace(b'"version":', b'"version":1', 1))
    with pytest.raises(UpdateError, match="timestamp"):
        sweep(busy, RETENTION)
    assert keys(busy) == before
