"""What agents and the server say to each other: one example or more of each kind of message.

Keys and moments are fixed, so the same code writes the same bytes. Each kind has every field; a
test finds one that nobody gave an example of.
"""

from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from manifests import check_in, install_report, key_rotation, remote_steps, rollout
from manifests.audit_checkpoint import CHECKPOINT_TYPE, AuditCheckpoint
from manifests.documents import Document
from manifests.envelope import public_hex, seal
from manifests.site import SitePolicy
from manifests.target_paths import Lane, manifest_path
from tests.compatibility.examples import LATER, NOW, POLICY

Written = Iterator[tuple[str, bytes]]
"""A file's name and what it holds."""

SITE_KEY, NEXT_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2))
SITE = CryptoSigner(SITE_KEY)
HEX = public_hex(SITE_KEY.public_key())
DIGEST = "ab" * 32
SITE_ID, STEP_ID = "warung-jakarta", "9c5b94b1a7c64b0f8b7d7f0a3f3d2e11"
FREEZE = {
    "name": "Lebaran",
    "zone": "Asia/Jakarta",
    "starts": "2027-03-08T00:00:00",
    "rule": "FREQ=YEARLY",
    "duration_seconds": 864_000,
    "except_starts": ["2028-03-08T00:00:00"],
}


def examples() -> dict[str, tuple[Document, ...]]:
    """Messages by kind, before anybody seals them."""
    return {
        "enrolment": (check_in.Enrolment(token="T" * 43, public_key=HEX, site_id=SITE_ID),),
        "enrolment-answer": (check_in.EnrolmentAnswer(site_id=SITE_ID, poll_seconds=300),),
        "check-in": (_check_in(), _troubled()),
        "check-in-answer": (_answer(), check_in.CheckInAnswer(poll_seconds=60)),
        "install-report": tuple(_reports()),
        "report-receipt": (
            check_in.ReportReceipt(site_id=SITE_ID, sequence=7, sha256=DIGEST, duplicate=True),
        ),
        "step-result": (_step_result(),),
        "step-receipt": (remote_steps.StepReceipt(step_id=STEP_ID, sha256=DIGEST, duplicate=True),),
        "site-key-rotation": (_rotation(),),
        "site-key-answer": (
            key_rotation.KeyRotationAnswer(site_id=SITE_ID, public_key=_next_hex()),
        ),
        "rollout-plan": (_plan(),),
    }


def _next_hex() -> str:
    return public_hex(NEXT_KEY.public_key())


def _checkpoint() -> str:
    said = AuditCheckpoint(seq=41, hash=DIGEST, at=NOW)
    return seal(said.to_bytes(), CHECKPOINT_TYPE, SITE).decode()


def _check_in() -> check_in.CheckIn:
    product = check_in.ProductStatus.model_validate(
        {
            "product": "app",
            "installed": {
                "version": "1.0",
                "failed": {"1.5": "unhealthy"},
                "stopped": ["1.6"],
                "approved": ["1.0.post1"],
            },
            "candidate": manifest_path(Lane.RELEASES, "app", "2.0"),
            "decision": "wait",
            "gate": "window_open",
            "reason": "the window opens at 02:00",
            "lifted_by": "the site's administrator",
            "until": LATER,
        }
    )
    return check_in.CheckIn(
        site_id=SITE_ID,
        at=NOW,
        boot_id="boot-1",
        agent_version="0.1.0",
        ring=rollout.Ring.PILOT,
        policy=SitePolicy.from_toml(POLICY),
        products=(product,),
        root_version=3,
        timestamp_version=400,
        last_sequence=7,
        audit_checkpoint=_checkpoint(),
    )


def _troubled() -> check_in.CheckIn:
    troubled = {"problem": "clock", "detail": "it is three days behind"}
    return _check_in().model_copy(update={"products": (), "policy": SitePolicy(), **troubled})


def _answer() -> check_in.CheckInAnswer:
    return check_in.CheckInAnswer.model_validate(
        {
            "poll_seconds": 300,
            "root_version": 3,
            "timestamp_version": 401,
            "hold": "we look into it",
            "approved": {"app": ["2.0"]},
            "freezes": [FREEZE],
            "audit_checkpoint": _checkpoint(),
            "steps": [_step(kind) for kind in remote_steps.StepKind],
            "session": {"token": "s" * 43, "seconds": 3600},
            "known_sequence": 7,
        }
    )


