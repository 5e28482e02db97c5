"""A whole repository with its people in one folder, made by the product's real functions.

    estate = Estate.create(tmp_path)                  # people, server, product "app"
    release = estate.publish("1.0")                   # built, proposed, signed by two, published
    estate.roll_out("1.0")                            # the plan opens it for everybody, now
    estate.publish("1.0.post1", lane=Lane.HOTFIXES, files={"app.txt": b"mended"})

It has no logic of its own: each step is the call that a command makes. ``build``, ``propose`` and
``sign`` are there one by one for tests that stop in the middle.
"""

import atexit
import getpass
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from distribution import home
from distribution.repository import artifacts
from distribution.repository.publish import (
    OnlineKeys,
    Published,
    load_online_keys,
    publish,
    publish_targets,
)
from distribution.settings import SETTINGS_FILE, Settings
from manifests.release import Release
from manifests.rollout import (
    Change,
    Gates,
    Rollout,
    RolloutPlan,
    RolloutState,
    Schedule,
    ScheduledWave,
    Wave,
)
from manifests.target_paths import Lane, manifest_path, plan_path, rollouts_role
from signing import ceremony, propose, signers
from signing.roles import RULES
from signing.store import DirectoryStore, Store
from signing.update_repository import Repository
from tests.simulators.estate_databases import VARIABLE, estate_database

PASSPHRASE = "a passphrase for tests"
ROUNDS = 1000
"""Of the passphrase's derivation: tests open hundreds of key files."""

OFFICERS = ("ani", "budi")
ENGINEERS = ("sari", "joko")
ON_CALL = ("tono", "wati")
PEOPLE = (*OFFICERS, *ENGINEERS, *ON_CALL)

AT_ONCE = Schedule(
    name="at-once",
    waves=(ScheduledWave(after_seconds=0, up_to_basis_points=10_000),),
    gates=Gates(soak_seconds=0, success_threshold_percent=0, error_threshold_percent=100),
)


_TEMPLATES: "dict[tuple[str, datetime | None, str], Estate]" = {}
_FRESH = timedelta(minutes=1)
"""So long an estate that was made "now" is as good as new."""
_served: set[str] = set()


