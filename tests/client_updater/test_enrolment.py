"""Joining: a root that a person compares, a key that stays, and nothing left half done."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_updater.agent import open_agent
from client_updater.enrolment import Newcomer, in_groups
from client_updater.errors import NotEnrolled, Refused, StateUnusable, Unreachable
from client_updater.identity import load_key
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite
from tests.simulators.web import Replaced, Status, Web


def _fingerprint(repository: SimulatedRepository) -> str:
    import hashlib

    return hashlib.sha256(repository.root).hexdigest()


def test_a_site_joins_with_the_fingerprint_it_got_on_another_way(
    newcomer: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    invitation = newcomer.invitation().to_text()
    done = newcomer.command("enroll", invitation, "--root-sha256", _fingerprint(repository))
    assert done.exit_code == 0, done.stderr
    assert "site-1 has joined and looks after notes" in done.stdout
    assert "site-1" in plane.sites
    modes = {path.name: path.stat().st_mode & 0o777 for path in newcomer.folder.iterdir()}
    assert modes.pop("site.key") == 0o600
    assert set(modes.values()) <= {0o600, 0o700}
    assert newcomer.folder.stat().st_mode & 0o777 == 0o700


def test_the_administrator_is_shown_the_fingerprint_in_groups_and_asked(
    newcomer: SimulatedSite, repository: SimulatedRepository
) -> None:
    invitation = newcomer.invitation().to_text()
    done = newcomer.command("enroll", invitation, typed="n\n")
    assert in_groups(_fingerprint(repository)) in done.stdout
    assert done.exit_code == 65
    assert not newcomer.folder.exists()
    assert newcomer.command("enroll", invitation, typed="y\n").exit_code == 0


def test_an_invitation_may_be_a_file_and_bring_a_policy(
    newcomer: SimulatedSite, repository: SimulatedRepository, tmp_path: Path
) -> None:
    (tmp_path / "letter").write_text(f"\n {newcomer.invitation().to_text()} \n")
    (tmp_path / "site.toml").write_text('hotfix = "ask"\n')
    options = ("--root-sha256", _fingerprint(repository), "--policy", str(tmp_path / "site.toml"))
    done = newcomer.command("enroll", str(tmp_path / "letter"), *options)
    assert done.exit_code == 0, done.stderr
    assert (newcomer.folder / "site.toml").read_text() == 'hotfix = "ask"\n'


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("enroll", "hsp-invitation:bm90aGluZw=="), "JSON"),
        (("enroll", "something else"), "an invitation starts with"),
        (("enroll", "/nowhere/letter"), "an invitation starts with"),
        (("once",), "belongs to no site yet"),
        (("status",), "belongs to no site yet"),
        (("revert", "notes"), "belongs to no site yet"),
    ],
)
def test_bad_input_is_a_sentence_and_a_status_and_changes_nothing(
    newcomer: SimulatedSite, words: tuple[str, ...], said: str
) -> None:
    newcomer.folder.mkdir(mode=0o700)
    done = newcomer.command(*words)
    assert done.exit_code in (65, 78)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(newcomer.folder.iterdir()) == []


def test_a_wrong_fingerprint_is_refused(newcomer: SimulatedSite) -> None:
    done = newcomer.command("enroll", newcomer.invitation().to_text(), "--root-sha256", "0" * 64)
    assert done.exit_code == 65
    assert "not confirmed" in done.stderr
    assert not newcomer.folder.exists()


def test_a_policy_with_a_mistake_is_refused_before_anything_is_sent(
    newcomer: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "site.toml").write_text('hotfx = "ask"\n')
    options = ("--root-sha256", _fingerprint(repository), "--policy", str(tmp_path / "site.toml"))
    done = newcomer.command("enroll", newcomer.invitation().to_text(), *options)
    assert done.exit_code == 65
    assert "hotfx: unknown field" in done.stderr
    assert plane.sites == {}


def _join(site: SimulatedSite, **changes: object) -> None:
    newcomer = Newcomer(site.state, site.invitation(**changes))
    newcomer.join(lambda fingerprint: True, datetime.now(UTC))


def test_an_invitation_that_was_used_leaves_nothing_behind(
    newcomer: SimulatedSite, plane: ControlPlane
) -> None:
    invitation = newcomer.invitation()
    plane.tokens[invitation.token] = "the key of somebody else"
    with pytest.raises(NotEnrolled, match="not valid"):
        Newcomer(newcomer.state, invitation).join(lambda fingerprint: True, datetime.now(UTC))
    assert not newcomer.folder.exists()


def test_an_expired_invitation_is_not_even_tried(newcomer: SimulatedSite, web: Web) -> None:
    with pytest.raises(Refused, match="expired"):
        _join(newcomer, expires_at=datetime.now(UTC) - timedelta(minutes=1))
    assert web.requests == []


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    newcomer: SimulatedSite, plane: ControlPlane
) -> None:
    invitation = newcomer.invitation()
    plane.forget_answers = 3
    with pytest.raises(Unreachable, match="again"):
        Newcomer(newcomer.state, invitation).join(lambda fingerprint: True, datetime.now(UTC))
    key = load_key(newcomer.folder / "site.key").public_hex
    Newcomer(newcomer.state, invitation).join(lambda fingerprint: True, datetime.now(UTC))
    assert load_key(newcomer.folder / "site.key").public_hex == key == plane.sites["site-1"]


def test_with_the_server_down_nothing_is_joined_and_the_next_try_succeeds(
    newcomer: SimulatedSite, plane: ControlPlane
) -> None:
    plane.down = True
    with pytest.raises(Unreachable):
        _join(newcomer)
    with pytest.raises(NotEnrolled):
        newcomer.agent()
    plane.down = False
    _join(newcomer)
    assert newcomer.poll().problem == ""


@pytest.mark.parametrize("fault", [Replaced(body=b"{}"), Status(status=404)])
def test_a_root_that_is_not_the_invitations_is_not_pinned(
    newcomer: SimulatedSite, web: Web, plane: ControlPlane, fault: Status
) -> None:
    from manifests.errors import UpdateError

    web.faults["/metadata/1.root.json"] = [fault]
    with pytest.raises(UpdateError):
        _join(newcomer)
    assert plane.sites == {}


def test_a_site_does_not_join_twice(site: SimulatedSite) -> None:
    key = load_key(site.folder / "site.key").public_hex
    with pytest.raises(Refused, match="already"):
        _join(site)
    assert load_key(site.folder / "site.key").public_hex == key


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_state_folder_that_others_can_look_into_is_refused(
    site: SimulatedSite, mode: int
) -> None:
    site.folder.chmod(mode)
    done = site.command("once")
    site.folder.chmod(0o700)
    assert done.exit_code == 78
    assert "expected 0700" in done.stderr


def test_a_key_that_others_can_read_is_refused(site: SimulatedSite) -> None:
    (site.folder / "site.key").chmod(0o644)
    with pytest.raises(StateUnusable, match="others can read"):
        site.agent()
    (site.folder / "site.key").chmod(0o600)


def test_a_folder_of_somebody_else_is_refused(
    site: SimulatedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: owner + 1)
        with pytest.raises(StateUnusable, match=f"belongs to user {owner}"):
            site.agent()


@pytest.mark.parametrize("damage", [b"", b"{}", b"junk", None])
def test_a_lost_or_damaged_key_is_a_clear_message(
    site: SimulatedSite, damage: bytes | None
) -> None:
    key = site.folder / "site.key"
    before = key.read_bytes()
    key.unlink()
    if damage is not None:
        key.write_bytes(damage)
        key.chmod(0o600)
    with pytest.raises((NotEnrolled, StateUnusable)):
        open_agent(site.state, site.stop.pause)
    key.write_bytes(before)
    key.chmod(0o600)


def test_without_its_pinned_root_a_site_installs_nothing_and_says_so(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "1.0", {"a": b"x"})
    repository.roll_out("notes", "1.0")
    (site.folder / "trust/root.json").unlink()
    last = site.poll()
    assert (site.current(), last.problem) == (None, "trust_lost")
    assert plane.check_ins[-1].problem == "trust_lost"
