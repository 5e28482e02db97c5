"""A publish that stops half way, and two at once, seen by agents that poll all the while."""

import threading
from pathlib import Path

import pytest

from signing.errors import SigningError
from tests.simulators.crashing_store import Crash, CrashingStore
from tests.simulators.village import Village

WRITES = ["manifest", "artifact", "role", "snapshot", "timestamp"]


def _proposal(village: Village, version: str) -> Path:
    """A release that everybody has signed and nobody has published."""
    estate = village.estate
    proposal = estate.propose(village.build(version))
    estate.sign(proposal, "sari", "joko")
    return proposal


@pytest.mark.parametrize("at", range(1, len(WRITES) + 1), ids=[f"before the {w}" for w in WRITES])
def test_a_crash_between_two_uploads_leaves_every_polling_agent_consistent(
    village: Village, at: int
) -> None:
    sites = [village.site("warung-1"), village.site("apotek-1", "apotek")]
    village.publish("1.0")
    village.start("1.0")
    village.poll_all()
    proposal = _proposal(village, "1.1")

    store = village.estate.store
    village.estate.store = CrashingStore(store, at, after=False)
    with pytest.raises(Crash):
        village.estate.publish_proposal(proposal)
    for site in sites:
        assert site.poll().exit_code == 0, "nothing is wrong as far as a site can see"
        assert site.serves() == "1.0"

    village.estate.store = store
    village.estate.publish_proposal(proposal)
    village.start("1.1")
    village.poll_all()
    assert [site.serves() for site in sites] == ["1.1", "1.1"]


def test_two_publishers_at_once_one_wins_and_the_other_is_told(village: Village) -> None:
    site = village.site("warung-1")
    proposals = {version: _proposal(village, version) for version in ("1.0", "1.1")}
    won: list[str] = []
    told: list[SigningError] = []

    def publish(version: str) -> None:
        try:
            village.estate.publish_proposal(proposals[version])
            won.append(version)
        except SigningError as error:
            told.append(error)

    threads = [threading.Thread(target=publish, args=(version,)) for version in proposals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == len(told) == 1
    assert "propose" in told[0].hint, "they are told what to do next"

    (loser,) = proposals.keys() - set(won)
    assert (proposals[loser] / "proposal.json").exists(), "and have lost nothing"
    again = village.estate.propose(village.estate.folder / "builds" / f"app-{loser}", name="again")
    village.estate.sign(again, "sari", "joko")
    village.estate.publish_proposal(again)
    village.start("1.0")
    village.start("1.1")
    site.poll()
    assert site.serves() == "1.1"
