"""Whoever steals one person's key, the store and all online keys: nothing is installed anywhere.

One L3 key is worth the sites that its break-glass release names, where they allow it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from manifests.rollout import Change, Rollout, RolloutState, Wave
from manifests.target_paths import Lane, manifest_path
from signing import signers
from tests.simulators.estate import PASSPHRASE, PEOPLE
from tests.simulators.thief import Thief
from tests.simulators.village import PRODUCT, Village, open_village

pytestmark = pytest.mark.journey

ROLES = {Lane.RELEASES: PRODUCT, Lane.HOTFIXES: "hotfixes", Lane.BREAKGLASS: "breakglass"}
SITES = ("warung-1", "warung-2", "warung-3")


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    """Three sites that allow break-glass at once."""
    with open_village(tmp_path) as built:
        for name in SITES:
            built.site(name).set_policy('breakglass = "immediate"')
        yield built


def installed_by_a_thief(village: Village, person: str, lane: Lane, **described: Any) -> int:
    """How many sites run what was signed with this person's key and those of the server."""
    online = village.server.online.generations[0]
    stolen = signers.signer_for(
        village.estate.key(person), [village.estate.public(person)], PASSPHRASE
    )
    version = "6.6.6"
    built = village.build(version, **described)
    artifact, path = next(built.glob("*.zst")), manifest_path(lane, PRODUCT, version)
    files = {
        path: (built / "manifest.json").read_bytes(),
        f"{lane.value}/{PRODUCT}/{version}/{artifact.name}": artifact.read_bytes(),
    }
    thief = Thief(village.server.store, online._replace(rollouts=stolen))
    thief.sign(ROLES[lane], files)
    long_ago = datetime.now(UTC) - timedelta(days=30)
    change = Change(by="thief", at=long_ago, reason="because I can")
    wave = Wave(opens_at=long_ago, up_to_basis_points=10_000)
    rollout = Rollout(release=path, state=RolloutState.RUNNING, last_change=change, waves=(wave,))
    Thief(village.server.store, online).plan(PRODUCT, rollout)
    village.poll_all()
    return sum(site.serves() == version for site in village.sites)


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("lane", [Lane.RELEASES, Lane.HOTFIXES])
def test_one_persons_key_installs_nothing(village: Village, person: str, lane: Lane) -> None:
    assert installed_by_a_thief(village, person, lane) == 0


def test_one_l3_key_reaches_the_sites_that_it_names(village: Village) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    limits = {"issued_at": now, "expires_at": now + timedelta(hours=71)}
    assert installed_by_a_thief(village, "tono", Lane.BREAKGLASS, sites=SITES[:1], **limits) == 1


def test_the_same_with_both_engineers_keys_installs_everywhere(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is the missing signature that stops the thief, and nothing else about the attack."""
    estate = village.estate
    second = signers.signer_for(estate.key("joko"), [estate.public("joko")], PASSPHRASE)

    def write(thief: Thief, metadata: Any, signer: Any, name: str) -> None:
        metadata.sign(signer)
        if name.endswith(f".{PRODUCT}"):
            metadata.sign(second, append=True)
        thief.store.create(f"metadata/{name}.json", metadata.to_bytes())

    monkeypatch.setattr(Thief, "_write", write)
    assert installed_by_a_thief(village, "sari", Lane.RELEASES) == len(SITES)
