"""What our people do in these stories, with the real tools: releases, keys, repairs.

An attacker's release is a real program that says ``EVIL`` of itself wherever it comes to run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer

from distribution import home
from distribution.emergency.reviewed_publish import reviewed
from distribution.repository.online_keys import NAMES, NEXT, Generation
from distribution.repository.publish import renew
from distribution.repository.recovery import rebuilt
from distribution.scheduling import repair
from distribution.server import online_passphrase
from manifests.provenance import SLSA_V1
from manifests.release import Release
from manifests.target_paths import Lane, ReleasePath, manifest_path, plan_path, rollouts_role
from signing import assignments, propose, signers
from signing.build_policy import read_policy
from signing.metadata import TIMESTAMP_KEY, metadata_key, target_key
from signing.propose import Assignment
from signing.roles import ROOT, SNAPSHOT, TARGETS
from signing.update_repository import Repository
from tests.simulators.builder import tar_of, written
from tests.simulators.estate import OFFICERS, PASSPHRASE, ROUNDS
from tests.simulators.village import PRODUCT, PROGRAM, Village, now

EVIL = "evil"
UNCHECKED: dict[str, Any] = {"health": {}}
"""A release that is well as soon as its program is up: the stories look at the program anyway."""


@dataclass
class Office:
    """Officers, engineers, L3 and a vendor's Lena, with everything that they sign and publish."""

    village: Village
    builds: int = 0
    officers: tuple[str, ...] = OFFICERS

    # --- releases

    def next_version(self) -> str:
        """Higher than all before; versions only grow."""
        self.builds += 1
        return f"1.{self.builds}"

    def release(self, version: str = "", **described: Any) -> Release:
        """An honest release, signed by the people who sign its lane; nobody has started it."""
        return self.village.publish(version or self.next_version(), **{**UNCHECKED, **described})

    def news(self, lane: Lane = Lane.RELEASES, **described: Any) -> str:
        """An honest release that every site may install at its next poll."""
        version = self.release(lane=lane, **described).manifest.version
        self.village.start(version, lane=lane)
        return version

    def evil(self, version: str = "", **described: Any) -> Path:
        """A built release of an attacker; nobody has signed it."""
        program = {"serve.py": PROGRAM, "RELEASE": EVIL.encode(), "health.txt": b"yes"}
        fields = {"instead": program, **UNCHECKED, **described}
        return self.village.build(version or self.next_version(), **fields)

    def release_library(self, version: str = "") -> str:
        """A version of the second product; nobody has started it."""
        plain = {"variables": [], "install": {"kind": "slot"}, "instead": {"lib": b"lib"}}
        version = version or f"2.{self.next_version()}"
        self.release(version, product="library", **plain)
        return version

    def news_of_library(self) -> str:
        """The same, for every site that has it."""
        version = self.release_library()
        self.village.start(version, product="library")
        return version

    def evil_breakglass(
        self, sites: Sequence[str], hours: int = 71, ago: timedelta = timedelta()
    ) -> Path:
        """A break-glass release of an attacker: for whom, for how long, since when."""
        issued_at = now() - ago
        until = issued_at + timedelta(hours=hours)
        return self.evil(issued_at=issued_at, sites=list(sites), expires_at=until)

    def publish_reviewed(self, built: Path, *people: str) -> ReleasePath:
        """``hsp publish`` of a break-glass release."""
        estate, server = self.village.estate, self.village.server
        proposal = estate.propose(built, Lane.BREAKGLASS)
        estate.sign(proposal, *people)
        with reviewed(server.settings, server.store, proposal, now()):
            return ReleasePath.parse(estate.publish_proposal(proposal).releases[0])

    def ask_for_provenance(self, builder: str) -> None:
        """The officers say what every release of the product must carry."""
        estate = self.village.estate
        draft = estate.draft("asked")
        policy = read_policy([builder], [SLSA_V1], [], sbom=False)
        propose.builds(Repository.read(estate.store), PRODUCT, policy, draft)
        estate.sign(draft.folder, *self.officers)
        estate.publish_proposal(draft.folder)

    def publish_with(self, said: Callable[[str], bytes] | None) -> str:
        """A release with what its builder says about the sha256 of its contents."""
        estate, version = self.village.estate, self.next_version()
        tar = tar_of(self.village.build(version, **UNCHECKED))
        told = written(estate.folder / "said", said(tar) if said else None, None)
        proposal = estate.propose(self.village.build(version, attachments=told, **UNCHECKED))
        estate.sign(proposal, *estate.signers_of(Lane.RELEASES))
        estate.publish_proposal(proposal)
        return version

    # --- people and keys

    @property
    def server_keys(self) -> Generation:
        """The online keys that are in use."""
        return self.village.server.online.generations[-1]

    def signer(self, person: str) -> Signer:
        """A person's key, past our program."""
        estate = self.village.estate
        return signers.signer_for(estate.key(person), [estate.public(person)], PASSPHRASE)

    def sign_and_publish(self, name: str, changed: Sequence[Assignment], *people: str) -> None:
        """Propose that these hold roles from now on; people sign offline, and it is published."""
        estate = self.village.estate
        estate.now = now()
        draft = estate.draft(name)
        propose.people(Repository.read(estate.store), changed, draft)
        estate.sign(draft.folder, *people)
        estate.publish_proposal(draft.folder)

    def rotate_stolen(self) -> None:
        """The server's keys are a thief's: new ones take their place in one step."""
        settings, store = self.village.server.settings, self.village.server.store
        home.make_next_keys(settings, online_passphrase(settings))
        folder = settings.online_keys_folder / NEXT
        keys = {name: signers.read_public(folder / f"{name}.pub") for name in NAMES}
        estate, before = self.village.estate, rebuilt(store)
        estate.now = now()
        draft = estate.draft(f"stolen-{self.next_version()}")
        propose.people(before, assignments.of_the_server(before, keys, beside=False), draft)
        estate.sign(draft.folder, *self.officers)
        estate.publish_proposal(draft.folder)
        renew(store, self.village.server.online, now())
        home.take_next_keys(settings)

    def replace_stolen_plan(self) -> None:
        """``hsp repair stolen-plan``."""
        server = self.village.server
        repair.replace_stolen(
            server.database, server.store, server.online, PRODUCT, "the operator", now()
        )

    def remove_what_nobody_published(self, yesterday: dict[str, bytes | None]) -> None:
        """Compare the bucket with yesterday's copy: what a thief put among people's files goes."""
        store = self.village.server.store
        for key in store.keys("metadata/"):
            if key.endswith(f".{PRODUCT}.json") and key not in yesterday:
                store.remove(key)

    def revoke(self, person: str, instead: str, *signed_by: str) -> None:
        """Somebody else takes a person's place; of what is signed anew, its people sign too."""
        folder = self.village.folder / "keys"
        signers.generate(instead, folder, PASSPHRASE, rounds=ROUNDS)
        repository = Repository.read(self.village.server.store)
        new = signers.read_public(folder / f"{instead}.pub")
        changed = assignments.revoked(repository, person, (), [new])
        self.sign_and_publish(f"revoke-{person}", changed, *signed_by)
        self.officers = tuple(instead if each == person else each for each in self.officers)
        estate, known = self.village.estate, self.village.estate.signers_of

        def signers_of(lane: Lane) -> tuple[str, ...]:
            return tuple(instead if each == person else each for each in known(lane))

        estate.signers_of = signers_of  # type: ignore[method-assign]

    def add_vendor(self) -> str:
        """ACME's product "till", which ACME's Lena signs together with our Joko."""
        estate, lena = self.village.estate, "acme.lena"
        signers.generate(lena, self.village.folder / "keys", PASSPHRASE, rounds=ROUNDS)
        estate.now = now()
        keys = [estate.public(person) for person in (lena, "joko")]
        online = home.online_public_keys(estate.settings)["rollouts"]
        draft = estate.draft("product-till")
        repository = Repository.read(estate.store)
        propose.product(repository, "till", keys, online, draft, vendor="acme")
        estate.sign(draft.folder, *self.officers)
        estate.publish_proposal(draft.folder)
        return lena

    def renew_root(self) -> None:
        """The officers sign the same root once more."""
        estate = self.village.estate
        estate.now = now()
        draft = estate.draft("renew-root")
        propose.renewal(Repository.read(estate.store), ROOT, draft)
        estate.sign(draft.folder, *self.officers)
        estate.publish_proposal(draft.folder)

    # --- where things are stored

    def repository_files(self, ending: str) -> list[str]:
        """The honest keys with this ending."""
        return [key for key in self.village.server.store.keys("") if key.endswith(ending)]

    def artifact(self, version: str, lane: Lane = Lane.RELEASES, product: str = PRODUCT) -> str:
        """Where a release's archive is stored."""
        (found,) = self.repository_files(f".{product}-{version}.tar.zst")
        assert found.startswith(f"targets/{lane}/{product}/")
        return found

    def files_of_a_poll(self, version: str, product: str = PRODUCT) -> list[str]:
        """What a site fetches to install a release, its archive aside; the newest of each."""
        repository = Repository.read(self.village.server.store)
        snapshot = repository.timestamp.signed.snapshot_meta.version if repository.timestamp else 0
        roles = (TARGETS, product, rollouts_role(product))
        listed = [metadata_key(role, repository.version(role)) for role in roles]
        files = (plan_path(product), manifest_path(Lane.RELEASES, product, version))
        owners = (rollouts_role(product), product)
        stored = [
            target_key(path, repository.role(role).signed.targets[path].hashes["sha256"])  # type: ignore[union-attr]
            for path, role in zip(files, owners, strict=True)
        ]
        return [TIMESTAMP_KEY, metadata_key(SNAPSHOT, snapshot), *listed, *stored]
