"""Bad input to a publish: each is told in one sentence, and nothing is changed."""

import hashlib
import json
import resource
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from distribution.errors import (
    AlreadyPublished,
    Conflict,
    Misconfigured,
    NotFound,
    Unavailable,
    UnknownProduct,
)
from distribution.repository.catalogue import releases
from distribution.repository.publish import load_online_keys, publish
from manifests.errors import UpdateError
from manifests.target_paths import Lane
from signing import ceremony
from signing.errors import (
    AlreadyThere,
    MissingSignatures,
    StaleProposal,
    Tampered,
    UnknownRole,
    WrongKey,
    WrongPassphrase,
)
from signing.store import DirectoryStore
from tests.simulators.estate import ENGINEERS, PASSPHRASE, Estate


@pytest.fixture
def proposal(estate: Estate) -> Path:
    """A release that two people have signed."""
    found = estate.propose(estate.build("1.0"))
    estate.sign(found, *ENGINEERS)
    return found


def _refused(estate: Estate, proposal: Path, kind: type[UpdateError], match: str) -> UpdateError:
    """Publish, expect the refusal, and that not a byte of the repository has changed."""
    before = {key: estate.store.read(key) for key in estate.store.keys("")}
    with pytest.raises(kind, match=match) as told:
        estate.publish_proposal(proposal)
    assert {key: estate.store.read(key) for key in estate.store.keys("")} == before
    return told.value


def test_a_proposal_signed_by_one_of_two(estate: Estate) -> None:
    proposal = estate.propose(estate.build("1.0"))
    estate.sign(proposal, "sari")
    told = _refused(estate, proposal, MissingSignatures, "have 1 of 2, signed by sari")
    assert told.hint == "still to be signed by: joko"
    assert told.exit_status == 77


def test_a_tampered_artifact(estate: Estate, proposal: Path) -> None:
    artifact = next(proposal.rglob("*.tar.zst"))
    data = bytearray(artifact.read_bytes())
    data[-1] ^= 1
    artifact.write_bytes(data)
    _refused(estate, proposal, Tampered, r"app-1\.0\.tar\.zst is missing, or is not what is signed")


def test_a_tampered_manifest(estate: Estate, proposal: Path) -> None:
    manifest = next(proposal.rglob("manifest.json"))
    manifest.write_bytes(manifest.read_bytes().replace(b"stable", b"stablE"))
    _refused(estate, proposal, Tampered, r"manifest\.json is not what is signed")


def test_a_missing_artifact(estate: Estate, proposal: Path) -> None:
    next(proposal.rglob("*.tar.zst")).unlink()
    _refused(estate, proposal, Tampered, "is missing")


def test_changed_metadata(estate: Estate, proposal: Path) -> None:
    file = proposal / "metadata" / "app.json"
    plain = json.loads(file.read_bytes())
    plain["signed"]["expires"] = "2090-01-01T00:00:00Z"
    file.write_text(json.dumps(plain))
    _refused(estate, proposal, Tampered, "is not of these contents")


def test_a_version_that_exists_in_the_same_lane(estate: Estate, proposal: Path) -> None:
    estate.publish_proposal(proposal)
    with pytest.raises(
        AlreadyThere, match=r"app 1\.0\.0 is published already, as releases/app/1\.0/"
    ):
        estate.propose(estate.build("1.0.0"))


def test_a_version_that_was_published_in_another_lane_since_it_was_proposed(
    estate: Estate, proposal: Path
) -> None:
    estate.publish("1.0.0", lane=Lane.HOTFIXES)
    told = _refused(estate, proposal, AlreadyPublished, r"as hotfixes/app/1\.0\.0/manifest\.json")
    assert told.exit_status == 65


def test_an_unknown_product(estate: Estate) -> None:
    with pytest.raises(UnknownRole, match="no product 'other'; it has app"):
        estate.propose(estate.build("1.0", product="other"))


def test_a_product_that_another_repository_has(estate: Estate, tmp_path: Path) -> None:
    other = Estate.create(tmp_path / "other", product="elsewhere")
    proposal = other.propose(other.build("1.0"))
    other.sign(proposal, *ENGINEERS)
    _refused(estate, proposal, UnknownProduct, "no role 'elsewhere'")


def test_a_proposal_that_is_older_than_the_repository(estate: Estate, proposal: Path) -> None:
    estate.publish("2.0")
    told = _refused(estate, proposal, StaleProposal, "makes app 1 out of 0")
    assert told.hint.startswith("propose again")


def test_a_proposal_that_was_left_in_a_drawer(estate: Estate, proposal: Path) -> None:
    estate.now += timedelta(days=91)
    _refused(estate, proposal, StaleProposal, "app 1 has expired")


