"""The ceremony as people live it: propose, read, sign, carry it on a stick, finish."""

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from securesystemslib.signer import SSlibKey

from manifests.errors import ManifestError
from manifests.target_paths import Lane
from signing import ceremony, propose, signers
from signing.build_policy import BuildPolicy
from signing.cli import main
from signing.errors import (
    AlreadyThere,
    ForeignRepository,
    MissingSignatures,
    NotStored,
    SamePerson,
    Tampered,
    UnfitRole,
    UnknownRole,
    WrongKey,
)
from signing.kinds import KINDS
from signing.proposal import Proposal
from signing.roles import PERSON_FIELD, keyid_of, person_of
from signing.status import SigningStatus
from signing.update_repository import Repository
from tests.simulators.estate import PASSPHRASE, ROUNDS, Estate

PROGRAM = {
    "install": {
        "kind": "slot",
        "service": {"kind": "program", "command": ["python3", "serve.py", "--port", "{port}"]},
    },
    "health": {"checks": [{"kind": "http", "url": "http://127.0.0.1:{port}/health"}]},
    "variables": ["port"],
}


@pytest.fixture
def proposal(estate: Estate) -> Path:
    """A release that nobody has signed yet."""
    return estate.propose(estate.build("2.0", {"serve.py": b"run()", "data/x": b"12"}, **PROGRAM))


def _signed_by(proposal: Path) -> tuple[str, ...]:
    return SigningStatus.of(Proposal.read(proposal)).roles[0].signed_by


# --- what is shown


def test_a_signer_is_told_in_words_what_it_is(estate: Estate, proposal: Path) -> None:
    text = "\n".join(ceremony.prepare(proposal, estate.now).status.lines())
    for expected in (
        "release app 2.0, proposed by the tests",
        "app 2.0, channel stable, severity moderate, issued at",
        "app-2.0.tar.zst for any platform: 2 files, 7 bytes",
        "its contents have the sha256 ",
        "starts: python3 serve.py --port {port}",
        "healthy when http://127.0.0.1:{port}/health answers 200",
        "upgrades from any version",
        "at the fastest: 100 % from 0 s on (at-once, counted from the issue)",
        "every site gives a value for port",
        "adds one release to the 0 that app has; removes none, changes none",
        "needs 2 of sari, joko",
        "every site that runs app may install it, in its window",
        "app 1: have 0 of 2, nobody signed yet; can still sign: sari, joko; valid until",
    ):
        assert expected in text


def test_a_hotfix_and_a_breakglass_say_how_far_they_reach(estate: Estate) -> None:
    hotfix = estate.propose(estate.build("2.0"), Lane.HOTFIXES)
    text = "\n".join(ceremony.prepare(hotfix, estate.now).status.lines())
    assert "hotfix app 2.0" in text
    assert "EVERY site that runs app may install it, also outside of its window" in text
    built = estate.build(
        "2.1",
        issued_at=estate.now,
        sites=["apotek-hq", "warung-hq"],
        expires_at=estate.now + timedelta(hours=3),
    )
    breakglass = estate.propose(built, Lane.BREAKGLASS)
    text = "\n".join(ceremony.prepare(breakglass, estate.now).status.lines())
    assert "the sites apotek-hq, warung-hq, and no others, may install it, until" in text
    assert "breakglass 1: have 0 of 1" in text


def test_nothing_in_a_manifest_can_paint_over_the_terminal(estate: Estate) -> None:
    notes = "harmless\x1b[2J\x1b[1;1Hnothing to see\u202e"
    built = estate.build("2.0", notes=notes)
    text = "\n".join(ceremony.prepare(estate.propose(built), estate.now).status.lines())
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "harmless" in text


