"""Somebody who has stolen the server: its store, and all of its online keys.

They sign whatever they like with what they have. What they write is well-formed and, as far as
these keys go, validly signed.
"""

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tuf.api.metadata import Metadata, MetaFile, Snapshot, TargetFile, Targets, Timestamp

from distribution.repository.online_keys import Generation
from manifests.rollout import Rollout, RolloutPlan
from manifests.target_paths import plan_path, rollouts_role
from signing.errors import AlreadyStored
from signing.store import Store


@dataclass
class Thief:
    """What they can do with a store and the keys of snapshot, timestamp and rollouts."""

    store: Store
    keys: Generation

    def plan(self, product: str, *rollouts: Rollout) -> None:
        """Publish a plan of their own."""
        plan = RolloutPlan(
            product=product, serial=10**6, written_at=datetime.now(UTC), rollouts=rollouts
        )
        self.sign(rollouts_role(product), {plan_path(product): plan.to_bytes()}, keep=True)

    def sign(self, role: str, files: Mapping[str, bytes], *, keep: bool = False) -> None:
        """Give ``role`` these files, signed with the stolen key of the rollouts."""
        timestamp, snapshot = self._timestamp(), self._snapshot()
        listed = snapshot.signed.meta.get(f"{role}.json")
        version = listed.version if listed else 0
        metadata = self._read(Targets, f"{version}.{role}") if version else Metadata(Targets())
        targets = metadata.signed
        targets.version, targets.expires = version + 1, _soon()
        targets.targets = dict(targets.targets) if keep else {}
        for path, content in files.items():
            targets.targets[path] = self._upload(path, content)
        self._write(metadata, self.keys.rollouts, f"{targets.version}.{role}")
        snapshot.signed.meta[f"{role}.json"] = MetaFile(targets.version)
        self._commit(snapshot, timestamp)

    def push_versions(self, to: int) -> None:
        """Fast-forward: snapshot and timestamp with enormous versions."""
        timestamp, snapshot = self._timestamp(), self._snapshot()
        snapshot.signed.version, timestamp.signed.version = to - 1, to - 1
        self._commit(snapshot, timestamp)

    def _commit(self, snapshot: Metadata[Snapshot], timestamp: Metadata[Timestamp]) -> None:
        snapshot.signed.version += 1
        snapshot.signed.expires = timestamp.signed.expires = _soon()
        self._write(snapshot, self.keys.snapshot, f"{snapshot.signed.version}.snapshot")
        timestamp.signed.version += 1
        timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
        timestamp.sign(self.keys.timestamp)
        _, tag = self.store.read_tagged("metadata/timestamp.json")
        self.store.replace("metadata/timestamp.json", timestamp.to_bytes(), tag)

    def _timestamp(self) -> Metadata[Timestamp]:
        return self._read(Timestamp, "timestamp")

    def _snapshot(self) -> Metadata[Snapshot]:
        version = self._timestamp().signed.snapshot_meta.version
        return self._read(Snapshot, f"{version}.snapshot")

    def _read(self, _: type[Any], name: str) -> Metadata[Any]:
        return Metadata.from_bytes(self.store.read(f"metadata/{name}.json"))

    def _write(self, metadata: Metadata[Any], signer: Any, name: str) -> None:
        metadata.sign(signer)
        self.store.create(f"metadata/{name}.json", metadata.to_bytes())

    def _upload(self, path: str, content: bytes) -> TargetFile:
        folder, _, name = path.rpartition("/")
        digest = hashlib.sha256(content).hexdigest()
        with contextlib.suppress(AlreadyStored):
            self.store.create(f"targets/{folder}/{digest}.{name}", content)
        return TargetFile.from_data(path, content, ["sha256"])


def _soon() -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
