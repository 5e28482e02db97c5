"""What a site and the server say to each other: reports that always fit, invitations."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner

from manifests.check_in import CheckIn, CheckInAnswer, Invitation
from manifests.documents import to_json
from manifests.envelope import seal
from manifests.errors import ManifestError
from manifests.failures import FailureCode
from manifests.free_text import first_bytes, last_bytes
from manifests.install_report import (
    FINAL_PHASES,
    MAX_REPORT_BYTES,
    REPORT_TYPE,
    InstallReport,
    Phase,
)
from manifests.rollout import Ring
from manifests.site import SitePolicy

NOW = datetime(2027, 3, 2, 8, 0, tzinfo=UTC)


def a_report(**changes: Any) -> InstallReport:
    """A failed attempt."""
    plain = {
        "site_id": "rs-medika-1",
        "sequence": 1,
        "boot_id": "boot",
        "attempt_id": "attempt",
        "at": NOW,
        "phase": Phase.REVERTED,
        "code": FailureCode.UNHEALTHY,
    }
    return InstallReport.model_validate({**plain, **changes})


# Reports.


@pytest.mark.parametrize(
    "character", ["x", "\x01", "é", "日", "😀", "\0", '"', "\\", "\n"], ids=ascii
)
def test_a_report_always_fits_into_what_the_server_accepts(character: str) -> None:
    # One that the server refused for its length would be sent again for ever.
    long = character * 100_000
    report = a_report(
        site_id="s" * 63,
        boot_id=character * 64,
        attempt_id=character * 64,
        product="p" * 63,
        release=character * 400,
        version="9" * 64,
        from_version="8" * 64,
        detail=long,
        log_tail=long,
    )
    signer = CryptoSigner(Ed25519PrivateKey.generate())
    assert len(seal(report.to_bytes(), REPORT_TYPE, signer)) <= MAX_REPORT_BYTES


def test_a_log_keeps_its_end_and_a_detail_its_beginning() -> None:
    text = "begin " + "." * 100_000 + " end"
    report = a_report(detail=text, log_tail=text)
    assert report.detail.startswith("begin ")
    assert report.log_tail.endswith(" end")


@given(text=st.text(), limit=st.integers(1, 40))
def test_text_is_cut_to_fit_and_never_more_than_needed(text: str, limit: int) -> None:
    for cut, kept in ((first_bytes, str.startswith), (last_bytes, str.endswith)):
        short = cut(text, limit)
        assert len(to_json(short)) - 2 <= limit
        assert kept(text.replace("\0", "\ufffd"), short)
        assert cut(short, limit) == short
        if len(to_json(text)) - 2 <= limit and "\0" not in text:
            assert short == text


@pytest.mark.parametrize("phase", list(Phase))
def test_a_failure_has_a_code_and_nothing_else_has(phase: Phase) -> None:
    failed = phase in FINAL_PHASES and phase is not Phase.CONFIRMED
    assert phase.is_failure is failed
    assert phase.is_final is (phase in FINAL_PHASES)
    with pytest.raises(ValueError, match="failure code"):
        a_report(phase=phase, code=None if failed else FailureCode.UNHEALTHY)
    assert a_report(phase=phase, code=FailureCode.UNHEALTHY if failed else None).phase is phase


# Check-ins.


def test_a_check_in_is_made_however_long_the_problem_is() -> None:
    check_in = CheckIn(
        site_id="rs-medika-1",
        at=NOW,
        boot_id="b",
        agent_version="1.0",
        ring=Ring.BROAD,
        policy=SitePolicy(),
        detail="x" * 100_000,
    )
    assert len(check_in.detail) == 2_000


def test_an_answer_can_slow_and_hold_an_agent_and_nothing_else() -> None:
    # Threat: a stolen server. There is no field that could start, hasten or choose anything.
    # ``approved`` lifts the one hold that a site's policy makes for its client's sake; that it
    # opens neither pace nor window is in test_decision_control.
    fields = set(CheckInAnswer.model_fields)
    slows, knows = {"poll_seconds", "hold", "freezes"}, {"root_version", "timestamp_version"}
    remembered = {"audit_checkpoint"}  # which no decision looks at, see test_witness
    # ``steps`` asks for what the site's own administrator lets support do, see test_remote_steps:
    # none of them installs anything.
    # ``session`` is for the next check-in alone; ``known_sequence`` asks for reports once more.
    says_again = {"session", "known_sequence"}
    assert fields == {"format", "approved", "steps"} | slows | knows | remembered | says_again
    evil = {"poll_seconds": 60, "install": "releases/app/6.6.6", "run": "rm -rf /", "force": True}
    assert CheckInAnswer.from_bytes(json.dumps(evil).encode()) == CheckInAnswer(poll_seconds=60)


@pytest.mark.parametrize("poll_seconds", [0, -1, 86_401, 10**12])
def test_an_answer_cannot_silence_an_agent_for_ever(poll_seconds: int) -> None:
    with pytest.raises(ManifestError, match="poll_seconds"):
        CheckInAnswer.from_bytes(json.dumps({"poll_seconds": poll_seconds}).encode())


# Invitations.


def an_invitation(**changes: Any) -> dict[str, Any]:
    """An invitation as plain data."""
    return {
        "profile": {"site_id": "rs-medika-1", "client_id": "rs-medika"},
        "server_url": "https://updates.example.com",
        "metadata_url": "https://cdn.example.com/repository/metadata",
        "targets_url": "https://cdn.example.com/repository/targets",
        "root_version": 1,
        "root_sha256": "ab" * 32,
        "token": "t" * 43,
        "expires_at": NOW + timedelta(hours=24),
        **changes,
    }


def test_an_invitation_is_one_line_that_a_person_can_copy() -> None:
    text = Invitation.from_plain(an_invitation()).to_text()
    assert text.startswith("hsp-invitation:")
    assert "\n" not in text
    assert text.isascii()


@pytest.mark.parametrize(
    "text",
    ["", "hello", "hsp-invitation:", "hsp-invitation:A", "hsp-invitation:AAAA", "hsp-invitation:é",
     "hsp-invitation:e30=", "hsp-invitation:W10=", "HSP-INVITATION:e30="],
)  # fmt: skip
def test_a_mistyped_invitation_is_one_sentence(text: str) -> None:
    with pytest.raises(ManifestError):
        Invitation.from_text(text)


def test_an_invitation_that_was_cut_off_is_refused_wherever_it_was_cut() -> None:
    text = Invitation.from_plain(an_invitation()).to_text()
    for length in range(len(text) - 1):
        with pytest.raises(ManifestError):
            Invitation.from_text(text[:length])


@pytest.mark.parametrize(
    "changes",
    [
        {"server_url": "updates.example.com"},
        {"server_url": "ftp://updates.example.com"},
        {"server_url": "file:///etc/passwd"},
        {"server_url": "https://updates.example.com/?x=1"},
        {"targets_url": "https://a b/"},
        {"root_sha256": "AB" * 32},
        {"root_sha256": "ab"},
        {"root_version": 0},
        {"token": "short"},
        {"token": "t" * 44},
        {"profile": {"site_id": "../x", "client_id": "c"}},
        {"profile": {"site_id": "x", "client_id": "c", "ring": "first"}},
    ],
    ids=str,
)
def test_an_invitation_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="Invitation: "):
        Invitation.from_plain(an_invitation(**changes))
