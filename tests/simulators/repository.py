"""A signed TUF repository in memory, made with python-tuf's Metadata API alone.

It has none of the product's publishing code, and it holds all the keys; so a test can sign what
nobody should: old versions, wrong plans, another manifest's artifact. Serve ``files`` with ``Web``.

    repository = SimulatedRepository(["notes"])
    repository.release("notes", "1.0", {"app.py": b"..."}, install=...)
    repository.roll_out("notes", "1.0")
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import zstandard
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from manifests.file_list import END_OF_TAR, FileEntry, tar_header, tar_padding
from manifests.release import Artifact, ReleaseManifest
from manifests.rollout import (
    Change,
    Pace,
    Rollout,
    RolloutPlan,
    RolloutState,
    ScheduledWave,
    Wave,
)
from manifests.target_paths import Lane, ReleasePath, manifest_path, plan_path, rollouts_role

TOP = ("root", "targets", "snapshot", "timestamp")
AT_ONCE = Pace(name="at-once", waves=(ScheduledWave(after_seconds=0, up_to_basis_points=10_000),))
OPEN = (Wave(opens_at=datetime(2020, 1, 1, tzinfo=UTC), up_to_basis_points=10_000),)


class SimulatedRepository:
    """Everything signed and stored; each change signs a new timestamp unless told to wait."""

    def __init__(self, products: Sequence[str] = ("notes",), now: datetime | None = None) -> None:
        self.now = now or datetime.now(UTC).replace(microsecond=0)
        self.files: dict[str, bytes] = {}
        self.life = {name: timedelta(days=30) for name in TOP}
        self.keys = {name: [CryptoSigner.generate_ed25519()] for name in TOP}
        self.versions: dict[str, int] = {"root": 0, "snapshot": 0, "timestamp": 0}
        self.targets: dict[str, Targets] = {}
        self.listed: dict[str, int] = {}
        self.plans: dict[str, RolloutPlan] = {}
        self.root: bytes = b""
        self._delegate(products)
        self.sign_root()
        self.sign_targets("targets")
        self.commit()

    def _delegate(self, products: Sequence[str]) -> None:
        roles = {"hotfixes": ["hotfixes/*/*/*"], "breakglass": ["breakglass/*/*/*"]}
        for name in products:
            roles[name] = [f"releases/{name}/*/*"]
            roles[rollouts_role(name)] = [f"rollouts/{name}/*", f"deltas/{name}/*"]
        delegated, keys = {}, {}
        for name, paths in roles.items():
            self.keys[name] = [CryptoSigner.generate_ed25519()]
            self.life[name] = timedelta(days=30)
            ids = [signer.public_key.keyid for signer in self.keys[name]]
            keys |= {signer.public_key.keyid: signer.public_key for signer in self.keys[name]}
            delegated[name] = DelegatedRole(name, ids, 1, terminating=True, paths=paths)
        self.targets["targets"] = Targets(
            expires=self._expiry("targets"), delegations=Delegations(keys, delegated)
        )

    def _expiry(self, role: str) -> datetime:
        return self.now + self.life[role]

    # --- metadata

    def sign_root(self, *extra_signers: CryptoSigner) -> None:
        """The next root, with the keys as they are now; ``extra_signers``: the keys of before."""
        self.versions["root"] += 1
        root = Root(
            version=self.versions["root"],
            expires=self._expiry("root"),
            keys={key.public_key.keyid: key.public_key for name in TOP for key in self.keys[name]},
            roles={
                name: Role([key.public_key.keyid for key in self.keys[name]], 1) for name in TOP
            },
            consistent_snapshot=True,
        )
        self.root = self._signed(root, "root", *extra_signers)
        self._put(f"{root.version}.root", self.root)

    def rotate(self, *roles: str) -> None:
        """New keys for these roles, in a new root that the old keys sign too."""
        before = list(self.keys["root"])
        for role in roles:
            self.keys[role] = [CryptoSigner.generate_ed25519()]
        self.sign_root(*before)
        self.commit()

    def sign_targets(self, role: str, version: int | None = None) -> None:
        """The next version of a targets role; it is listed at the next ``commit``."""
        metadata = self.targets[role]
        metadata.version = version or self.listed.get(role, 0) + 1
        metadata.expires = self._expiry(role)
        self._put(f"{metadata.version}.{role}", self._signed(metadata, role))
        self.listed[role] = metadata.version

    def commit(self) -> None:
        """The next snapshot and timestamp: what was signed before becomes visible."""
        self.versions["snapshot"] += 1
        meta = {f"{name}.json": MetaFile(version) for name, version in self.listed.items()}
        snapshot = Snapshot(
            version=self.versions["snapshot"], expires=self._expiry("snapshot"), meta=meta
        )
        self._put(f"{snapshot.version}.snapshot", self._signed(snapshot, "snapshot"))
        self.sign_timestamp()

    def sign_timestamp(self) -> None:
        """The next timestamp, for the newest snapshot."""
        self.versions["timestamp"] += 1
        timestamp = Timestamp(
            version=self.versions["timestamp"],
            expires=self._expiry("timestamp"),
            snapshot_meta=MetaFile(self.versions["snapshot"]),
        )
        self._put("timestamp", self._signed(timestamp, "timestamp"))

    def _signed(self, signed: Any, role: str, *extra_signers: CryptoSigner) -> bytes:
        metadata = Metadata(signed)
        for signer in [*self.keys[role], *extra_signers]:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def _put(self, name: str, content: bytes) -> None:
        self.files[f"/metadata/{name}.json"] = content

    # --- targets

    def add_target(self, role: str, path: str, content: bytes) -> None:
        """List a file in a role and store it under its hash; not signed yet."""
        if role not in self.targets:
            self.targets[role] = Targets(expires=self._expiry(role))
        self.targets[role].targets[path] = TargetFile.from_data(path, content, ["sha256"])
        self.files[self.stored(path, content)] = content

    @staticmethod
    def stored(path: str, content: bytes) -> str:
        """Where a target is served."""
        folder, _, name = path.rpartition("/")
        return f"/targets/{folder}/{hashlib.sha256(content).hexdigest()}.{name}"

    def release(
        self,
        product: str,
        version: str,
        files: Mapping[str, bytes],
        *,
        lane: Lane = Lane.RELEASES,
        artifact: bytes | None = None,
        **fields: Any,
    ) -> ReleaseManifest:
        """Sign a release of these files; scripts (``#!``) are executable.

        Args:
            artifact: what to serve instead of the files' own archive; it is signed as well.
            fields: further fields of the manifest.
        """
        entries, tar = pack(files)
        name = f"{product}-{version}.tar.zst"
        compressed = zstandard.ZstdCompressor(level=3).compress(tar)
        manifest = ReleaseManifest(
            product=product,
            version=version,
            artifacts=(
                Artifact(
                    name=name,
                    tar_size_bytes=len(tar),
                    tar_sha256=hashlib.sha256(tar).hexdigest(),
                    files=entries,
                ),
            ),
            issued_at=fields.pop("issued_at", self.now - timedelta(days=1)),
            pace=fields.pop("pace", AT_ONCE),
            **fields,
        )
        role = product if lane is Lane.RELEASES else lane.value
        path = ReleasePath.parse(manifest_path(lane, product, version))
        self.add_target(role, str(path), manifest.to_bytes())
        self.add_target(role, str(path.sibling(name)), artifact or compressed)
        self.sign_targets(role)
        self.commit()
        return manifest

    def roll_out(
        self,
        product: str,
        version: str,
        *,
        lane: Lane = Lane.RELEASES,
        state: RolloutState = RolloutState.RUNNING,
        reason: str = "a test wants it so",
        waves: Sequence[Wave] = OPEN,
        path: str | None = None,
    ) -> None:
        """Sign the plan in which this release's rollout has ``state``; the others stay."""
        rollout = Rollout(
            release=manifest_path(lane, product, version) if path is None else path,
            state=state,
            last_change=Change(by="the tests", at=self.now, reason=reason),
            waves=tuple(waves),
        )
        before = self.plans.get(product)
        others = [r for r in before.rollouts if r.release != rollout.release] if before else []
        plan = RolloutPlan(
            product=product,
            serial=before.serial + 1 if before else 1,
            written_at=self.now,
            rollouts=(*others, rollout),
        )
        self.sign_plan(product, plan)

    def sign_plan(self, product: str, plan: RolloutPlan) -> None:
        """Sign a plan as it is."""
        self.plans[product] = plan
        role = rollouts_role(product)
        self.add_target(role, plan_path(product), plan.to_bytes())
        self.sign_targets(role)
        self.commit()


def pack(files: Mapping[str, bytes]) -> tuple[tuple[FileEntry, ...], bytes]:
    """The file list of these contents and the one tar that it stands for."""
    entries, tar = [], b""
    for path in sorted(files):
        content = files[path]
        entry = FileEntry(
            path=path,
            size_bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            mode="0755" if content.startswith(b"#!") else "0644",
        )
        entries.append(entry)
        tar += tar_header(entry) + content + tar_padding(entry)
    return tuple(entries), tar + END_OF_TAR
