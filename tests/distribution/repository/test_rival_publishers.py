"""Several publishers at once: each is either visible or told, and nothing of anybody is lost."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distribution.errors import AlreadyPublished, Conflict, LostRace
from distribution.repository import catalogue, publish
from distribution.repository.publish import Published
from manifests.errors import UpdateError
from manifests.target_paths import Lane, manifest_path
from signing.errors import StaleProposal
from signing.store import Store
from tests.simulators.estate import ENGINEERS, Estate
from tests.simulators.tuf_reader import TufReader


def _signed(estate: Estate, version: str, product: str = "app", name: str = "") -> Path:
    proposal = estate.propose(estate.build(version, product=product), name=name)
    estate.sign(proposal, *ENGINEERS)
    return proposal


def _at_once(estate: Estate, proposals: list[Path]) -> list[Published | UpdateError]:
    def attempt(proposal: Path) -> Published | UpdateError:
        try:
            return estate.publish_proposal(proposal)
        except UpdateError as error:
            return error

    with ThreadPoolExecutor(len(proposals)) as pool:
        return list(pool.map(attempt, proposals))


def test_publishers_of_different_products_all_succeed(tmp_path: Path, real_store: Store) -> None:
    products = [f"product-{number}" for number in range(6)]
    estate = Estate.create(tmp_path, product="", store=real_store)
    for product in products:
        estate.add_product(product)
    proposals = [_signed(estate, "1.0", product) for product in products]
    outcomes = _at_once(estate, proposals)
    assert all(isinstance(outcome, Published) for outcome in outcomes), outcomes
    paths = [manifest_path(Lane.RELEASES, product, "1.0") for product in products]
    found = TufReader(tmp_path / "reader", real_store, estate.root).read(*paths)
    assert all(found.values())


def test_of_two_publishers_of_one_product_one_wins_and_the_other_is_told(
    tmp_path: Path, real_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PATIENCE_SECONDS", 5.0)
    estate = Estate.create(tmp_path, store=real_store)
    proposals = [_signed(estate, "1.0"), _signed(estate, "2.0")]
    outcomes = _at_once(estate, proposals)
    won = [outcome for outcome in outcomes if isinstance(outcome, Published)]
    told = [outcome for outcome in outcomes if isinstance(outcome, StaleProposal)]
    assert (len(won), len(told)) == (1, 1), outcomes
    assert "propose again" in told[0].hint
    # The loser proposes what was built, once more, and nothing of either is lost.
    loser = "2.0" if "1.0" in won[0].releases[0] else "1.0"
    again = estate.propose(tmp_path / "builds" / f"app-{loser}", name="again")
    estate.sign(again, *ENGINEERS)
    estate.publish_proposal(again)
    published = {str(r.path) for r in catalogue.releases(real_store, "app")}
    assert published == {manifest_path(Lane.RELEASES, "app", v) for v in ("1.0", "2.0")}


def test_the_same_proposal_published_by_two_people_at_once_is_published_once(
    tmp_path: Path, real_store: Store
) -> None:
    estate = Estate.create(tmp_path, store=real_store)
    proposal = _signed(estate, "1.0")
    outcomes = _at_once(estate, [proposal] * 4)
    assert all(isinstance(outcome, Published) for outcome in outcomes), outcomes
    assert [str(r.path) for r in catalogue.releases(real_store)] == [
        manifest_path(Lane.RELEASES, "app", "1.0")
    ]


def test_a_release_and_a_rollout_plan_at_once(tmp_path: Path, real_store: Store) -> None:
    estate = Estate.create(tmp_path, store=real_store)
    estate.publish("1.0")
    proposal = _signed(estate, "1.1")
    with ThreadPoolExecutor(2) as pool:
        plan = pool.submit(estate.roll_out, "1.0")
        release = pool.submit(estate.publish_proposal, proposal)
        plan_bytes, done = plan.result().to_bytes(), release.result()
    found = TufReader(tmp_path / "reader", real_store, estate.root).read(
        "rollouts/app/plan.json", done.releases[0]
    )
    assert found["rollouts/app/plan.json"] == plan_bytes
    assert found[done.releases[0]] is not None


def test_one_version_in_two_lanes_at_once_is_published_in_one(
    tmp_path: Path, real_store: Store
) -> None:
    estate = Estate.create(tmp_path, store=real_store)
    built = estate.build("1.0")
    release, hotfix = estate.propose(built), estate.propose(built, Lane.HOTFIXES)
    estate.sign(release, *estate.signers_of(Lane.RELEASES))
    estate.sign(hotfix, *estate.signers_of(Lane.HOTFIXES))
    outcomes = _at_once(estate, [release, hotfix])
    assert sum(isinstance(outcome, Published) for outcome in outcomes) == 1, outcomes
    assert sum(isinstance(outcome, AlreadyPublished) for outcome in outcomes) == 1, outcomes
    assert len(catalogue.releases(real_store)) == 1


# --- somebody began, and never finished


def _abandoned(estate: Estate, version: str) -> Path:
    """A publish of ``version`` that stopped before its snapshot."""
    proposal = _signed(estate, version)
    role = (proposal / "metadata" / "app.json").read_bytes()
    estate.store.create("metadata/1.app.json", role)
    return proposal


def test_an_unfinished_publish_is_named_and_can_be_finished(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PATIENCE_SECONDS", 0.05)
    theirs, ours = _abandoned(estate, "1.0"), _signed(estate, "2.0")
    with pytest.raises(Conflict, match=r"releases/app/1\.0/manifest\.json") as told:
        estate.publish_proposal(ours)
    assert "--replace-unfinished" in told.value.hint
    assert catalogue.releases(estate.store) == []
    assert estate.publish_proposal(theirs).releases == (manifest_path(Lane.RELEASES, "app", "1.0"),)
    with pytest.raises(StaleProposal):
        estate.publish_proposal(ours)


def test_an_unfinished_publish_that_was_given_up_can_be_replaced(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "PATIENCE_SECONDS", 0.05)
    theirs, ours = _abandoned(estate, "1.0"), _signed(estate, "2.0")
    done = estate.publish_proposal(ours, replace_unfinished=True)
    assert done.releases == (manifest_path(Lane.RELEASES, "app", "2.0"),)
    with pytest.raises(StaleProposal):
        estate.publish_proposal(theirs, replace_unfinished=True)


def test_a_published_version_is_not_replaced_whatever_is_asked(estate: Estate) -> None:
    ours, late = _signed(estate, "1.0"), _signed(estate, "2.0")
    estate.publish_proposal(ours)
    before = estate.store.read("metadata/1.app.json")
    with pytest.raises(StaleProposal):
        estate.publish_proposal(late, replace_unfinished=True)
    assert estate.store.read("metadata/1.app.json") == before


def test_a_number_that_a_crash_has_used_is_skipped(estate: Estate) -> None:
    estate.store.create("metadata/3.snapshot.json", b"left behind by a crash")
    estate.store.create("metadata/1.app.rollouts.json", b"left behind by a crash")
    estate.publish("1.0")
    estate.roll_out("1.0")
    assert estate.store.read("metadata/3.snapshot.json") == b"left behind by a crash"
    state = catalogue.trust_state(estate.store)
    assert set(state.expires) >= {"app", "app.rollouts"}


def test_who_never_wins_is_told_that_nothing_is_visible(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("distribution.repository.commit.ATTEMPTS", 3)
    monkeypatch.setattr("distribution.repository.commit._PAUSE_SECONDS", 0)
    proposal = _signed(estate, "1.0")
    store = estate.store
    original = store.replace

    def rival_first(key: str, content: bytes, tag: str | None) -> None:
        other, present = store.read_tagged(key)
        original(key, other + b" ", present)  # the same timestamp, other bytes
        original(key, content, tag)

    monkeypatch.setattr(store, "replace", rival_first)
    with pytest.raises(LostRace, match="nothing of this is visible"):
        estate.publish_proposal(proposal)
    assert catalogue.releases(estate.store) == []