def test_a_full_disk(estate: Estate, proposal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("signing.store.os.fsync", full)
        told = _refused(estate, proposal, Unavailable, "No space left on device")
    assert told.hint == "free some space and run the same command again"
    assert not list(estate.settings.repository_folder.rglob("*.tmp"))
    assert not estate.publish_proposal(proposal).already


def test_a_really_full_disk(tmp_path: Path, estate: Estate) -> None:
    """The operating system's own limit on the size of a file stands in for a full file system."""
    proposal = estate.propose(estate.build("1.0", {"big.bin": bytes(range(256)) * 4096}))
    estate.sign(proposal, *ENGINEERS)
    artifact = next(proposal.rglob("*.tar.zst")).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (artifact - 1, before[1]))
    try:
        _refused(estate, proposal, Unavailable, "File too large")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(estate.settings.repository_folder.rglob("*.tmp"))


def test_a_repository_that_is_not_there(estate: Estate, proposal: Path, tmp_path: Path) -> None:
    empty = DirectoryStore(tmp_path / "empty")
    with pytest.raises(NotFound, match="no repository here yet"):
        publish(empty, proposal, estate.online, estate.now)
    assert not list(empty.keys(""))


def test_a_second_repository_in_the_same_store(estate: Estate, tmp_path: Path) -> None:
    other = Estate.found(tmp_path / "other")
    first = tmp_path / "other" / "proposals" / "repository"
    other.sign(first, "ani", "budi")
    _refused(estate, first, AlreadyPublished, "another repository here already")


def test_a_folder_that_is_no_proposal(estate: Estate, tmp_path: Path) -> None:
    (tmp_path / "holiday-pictures").mkdir()
    _refused(estate, tmp_path / "holiday-pictures", UpdateError, "is not a proposal")


def test_the_server_of_another_repository(estate: Estate, proposal: Path, tmp_path: Path) -> None:
    estate.online = Estate.create(tmp_path / "other").online
    _refused(estate, proposal, Misconfigured, "is not one that the repository lists for snapshot")


def test_a_store_that_was_tampered_with_is_not_built_upon(estate: Estate, proposal: Path) -> None:
    """Whoever has the bucket but no key cannot make the server sign a snapshot of theirs."""
    file = estate.settings.repository_folder / "metadata" / "2.snapshot.json"
    file.write_bytes(file.read_bytes().replace(b'"version":2', b'"version":1', 1))
    _refused(estate, proposal, Tampered, "snapshot")


def test_content_that_the_store_has_wrong(estate: Estate, proposal: Path) -> None:
    estate.publish_proposal(proposal)
    again = estate.propose(estate.build("1.1"))
    estate.sign(again, *ENGINEERS)
    manifest = (again / "targets/releases/app/1.1/manifest.json").read_bytes()
    key = f"targets/releases/app/1.1/{hashlib.sha256(manifest).hexdigest()}.manifest.json"
    estate.store.create(key, b"rotten")
    with pytest.raises(Conflict, match="is stored with other bytes"):
        estate.publish_proposal(again)
    assert [release.manifest.version for release in releases(estate.store)] == ["1.0"]


# --- keys


def test_a_key_of_another_role(estate: Estate) -> None:
    proposal = estate.propose(estate.build("1.0"))
    with pytest.raises(WrongKey, match=r"tono\.key may not sign this: it is no key of sari, joko"):
        estate.sign(proposal, "tono")
    assert json.loads((proposal / "metadata" / "app.json").read_bytes())["signatures"] == []


@pytest.mark.parametrize("passphrase", ["", "wrong"])
def test_a_missing_or_wrong_passphrase(estate: Estate, passphrase: str) -> None:
    proposal = estate.propose(estate.build("1.0"))
    prepared = ceremony.prepare(proposal, estate.now)
    with pytest.raises(WrongPassphrase) as told:
        ceremony.sign(prepared, estate.key("sari"), passphrase)
    assert told.value.exit_status == 77
    assert json.loads((proposal / "metadata" / "app.json").read_bytes())["signatures"] == []


def test_online_keys_that_do_not_open(estate: Estate, tmp_path: Path) -> None:
    folder = estate.settings.online_keys_folder
    with pytest.raises(Misconfigured, match="passphrase does not open"):
        load_online_keys(folder, "wrong")
    (folder / "timestamp.key").chmod(0o644)
    with pytest.raises(Misconfigured, match="other users may read"):
        load_online_keys(folder, (folder / "passphrase").read_text().strip())
    shutil.rmtree(folder)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_online_keys(folder, PASSPHRASE)
