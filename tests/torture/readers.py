"""Every document that reaches an agent from outside, with the agent's real reader of it.

A reader returns when the document is valid, and then uses it as the agent would; it raises an
``UpdateError`` when it is not. Anything else is a fault.
"""

import base64
import hashlib
import io
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import CryptoSigner, Signer
from tests.simulators.repository import OPEN, SimulatedRepository, pack

from client_updater import archive, settings
from client_updater.errors import PolicyInvalid
from client_updater.fetcher import Answer, Fetcher
from client_updater.floor import Floor, FloorFile
from client_updater.offers import read_offers
from client_updater.slots import verify_tree
from client_updater.state import StateFolder
from client_updater.trusted import Place, Trusted
from manifests import delta
from manifests.check_in import CheckIn, CheckInAnswer, EnrolmentAnswer, Invitation, ReportReceipt
from manifests.decision import choose, explain
from manifests.documents import Document
from manifests.envelope import open_sealed, peek, public_hex, seal, site_key
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.release import Artifact, CommandCheck, Health, HttpCheck, Program, Release, SlotInstall
from manifests.rollout import Brake, Ring, RolloutPlan, SiteFilter
from manifests.site import EmergencyPolicy, InstalledProduct, Site, SitePolicy, SiteProfile
from manifests.target_paths import Lane, manifest_path
from manifests.window import Blackout, MaintenanceWindow
from tests.torture.mutation import changed, mutated, mutated_archive, mutated_toml

NOW = datetime.now(UTC).replace(microsecond=0)
Mutate = Callable[[Random, bytes, Sequence[bytes]], bytes]


@dataclass(frozen=True)
class Subject:
    """One kind of document: valid samples, how it is damaged, and its reader."""

    name: str
    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    share: int
    """Of all inputs, in proportion to the other subjects' shares."""
    mutate: Mutate = mutated


class _Memory(Fetcher):
    """The agent's fetcher above its transport: files come from a dictionary."""

    files: Mapping[str, bytes]

    def get(self, url: str, most_bytes: int) -> Answer:
        body = self.files.get(url.removeprefix("http://memory"))
        if body is None:
            return Answer(404, {}, b"")
        if len(body) > most_bytes:
            return Answer(413, {}, b"")  # the transport's own limit has its own tests
        return Answer(200, {}, body)


def subjects(folder: Path) -> list[Subject]:
    """All of them, reading and writing below ``folder``, which should be in memory."""
    repository = _repository()
    return [
        *_metadata(repository, folder / "metadata"),
        _manifest(repository),
        _plan(repository),
        _archive(folder / "archives"),
        _delta(repository),
        *_messages(),
        _policy(folder / "policy"),
        _invitation(),
    ]


def _repository() -> SimulatedRepository:
    repository = SimulatedRepository(["notes"])
    repository.life = {name: timedelta(days=300) for name in repository.life}
    for version in ("1.0", "1.1"):
        repository.release("notes", version, {"app.py": version.encode()}, **_FIELDS)
        repository.roll_out("notes", version)
    repository.release("notes", "1.1.1", {"fix.py": b"fix"}, lane=Lane.HOTFIXES)
    repository.roll_out("notes", "1.1.1", lane=Lane.HOTFIXES, waves=OPEN)
    repository.rotate("timestamp")
    return repository


_FIELDS: dict[str, Any] = {
    "install": SlotInstall(service=Program(command=("python3", "app.py", "{port}"))),
    "health": Health(checks=(HttpCheck(url="http://127.0.0.1:{port}/"), CommandCheck(command=("x",)))),
    "variables": ("port",),
    "upgrades_from": ">=0.9,<2",
    "fixed_cves": ("CVE-2026-12345",),
    "notes": "What is new: everything.",
}


# --- metadata


def _metadata(repository: SimulatedRepository, folder: Path) -> list[Subject]:
    names = {
        "2.root": "root",
        "timestamp": "timestamp",
        f"{repository.versions['snapshot']}.snapshot": "snapshot",
        **{f"{number}.{role}": role for role, number in repository.listed.items()},
    }
    return [
        _one_role(repository, folder / role, f"/metadata/{file}.json", role)
        for file, role in names.items()
    ]