def test_programs_are_told_what_people_are_told(estate: Estate, proposal: Path) -> None:
    estate.sign(proposal, "sari")
    plain = _as_json(proposal)
    assert plain["kind"] == "release"
    assert plain["complete"] is False
    assert plain["roles"][0] | {"expires": ""} == {
        "role": "app",
        "version": 1,
        "threshold": 2,
        "signed_by": ["sari"],
        "waiting_for": ["joko"],
        "missing": 1,
        "expires": "",
        "reached": False,
    }
    _says_the_same(plain, _as_text(proposal))
    assert "It is not complete: 1 more of app." in _as_text(proposal)
    estate.sign(proposal, "joko")
    assert _as_json(proposal)["complete"] is True
    assert _as_text(proposal).endswith("\nIt is complete.\n")


def _as_text(proposal: Path) -> str:
    result = CliRunner().invoke(main, ["status", str(proposal)])
    assert result.exit_code == 0, result.output
    return result.output


def _as_json(proposal: Path) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["status", str(proposal), "--json"])
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.output))


def _says_the_same(plain: dict[str, Any], text: str) -> None:
    """Every value is in the text, and every line of the text is made of the values."""
    assert f"for the repository {plain['repository'][:16]}\n" in text
    proposed, valid = plain["proposed_at"][:19].replace("T", " "), "%s; valid until %s UTC"
    expected = [
        f"{plain['title']}, proposed by {plain['proposed_by']} at {proposed} UTC",
        *(f"  {each}" for name in ("facts", "changes", "allows") for each in plain[name]),
    ]
    for role in plain["roles"]:
        people = f"signed by {', '.join(role['signed_by'])}"
        people = people if role["signed_by"] else "nobody signed yet"
        if role["waiting_for"]:
            people += f"; can still sign: {', '.join(role['waiting_for'])}"
        have = f"have {len(role['signed_by'])} of {role['threshold']}"
        until = role["expires"][:16].replace("T", " ")
        line = valid % (people, until)
        expected.append(f"  {role['role']} {role['version']}: {have}, {line}")
    indented = [line for line in text.splitlines() if line.startswith("  ")]
    assert [text.splitlines()[0], *indented] == expected


def test_every_kind_of_proposal_says_the_same_to_programs_and_to_people(estate: Estate) -> None:
    estate.publish("1.0")
    repository, citra = Repository.read(estate.store), estate.folder / "more"
    signers.generate("citra", citra, PASSPHRASE, rounds=ROUNDS)
    keys = [estate.public("ani"), signers.read_public(citra / "citra.pub")]
    change = [propose.Assignment(role, keys, 2) for role in ("root", "targets")]
    propose.people(repository, change, estate.draft("people"))
    propose.renewal(repository, "app", estate.draft("renewal"))
    propose.withdrawal(repository, "app", "1.0", "wrong prices", estate.draft("withdrawal"))
    propose.builds(repository, "app", BuildPolicy(sbom=True), estate.draft("builds"))
    hotfix = estate.propose(estate.build("2.0"), Lane.HOTFIXES)
    estate.sign(hotfix, "tono")
    kinds = set()
    for folder in (estate.folder / "proposals").iterdir():
        plain = _as_json(folder)
        _says_the_same(plain, _as_text(folder))
        kinds.add(plain["kind"])
    assert kinds == set(KINDS) - {"breakglass"}


def test_a_name_that_no_person_can_have_is_never_shown(estate: Estate) -> None:
    """It could make a terminal show something else."""
    plain = estate.public("joko").to_dict() | {PERSON_FIELD: "joko\x1b[2J"}
    with pytest.raises(Tampered, match="does not say whose it is"):
        person_of(SSlibKey.from_dict(keyid_of(plain), plain))


def test_a_new_repository_names_every_person_and_key(tmp_path: Path) -> None:
    estate = Estate.found(tmp_path)
    first = tmp_path / "proposals" / "repository"
    text = "\n".join(ceremony.prepare(first, estate.now).status.lines())
    for person in ("ani", "budi", "tono", "wati"):
        assert f"{person} (ed25519, key {estate.public(person).keyid[:16]})" in text
    assert "root: 2 of ani, budi; a version lives 365 d" in text
    assert "timestamp: 1 of server; a version lives 6 h" in text


