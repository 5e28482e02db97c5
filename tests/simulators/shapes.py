"""A repository to which one thing after another is done, kept as it was after each.

    history = History(tmp_path)
    history.add_product("app"); history.release("1.0"); history.keep("a release")
    history.shapes[-1].listed                     # what a client has to find, byte by byte

Every step is a call that a command makes. A kept shape is hard links to the files of the store, as
no file is ever written twice. Time may be ahead of the machine's: what is signed is valid in both.
"""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from sqlalchemy import event

from distribution import home
from distribution.database.sessions import Database
from distribution.repository import retention
from distribution.repository.online_roles import publish_targets, renew
from distribution.server import Server
from distribution.settings import Settings
from manifests.delta import delta_path
from manifests.release import ReleaseManifest
from manifests.target_paths import (
    MANIFEST_NAME,
    Lane,
    ReleasePath,
    manifest_path,
    plan_path,
    role_of,
    rollouts_role,
)
from signing import assignments, propose, signers
from signing.build_policy import NOTHING, BuildPolicy
from signing.propose import Assignment
from signing.roles import RULES, SERVER, rules
from signing.signers import ED25519, P256
from signing.store import DirectoryStore
from signing.update_repository import Repository
from tests.simulators.builder import sbom, statement, tar_of, written
from tests.simulators.estate import ENGINEERS, OFFICERS, ON_CALL, PASSPHRASE, ROUNDS, Estate
from tests.simulators.house import Clock, House, in_haste
from tests.simulators.recorded_store import RecordedStore
from tests.simulators.thief import Thief


@dataclass(frozen=True)
class Shape:
    """The repository as it was once.

    Attributes:
        folder: its store.
        news: what of it the last steps have to do with.
        listed: everything that a client finds, by target path.
        gone: what is listed, and was removed because it was withdrawn.
        writes: how many there were until then.
    """

    name: str
    folder: Path
    news: dict[str, bytes]
    listed: dict[str, bytes]
    gone: frozenset[str]
    writes: int


