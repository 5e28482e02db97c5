"""A vendor signs its own product together with us: neither side alone, and never another's."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata

from distribution import home
from distribution.repository.commit import commit, upload
from manifests.target_paths import Lane
from signing import assignments, propose, signers
from signing.errors import MissingSignatures, Tampered, UnfitRole, WrongKey
from signing.metadata import add_signature, serialised
from signing.proposal import Proposal
from signing.proposal_folder import replace_file
from signing.propose import Assignment
from signing.roles import BREAKGLASS, HOTFIXES, ROOT, TARGETS, rules, signatories, vendor_of
from signing.status import SigningStatus
from signing.update_repository import Repository, next_targets, target_file
from tests.simulators.estate import OFFICERS, PASSPHRASE, ROUNDS, Estate
from tests.simulators.tuf_reader import TufReader

VENDORS = ("acme.lena", "acme.otto", "bolt.mia")


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    """The estate with our product "app", and two vendors who have keys and no product yet."""
    made = Estate.create(tmp_path)
    for person in VENDORS:
        signers.generate(person, tmp_path / "keys", PASSPHRASE, rounds=ROUNDS)
    return made


def product(
    estate: Estate, name: str, people: Sequence[str], vendor: str, threshold: int = 2
) -> Any:
    """Propose a vendor's product."""
    keys = [estate.public(person) for person in people]
    online = home.online_public_keys(estate.settings)["rollouts"]
    table, repository = rules({"product": threshold}), Repository.read(estate.store)
    return propose.product(
        repository, name, keys, online, estate.draft(f"product-{name}"), table, vendor
    )


def add(estate: Estate, name: str, people: Sequence[str], vendor: str, threshold: int = 2) -> None:
    """Add it; the officers sign."""
    proposal = product(estate, name, people, vendor, threshold).folder
    estate.sign(proposal, *OFFICERS)
    estate.publish_proposal(proposal)


@pytest.fixture
def acme(estate: Estate) -> Estate:
    """ACME's product "till", which ACME's Lena and our Joko sign."""
    add(estate, "till", ("acme.lena", "joko"), "acme")
    return estate


# --- adding a vendor


def test_the_officers_read_whose_product_it_is_and_what_the_vendor_cannot(estate: Estate) -> None:
    status = SigningStatus.of(product(estate, "till", ("acme.lena", "joko"), "acme"))
    assert status.title == "the product till of the vendor acme"
    assert "2 of acme.lena, joko say what may run of till" in status.allows
    assert "neither acme nor we can publish without the other" in status.allows
    words = "acme.lena sign for acme: what they sign counts for acme's products alone"
    assert words in status.allows


@pytest.mark.parametrize(
    ("people", "threshold"),
    [
        (("acme.lena", "acme.otto", "joko"), 2),  # the vendor could do without us
        (("acme.lena", "sari", "joko"), 2),  # we could do without the vendor
        (("acme.lena", "acme.otto"), 2),  # nobody of ours
        (("sari", "joko"), 2),  # nobody of the vendor's
        (("acme.lena", "joko"), 1),  # either of them alone
        (("acme.lena", "bolt.mia", "joko"), 3),  # somebody else's vendor
    ],
)
def test_a_threshold_that_one_side_could_reach_is_refused(
    estate: Estate, people: tuple[str, ...], threshold: int
) -> None:
    with pytest.raises(UnfitRole):
        product(estate, "till", people, "acme", threshold)
    assert not (estate.folder / "proposals" / "product-till").exists()


def test_with_enough_signatures_several_of_each_side_may_sign(estate: Estate) -> None:
    add(estate, "till", ("acme.lena", "acme.otto", "sari", "joko"), "acme", threshold=3)
    targets = Repository.read(estate.store).targets
    assert vendor_of(targets, "till") == "acme"
    assert vendor_of(targets, "app") == ""
    assert signatories(targets, "till").threshold == 3


@pytest.mark.parametrize("role", [ROOT, TARGETS, HOTFIXES, BREAKGLASS, "app"])
def test_a_vendors_key_gets_no_role_of_ours(estate: Estate, role: str) -> None:
    repository = Repository.read(estate.store)
    with pytest.raises(UnfitRole, match="signs for a vendor, and only for its products"):
        given = assignments.added(repository, estate.public("acme.lena"), [role])
        propose.people(repository, given, estate.draft("given"))


def test_a_vendors_key_gets_no_role_of_another_vendor(acme: Estate) -> None:
    add(acme, "scales", ("bolt.mia", "joko"), "bolt")
    repository = Repository.read(acme.store)
    keys = [acme.public("acme.lena"), acme.public("joko")]
    with pytest.raises(UnfitRole, match=r"acme\.lena signs for a vendor"):
        propose.people(repository, [Assignment("scales", keys, 2)], acme.draft("given"))


def test_no_later_change_of_people_lets_one_side_go_alone(acme: Estate) -> None:
    repository = Repository.read(acme.store)
    for people, threshold in (
        (("acme.lena", "acme.otto"), 2),
        (("acme.lena", "sari", "joko"), 2),
        (("acme.lena", "joko"), 1),
    ):
        keys = [acme.public(person) for person in people]
        with pytest.raises(UnfitRole, match="one side could do without the other"):
            propose.people(repository, [Assignment("till", keys, threshold)], acme.draft("given"))


def test_a_vendor_replaces_its_own_person(acme: Estate) -> None:
    repository = Repository.read(acme.store)
    changed = assignments.revoked(repository, "acme.lena", (), [acme.public("acme.otto")])
    folder = propose.people(repository, changed, acme.draft("otto")).folder
    acme.sign(folder, *OFFICERS)
    acme.publish_proposal(folder)
    proposal = acme.propose(acme.build("1.0", product="till"))
    with pytest.raises(WrongKey):
        acme.sign(proposal, "acme.lena")
    acme.sign(proposal, "acme.otto", "joko")
    acme.publish_proposal(proposal)