def test_a_product_says_who_will_say_what_runs(estate: Estate) -> None:
    people = [estate.public("sari"), estate.public("joko")]
    server = estate.online.generations[0].rollouts.public_key
    repository = Repository.read(estate.store)
    draft = estate.draft("product-new")
    propose.product(repository, "new", people, server, draft)
    status = ceremony.prepare(draft.folder, estate.now).status
    assert status.title == "the product new"
    assert "2 of sari, joko say what may run of new" in status.allows
    assert [role.waiting_for for role in status.roles] == [("ani", "budi")]


# --- signing


def test_two_people_one_after_the_other(estate: Estate, proposal: Path) -> None:
    estate.sign(proposal, "sari")
    assert _signed_by(proposal) == ("sari",)
    estate.sign(proposal, "joko")
    assert _signed_by(proposal) == ("sari", "joko")
    assert ceremony.finish(proposal, [], estate.now).complete


def test_the_same_person_twice(estate: Estate, proposal: Path) -> None:
    estate.sign(proposal, "sari")
    with pytest.raises(SamePerson, match="sari has signed this already") as told:
        estate.sign(proposal, "sari")
    assert told.value.hint == "still to be signed by: joko"
    assert _signed_by(proposal) == ("sari",)


@pytest.mark.parametrize("person", ["ani", "tono"])
def test_a_key_that_is_not_in_the_role(estate: Estate, proposal: Path, person: str) -> None:
    with pytest.raises(WrongKey, match="no key of sari, joko"):
        estate.sign(proposal, person)
    assert _signed_by(proposal) == ()


def test_what_was_shown_is_what_is_signed(estate: Estate, proposal: Path, tmp_path: Path) -> None:
    """Somebody changes the folder while a signer reads the screen."""
    prepared = ceremony.prepare(proposal, estate.now)
    other = estate.propose(estate.build("3.0"), name="other")
    shutil.rmtree(proposal)
    shutil.copytree(other, proposal)
    with pytest.raises(Tampered, match="was changed while it was being signed"):
        ceremony.sign(prepared, estate.key("sari"), PASSPHRASE)
    assert _signed_by(proposal) == ()


def test_a_signature_that_arrives_while_another_is_made_is_kept(
    estate: Estate, proposal: Path
) -> None:
    prepared = ceremony.prepare(proposal, estate.now)
    estate.sign(proposal, "joko")
    status = ceremony.sign(prepared, estate.key("sari"), PASSPHRASE)
    assert status.complete
    assert set(_signed_by(proposal)) == {"sari", "joko"}


# --- a stick that travels


def test_two_copies_signed_apart_are_put_together(
    estate: Estate, proposal: Path, tmp_path: Path
) -> None:
    for person in ("sari", "joko"):
        shutil.copytree(proposal, tmp_path / person)
        estate.sign(tmp_path / person, person)
    with pytest.raises(MissingSignatures, match="have 0 of 2"):
        ceremony.finish(proposal, [], estate.now)
    with pytest.raises(MissingSignatures, match="have 1 of 2, signed by joko"):
        ceremony.finish(proposal, [tmp_path / "joko"], estate.now)
    assert _signed_by(proposal) == ()
    ceremony.finish(proposal, [tmp_path / "sari", tmp_path / "joko"], estate.now)
    assert set(_signed_by(proposal)) == {"sari", "joko"}
    estate.publish_proposal(proposal)


def test_copies_of_another_proposal_are_refused(estate: Estate, proposal: Path) -> None:
    other = estate.propose(estate.build("3.0"), name="other")
    hotfix = estate.propose(estate.build("4.0"), Lane.HOTFIXES)
    estate.sign(other, "sari", "joko")
    with pytest.raises(Tampered, match="says something else of app"):
        ceremony.finish(proposal, [other], estate.now)
    with pytest.raises(Tampered, match="is not a copy of"):
        ceremony.finish(proposal, [hotfix], estate.now)
    assert _signed_by(proposal) == ()


