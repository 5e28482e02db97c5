"""What is published is read by a TUF client that we did not write: cold, warm, over real HTTP."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError

from distribution.repository import catalogue
from distribution.repository.bucket import S3Store
from manifests.target_paths import Lane, manifest_path
from signing import propose, signers
from signing.update_repository import Repository
from tests.simulators.estate import PASSPHRASE, ROUNDS, Estate
from tests.simulators.seaweed import Seaweed
from tests.simulators.tuf_reader import TufReader

PLAN = "rollouts/app/plan.json"


def test_a_cold_client_reads_every_lane(estate: Estate, tmp_path: Path) -> None:
    released = estate.publish("1.0")
    hotfix = estate.publish("1.0.post1", lane=Lane.HOTFIXES)
    until = estate.now + timedelta(hours=72)
    breakglass = estate.publish(
        "1.0.post2",
        lane=Lane.BREAKGLASS,
        issued_at=estate.now,
        sites=["apotek-hq"],
        expires_at=until,
    )
    plan = estate.roll_out("1.0")
    releases = (released, hotfix, breakglass)
    expected = {str(each.path): each.manifest.to_bytes() for each in releases}
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    assert reader.read(*expected, PLAN) == {**expected, PLAN: plan.to_bytes()}


def test_a_poll_without_news_is_two_requests(estate: Estate, tmp_path: Path) -> None:
    estate.publish("1.0")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    reader.read(manifest_path(Lane.RELEASES, "app", "1.0"))
    reader.last_fetched()
    reader.read()
    assert reader.last_fetched() == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_news_of_one_product_costs_nothing_of_another(estate: Estate, tmp_path: Path) -> None:
    estate.add_product("other")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    mine = manifest_path(Lane.RELEASES, "app", "1.0")
    estate.publish("1.0")
    estate.publish("1.0", product="other")
    reader.read(mine)
    estate.publish("1.1", product="other")
    reader.last_fetched()
    reader.read(mine)
    assert not [key for key in reader.last_fetched() if "other" in key]


def test_over_real_http_from_a_bucket_that_strangers_may_only_read(
    tmp_path: Path, seaweed: Seaweed, real_s3: S3Store
) -> None:
    estate = Estate.create(tmp_path, store=real_s3)
    url = f"{seaweed.public_url('repository')}/{real_s3._prefix}".rstrip("/")
    reader = TufReader(tmp_path / "reader", url, estate.root)
    released, plan = estate.publish("1.0"), estate.roll_out("1.0")
    artifact = str(released.path.sibling("app-1.0.tar.zst"))
    found = reader.read(str(released.path), artifact, PLAN)
    assert found[str(released.path)] == released.manifest.to_bytes()
    assert found[PLAN] == plan.to_bytes()
    assert found[artifact] is not None
    second = estate.publish("1.1")
    assert reader.read(str(second.path))[str(second.path)] == second.manifest.to_bytes()


def test_no_role_lists_what_was_not_published(estate: Estate, tmp_path: Path) -> None:
    estate.publish("1.0")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    for path in ("releases/app/9.9/manifest.json", "somewhere/else", "releases/app/1.0/a/b"):
        assert reader.read(path) == {path: None}


def test_metadata_is_as_strict_clients_want_it(estate: Estate) -> None:
    """Repository hygiene: one sha256 each, versions only, terminating, keyids that follow."""
    estate.publish("1.0")
    read = {key: json.loads(estate.store.read(key)) for key in estate.store.keys("metadata/")}
    root, targets = (
        read["metadata/1.root.json"]["signed"],
        read["metadata/2.targets.json"]["signed"],
    )
    assert root["consistent_snapshot"] is True
    assert {role: len(of["keyids"]) for role, of in root["roles"].items()} == {
        "root": 2,
        "targets": 2,
        "snapshot": 1,
        "timestamp": 1,
    }
    assert [(role["name"], role["terminating"]) for role in targets["delegations"]["roles"]] == [
        ("hotfixes", True),
        ("breakglass", True),
        ("app", True),
        ("app.rollouts", True),
    ]
    assert targets["targets"] == {}
    for listed in read["metadata/3.snapshot.json"]["signed"]["meta"].values():
        assert set(listed) == {"version"}
    assert set(read["metadata/timestamp.json"]["signed"]["meta"]["snapshot.json"]) == {"version"}
    for listed in read["metadata/1.app.json"]["signed"]["targets"].values():
        assert set(listed["hashes"]) == {"sha256"}


def test_when_the_server_stops_signing_agents_stop_believing(
    estate: Estate, tmp_path: Path
) -> None:
    estate.now -= timedelta(hours=7)
    estate.publish("1.0")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    with pytest.raises(RepositoryError, match="expired"):
        reader.read()
    catalogue.releases(estate.store)  # the server itself still reads it, and can renew it


def test_an_approver_with_a_p256_key(estate: Estate, tmp_path: Path) -> None:
    signers.generate("mila", tmp_path / "keys", PASSPHRASE, scheme=signers.P256, rounds=ROUNDS)
    people = [estate.public("sari"), estate.public("mila")]
    draft = estate.draft("product-till")
    online = estate.online.generations[0].rollouts.public_key
    propose.product(Repository.read(estate.store), "till", people, online, draft)
    estate.sign(draft.folder, "ani", "budi")
    estate.publish_proposal(draft.folder)
    proposal = estate.propose(estate.build("1.0", product="till"))
    estate.sign(proposal, "sari", "mila")
    path = estate.publish_proposal(proposal).releases[0]
    assert TufReader(tmp_path / "reader", estate.store, estate.root).read(path)[path]
