"""Who built it and of what: what the officers ask for is there, or nothing goes out."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Signer

from manifests.errors import ManifestError
from manifests.provenance import PAYLOAD_TYPE, SLSA_V1
from manifests.release import ReleaseManifest
from manifests.target_paths import PROVENANCE_NAME, SBOM_NAME, Lane
from signing import ceremony, propose, signers
from signing.build_policy import NOTHING, BuildPolicy, policy_of, read_policy
from signing.errors import (
    MissingEvidence,
    OtherBuilder,
    OtherPredicate,
    OtherSubject,
    SigningError,
    Tampered,
    UnfitEvidence,
    UnknownRole,
    UnreadableEvidence,
    UnsignedStatement,
)
from signing.metadata import serialised
from signing.proposal import Proposal
from signing.proposal_folder import replace_file
from signing.update_repository import Repository
from tests.simulators.builder import (
    BUILDER,
    file_of,
    manifest_of,
    sbom,
    statement,
    tar_of,
    written,
)
from tests.simulators.estate import ENGINEERS, OFFICERS, PASSPHRASE, ROUNDS, Estate

ASKED = read_policy([BUILDER], [SLSA_V1], [], sbom=True)


def ask(estate: Estate, policy: BuildPolicy, name: str = "asked") -> None:
    """The officers ask for this of the product "app"."""
    draft = estate.draft(name)
    propose.builds(Repository.read(estate.store), "app", policy, draft)
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)


def build(
    estate: Estate,
    provenance: Callable[[Path], bytes] | None = lambda built: statement(tar_of(built)),
    bill: bytes | None = None,
    version: str = "1.0",
    **fields: Any,
) -> Path:
    """Build once, let the builder say something about it, build again with that."""
    said = provenance(estate.build(version, **fields)) if provenance else None
    attachments = written(estate.folder / "said", said, bill)
    return estate.build(version, attachments=attachments, **fields)


@pytest.fixture
def ci(estate: Estate) -> Signer:
    """The builder's key."""
    signers.generate("ci", estate.folder / "keys", PASSPHRASE, rounds=ROUNDS)
    return signers.signer_for(estate.key("ci"), [estate.public("ci")], PASSPHRASE)


# --- what is carried is published, and said before anybody signs


def test_a_release_carries_its_provenance_and_its_sbom(estate: Estate) -> None:
    ask(estate, ASKED)
    built = build(estate, bill=sbom())
    proposal = estate.propose(built)
    text = "\n".join(ceremony.prepare(proposal, estate.now).status.lines())
    assert f"built by {BUILDER}" in text
    assert f"a statement of the type {SLSA_V1} says" in text
    assert f"about the contents of app-1.0.tar.zst, sha256 {tar_of(built)}" in text
    assert "made of 2 components, as its SBOM says (CycloneDX 1.6)" in text
    estate.sign(proposal, *ENGINEERS)
    estate.publish_proposal(proposal)
    listed = Repository.read(estate.store).role("app")
    assert listed
    assert set(listed.signed.targets) == {
        f"releases/app/1.0/{name}"
        for name in ("manifest.json", "app-1.0.tar.zst", PROVENANCE_NAME, SBOM_NAME)
    }


def test_the_compressed_files_hash_will_do_as_well(estate: Estate) -> None:
    ask(estate, ASKED)
    built = build(estate, lambda built: statement(file_of(built)), sbom())
    text = "\n".join(ceremony.prepare(estate.propose(built), estate.now).status.lines())
    assert f"about the file app-1.0.tar.zst, sha256 {file_of(built)}" in text


def test_a_statement_about_several_things_may_be_about_this_one_too(estate: Estate) -> None:
    build(estate, lambda built: statement("0" * 64, tar_of(built).upper()))


def test_a_release_without_attachments_has_the_bytes_it_always_had(estate: Estate) -> None:
    data = (estate.build("1.0") / "manifest.json").read_bytes()
    assert b"attachments" not in data
    assert ReleaseManifest.from_bytes(data).to_bytes() == data
    with_some = (build(estate, version="2.0") / "manifest.json").read_bytes()
    assert b'"attachments":[{"name":"provenance.json"' in with_some
    assert ReleaseManifest.from_bytes(with_some).to_bytes() == with_some


def test_two_files_of_one_name_are_no_release(estate: Estate) -> None:
    manifest = manifest_of(build(estate))
    twice = {**manifest.model_dump(mode="json"), "attachments": [manifest.attachments[0]] * 2}
    with pytest.raises(ManifestError, match="same name"):
        ReleaseManifest.from_plain(twice)


# --- refused, and what was expected is named


FOREIGN = b'{"payload":"e30=","payloadType":"x","signatures":[]}'


def _other(built: Path) -> bytes:
    return statement("0" * 64)


