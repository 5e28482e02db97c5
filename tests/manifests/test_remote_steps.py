"""What support may ask for has no room for a command, and what is answered is bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from manifests.check_in import CheckInAnswer
from manifests.documents import Document
from manifests.envelope import public_hex, seal
from manifests.errors import ManifestError
from manifests.key_rotation import POSSESSION_TYPE, KeyPossession, KeyRotation
from manifests.remote_steps import (
    MAX_DIAGNOSTICS_BYTES,
    MOST_STEPS,
    Diagnostics,
    RemoteStep,
    Section,
    StepKind,
)
from manifests.site import SitePolicy

NOW = datetime(2026, 11, 26, 10, tzinfo=UTC)


def plain(**changed: Any) -> dict[str, Any]:
    """A step as it is sent."""
    return {
        "step_id": "0" * 32,
        "kind": "restart",
        "product": "kasir",
        "asked_by": "l2",
        "asked_at": NOW,
        "expires_at": NOW + timedelta(hours=24),
        **changed,
    }


@pytest.mark.parametrize("field", ["step_id", "kind", "product", "version", "asked_by"])
@pytest.mark.parametrize("text", ["rm -rf /", "$(reboot)", "a;b", "../x", "", "A\n", "x" * 4000])
def test_no_field_can_carry_a_command(field: str, text: str) -> None:
    with pytest.raises(ManifestError):
        RemoteStep.from_plain(plain(**{field: text}))


def test_a_field_that_is_not_known_is_not_read() -> None:
    step = RemoteStep.from_bytes(RemoteStep.from_plain(plain()).to_bytes()[:-1] + b',"run":"sh"}')
    assert step == RemoteStep.from_plain(plain())


@pytest.mark.parametrize("life", [timedelta(0), timedelta(hours=24, seconds=1), timedelta(days=-1)])
def test_a_step_lives_no_longer_than_a_day(life: timedelta) -> None:
    with pytest.raises(ManifestError, match="24 hours"):
        RemoteStep.from_plain(plain(expires_at=NOW + life))


def test_an_answer_holds_ten_steps_and_no_more() -> None:
    step = RemoteStep.from_plain(plain())
    assert CheckInAnswer(poll_seconds=300, steps=(step,) * MOST_STEPS).steps
    with pytest.raises(ManifestError, match="steps"):
        CheckInAnswer.from_plain({"poll_seconds": 300, "steps": [plain()] * (MOST_STEPS + 1)})


class OldAnswer(Document):
    """As agents read it that know of no steps."""

    poll_seconds: int
    hold: str = ""


def test_an_agent_that_knows_of_no_steps_reads_the_rest() -> None:
    answer = CheckInAnswer(poll_seconds=300, steps=(RemoteStep.from_plain(plain()),))
    assert OldAnswer.from_bytes(answer.to_bytes()) == OldAnswer(poll_seconds=300)


def test_a_kind_of_the_future_does_not_spoil_the_answer() -> None:
    answer = CheckInAnswer(poll_seconds=300, steps=(RemoteStep.from_plain(plain(kind="dance")),))
    assert CheckInAnswer.from_bytes(answer.to_bytes()).steps[0].kind == "dance"


def test_a_bundle_that_is_too_large_is_none() -> None:
    sections = tuple(Section(name=f"log {n}", text="x" * 60_000) for n in range(8))
    assert Diagnostics(at=NOW, agent_version="1", sections=sections)
    more = [{"name": "log 9", "text": "x" * 60_000}]
    plain = {"at": NOW, "agent_version": "1", "sections": [*map(dict, sections), *more]}
    with pytest.raises(ManifestError, match=str(MAX_DIAGNOSTICS_BYTES)):
        Diagnostics.from_plain(plain)


def test_an_administrator_narrows_what_support_may_do_or_turns_it_off() -> None:
    assert SitePolicy().support.remote == tuple(StepKind)
    only = SitePolicy.from_toml('[support]\nremote = ["verify", "collect"]\n')
    assert only.support.remote == (StepKind.VERIFY, StepKind.COLLECT)
    assert SitePolicy.from_toml("[support]\nremote = []\n").support.remote == ()
    for wrong in ('["shell"]', '"none"', "[1]"):
        with pytest.raises(ManifestError, match="remote"):
            SitePolicy.from_toml(f"[support]\nremote = {wrong}\n")


# --- keys


def rotation(**changed: Any) -> KeyRotation:
    """From an old key to a new one that agrees; or to something that was not agreed to."""
    old, new = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    names = {
        "site_id": "warung-1",
        "old_key": public_hex(old.public_key()),
        "new_key": public_hex(new.public_key()),
    }
    body = KeyPossession.model_validate(names).to_bytes()
    proof = seal(body, POSSESSION_TYPE, CryptoSigner(new)).decode()
    return KeyRotation.model_validate({**names, "at": NOW, "proof": proof, **changed})


def test_a_new_key_that_agrees_is_taken() -> None:
    rotation().check_proof()


@pytest.mark.parametrize(
    "changed",
    [
        {"site_id": "apotek-1"},
        {"old_key": "1" * 64},
        {"new_key": public_hex(Ed25519PrivateKey.generate().public_key())},
        {"proof": "{}"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_nobody_puts_a_key_in_place_that_has_not_agreed_to_it(changed: dict[str, str]) -> None:
    with pytest.raises(ManifestError):
        rotation(**changed).check_proof()
