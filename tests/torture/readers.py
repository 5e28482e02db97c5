"""Every document that reaches an agent or an officer from outside, with the real reader of it.

A reader returns when the document is valid, and then uses it as its program would; it raises an
``UpdateError`` when it is not. Anything else is a fault.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signer

from client_updater.fetcher import Answer, Fetcher
from client_updater.floor import Floor, FloorFile
from client_updater.offers import read_offers
from client_updater.trusted import Place, Trusted
from manifests.decision import choose, explain
from manifests.install import Program, SlotInstall
from manifests.release import CommandCheck, Health, HttpCheck, Release
from manifests.rollout import Brake, RolloutPlan, SiteFilter
from manifests.site import InstalledProduct, Site, SiteProfile
from manifests.target_paths import Lane, manifest_path
from tests.simulators.repository import OPEN, SimulatedRepository
from tests.torture.mutation import changed, mutated
from tests.torture.readers_of_files import applied_deltas, archives, deltas
from tests.torture.readers_of_messages import blocks, invitations, messages, policies, rich_policy
from tests.torture.subject import NOW, Subject


class _Memory(Fetcher):
    """The agent's fetcher above its transport: files come from a dictionary."""

    files: Mapping[str, bytes]

    def get(self, url: str, most_bytes: int, *, compressed: bool = False) -> Answer:
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
        archives(folder / "archives"),
        deltas(),
        applied_deltas(folder / "deltas"),
        *messages(),
        policies(folder / "policy"),
        invitations(),
        blocks(),
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
    "health": Health(
        checks=(HttpCheck(url="http://127.0.0.1:{port}/"), CommandCheck(command=("x",)))
    ),
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
    return Site(profile, rich_policy(), {"notes": InstalledProduct(version="0.9")})


def _decide(release: Release, plan: RolloutPlan) -> object:
    site = _site()
    return choose([release], plan, site, NOW), list(explain(release, plan, site, NOW))


def _manifest(repository: SimulatedRepository) -> Subject:
    paths = [manifest_path(Lane.RELEASES, "notes", version) for version in ("1.0", "1.1")]
    samples = [repository.targets["notes"].targets[path] for path in paths]
    bodies = [
        repository.files[
            f"/targets/releases/notes/{path.split('/')[2]}/{info.hashes['sha256']}.manifest.json"
        ]
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
