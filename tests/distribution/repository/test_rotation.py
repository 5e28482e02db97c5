"""Keys change hands; whoever reads the repository in between or afterwards never notices."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from securesystemslib.signer import SSlibKey

from distribution import home
from distribution.repository import catalogue
from distribution.repository.publish import renew
from distribution.repository.recovery import rebuilt
from signing import assignments, propose, signers
from signing.errors import MissingSignatures, Tampered, UnfitRole, WrongKey
from signing.metadata import TIMESTAMP_KEY, metadata_key, serialised, signed_by
from signing.propose import Assignment
from signing.roles import ROOT, SNAPSHOT, TARGETS, TIMESTAMP, signatories
from signing.update_repository import Repository, next_snapshot, next_timestamp
from tests.simulators.estate import ENGINEERS, OFFICERS, PASSPHRASE, ROUNDS, Estate
from tests.simulators.tuf_reader import TufReader

MANIFEST = "releases/app/1.0/manifest.json"


@pytest.fixture
def reader(estate: Estate, tmp_path: Path) -> TufReader:
    """A client that has read the first release, and goes on from what it knows."""
    estate.publish("1.0")
    estate.roll_out("1.0")
    reader = TufReader(tmp_path / "reader", estate.store, estate.root)
    assert reader.read(MANIFEST)[MANIFEST]
    return reader


def newcomer(estate: Estate, person: str, folder: str = "keys") -> SSlibKey:
    """A key of somebody new, or a new key of somebody."""
    signers.generate(person, estate.folder / folder, PASSPHRASE, rounds=ROUNDS)
    return signers.read_public(estate.folder / folder / f"{person}.pub")


def give(estate: Estate, name: str, *assignments: Assignment) -> Path:
    """Propose other people."""
    draft = estate.draft(name)
    propose.people(Repository.read(estate.store), assignments, draft)
    return draft.folder


def holders(estate: Estate, role: str) -> list[SSlibKey]:
    repository = Repository.read(estate.store)
    keys = signatories(repository.delegator(role), role).keys
    return [key for key in keys if isinstance(key, SSlibKey)]


def online(estate: Estate, keys: dict[str, SSlibKey], *, also: bool) -> Iterator[Assignment]:
    """Give the online roles to ``keys``: beside the old ones, or in their place."""
    roles = {SNAPSHOT: "snapshot", TIMESTAMP: "timestamp", "app.rollouts": "rollouts"}
    for role, name in roles.items():
        old = holders(estate, role) if also else []
        yield Assignment(role, [*old, keys[name]], 1)


def passphrase(estate: Estate) -> str:
    return (estate.settings.online_keys_folder / home.PASSPHRASE_FILE).read_text().strip()


def test_an_officer_is_replaced_and_no_client_notices(estate: Estate, reader: TufReader) -> None:
    citra = newcomer(estate, "citra")
    new = [estate.public("ani"), citra]
    proposal = give(estate, "citra", Assignment(ROOT, new, 2), Assignment(TARGETS, new, 2))
    estate.sign(proposal, *OFFICERS)
    with pytest.raises(MissingSignatures, match="citra"):
        estate.publish_proposal(proposal)
    estate.sign(proposal, "citra")
    estate.publish_proposal(proposal)
    assert reader.read(MANIFEST)[MANIFEST]
    assert TufReader(estate.folder / "cold", estate.store, reader._root).read(MANIFEST)[MANIFEST]
    assert estate.publish_proposal(proposal).already
    estate.officers = ("ani", "citra")
    estate.add_product("second")


def test_the_present_officers_alone_cannot_be_outvoted(estate: Estate, reader: TufReader) -> None:
    thieves = [newcomer(estate, "maling"), newcomer(estate, "rampok")]
    proposal = give(estate, "theft", Assignment(ROOT, thieves, 2))
    estate.sign(proposal, "maling", "rampok", "ani")
    with pytest.raises(MissingSignatures, match=r"have 1 of 2"):
        estate.publish_proposal(proposal)


def test_an_author_is_revoked_and_replaced(estate: Estate, reader: TufReader) -> None:
    """What the two old ones have signed is signed anew by the two new ones, all in one."""
    dewi = newcomer(estate, "dewi")
    proposal = give(estate, "dewi", Assignment("app", [estate.public("sari"), dewi], 2))
    estate.sign(proposal, *OFFICERS, "sari")
    with pytest.raises(MissingSignatures, match=r"app 2: have 1 of 2.*dewi"):
        estate.publish_proposal(proposal)
    estate.sign(proposal, "dewi")
    estate.publish_proposal(proposal)
    assert reader.read(MANIFEST)[MANIFEST]
    again = estate.propose(estate.build("2.0"))
    with pytest.raises(WrongKey, match="joko"):
        estate.sign(again, "joko")
    estate.sign(again, "sari", "dewi")
    estate.publish_proposal(again)
    assert reader.read("releases/app/2.0/manifest.json")["releases/app/2.0/manifest.json"]


@pytest.mark.parametrize("role", [ROOT, TARGETS, "app", "hotfixes"])
def test_nobody_is_given_a_role_they_could_sign_alone(estate: Estate, role: str) -> None:
    for keys, threshold in (([estate.public("ani")], 2), ([], 1)):
        with pytest.raises(UnfitRole):
            give(estate, "alone", Assignment(role, keys, threshold))


@pytest.mark.parametrize("role", [ROOT, TARGETS, "app"])
def test_a_role_lives_longer(estate: Estate, reader: TufReader, role: str) -> None:
    before = Repository.read(estate.store).version(role)
    draft = estate.draft("longer")
    propose.renewal(Repository.read(estate.store), role, draft)
    estate.sign(draft.folder, *(("sari", "joko") if role == "app" else OFFICERS))
    estate.publish_proposal(draft.folder)
    assert Repository.read(estate.store).version(role) == before + 1
    assert reader.read(MANIFEST)[MANIFEST]


def test_the_servers_keys_change_in_two_steps(estate: Estate, reader: TufReader) -> None:
    new = home.make_next_keys(estate.settings, passphrase(estate))
    assert home.make_next_keys(estate.settings, passphrase(estate)) == new
    for name, also in (("both", True), ("new", False)):
        proposal = give(estate, name, *online(estate, new, also=also))
        estate.sign(proposal, *OFFICERS)
        estate.publish_proposal(proposal)
        assert reader.read(MANIFEST)[MANIFEST]
    home.take_next_keys(estate.settings)
    repository = Repository.read(estate.store)
    for role, name in ((SNAPSHOT, "snapshot"), (TIMESTAMP, "timestamp")):
        metadata = repository.snapshot if role == SNAPSHOT else repository.timestamp
        assert metadata and list(metadata.signatures) == [new[name].keyid]
    plan = repository.role("app.rollouts")
    assert plan and list(plan.signatures) == [new["rollouts"].keyid]
    assert renew(estate.store, estate.online, estate.now) == []
    estate.roll_out("1.0", reason="the new key signs plans")
    assert reader.read("rollouts/app/plan.json")["rollouts/app/plan.json"]


@pytest.mark.parametrize("pushed_to", [0, 2**31, 2**53, 2**63 - 1])
def test_stolen_online_keys_are_replaced_in_one_step(
    estate: Estate, reader: TufReader, pushed_to: int
) -> None:
    if pushed_to:
        _push_versions(estate, pushed_to)
        assert reader.read(MANIFEST)[MANIFEST]
    new = home.make_next_keys(estate.settings, passphrase(estate))
    proposal = give(estate, "stolen", *online(estate, new, also=False))
    estate.sign(proposal, *OFFICERS)
    estate.publish_proposal(proposal)
    assert reader.read(MANIFEST, "rollouts/app/plan.json")[MANIFEST]
    repository = Repository.read(estate.store)
    assert not repository.superseded
    assert repository.timestamp and repository.timestamp.signed.version < 2**30
    estate.publish("3.0")
    assert reader.read("releases/app/3.0/manifest.json")["releases/app/3.0/manifest.json"]


def test_a_thief_cannot_undo_a_withdrawal_through_a_rotation(
    estate: Estate, reader: TufReader
) -> None:
    """Their last snapshot lists what was there before; the first one of the new keys does not."""
    draft = estate.draft("withdraw")
    propose.withdrawal(Repository.read(estate.store), "app", "1.0", "it leaks", draft)
    estate.sign(draft.folder, *ENGINEERS)
    estate.publish_proposal(draft.folder)
    _push_versions(estate, 50, {"app": 1})
    assert Repository.read(estate.store).version("app") == 1
    new = home.make_next_keys(estate.settings, passphrase(estate))
    proposal = give(estate, "stolen", *online(estate, new, also=False))
    estate.sign(proposal, *OFFICERS)
    estate.publish_proposal(proposal)
    assert Repository.read(estate.store).version("app") == 2
    assert catalogue.withdrawals(estate.store, "app")


@pytest.mark.parametrize(
    "listed",
    [
        {TARGETS: 99},
        {TARGETS: 1},
        {TARGETS: 0},
        {"app": 99},
        {"app": 0},
        {"app.rollouts": 99},
        {"evil": 2**63 - 1},
    ],
    ids=str,
)
def test_whatever_a_thief_lists_the_next_keys_list_what_people_signed(
    estate: Estate, reader: TufReader, listed: dict[str, int]
) -> None:
    estate.publish("2.0")
    before = Repository.read(estate.store).listed
    _push_versions(estate, 2**31, listed)
    new = home.make_next_keys(estate.settings, passphrase(estate))
    repository = rebuilt(estate.store)
    draft = estate.draft("stolen")
    changed = assignments.of_the_server(repository, new, beside=False)
    propose.people(repository, changed, draft)
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)
    after = Repository.read(estate.store).listed
    assert after == before | {TARGETS: before[TARGETS] + 1, "app.rollouts": after["app.rollouts"]}
    newest = "releases/app/2.0/manifest.json"
    assert reader.read(newest, "rollouts/app/plan.json")[newest]
    estate.publish("3.0")
    estate.roll_out("3.0")
    assert TufReader(estate.folder / "cold", estate.store, estate.root).read(newest)[newest]


@pytest.mark.parametrize("left", [b"", b"{}", b"nonsense"])
def test_a_timestamp_of_nobodys_is_left_behind_with_the_old_keys(
    estate: Estate, reader: TufReader, left: bytes
) -> None:
    """Whoever has the bucket can spoil it without any key; no client believes that."""
    _, tag = estate.store.read_tagged(TIMESTAMP_KEY)
    estate.store.replace(TIMESTAMP_KEY, left, tag)
    new = home.make_next_keys(estate.settings, passphrase(estate))
    repository = rebuilt(estate.store)
    draft = estate.draft("stolen")
    changed = assignments.of_the_server(repository, new, beside=False)
    propose.people(repository, changed, draft)
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)
    assert reader.read(MANIFEST)[MANIFEST]
    estate.publish("2.0")


def test_keys_that_were_taken_away_are_believed_by_nobody(estate: Estate) -> None:
    estate.publish("1.0")
    store, before = estate.store, estate.store.read(TIMESTAMP_KEY)
    new = home.make_next_keys(estate.settings, passphrase(estate))
    proposal = give(estate, "stolen", *online(estate, new, also=False))
    estate.sign(proposal, *OFFICERS)
    estate.publish_proposal(proposal)
    store.replace(TIMESTAMP_KEY, before, store.read_tagged(TIMESTAMP_KEY)[1])
    again = estate.build("2.0")
    for use in (
        lambda: renew(store, estate.online, estate.now),
        lambda: estate.propose(again),
        lambda: estate.publish_plan(),
    ):
        with pytest.raises(Tampered, match="timestamp"):
            use()


def _push_versions(estate: Estate, version: int, listed: Mapping[str, int] | None = None) -> None:
    """What a thief of the three online keys does who also has the bucket."""
    repository, keys = Repository.read(estate.store), estate.online.generations[0]
    assert repository.snapshot and repository.timestamp and repository.timestamp_tag
    life = repository.snapshot.signed.expires
    roles = {**repository.listed, **(listed or {})}
    snapshot = next_snapshot(version, life, {role: n for role, n in roles.items() if n})
    estate.store.create(
        metadata_key(SNAPSHOT, version), serialised(signed_by(keys.snapshot, snapshot))
    )
    timestamp = next_timestamp(version, repository.timestamp.signed.expires, version)
    content = serialised(signed_by(keys.timestamp, timestamp))
    estate.store.replace(TIMESTAMP_KEY, content, repository.timestamp_tag)