def _one_role(repository: SimulatedRepository, folder: Path, path: str, role: str) -> Subject:
    files = dict(repository.files)
    sample = files[path]
    signers = repository.keys[role]
    for made in (folder, folder / "cache", folder / "cache/verified", folder / "trust"):
        made.mkdir(parents=True, mode=0o700)

    def mutate(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
        if random.random() < 0.5:
            return mutated(random, data, others)
        return _signed_again(random, data, signers)

    def read(data: bytes) -> object:
        return _look(folder, {**files, path: data}, repository.files["/metadata/1.root.json"])

    others = [body for name, body in files.items() if name.startswith("/metadata/")]
    return Subject(f"metadata of {role}", [sample, *others], read, 2, mutate)


def _signed_again(random: Random, data: bytes, signers: Sequence[Signer]) -> bytes:
    """What a thief of the role's keys could make: other values under a valid signature."""
    plain = json.loads(data)
    plain["signed"] = changed(random, plain["signed"])
    try:
        content = encode_canonical(plain["signed"]).encode()
    except Exception:  # what has no canonical form gets a signature over something else
        content = b""
    made = [signer.sign(content).to_dict() for signer in signers]
    plain["signatures"] = made
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def _look(folder: Path, files: Mapping[str, bytes], root: bytes) -> object:
    for name in ("root.json", "timestamp.json", "snapshot.json"):
        with suppress(FileNotFoundError):
            (folder / "cache" / name).unlink()
    for stale in (*folder.glob("cache/*.json"), *folder.glob("trust/*")):
        stale.unlink()
    shutil.rmtree(folder / "cache/root_history", ignore_errors=True)
    floors = FloorFile(folder / "trust")
    floors.save(Floor())
    fetcher = _Memory()
    fetcher.files = files
    place = Place(
        root=root,
        metadata_url="http://memory/metadata/",
        targets_url="http://memory/targets/",
        cache=folder / "cache",
        verified=folder / "cache/verified",
    )
    trusted = Trusted(place, fetcher, floors, {"targets", "hotfixes", "notes", "notes.rollouts"})
    trusted.refresh()
    offers = read_offers(trusted, "notes", "0.9")
    trusted.forget_unread()
    for _, problem in offers.problems:
        raise problem
    return offers


# --- plan and manifest, used in decisions


def _site() -> Site:
    profile = SiteProfile(site_id="site-1", client_id="client-1", products=("notes",))
    return Site(profile, _rich_policy(), {"notes": InstalledProduct(version="0.9")})


def _decide(release: Release, plan: RolloutPlan) -> object:
    site = _site()
    return choose([release], plan, site, NOW), list(explain(release, plan, site, NOW))


def _manifest(repository: SimulatedRepository) -> Subject:
    paths = [manifest_path(Lane.RELEASES, "notes", version) for version in ("1.0", "1.1")]
    samples = [repository.targets["notes"].targets[path] for path in paths]
    bodies = [
        repository.files[f"/targets/releases/notes/{path.split('/')[2]}/{info.hashes['sha256']}.manifest.json"]
        for path, info in zip(paths, samples, strict=True)
    ]
    plan = repository.plans["notes"]

    def read(data: bytes) -> object:
        release = Release.read(paths[1], data)
        return _decide(release, plan), release.manifest.to_bytes()

    return Subject("manifest", [bodies[1], bodies[0], plan.to_bytes()], read, 14)


def _plan(repository: SimulatedRepository) -> Subject:
    plan = repository.plans["notes"]
    rich = plan.model_copy(
        update={
            "rollouts": (
                plan.rollouts[0].model_copy(update={"only": SiteFilter(clients=("client-1",))}),
                *plan.rollouts[1:],
            ),
            "brakes": (Brake(scope="notes", by="anna", at=NOW, reason="a reason"),),
        }
    )
    path = manifest_path(Lane.RELEASES, "notes", "1.1")
    info = repository.targets["notes"].targets[path]
    stored = f"/targets/releases/notes/1.1/{info.hashes['sha256']}.manifest.json"
    release = Release.read(path, repository.files[stored])

    def read(data: bytes) -> object:
        return _decide(release, RolloutPlan.from_bytes(data))

    return Subject("plan", [plan.to_bytes(), rich.to_bytes()], read, 14)


# --- archives and deltas


def _archive(folder: Path) -> Subject:
    files = {"app.py": b"#!/usr/bin/python3\n" * 60, "a/b/c.txt": b"c" * 700, "a/empty": b""}
    files["z/" + "x" * 120 + ".txt"] = b"a long name has a header of its own"
    entries, tar = pack(files)
    artifact = Artifact(
        name="notes-1.0.tar.zst",
        tar_size_bytes=len(tar),
        tar_sha256=hashlib.sha256(tar).hexdigest(),
        files=entries,
    )
    place, outside = folder / "inside", folder / "outside"
    for made in (folder, outside):
        made.mkdir(parents=True)
    (outside / "untouched").write_bytes(b"as it was")

    def read(data: bytes) -> object:
        source = folder / "source.tar.zst"
        source.write_bytes(data)
        try:
            archive.unpack(source, artifact, place)
            verify_tree(place, artifact.files)
        except BaseException:
            _expect(folder, {"outside", "source.tar.zst"})
            raise
        finally:
            _expect(outside, {"untouched"})
        _expect(folder, {"outside", "source.tar.zst", "inside"})
        return None

    sample = zstandard.ZstdCompressor(level=3).compress(tar)
    return Subject("archive", [sample], read, 12, mutated_archive)


def _expect(folder: Path, names: set[str]) -> None:
    found = {path.name for path in folder.iterdir()}
    if found != names:
        raise AssertionError(f"{folder} has {sorted(found)}, and should have {sorted(names)}")


def _delta(repository: SimulatedRepository) -> Subject:
    old, _ = pack({f"f{n}.py": bytes([n]) * 900 for n in range(6)})
    new, _ = pack({f"f{n}.py": bytes([n + n % 2]) * 901 for n in range(1, 7)})
    batches = delta.batches(old, new)
    sample = delta.MAGIC + b"".join(delta.framed(bytes(range(40)) * 3) for _ in batches)

    def read(data: bytes) -> object:
        stretches = list(delta.patch_stretches(io.BytesIO(data), len(batches)))
        patches = (data[offset : offset + size] for offset, size in stretches)
        if delta.MAGIC + b"".join(map(delta.framed, patches)) != data:
            raise AssertionError("the delta is not what was read of it")
        return stretches

    return Subject("delta", [sample], read, 6)


# --- messages


def _messages() -> list[Subject]:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signer, known = CryptoSigner(key), site_key(public_hex(key.public_key()))
    bodies = [report.to_bytes() for report in _reports()]
    sealed = [seal(body, REPORT_TYPE, signer) for body in bodies]

    def open_report(data: bytes) -> object:
        with suppress(Exception):
            peek(data, REPORT_TYPE)
        peek(data, REPORT_TYPE)
        return InstallReport.from_bytes(open_sealed(data, REPORT_TYPE, known))

    def signed_body(data: bytes) -> object:
        return InstallReport.from_bytes(open_sealed(seal(data, REPORT_TYPE, signer), REPORT_TYPE, known))

    answers: list[Document] = [
        CheckInAnswer(poll_seconds=300, root_version=2, hold="because"),
        ReportReceipt(site_id="site-1", sequence=7, sha256="0" * 64),
        EnrolmentAnswer(site_id="site-1", poll_seconds=300),
    ]
    check_in = CheckIn(
        site_id="site-1",
        at=NOW,
        boot_id="b",
        agent_version="0.1.0",
        ring=Ring.BROAD,
        policy=_rich_policy(),
    )
    return [
        Subject("envelope", sealed, open_report, 12),
        Subject("report", bodies, signed_body, 8),
        Subject("report as it is read", bodies, InstallReport.from_bytes, 6),
        Subject("check-in", [check_in.to_bytes()], CheckIn.from_bytes, 3),
        *(
            Subject(type(answer).__name__, [answer.to_bytes()], type(answer).from_bytes, 2)
            for answer in answers
        ),
    ]


def _reports() -> list[InstallReport]:
    common: dict[str, Any] = {"site_id": "site-1", "boot_id": "b", "attempt_id": "a", "at": NOW}
    return [
        InstallReport(sequence=1, phase=Phase.DOWNLOADING, product="notes", version="1.1", **common),
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


# --- what people write


def _rich_policy() -> SitePolicy:
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


def _policy(folder: Path) -> Subject:
    state = StateFolder(folder)
    folder.mkdir(parents=True, mode=0o700)

    def read(data: bytes) -> object:
        for name in (settings.POLICY_FILE, settings.SETTINGS_FILE):
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o600)
        with suppress(PolicyInvalid):
            settings.AgentSettings.read(state)
        policy = settings.read_policy(state)
        same = SitePolicy.from_toml(data.decode("utf-8"))
        if same != policy:
            raise AssertionError("two readers, two policies")
        return [next(window.openings(NOW), None) for window in policy.windows]

    return Subject("policy", [_POLICY, settings.DEFAULT_POLICY.encode()], read, 8, mutated_toml)


def _invitation() -> Subject:
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