@dataclass
class History:
    """The steps; ``who`` signs each role at the moment."""

    folder: Path
    shapes: list[Shape] = field(default_factory=list)
    who: dict[str, tuple[str, ...]] = field(default_factory=dict)
    listed: dict[str, bytes] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    news: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        now = datetime.now(UTC).replace(microsecond=0)
        folder = self.folder / "estate"
        self.store = RecordedStore(Settings(home=folder / "home").repository_folder)
        estate = Estate.create(folder, product="", store=self.store, now=now)
        estate.product = "app"
        database = Database.open(estate.settings)
        event.listen(database.engine, "connect", in_haste)
        database.engine.dispose()
        clock = Clock(now)
        server = Server(estate.settings, database, estate.store, estate.online, clock)
        self.house, self.estate, self.root = House(server, estate, clock), estate, estate.root
        officers = {"root": OFFICERS, "targets": OFFICERS}
        self.who |= {**officers, "hotfixes": ON_CALL, "breakglass": ON_CALL[:1]}

    @property
    def live(self) -> Path:
        """The repository as it is now."""
        return self.store.folder

    def read(self) -> Repository:
        """The repository as the product reads it."""
        return Repository.read(self.store)

    def keep(self, name: str) -> None:
        """Keep it as it is."""
        folder = self.folder / "shapes" / name
        shutil.copytree(self.live, folder, copy_function=os.link, ignore=_hidden)
        news = {path: self.listed[path] for path in sorted(self.news & self.listed.keys())}
        listed, gone, writes = dict(self.listed), frozenset(self.gone), len(self.store.writes)
        self.shapes.append(Shape(name, folder, news, listed, gone, writes))
        self.news.clear()

    def shape(self, name: str) -> Shape:
        """One that was kept."""
        return next(each for each in self.shapes if each.name == name)

    def forward(self, span: timedelta) -> None:
        """Let time pass."""
        self.house.clock.now += span
        self.estate.now = self.house.clock.now

    def _lists(self, path: str, content: bytes) -> None:
        self.listed[path] = content
        self.news.add(path)

    def _concerns(self, role: str) -> None:
        """A role has changed: clients read something of it."""
        self.news.update([path for path in self.listed if role in _roles(path)][:1])

    # --- people

    def newcomer(self, person: str, scheme: str = ED25519) -> Any:
        """The public key of somebody new."""
        signers.generate(
            person, self.folder / "estate/keys", PASSPHRASE, scheme=scheme, rounds=ROUNDS
        )
        return self.estate.public(person)

    def add_product(
        self,
        name: str,
        people: Sequence[str] = ENGINEERS,
        vendor: str = "",
        policy: BuildPolicy = NOTHING,
    ) -> None:
        """``hsp product add``; all of ``people`` must sign its releases."""
        keys = [self.estate.public(person) for person in people]
        table = rules({"product": len(people)}) if vendor else RULES
        online = self.estate.online.reread()[-1].rollouts.public_key
        draft = self.estate.draft(f"product-{name}")
        propose.product(self.read(), name, keys, online, draft, table, vendor, policy)
        self._publish(draft.folder, *self.who["targets"])
        self.who[name] = tuple(people)

    def give(self, name: str, given: Sequence[Assignment], *signed_by: str) -> None:
        """Give roles to other people."""
        draft = self.estate.draft(name)
        propose.people(self.read(), given, draft)
        self._publish(draft.folder, *signed_by)
        for each in given:
            self._concerns(each.role)

    def renewed(self, role: str) -> None:
        """The same once more, with a later date."""
        draft = self.estate.draft(f"renew-{role}")
        propose.renewal(self.read(), role, draft)
        self._publish(draft.folder, *self.who[role])
        self._concerns(role)

    def _publish(self, proposal: Path, *people: str) -> None:
        self.estate.sign(proposal, *people)
        self.estate.publish_proposal(proposal)

    # --- releases

    def release(
        self,
        version: str,
        product: str = "app",
        lane: Lane = Lane.RELEASES,
        name: str = "",
        platform: str = "any",
        builder: Signer | None = None,
        **build: Any,
    ) -> None:
        """Publish a release.

        Args:
            name: of its artifact, as another builder than ours may call it, and its platform.
            builder: whose statement comes with it, and an SBOM.
        """
        built = self.estate.build("0" if name else version, product=product, **build)
        if builder:
            said = statement(tar_of(built), signer=builder), sbom()
            files = written(self.folder / "said", *said)
            built = self.estate.build(version, product=product, attachments=files, **build)
        if name:
            built = _of_another_builder(built, version, name, platform)
        path = ReleasePath.parse(manifest_path(lane, product, version))
        self._publish(self.estate.propose(built, lane), *self.who[role_of(path)])
        for file in built.iterdir():
            self._lists(str(path.sibling(file.name)), file.read_bytes())

    def break_glass(self, version: str, product: str = "app", name: str = "") -> None:
        """A release for one site, for three days."""
        until = self.estate.now + timedelta(hours=72)
        limits: Any = {"issued_at": self.estate.now, "sites": ["shop"], "expires_at": until}
        self.release(version, product, Lane.BREAKGLASS, name, **limits)

    def withdraw(self, version: str, product: str, reason: str) -> None:
        """``hsp-sign`` says that a release runs nowhere else."""
        draft = self.estate.draft(f"withdraw-{product}-{version}")
        propose.withdrawal(self.read(), product, version, reason, draft)
        self._publish(draft.folder, *self.who[product])
        self.news.add(manifest_path(Lane.RELEASES, product, version))

    def roll_out(self, version: str, product: str = "app", **plan: Any) -> bytes:
        """Publish a plan."""
        content = self.estate.roll_out(version, product=product, **plan).to_bytes()
        self._lists(plan_path(product), content)
        return content

    def delta(self, product: str, old: str, new: str, platform: str) -> None:
        """Publish a delta as the scheduler does; no client of ours looks into this one."""
        path, content = delta_path(product, old, new, platform), f"{old} to {new}".encode()
        role, now = rollouts_role(product), self.house.clock.now
        publish_targets(self.store, role, {path: content}, self.estate.online, now)
        self._lists(path, content)

    # --- the server's keys, and its chores

    def next_keys(self, scheme: str) -> dict[str, Any]:
        """The keys of the server that come next."""
        folder = self.estate.settings.online_keys_folder
        passphrase = (folder / home.PASSPHRASE_FILE).read_text().strip()
        if scheme == P256 and not (folder / "next").exists():
            for name in ("snapshot", "timestamp", "rollouts"):
                options = {"person": SERVER, "scheme": scheme, "rounds": ROUNDS}
                signers.generate(name, folder / "next", passphrase, **options)  # type: ignore[arg-type] # mixed
        return dict(home.make_next_keys(self.estate.settings, passphrase))

    def rotate(self, keys: dict[str, Any], *, beside: bool) -> None:
        """Give the server's roles to its next keys."""
        given = assignments.of_the_server(self.read(), keys, beside=beside)
        self.give(f"rotate-{len(self.shapes)}", given, *self.who["root"])
        if not beside:
            home.take_next_keys(self.estate.settings)

    def thief(self) -> Thief:
        """Somebody with the keys that the server has now."""
        return Thief(self.store, self.estate.online.reread()[0])

    def renew(self) -> None:
        """What the scheduler signs anew."""
        renew(self.store, self.estate.online, self.house.clock.now)
        self._concerns("app.rollouts")

    def sweep(self, after: timedelta) -> list[str]:
        """Remove what has been unneeded for long; the keys."""
        self.forward(after)
        removed = retention.sweep(self.house.server, self.house.clock.now)
        for path in [path for path in self.listed if not _is_stored(path, self.store, self.listed)]:
            self.gone.add(path)
            del self.listed[path]
        return removed


def _hidden(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(".")]


def _roles(path: str) -> set[str]:
    """The roles that a client verifies on the way to a path."""
    kind, product, *_ = path.split("/")
    role = {"releases": product, "rollouts": f"{product}.rollouts", "deltas": f"{product}.rollouts"}
    return {"root", "targets", "snapshot", "timestamp", role.get(kind, kind)}


def _is_stored(path: str, store: DirectoryStore, listed: dict[str, bytes]) -> bool:
    folder, _, name = path.rpartition("/")
    files = (store.folder / "targets" / folder).glob(f"*.{name}")
    return any(file.read_bytes() == listed[path] for file in files)


def _of_another_builder(built: Path, version: str, name: str, platform: str) -> Path:
    """The same with another version and another name of its artifact, in a folder of its own."""
    file = built / MANIFEST_NAME
    manifest = ReleaseManifest.from_bytes(file.read_bytes())
    artifact = manifest.artifacts[0]
    (built / artifact.name).rename(built / name)
    renamed = artifact.model_copy(update={"name": name, "platform": platform})
    changed = manifest.model_copy(update={"version": version, "artifacts": (renamed,)})
    file.write_bytes(changed.to_bytes())
    return built.rename(built.with_name(f"{manifest.product}-{version}-of-another-builder"))