REFUSED: Mapping[str, tuple[Callable[[Path], bytes] | None, bytes | None, Any, str]] = {
    "no provenance": (None, sbom(), MissingEvidence, f"no provenance.*{BUILDER}.*CycloneDX SBOM"),
    "no SBOM": (
        lambda built: statement(tar_of(built)),
        None,
        MissingEvidence,
        "app 1.0 has no SBOM",
    ),
    "another builder": (
        lambda built: statement(tar_of(built), builder="https://laptop.example/3cx"),
        sbom(),
        OtherBuilder,
        f"'https://laptop.example/3cx', expected '{BUILDER}'",
    ),
    "no builder": (
        lambda built: statement(tar_of(built), predicate=SLSA_V1, **{"predicate": {}}),
        sbom(),
        OtherBuilder,
        "does not name, expected",
    ),
    "another predicate": (
        lambda built: statement(tar_of(built), predicate="https://slsa.dev/provenance/v0.2"),
        sbom(),
        OtherPredicate,
        f"v0.2', expected '{SLSA_V1}'",
    ),
}


@pytest.mark.parametrize("lane", [Lane.RELEASES, Lane.HOTFIXES])
@pytest.mark.parametrize("case", REFUSED)
def test_what_the_officers_do_not_want_is_not_even_proposed(
    estate: Estate, case: str, lane: Lane
) -> None:
    provenance, bill, kind, match = REFUSED[case]
    ask(estate, ASKED)
    built = (
        build(estate, provenance, bill) if case != "no builder" else _without_builder(estate, bill)
    )
    with pytest.raises(kind, match=match) as told:
        estate.propose(built, lane)
    assert told.value.exit_status == 65
    assert not (estate.folder / "proposals" / f"{lane}-app-1.0").exists()


def _without_builder(estate: Estate, bill: bytes | None) -> Path:
    def said(built: Path) -> bytes:
        plain = json.loads(statement(tar_of(built)))
        return json.dumps({**plain, "predicate": {"runDetails": None}}).encode()

    return build(estate, said, bill)


@pytest.mark.parametrize(
    ("provenance", "bill", "kind"),
    [
        (_other, None, OtherSubject),
        (lambda built: b"{}", None, UnreadableEvidence),
        (lambda built: b"", None, UnreadableEvidence),
        (lambda built: statement(tar_of(built), _type="https://x/v0"), None, UnreadableEvidence),
        (lambda built: statement(tar_of(built), subject="all"), None, UnreadableEvidence),
        (lambda built: statement(tar_of(built), predicateType=3), None, UnreadableEvidence),
        (lambda built: b'{"payload": 3}', None, UnreadableEvidence),
        (lambda built: FOREIGN, None, UnreadableEvidence),
        (None, b"<bom/>", UnreadableEvidence),
        (None, b'{"spdxVersion": "SPDX-2.3"}', UnreadableEvidence),
    ],
)  # fmt: skip
def test_what_is_about_something_else_or_unreadable_is_not_even_built(
    estate: Estate, provenance: Callable[[Path], bytes] | None, bill: bytes | None, kind: Any
) -> None:
    """Nobody has to ask for it: what a release carries is always held to it."""
    with pytest.raises(kind) as told:
        build(estate, provenance, bill)
    assert isinstance(told.value, UnfitEvidence)
    assert not (estate.folder / "builds" / "app-1.0").exists()


def test_what_is_asked_for_after_the_signing_still_holds(estate: Estate) -> None:
    """Two people have signed; before it is published the officers ask for more."""
    proposal = estate.propose(estate.build("1.0"))
    estate.sign(proposal, *ENGINEERS)
    ask(estate, ASKED)
    with pytest.raises(MissingEvidence):
        estate.publish_proposal(proposal)
    assert Repository.read(estate.store).role("app") is None


def test_what_was_exchanged_on_the_stick_is_noticed(estate: Estate) -> None:
    proposal = estate.propose(build(estate, bill=sbom()))
    for name, data in ((PROVENANCE_NAME, statement("0" * 64)), (SBOM_NAME, sbom({"x": "1"}))):
        copy = estate.folder / "stick" / name
        shutil.copytree(proposal, copy)
        (copy / "targets/releases/app/1.0" / name).write_bytes(data)
        with pytest.raises(Tampered, match=name):
            estate.sign(copy, "sari")


def test_a_file_that_the_manifest_does_not_list_is_refused(estate: Estate) -> None:
    """The whole release is manifest, artifacts and attachments: not one file more or less."""
    proposal = estate.propose(build(estate))
    role = Proposal.read(proposal).metadata["app"]
    targets = role.signed.targets  # type: ignore[union-attr] # a product's role
    targets.pop("releases/app/1.0/provenance.json")
    replace_file(proposal / "metadata" / "app.json", serialised(role))
    with pytest.raises(Tampered, match="other files than"):
        estate.sign(proposal, "sari")


# --- a builder with a key