def _step(kind: str) -> dict[str, Any]:
    return {
        "step_id": STEP_ID,
        "kind": kind,
        "product": "app",
        "version": "1.5" if kind == "retry" else None,
        "asked_by": "l2",
        "asked_at": NOW,
        "expires_at": LATER,
    }


def _reports() -> Iterator[install_report.InstallReport]:
    failed = {"code": "unhealthy", "detail": "HTTP 500", "log_tail": "no prices", "hook_status": 3}
    for number, phase in enumerate(install_report.Phase, start=1):
        yield install_report.InstallReport.model_validate(
            {
                "site_id": SITE_ID,
                "sequence": number,
                "boot_id": "boot-1",
                "attempt_id": "attempt-1",
                "at": NOW,
                "product": "app",
                "release": manifest_path(Lane.RELEASES, "app", "2.0"),
                "version": "2.0",
                "from_version": "1.0",
                "phase": phase,
                "duration_seconds": 12.5,
                "downloaded_bytes": 4096,
                "saved_bytes": 1024,
                **(failed if phase.is_failure else {}),
            }
        )


def _step_result() -> remote_steps.StepResult:
    section = {"name": "agent log", "text": "poll: wait\n"}
    drift = {"product": "app", "version": "1.0", "differences": ["tool is gone"], "different": 1}
    return remote_steps.StepResult.model_validate(
        {
            "site_id": SITE_ID,
            "step_id": STEP_ID,
            "kind": "repair",
            "at": NOW,
            "outcome": "done",
            "sentence": "one file was restored",
            "drift": [{**drift, "mended": 1}],
            "diagnostics": {"at": NOW, "agent_version": "0.1.0", "sections": [section]},
        }
    )


def _rotation() -> key_rotation.KeyRotation:
    names = {"site_id": SITE_ID, "old_key": HEX, "new_key": _next_hex()}
    possession = key_rotation.KeyPossession.model_validate(names)
    signer = CryptoSigner(NEXT_KEY)
    proof = seal(possession.to_bytes(), key_rotation.POSSESSION_TYPE, signer).decode()
    return key_rotation.KeyRotation.model_validate({**names, "at": NOW, "proof": proof})


def _plan() -> rollout.RolloutPlan:
    change: dict[str, Any] = {"by": "wati", "at": NOW, "reason": "prices missing"}
    waves = [
        {"opens_at": NOW, "spread_seconds": 600, "up_to_basis_points": 500},
        {"opens_at": None, "up_to_basis_points": 10_000},
    ]
    only: dict[str, Any] = {name: ["a"] for name in rollout.SiteFilter.model_fields}
    rollouts = [
        {
            "release": manifest_path(Lane.RELEASES, "app", f"2.{number}"),
            "state": state,
            "last_change": change,
            "waves": waves,
            "only": {**only, "installed": ">=1,<3"},
            "turns": [17, 4711],
        }
        for number, state in enumerate(rollout.RolloutState)
    ]
    return rollout.RolloutPlan.model_validate(
        {
            "product": "app",
            "serial": 12,
            "written_at": NOW,
            "rollouts": rollouts,
            "brakes": [{"scope": "app", **change}],
            "freezes": [FREEZE],
        }
    )


TYPES = {
    "enrolment": check_in.ENROLMENT_TYPE,
    "check-in": check_in.CHECK_IN_TYPE,
    "install-report": install_report.REPORT_TYPE,
    "step-result": remote_steps.STEP_RESULT_TYPE,
    "site-key-rotation": key_rotation.ROTATION_TYPE,
}
"""Of the messages that a site's key signs."""


def messages() -> Written:
    """As they travel."""
    for kind, documents in examples().items():
        for number, document in enumerate(documents, start=1):
            body = document.to_bytes()
            sealed = seal(body, TYPES[kind], SITE) if kind in TYPES else body
            yield f"{kind}.{number}.json", sealed
