"""Whoever prepares a proposal is not trusted: each of these hides something, and none is signed."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from manifests.release import ReleaseManifest
from manifests.target_paths import Lane
from signing import ceremony, propose, signers
from signing.errors import NotStored, SigningError, StaleProposal, Tampered
from signing.metadata import payload, target_key
from signing.proposal import Proposal
from signing.update_repository import Repository, target_file
from tests.simulators.estate import Estate

ROLE = "metadata/app.json"


@pytest.fixture
def proposal(estate: Estate) -> Path:
    """A second release, so that there is a base with one release in it."""
    estate.publish("1.0")
    return estate.propose(estate.build("2.0"))


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    plain = json.loads(file.read_bytes())
    change(plain)
    file.write_text(json.dumps(plain))


def refused(
    estate: Estate, proposal: Path, match: str, kind: type[SigningError] = Tampered
) -> None:
    with pytest.raises(kind, match=match):
        estate.sign(proposal, "sari")
    assert b'"sig":' not in (proposal / ROLE).read_bytes()


def relist(proposal: Path, path: str, content: bytes) -> None:
    """Put other content under a path, and list it correctly."""
    file = proposal / "targets" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    listed = target_file(path, content).to_dict()
    edit(proposal / ROLE, lambda plain: plain["signed"]["targets"].update({path: listed}))


def test_a_second_release_beside_the_one_that_is_named(estate: Estate, proposal: Path) -> None:
    other = estate.build("6.6")
    for name in ("manifest.json", "app-6.6.tar.zst"):
        relist(proposal, f"releases/app/6.6/{name}", (other / name).read_bytes())
    refused(estate, proposal, "gets 2 new manifests")


def test_a_file_beside_the_release(estate: Estate, proposal: Path) -> None:
    relist(proposal, "releases/app/2.0/more.tar.zst", b"more")
    refused(estate, proposal, "gets other files than")


def test_a_release_that_would_vanish(estate: Estate, proposal: Path) -> None:
    edit(
        proposal / ROLE,
        lambda plain: plain["signed"]["targets"].pop("releases/app/1.0/manifest.json"),
    )
    refused(estate, proposal, "changes in more than the files it should add")


def test_a_published_release_that_would_change(estate: Estate, proposal: Path) -> None:
    relist(proposal, "releases/app/1.0/app-1.0.tar.zst", b"other")
    refused(estate, proposal, "gets other files than|changes a file of a release")


def test_a_manifest_whose_artifact_is_something_else(estate: Estate, proposal: Path) -> None:
    """The hashes of TUF are right, and the file list is a lie."""
    other = next(estate.build("3.0", {"app.txt": b"evil"}).glob("*.zst")).read_bytes()
    relist(proposal, "releases/app/2.0/app-2.0.tar.zst", other)
    refused(
        estate, proposal, r"app\.txt is not as the manifest's file list wants it|is not the file"
    )


def test_a_manifest_that_says_more_than_can_be_shown(estate: Estate, proposal: Path) -> None:
    path = "releases/app/2.0/manifest.json"
    plain = json.loads((proposal / "targets" / path).read_bytes())
    sneaked = json.dumps({**plain, "and_also": "run this"}, sort_keys=True, separators=(",", ":"))
    relist(proposal, path, sneaked.encode())
    refused(estate, proposal, "says more than this program understands")


def test_a_manifest_of_another_version_than_its_path(estate: Estate, proposal: Path) -> None:
    path = "releases/app/2.0/manifest.json"
    manifest = ReleaseManifest.from_bytes((proposal / "targets" / path).read_bytes())
    relist(proposal, path, manifest.model_copy(update={"version": "9.0"}).to_bytes())
    refused(estate, proposal, "is of app 9.0")


@pytest.mark.parametrize(
    "path",
    [
        "releases/other/2.0/manifest.json",
        "hotfixes/app/2.0/manifest.json",
        "../../etc/manifest.json",
    ],
)
def test_a_path_that_is_not_the_roles(estate: Estate, proposal: Path, path: str) -> None:
    data = next((proposal / "targets").rglob("manifest.json")).read_bytes()
    listed = target_file(path, data).to_dict()

    def move(plain: dict[str, Any]) -> None:
        targets = plain["signed"]["targets"]
        targets.pop("releases/app/2.0/manifest.json")
        targets[path] = listed

    edit(proposal / ROLE, move)
    if ".." not in path:
        (proposal / "targets" / path).parent.mkdir(parents=True)
        (proposal / "targets" / path).write_bytes(data)
    refused(estate, proposal, None, SigningError)


def test_a_delegation_in_a_products_role(estate: Estate, proposal: Path) -> None:
    delegations = {"keys": {}, "roles": []}
    edit(proposal / ROLE, lambda plain: plain["signed"].update(delegations=delegations))
    refused(estate, proposal, "changes in more than the files it should add")


def test_an_odd_field_in_the_metadata(estate: Estate, proposal: Path) -> None:
    edit(proposal / ROLE, lambda plain: plain["signed"].update(custom="x"))
    refused(estate, proposal, "changes in more than the files it should add")


def test_a_life_that_is_too_long_or_over(estate: Estate, proposal: Path) -> None:
    edit(proposal / ROLE, lambda plain: plain["signed"].update(expires="2090-01-01T00:00:00Z"))
    refused(estate, proposal, "would live longer than its 90 days")
    edit(proposal / ROLE, lambda plain: plain["signed"].update(expires="2020-01-01T00:00:00Z"))
    refused(estate, proposal, "has expired on 2020-01-01", StaleProposal)


@pytest.mark.parametrize("version", [1, 3, 2**31])
def test_a_version_that_does_not_follow(estate: Estate, proposal: Path, version: int) -> None:
    edit(proposal / ROLE, lambda plain: plain["signed"].update(version=version))
    refused(estate, proposal, f"version {version} does not follow 1")


@pytest.mark.parametrize("kind", ["hotfix", "breakglass", "product", "repository", "surprise"])
def test_a_label_that_is_not_what_is_inside(estate: Estate, proposal: Path, kind: str) -> None:
    edit(proposal / "proposal.json", lambda plain: plain.update(kind=kind))
    refused(estate, proposal, None, SigningError)


def test_metadata_that_nobody_speaks_of(estate: Estate, proposal: Path) -> None:
    shutil.copy(proposal / ROLE, proposal / "metadata" / "hotfixes.json")
    refused(estate, proposal, "holds metadata that it does not speak of")


def test_a_base_that_was_changed(estate: Estate, proposal: Path) -> None:
    edit(proposal / "base" / "app.json", lambda plain: plain["signed"].update(version=5))
    refused(estate, proposal, "not of these contents")


def test_a_base_without_its_roots(estate: Estate, proposal: Path) -> None:
    (proposal / "base" / "1.root.json").unlink()
    refused(estate, proposal, "the base has no root")


def test_a_signature_of_a_stranger(estate: Estate, proposal: Path, tmp_path: Path) -> None:
    key, public = signers.generate("eve", tmp_path / "eve", "x", rounds=1000)
    read = Proposal.read(proposal)
    signer = signers.signer_for(key, [signers.read_public(public)], "x")
    signature = signer.sign(payload(read.metadata["app"].signed)).to_dict()
    edit(proposal / ROLE, lambda plain: plain["signatures"].append(signature))
    with pytest.raises(Tampered, match="a signature of a key that may not sign it"):
        Proposal.read(proposal)


def test_one_signature_listed_twice(estate: Estate, proposal: Path) -> None:
    estate.sign(proposal, "sari")
    edit(proposal / ROLE, lambda plain: plain["signatures"].append(plain["signatures"][0]))
    with pytest.raises(Tampered, match="Multiple signatures found"):
        Proposal.read(proposal)


def test_a_key_twice_in_the_file(proposal: Path) -> None:
    file = proposal / ROLE
    file.write_text(file.read_text().replace('"version":2', '"version":9,"version":2'))
    with pytest.raises(Tampered, match="appears twice"):
        Proposal.read(proposal)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", b"[" * 20_000, b'{"signed": 1}', b"\xff\xfe"]
)
def test_metadata_that_is_none(proposal: Path, content: bytes) -> None:
    for name in (ROLE, "base/app.json", "base/1.root.json", "proposal.json"):
        file = proposal / name
        before = file.read_bytes()
        file.write_bytes(content)
        with pytest.raises(Tampered):
            Proposal.read(proposal)
        file.write_bytes(before)


def test_a_proposal_of_another_role_under_its_name(estate: Estate, proposal: Path) -> None:
    hotfix = estate.propose(estate.build("3.0"), Lane.HOTFIXES)
    shutil.copy(hotfix / "metadata" / "hotfixes.json", proposal / ROLE)
    refused(estate, proposal, None, SigningError)


def test_every_byte_of_the_metadata_counts(estate: Estate, proposal: Path) -> None:
    """Flip bytes all over a finished proposal: nothing that was signed can change unnoticed."""
    estate.sign(proposal, "sari", "joko")
    whole = ceremony.prepare(proposal, estate.now)
    signed, data = payload(whole.proposal.metadata["app"].signed), (proposal / ROLE).read_bytes()
    survived = 0
    for position in range(0, len(data), 7):
        changed = bytearray(data)
        changed[position] ^= 0x01
        (proposal / ROLE).write_bytes(changed)
        try:
            prepared = ceremony.prepare(proposal, estate.now)
            ceremony.require_complete(prepared)
        except SigningError:
            continue
        assert payload(prepared.proposal.metadata["app"].signed) == signed
        survived += 1
    assert survived < 5


def test_a_product_that_brings_more_than_it_says(estate: Estate) -> None:
    people = [estate.public("sari"), estate.public("joko")]
    draft = estate.draft("new")
    server = estate.online.generations[0].rollouts.public_key
    propose.product(Repository.read(estate.store), "new", people, server, draft)
    file = draft.folder / "metadata" / "targets.json"
    before = file.read_bytes()

    def roles(plain: dict[str, Any]) -> dict[str, Any]:
        return {role["name"]: role for role in plain["signed"]["delegations"]["roles"]}

    changes: list[Callable[[dict[str, Any]], object]] = [
        lambda plain: roles(plain)["new"].update(paths=["*/*/*/*"]),
        lambda plain: roles(plain)["app"].update(threshold=1),
        lambda plain: roles(plain)["new"].update(terminating=False),
        lambda plain: roles(plain)["hotfixes"]["keyids"].append(server.keyid),
        lambda plain: plain["signed"]["delegations"]["roles"].reverse(),
        lambda plain: plain["signed"]["targets"].update(
            {"releases/app/9.9/manifest.json": {"length": 1, "hashes": {"sha256": "0" * 64}}}
        ),
    ]
    for change in changes:
        edit(file, change)
        with pytest.raises(SigningError):
            estate.sign(draft.folder, "ani")
        file.write_bytes(before)
    estate.sign(draft.folder, "ani", "budi")


def test_a_folder_that_is_no_proposal(tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="is not a proposal"):
        Proposal.read(tmp_path)


def test_an_old_proposal_is_not_signed(estate: Estate, proposal: Path) -> None:
    with pytest.raises(StaleProposal):
        ceremony.prepare(proposal, estate.now + timedelta(days=91))


def test_where_things_are_stored() -> None:
    assert target_key("releases/app/1.0/x.json", "ab") == "targets/releases/app/1.0/ab.x.json"
