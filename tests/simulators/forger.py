"""A thief with any set of keys: what they have not stolen, they sign with keys of their own.

    forger = Forger.with_keys(bucket, snapshot=..., more=[sari])
    forger.offer(evil)                            # a release of theirs, open to everybody

All that a forger writes is well-formed, and signed with every key they have.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import DelegatedRole, Delegations, Metadata, MetaFile, Root, Targets

from distribution.repository.online_keys import Generation
from manifests.release import ReleaseManifest
from manifests.rollout import Change, Rollout, RolloutPlan, RolloutState, Wave
from manifests.target_paths import (
    MANIFEST_NAME,
    Lane,
    ReleasePath,
    manifest_path,
    plan_path,
    rollouts_role,
)
from signing.store import Store
from tests.simulators.thief import Thief


def stranger() -> CryptoSigner:
    """A key that nobody lists anywhere."""
    return CryptoSigner.generate_ed25519()


@dataclass
class Forger(Thief):
    """``keys`` are those of the server, or strangers in their place; ``more`` sign everything."""

    more: Sequence[Signer] = field(default_factory=tuple)

    @classmethod
    def with_keys(cls, store: Store, more: Sequence[Signer] = (), **stolen: Signer) -> Self:
        """``stolen`` are keys of the server by name; ``more`` are people's."""
        names = Generation._fields
        return cls(store, Generation(**{n: stolen.get(n) or stranger() for n in names}), more)

    def at(self, store: Store) -> Self:
        """The same thief at another store."""
        return replace(self, store=store)

    def offer(
        self, built: Path, lane: Lane = Lane.RELEASES, role: str = "", plan: bool = True
    ) -> str:
        """List a built release in a role, and open it to everybody since long ago.

        Args:
            role: which role lists it; the lane's own by default.
            plan: also say so in the plan.
        """
        path = path_of(built, lane)
        product = ReleasePath.parse(path).product
        own = product if lane is Lane.RELEASES else lane.value
        self.sign(role or own, files_of(built, lane), keep=True)
        if plan:
            self.plan(product, everybody_now(path))
        return path

    def overwrite(self, role: str, files: Mapping[str, bytes]) -> None:
        """Put these files into the very version that is listed: no other key is needed for it."""
        version = self._snapshot().signed.meta[f"{role}.json"].version
        metadata = self._read(Targets, f"{version}.{role}")
        for path, content in files.items():
            metadata.signed.targets[path] = self._upload(path, content)
        self._write(metadata, self.keys.rollouts, f"{version}.{role}")

    def overwrite_plan(self, product: str, built: Path) -> None:
        """As ``overwrite``: a plan of theirs that opens a release to everybody."""
        rollout = everybody_now(path_of(built))
        plan = RolloutPlan(
            product=product, serial=10**6, written_at=datetime.now(UTC), rollouts=(rollout,)
        )
        self.overwrite(rollouts_role(product), {plan_path(product): plan.to_bytes()})

    @contextmanager
    def signed_twice(self, role: str) -> Iterator[None]:
        """Meanwhile, each signature of a role's newest version is listed once more."""
        name = f"metadata/{self.listed(role)}.{role}.json"
        before = self.store.read(name)
        plain = json.loads(before)
        plain["signatures"] *= 2
        self.store.create(name, json.dumps(plain).encode())
        yield
        self.store.create(name, before)

    def own_root(self) -> CryptoSigner:
        """The next root, in which one key of their own holds every role; it signs from now on."""
        roots = [key for key in self.store.keys("metadata/") if key.endswith(".root.json")]
        root: Root = self._read(Root, f"{len(roots)}.root").signed
        mine = stranger()
        root.version += 1
        root.keys = {mine.public_key.keyid: mine.public_key}
        for held in root.roles.values():
            held.keyids, held.threshold = [mine.public_key.keyid], 1
        self._write(Metadata(root), mine, f"{root.version}.root")
        self.keys = Generation(mine, mine, mine)
        return mine

    def own_targets(self, product: str) -> CryptoSigner:
        """The next targets, which gives a product to one key of their own; it signs from now on."""
        snapshot, timestamp = self._snapshot(), self._timestamp()
        metadata = self._read(Targets, f"{snapshot.signed.meta['targets.json'].version}.targets")
        mine, targets = stranger(), metadata.signed
        targets.version += 1
        paths = [f"releases/{product}/*/*"], [f"rollouts/{product}/*"]
        names = product, rollouts_role(product)
        targets.delegations = Delegations(
            {mine.public_key.keyid: mine.public_key},
            {
                name: DelegatedRole(name, [mine.public_key.keyid], 1, True, own)
                for name, own in zip(names, paths, strict=True)
            },
        )
        self._write(metadata, self.keys.rollouts, f"{targets.version}.targets")
        snapshot.signed.meta["targets.json"] = MetaFile(targets.version)
        self._commit(snapshot, timestamp)
        self.keys = self.keys._replace(rollouts=mine)
        return mine

    def list_version(self, **versions: int) -> None:
        """A snapshot that lists these versions of roles, and a timestamp for it."""
        timestamp, snapshot = self._timestamp(), self._snapshot()
        for role, version in versions.items():
            snapshot.signed.meta[f"{role}.json"] = MetaFile(version)
        self._commit(snapshot, timestamp)

    def replace_snapshot(self, **versions: int) -> None:
        """As ``list_version``, under the number that the true timestamp names."""
        snapshot = self._snapshot()
        for role, version in versions.items():
            snapshot.signed.meta[f"{role}.json"] = MetaFile(version)
        self._write(snapshot, self.keys.snapshot, f"{snapshot.signed.version}.snapshot")

    def point_at_snapshot(self, version: int) -> None:
        """The next timestamp names this version."""
        timestamp = self._timestamp()
        timestamp.signed.version += 1
        timestamp.signed.snapshot_meta = MetaFile(version)
        timestamp.sign(self.keys.timestamp)
        _, tag = self.store.read_tagged("metadata/timestamp.json")
        self.store.replace("metadata/timestamp.json", timestamp.to_bytes(), tag)

    def snapshot_version(self) -> int:
        """The one that the timestamp names."""
        return self._timestamp().signed.snapshot_meta.version

    def listed(self, role: str) -> int:
        """The version of a role that the snapshot lists; 0 for none."""
        found = self._snapshot().signed.meta.get(f"{role}.json")
        return found.version if found else 0

    def _write(self, metadata: Metadata[Any], signer: Signer, name: str) -> None:
        metadata.sign(signer)
        for each in self.more:
            metadata.sign(each, append=True)
        self.store.create(f"metadata/{name}.json", metadata.to_bytes())


def everybody_now(release: str) -> Rollout:
    """What a thief would write: every site, long ago."""
    long_ago = datetime.now(UTC) - timedelta(days=30)
    return Rollout(
        release=release,
        state=RolloutState.RUNNING,
        last_change=Change(by="thief", at=long_ago, reason="because I can"),
        waves=(Wave(opens_at=long_ago, up_to_basis_points=10_000),),
    )


def path_of(built: Path, lane: Lane = Lane.RELEASES) -> str:
    """Where a built release's manifest goes."""
    manifest = ReleaseManifest.from_bytes((built / MANIFEST_NAME).read_bytes())
    return manifest_path(lane, manifest.product, manifest.version)


def files_of(built: Path, lane: Lane = Lane.RELEASES) -> dict[str, bytes]:
    """The files of a built release, by their target paths."""
    folder = path_of(built, lane).rpartition("/")[0]
    return {f"{folder}/{file.name}": file.read_bytes() for file in built.iterdir()}