# --- either side holds a release back


@pytest.mark.parametrize(
    ("alone", "missing"), [("acme.lena", "joko"), ("joko", r"acme\.lena")], ids=["vendor", "us"]
)
def test_one_side_alone_publishes_nothing(acme: Estate, alone: str, missing: str) -> None:
    proposal = acme.propose(acme.build("1.0", product="till"))
    acme.sign(proposal, alone)
    with pytest.raises(MissingSignatures, match="have 1 of 2") as told:
        acme.publish_proposal(proposal)
    assert missing.replace("\\", "") in told.value.hint
    assert Repository.read(acme.store).role("till") is None


def test_both_publish(acme: Estate) -> None:
    proposal = acme.propose(acme.build("1.0", product="till"))
    acme.sign(proposal, "acme.lena", "joko")
    assert acme.publish_proposal(proposal).releases == ("releases/till/1.0/manifest.json",)


# --- a vendor's key never touches another's product


def signer_of(estate: Estate, person: str) -> Signer:
    """Somebody's key, past our program."""
    return signers.signer_for(estate.key(person), [estate.public(person)], PASSPHRASE)


@pytest.mark.parametrize("lane", list(Lane))
def test_a_vendors_key_signs_nothing_of_ours(acme: Estate, lane: Lane) -> None:
    until = acme.now + timedelta(hours=1)
    limits = {"issued_at": acme.now, "sites": ["shop"], "expires_at": until}
    described: dict[str, Any] = limits if lane is Lane.BREAKGLASS else {}
    proposal = acme.propose(acme.build("1.0", **described), lane)
    with pytest.raises(WrongKey, match=r"acme\.lena\.key may not sign this"):
        acme.sign(proposal, "acme.lena")


def test_a_release_of_ours_in_the_vendors_role_is_refused(acme: Estate) -> None:
    """Lena and a careless Joko sign a "till" that also lists a release of "app"."""
    proposal = acme.propose(acme.build("1.0", product="till"))
    role = Proposal.read(proposal).metadata["till"]
    targets = role.signed
    foreign = target_file("releases/app/9.0/manifest.json", b"{}")
    targets.targets[foreign.path] = foreign  # type: ignore[union-attr] # a product's role
    for person in ("acme.lena", "joko"):
        add_signature(role, signer_of(acme, person))
    replace_file(proposal / "metadata" / "till.json", serialised(role))
    with pytest.raises(Tampered):
        acme.publish_proposal(proposal)


def test_the_next_version_of_another_role_by_a_vendors_key_is_refused(acme: Estate) -> None:
    """Lena takes a proposal of "app" and signs it past our program."""
    proposal = acme.propose(acme.build("1.0"))
    role = Proposal.read(proposal).metadata["app"]
    for person in ("acme.lena", "joko"):
        add_signature(role, signer_of(acme, person))
    replace_file(proposal / "metadata" / "app.json", serialised(role))
    with pytest.raises(Tampered, match="a signature of a key that may not sign it"):
        acme.publish_proposal(proposal)
    assert Repository.read(acme.store).role("app") is None


def test_readers_do_not_take_another_products_release_from_a_vendors_role(
    acme: Estate, tmp_path: Path
) -> None:
    """Lena, Joko and the server's thief together: the delegation itself keeps them to "till"."""
    acme.publish("1.0")
    repository, path = Repository.read(acme.store), "releases/app/9.0/manifest.json"
    own = target_file("releases/till/9.0/manifest.json", b"{}")
    files = [target_file(path, b"{}"), own]
    role = Metadata(next_targets(None, 1, acme.now + timedelta(days=1), files))
    for person in ("acme.lena", "joko"):
        add_signature(role, signer_of(acme, person))
    for file in files:
        upload(acme.store, file, b"{}")
    acme.store.create("metadata/1.till.json", serialised(role))
    commit(repository, {"till": 1}, acme.online, acme.now)
    read = TufReader(tmp_path / "reader", acme.store, acme.root).read(path, own.path)
    assert read == {path: None, own.path: b"{}"}


def test_every_client_reads_two_vendors_a_hotfix_and_a_break_glass(
    acme: Estate, tmp_path: Path
) -> None:
    reader = TufReader(tmp_path / "warm", acme.store, acme.root)
    reader.read()
    add(acme, "scales", ("bolt.mia", "sari"), "bolt")
    until = acme.now + timedelta(hours=72)
    limits = {"issued_at": acme.now, "sites": ["shop"], "expires_at": until}
    paths = [
        release(acme, "1.0", "till", Lane.RELEASES, "acme.lena", "joko"),
        release(acme, "2.0", "scales", Lane.RELEASES, "bolt.mia", "sari"),
        release(acme, "1.0.post1", "till", Lane.HOTFIXES, "tono", "wati"),
        release(acme, "2.0.post1", "scales", Lane.BREAKGLASS, "tono", **limits),
        release(acme, "1.0", "app", Lane.RELEASES, "sari", "joko"),
    ]
    cold = TufReader(tmp_path / "cold", acme.store, acme.root)
    for each in (reader, cold):
        found = each.read(*paths)
        assert all(found.values()), found


def release(
    estate: Estate, version: str, product: str, lane: Lane, *people: str, **described: Any
) -> str:
    """Publish one; the path of its manifest."""
    built = estate.build(version, product=product, **described)
    proposal = estate.propose(built, lane)
    estate.sign(proposal, *people)
    return estate.publish_proposal(proposal).releases[0]