def _is_first_of_its_test() -> bool:
    """Whether the test that runs now has no estate yet; never outside of tests."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    if not test or test in _served:
        return False
    _served.add(test)
    return True


@dataclass
class Estate:
    """The folder, the store, the keys; ``now`` is the ceremonies' clock and may be set."""

    folder: Path
    store: Store
    settings: Settings
    online: OnlineKeys
    product: str
    now: datetime
    serial: int = 0
    rollouts: dict[str, list[Rollout]] = field(default_factory=dict)
    officers: tuple[str, ...] = OFFICERS

    @classmethod
    def create(
        cls,
        folder: Path,
        product: str = "app",
        store: Store | None = None,
        now: datetime | None = None,
        table: Mapping[str, Any] = RULES,
    ) -> "Estate":
        """Make the people, the home, the repository and one product (none if it is empty).

        Its keys are nobody else's.
        """
        estate = cls.found(folder, product, store, now, table)
        estate.sign(folder / "proposals" / "repository", *OFFICERS)
        estate.publish_proposal(folder / "proposals" / "repository")
        if product:
            estate.add_product(product)
        return estate

    @classmethod
    def usual(cls, folder: Path, product: str = "app", now: datetime | None = None) -> "Estate":
        """The same for a test that needs one like any other: made once in a process, and copied.

        The second one of a test is made anew, since its keys must be others.
        """
        if not _is_first_of_its_test():
            return cls.create(folder, product, now=now)
        begin = now or datetime.now(UTC).replace(microsecond=0)
        kind = os.environ.get(VARIABLE, "")
        known = _TEMPLATES.get((product, now, kind))
        if known is None or begin - known.now > _FRESH:
            scratch = Path(tempfile.mkdtemp(prefix="estate-"))
            atexit.register(shutil.rmtree, scratch, ignore_errors=True)
            known = _TEMPLATES[product, now, kind] = cls.create(scratch, product, now=begin)
        return known._copied(folder)

    def _copied(self, folder: Path) -> "Estate":
        """The same in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        url = self.settings.database_url and estate_database(like=self.settings.database_url)
        settings = Settings(home=folder / "home", database_url=url)
        if url:
            file = settings.home / SETTINGS_FILE
            file.write_text(file.read_text().replace(self.settings.database_url, url))
        store = DirectoryStore(settings.repository_folder)
        keys = settings.online_keys_folder
        passphrase = (keys / home.PASSPHRASE_FILE).read_text().strip()
        online = OnlineKeys(
            self.online.generations, lambda: load_online_keys(keys, passphrase).generations
        )
        return replace(
            self, folder=folder, store=store, settings=settings, online=online, rollouts={}
        )

    @classmethod
    def found(
        cls,
        folder: Path,
        product: str = "app",
        store: Store | None = None,
        now: datetime | None = None,
        table: Mapping[str, Any] = RULES,
    ) -> "Estate":
        """Only the people, the home, and the repository's proposal that nobody has signed yet."""
        for person in PEOPLE:
            signers.generate(person, folder / "keys", PASSPHRASE, rounds=ROUNDS)
        url = estate_database()
        settings = Settings(home=folder / "home", database_url=url)
        home.make_home(settings, "", {"database_url": url} if url else {}, getpass.getuser())
        passphrase = (settings.online_keys_folder / home.PASSPHRASE_FILE).read_text().strip()
        online = load_online_keys(settings.online_keys_folder, passphrase)
        estate = cls(
            folder=folder,
            store=store or DirectoryStore(settings.repository_folder),
            settings=settings,
            online=online,
            product=product,
            now=now or datetime.now(UTC).replace(microsecond=0),
        )
        public = home.online_public_keys(settings)
        on_call = [estate.public(person) for person in ON_CALL]
        founders = propose.Founders(
            officers=[estate.public(person) for person in OFFICERS],
            snapshot=public["snapshot"],
            timestamp=public["timestamp"],
            hotfixes=on_call,
            breakglass=on_call,
        )
        propose.repository(founders, estate.draft("repository"), table)
        return estate

    # --- people

    def key(self, person: str) -> Path:
        """A person's private key file; the passphrase is ``PASSPHRASE``."""
        return self.folder / "keys" / f"{person}.key"

    def public(self, person: str) -> Any:
        """A person's public key."""
        return signers.read_public(self.key(person).with_suffix(".pub"))

    def signers_of(self, lane: Lane) -> tuple[str, ...]:
        """The people who sign a lane."""
        return {Lane.RELEASES: ENGINEERS, Lane.HOTFIXES: ON_CALL, Lane.BREAKGLASS: ON_CALL[:1]}[
            lane
        ]

    # --- step by step

    def draft(self, name: str) -> propose.Draft:
        """Where a proposal of that name goes."""
        return propose.Draft(self.folder / "proposals" / name, "the tests", self.now)

    def build(
        self,
        version: str,
        files: Mapping[str, bytes] | None = None,
        schedule: Schedule = AT_ONCE,
        product: str = "",
        issued_at: datetime | None = None,
        attachments: Mapping[str, Path] | None = None,
        **described: Any,
    ) -> Path:
        """``hsp release build``; further arguments are fields of release.toml.

        With ``attachments``, what was built before without them is built once more.
        """
        product = product or self.product
        source = self.folder / "sources" / f"{product}-{version}"
        for name, content in (files or {"app.txt": f"{product} {version}\n".encode()}).items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
            (source / name).chmod(0o755 if content.startswith(b"#!") else 0o644)
        description = self.folder / "sources" / f"{product}-{version}.toml"
        fields = {"product": product, "version": version, **described}
        description.write_text("".join(f"{name} = {_toml(v)}\n" for name, v in fields.items()))
        out = self.folder / "builds" / f"{product}-{version}"
        moment = issued_at or self.now - timedelta(minutes=1)
        if attachments is not None:
            shutil.rmtree(out, ignore_errors=True)
        built = artifacts.build(source, description, schedule, out, moment, attachments=attachments)
        return built.folder

    def propose(self, built: Path, lane: Lane = Lane.RELEASES, name: str = "") -> Path:
        """``hsp-sign propose``."""
        draft = self.draft(name or f"{lane}-{built.name}")
        propose.release(Repository.read(self.store), built, lane, draft)
        return draft.folder

    def sign(self, proposal: Path, *people: str) -> None:
        """``hsp-sign sign`` by each of ``people``."""
        for person in people:
            ceremony.sign(ceremony.prepare(proposal, self.now), self.key(person), PASSPHRASE)

    def publish_proposal(self, proposal: Path, **options: Any) -> Published:
        """``hsp publish``."""
        return publish(self.store, proposal, self.online, self.now, **options)

    # --- the whole way

    def add_product(self, product: str) -> None:
        """``hsp product add``, signed and published."""
        people = [self.public(person) for person in ENGINEERS]
        rollouts = home.online_public_keys(self.settings)["rollouts"]
        draft = self.draft(f"product-{product}")
        propose.product(Repository.read(self.store), product, people, rollouts, draft)
        self.sign(draft.folder, *self.officers)
        self.publish_proposal(draft.folder)

    def publish(
        self,
        version: str,
        files: Mapping[str, bytes] | None = None,
        *,
        lane: Lane = Lane.RELEASES,
        **build: Any,
    ) -> Release:
        """Build, propose, sign and publish one release; ``build``: see the method."""
        proposal = self.propose(self.build(version, files, **build), lane)
        self.sign(proposal, *self.signers_of(lane))
        path = self.publish_proposal(proposal).releases[0]
        return Release.read(path, (proposal / "targets" / path).read_bytes())

    def roll_out(
        self,
        version: str,
        *,
        lane: Lane = Lane.RELEASES,
        product: str = "",
        state: RolloutState = RolloutState.RUNNING,
        opens_at: datetime | None = None,
        reason: str = "a test wants it so",
    ) -> RolloutPlan:
        """Publish a plan in which this release's rollout has ``state``, all in one open wave."""
        product = product or self.product
        moment = opens_at or self.now - timedelta(minutes=1)
        rollout = Rollout(
            release=manifest_path(lane, product, version),
            state=state,
            last_change=Change(by="the tests", at=self.now, reason=reason),
            waves=(Wave(opens_at=moment, up_to_basis_points=10_000),),
        )
        others = [r for r in self.rollouts.get(product, []) if r.release != rollout.release]
        self.rollouts[product] = [*others, rollout]
        return self.publish_plan(product)

    def publish_plan(self, product: str = "") -> RolloutPlan:
        """Publish the plan of ``self.rollouts`` for a product, with the next serial."""
        product = product or self.product
        self.serial += 1
        plan = RolloutPlan(
            product=product,
            serial=self.serial,
            written_at=self.now,
            rollouts=tuple(self.rollouts.get(product, ())),
        )
        files = {plan_path(product): plan.to_bytes()}
        publish_targets(self.store, rollouts_role(product), files, self.online, self.now)
        return plan

    @property
    def root(self) -> bytes:
        """The newest root's file, for a client to start from."""
        return Repository.read(self.store).root_files[-1]

    @property
    def root_sha256(self) -> str:
        """What an invitation says of the root."""
        return hashlib.sha256(self.root).hexdigest()


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_toml(v)}" for name, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each) for each in value) + "]"
    return value.isoformat() if isinstance(value, datetime) else json.dumps(value)