def test_an_officers_machine_needs_nothing_but_the_stick(
    estate: Estate, proposal: Path, tmp_path: Path
) -> None:
    stick = tmp_path / "stick"
    shutil.copytree(proposal, stick)
    shutil.rmtree(estate.settings.home)
    estate.sign(stick, "sari", "joko")
    assert ceremony.finish(stick, [], estate.now).complete


# --- which repository it is for


def test_a_key_notes_its_repository_and_refuses_another(
    estate: Estate, proposal: Path, tmp_path: Path
) -> None:
    """Whoever prepares proposals invents a whole repository, to hide what is in a release."""
    estate.sign(proposal, "sari")
    note = estate.key("sari").with_suffix(".repository")
    assert note.read_text().strip() == Proposal.read(proposal).identity

    forged = Estate.create(tmp_path / "forged")
    people = [estate.public("sari"), estate.public("joko")]
    draft = forged.draft("product-new")
    server = forged.online.generations[0].rollouts.public_key
    propose.product(Repository.read(forged.store), "new", people, server, draft)
    forged.sign(draft.folder, "ani", "budi")
    forged.publish_proposal(draft.folder)
    trap = forged.propose(forged.build("9.0", product="new"))
    with pytest.raises(ForeignRepository, match="signs for") as told:
        estate.sign(trap, "sari")
    assert str(note) in told.value.hint
    assert _signed_by(trap) == ()


# --- proposing


def test_what_cannot_be_proposed(estate: Estate, tmp_path: Path) -> None:
    repository, people = Repository.read(estate.store), [estate.public("sari")]
    server = estate.online.generations[0].rollouts.public_key
    both = [*people, estate.public("joko")]
    draft = estate.draft("x")
    with pytest.raises(UnfitRole, match="needs 2 different people, not 1"):
        propose.product(repository, "new", people, server, draft)
    with pytest.raises(UnfitRole, match="needs 2 different people, not 1"):
        propose.product(repository, "new", people * 2, server, draft)
    with pytest.raises(AlreadyThere, match="has a product app already"):
        propose.product(repository, "app", both, server, draft)
    for name in ("Root", "root", "hotfixes", "a b", "x.rollouts", "../x", ""):
        with pytest.raises(UnfitRole, match="cannot be the name of a product"):
            propose.product(repository, name, both, server, draft)
    with pytest.raises(NotStored, match="cannot be read"):
        propose.release(repository, tmp_path, Lane.RELEASES, draft)
    with pytest.raises(ManifestError, match="names 1 to 10 sites"):
        propose.release(repository, estate.build("5.0"), Lane.BREAKGLASS, draft)
    assert not draft.folder.exists()


def test_a_lane_that_nobody_has(tmp_path: Path) -> None:
    bare = Estate.found(tmp_path / "bare")
    founders = propose.Founders(
        [bare.public("ani"), bare.public("budi")],
        bare.online.generations[0].snapshot.public_key,
        bare.online.generations[0].timestamp.public_key,
    )
    draft = bare.draft("without-hotfixes")
    propose.repository(founders, draft)
    bare.sign(draft.folder, "ani", "budi")
    bare.publish_proposal(draft.folder)
    bare.add_product("app")
    with pytest.raises(UnknownRole, match="no role 'hotfixes'"):
        bare.propose(bare.build("1.0"), Lane.HOTFIXES)


def test_a_folder_that_exists_is_left_alone(estate: Estate, proposal: Path) -> None:
    before = sorted(proposal.rglob("*"))
    with pytest.raises(AlreadyThere, match="exists already"):
        estate.propose(estate.folder / "builds" / "app-2.0")
    assert sorted(proposal.rglob("*")) == before


def test_an_artifact_that_was_changed_after_the_build(estate: Estate) -> None:
    built = estate.build("2.0")
    artifact = next(built.glob("*.zst"))
    artifact.write_bytes(artifact.read_bytes()[:-4])
    with pytest.raises(Tampered, match=r"app-2\.0\.tar\.zst"):
        estate.propose(built)
    assert not (estate.folder / "proposals" / "releases-app-2.0").exists()
