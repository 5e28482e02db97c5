"""Messages between sites and the server, and what people write, with their readers."""

import base64
import zlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from client_updater import settings
from client_updater.errors import PolicyInvalid
from client_updater.state import StateFolder
from manifests.audit_checkpoint import CHECKPOINT_TYPE, AuditCheckpoint, newer
from manifests.check_in import CheckIn, CheckInAnswer, EnrolmentAnswer, Invitation, ReportReceipt
from manifests.documents import Document
from manifests.envelope import open_sealed, peek, public_hex, seal, site_key
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.remote_steps import (
    Diagnostics,
    DriftReport,
    Outcome,
    RemoteStep,
    Section,
    StepReceipt,
    StepResult,
)
from manifests.rollout import Ring
from manifests.site import EmergencyPolicy, SitePolicy, SiteProfile
from manifests.window import Blackout, MaintenanceWindow
from signing import text_block
from tests.torture.mutation import mutated, mutated_toml
from tests.torture.subject import NOW, Subject


def messages() -> list[Subject]:
    """Sealed reports, and everything else that a site and the server say to each other."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signer, known = CryptoSigner(key), site_key(public_hex(key.public_key()))
    bodies = [report.to_bytes() for report in _reports()]
    sealed = [seal(body, REPORT_TYPE, signer) for body in bodies]

    def open_report(data: bytes) -> object:
        peek(data, REPORT_TYPE)
        return InstallReport.from_bytes(open_sealed(data, REPORT_TYPE, known))

    def signed_body(data: bytes) -> object:
        return InstallReport.from_bytes(
            open_sealed(seal(data, REPORT_TYPE, signer), REPORT_TYPE, known)
        )

    seen = AuditCheckpoint(seq=7, hash="0" * 64, at=NOW)
    witnessed = seal(seen.to_bytes(), CHECKPOINT_TYPE, signer)

    def remembered(data: bytes) -> object:
        return newer("", data.decode("utf-8", "surrogateescape"))

    answers: list[Document] = [
        CheckInAnswer(poll_seconds=300, root_version=2, hold="because"),
        CheckInAnswer(poll_seconds=300, steps=(_step(),)),
        _step_result(),
        StepReceipt(step_id="0" * 32, sha256="0" * 64),
        ReportReceipt(site_id="site-1", sequence=7, sha256="0" * 64),
        EnrolmentAnswer(site_id="site-1", poll_seconds=300),
    ]
    check_in = CheckIn(
        site_id="site-1",
        at=NOW,
        boot_id="b",
        agent_version="0.1.0",
        ring=Ring.BROAD,
        policy=rich_policy(),
    )
    return [
        Subject("envelope", sealed, open_report, 12),
        Subject("report", bodies, signed_body, 8),
        Subject("report as it is read", bodies, InstallReport.from_bytes, 6),
        Subject("check-in", [check_in.to_bytes()], CheckIn.from_bytes, 3),
        Subject("audit checkpoint", [witnessed], remembered, 2),
        *(
            Subject(type(answer).__name__, [answer.to_bytes()], type(answer).from_bytes, 2)
            for answer in answers
        ),
    ]


def _step() -> RemoteStep:
    return RemoteStep(
        step_id="0" * 32,
        kind="retry",
        product="notes",
        version="1.1",
        asked_by="l2",
        asked_at=NOW,
        expires_at=NOW + timedelta(hours=24),
    )


def _step_result() -> StepResult:
    drift = DriftReport(product="notes", version="1.1", differences=("a differs",), different=1)
    sections = (Section(name="disk", text="full"), Section(name="log notes 1.1", text="a\nb\n"))
    return StepResult(
        site_id="site-1",
        step_id="0" * 32,
        kind="collect",
        at=NOW,
        outcome=Outcome.DONE,
        sentence="collected",
        drift=(drift,),
        diagnostics=Diagnostics(at=NOW, agent_version="0.1.0", sections=sections),
    )


def _reports() -> list[InstallReport]:
    common: dict[str, Any] = {"site_id": "site-1", "boot_id": "b", "attempt_id": "a", "at": NOW}
    return [
        InstallReport(
            sequence=1, phase=Phase.DOWNLOADING, product="notes", version="1.1", **common
        ),
        InstallReport(
            sequence=2,
            phase=Phase.REVERTED,
            product="notes",
            release="releases/notes/1.1/manifest.json",
            version="1.1",
            from_version="1.0",
            code=FailureCode.UNHEALTHY,
            detail="it does not answer",
            log_tail="line\nline\n",
            **common,
        ),
    ]


def rich_policy() -> SitePolicy:
    """A policy in which most fields say something."""
    return SitePolicy(
        windows=(
            MaintenanceWindow(
                zone="Asia/Jakarta",
                starts=datetime(2026, 1, 3, 1),  # noqa: DTZ001 - a wall-clock time has no zone
                rule="FREQ=WEEKLY;BYDAY=SA",
                duration_seconds=7200,
            ),
        ),
        blackouts=(Blackout(starts_at=NOW, ends_at=NOW + timedelta(days=1)),),
        hotfix=EmergencyPolicy.ASK,
        variables={"notes": {"port": "8080"}},
    )


_POLICY = b"""\
format = 1
hotfix = "ask"
[[windows]]
zone = "Europe/Berlin"
starts = "2026-01-03T01:00"
rule = "FREQ=MONTHLY;BYDAY=1SA;INTERVAL=2"
duration_seconds = 7200
cutoff_seconds = 600
[[blackouts]]
starts_at = 2026-12-20T00:00:00Z
ends_at = 2027-01-07T00:00:00+01:00
[brake]
by = "anna"
at = 2026-12-20T00:00:00Z
reason = "stocktaking"
[variables.notes]
port = "8080"
"""


def policies(folder: Path) -> Subject:
    """``site.toml`` and ``agent.toml``, as the agent reads them from its folder."""
    state = StateFolder(folder)
    folder.mkdir(parents=True, mode=0o700)

    def read(data: bytes) -> object:
        for name in (settings.POLICY_FILE, settings.SETTINGS_FILE):
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
        with suppress(PolicyInvalid):
            settings.AgentSettings.read(state)
        policy = settings.read_policy(state, NOW)
        same = SitePolicy.from_toml(data.decode("utf-8"))
        if same != policy:
            raise AssertionError("two readers, two policies")
        return [next(window.openings(NOW), None) for window in policy.windows]

    return Subject("policy", [_POLICY, settings.DEFAULT_POLICY.encode()], read, 8, mutated_toml)


def invitations() -> Subject:
    """The line that an administrator is sent."""
    invitation = Invitation(
        profile=SiteProfile(site_id="site-1", client_id="client-1", products=("notes",)),
        server_url="https://updates.example",
        metadata_url="https://updates.example/metadata",
        targets_url="https://updates.example/targets",
        root_version=1,
        root_sha256="0" * 64,
        token="t" * 43,
        expires_at=NOW,
    )

    def mutate(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
        if random.random() < 0.5:
            return mutated(random, data, others)
        inside = mutated(random, invitation.to_bytes(), others)
        return b"hsp-invitation:" + base64.urlsafe_b64encode(inside)

    def read(data: bytes) -> object:
        return Invitation.from_text(data.decode("utf-8", "replace"))

    return Subject("invitation", [invitation.to_text().encode()], read, 6, mutate)


def blocks() -> Subject:
    """A proposal as a block of text, as it is pasted on an officer's machine."""
    edges = text_block.Block(text_block.Cargo.PROPOSAL, "0" * 16, {"proposal.json": b"{}"})
    text = text_block.to_text(edges).encode()
    begin, end = text.splitlines()[0], text.splitlines()[-1]
    inside = zlib.decompress(text_block._joined(text.decode().splitlines()[1:-1]))

    def mutate(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
        if random.random() < 0.4:
            return mutated(random, data, others)
        packed = zlib.compress(mutated(random, inside, [inside]))
        if random.random() < 0.3:
            packed = mutated(random, packed, [packed])
        lines = (line.encode() for line in text_block._lines(packed))
        return b"\n".join([begin, *lines, end])

    return Subject("block of text", [text], text_block.from_text, 3, mutate)