def test_a_builders_signature_is_asked_for_and_verified(estate: Estate, ci: Signer) -> None:
    ask(estate, read_policy([BUILDER], [SLSA_V1], [estate.public("ci")], sbom=False))
    built = build(estate, lambda built: statement(tar_of(built), signer=ci))
    proposal = estate.propose(built)
    text = "\n".join(ceremony.prepare(proposal, estate.now).status.lines())
    assert "says, signed with the key of ci" in text
    estate.sign(proposal, *ENGINEERS)
    estate.publish_proposal(proposal)


@pytest.mark.parametrize("how", ["plain", "by somebody else", "of another statement"])
def test_an_unsigned_statement_is_refused(estate: Estate, ci: Signer, how: str) -> None:
    ask(estate, read_policy([BUILDER], [SLSA_V1], [estate.public("ci")], sbom=False))
    sari = signers.signer_for(estate.key("sari"), [estate.public("sari")], PASSPHRASE)

    def said(built: Path) -> bytes:
        if how == "plain":
            return statement(tar_of(built))
        if how == "by somebody else":
            return statement(tar_of(built), signer=sari)
        other, own = (json.loads(statement(x, signer=ci)) for x in ("0" * 64, tar_of(built)))
        return json.dumps({**own, "signatures": other["signatures"]}).encode()

    with pytest.raises(UnsignedStatement, match="not signed by the builder's key: ci"):
        estate.propose(build(estate, said))


def test_a_signature_may_name_no_key_as_dsse_allows(estate: Estate, ci: Signer) -> None:
    ask(estate, read_policy([], [], [estate.public("ci")], sbom=False))

    def said(built: Path) -> bytes:
        plain = json.loads(statement(tar_of(built), signer=ci))
        plain["signatures"] = [{"sig": "AAAA"}, {"sig": plain["signatures"][0]["sig"]}]
        assert plain["payloadType"] == PAYLOAD_TYPE
        return json.dumps(plain).encode()

    estate.propose(build(estate, said))


# --- the officers' word


def test_a_new_product_says_what_its_releases_must_carry(estate: Estate) -> None:
    people = [estate.public(person) for person in ENGINEERS]
    online = estate.online.generations[0].rollouts.public_key
    draft, repository = estate.draft("product-till"), Repository.read(estate.store)
    propose.product(repository, "till", people, online, draft, policy=ASKED)
    allows = ceremony.prepare(draft.folder, estate.now).status.allows
    assert f"every release of till must carry a statement that it was built by {BUILDER}" in allows
    assert "every release of till must carry a CycloneDX SBOM" in allows
    estate.sign(draft.folder, *OFFICERS)
    estate.publish_proposal(draft.folder)
    targets = Repository.read(estate.store).targets
    assert policy_of(targets, "till") == ASKED
    assert policy_of(targets, "app") == NOTHING
    with pytest.raises(MissingEvidence):
        estate.propose(estate.build("1.0", product="till"))


def test_asking_for_less_is_said_loudly(estate: Estate) -> None:
    ask(estate, ASKED)
    draft = estate.draft("less")
    less = read_policy([BUILDER], [SLSA_V1], [], sbom=False)
    propose.builds(Repository.read(estate.store), "app", less, draft)
    status = ceremony.prepare(draft.folder, estate.now).status
    assert status.title == "what releases of app must carry"
    assert "NO LONGER ASKS: a CycloneDX SBOM" in status.changes
    ask(estate, NOTHING, "nothing")
    estate.propose(estate.build("1.0"))


def test_asking_is_refused_where_nothing_changes_or_nobody_is_asked(estate: Estate) -> None:
    repository = Repository.read(estate.store)
    with pytest.raises(Tampered, match="what 0 products must carry"):
        propose.builds(repository, "app", NOTHING, estate.draft("a"))
    for name in ("app.rollouts", "hotfixes", "unknown"):
        with pytest.raises(UnknownRole):
            propose.builds(repository, name, ASKED, estate.draft("b"))
    with pytest.raises(ManifestError):
        read_policy(["no uri"], [], [], sbom=False)


def test_the_kind_changes_nothing_else(estate: Estate) -> None:
    draft = estate.draft("more")
    propose.builds(Repository.read(estate.store), "app", ASKED, draft)
    metadata = Proposal.read(draft.folder).metadata["targets"]
    delegations = metadata.signed.delegations  # type: ignore[union-attr] # it is targets
    assert delegations is not None and delegations.roles is not None
    delegations.roles["app"].threshold = 1
    replace_file(draft.folder / "metadata" / "targets.json", serialised(metadata))
    with pytest.raises(Tampered, match="in more than what app must carry"):
        estate.sign(draft.folder, "ani")


def test_a_policy_of_a_newer_program_is_not_overlooked(estate: Estate) -> None:
    targets = Repository.read(estate.store).targets
    assert targets.delegations and targets.delegations.roles
    targets.delegations.roles["app"].unrecognized_fields["x-hsp-build"] = {"reproducible": True}
    with pytest.raises(Tampered, match="not understood") as told:
        policy_of(targets, "app")
    assert isinstance(told.value, SigningError)
