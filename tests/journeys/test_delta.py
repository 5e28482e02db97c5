"""A delta spares a site most of a download; a broken one costs it nothing but a fallback."""

import random

from sqlmodel import select

from distribution.database.tables import Attempt
from distribution.repository import catalogue
from distribution.repository.publish import publish_targets
from distribution.scheduling import scheduler
from manifests.delta import delta_path
from manifests.target_paths import rollouts_role
from tests.simulators.village import PRODUCT, Village, VillageSite, now

SIZE = 600_000
DELTA = delta_path(PRODUCT, "1.0", "1.1", "any")


def _data(version: str) -> dict[str, bytes]:
    """Bytes that no compressor makes smaller; between versions, only some of them differ."""
    changing = bytearray(random.Random(1).randbytes(SIZE))
    changing[1000:2000] = random.Random(version).randbytes(1000)
    return {"data/same.bin": random.Random(2).randbytes(SIZE), "data/new.bin": bytes(changing)}


def _at_one(village: Village) -> VillageSite:
    site = village.site("warung-1")
    village.publish("1.0", files=_data("1.0"))
    village.start("1.0")
    site.poll()
    village.publish("1.1", files=_data("1.1"))
    village.start("1.1")
    return site


def _attempts(village: Village) -> list[Attempt]:
    village.tick()
    with village.server.database.reading() as session:
        return list(session.exec(select(Attempt)))


def test_a_delta_spares_most_of_the_download(village: Village) -> None:
    site = _at_one(village)
    scheduler.make_deltas(village.server, now())
    whole = catalogue.target(village.server.store, f"releases/{PRODUCT}/1.1/{PRODUCT}-1.1.tar.zst")
    delta = catalogue.target(village.server.store, DELTA)
    assert delta.length < 10_000 < whole.length

    site.poll()
    assert site.serves() == "1.1"
    attempt = _attempts(village)[-1]
    assert (attempt.version, attempt.saved_bytes) == ("1.1", whole.length - delta.length)
    assert attempt.downloaded_bytes == delta.length

    scheduler.make_deltas(village.server, now())
    listed = catalogue.targets_of(village.server.store, rollouts_role(PRODUCT))
    assert DELTA not in listed, "nobody runs 1.0 any more"


def test_a_broken_delta_falls_back_to_the_whole_artifact(village: Village) -> None:
    site = _at_one(village)
    scheduler.make_deltas(village.server, now())
    good = catalogue.read_target(village.server.store, DELTA)
    for broken in (_flipped(good), good[: len(good) // 2], b"", bytes(1000)):
        _replace(village, broken)
        site.poll()
        assert site.serves() == "1.1", "in the same poll"
        attempt = _attempts(village)[-1]
        assert (attempt.phase, attempt.saved_bytes) == ("confirmed", 0)
        assert attempt.downloaded_bytes > SIZE
        assert site.command("revert", PRODUCT).exit_code == 0
        assert site.command("rearm", PRODUCT, "1.1").exit_code == 0


def _flipped(delta: bytes) -> bytes:
    middle = len(delta) // 2
    return (
        delta[:middle] + bytes(byte ^ 0xFF for byte in delta[middle:][:64]) + delta[middle + 64 :]
    )


def _replace(village: Village, content: bytes) -> None:
    """The online role's key signs anything: it is the site that must not believe it."""
    server = village.server
    publish_targets(server.store, rollouts_role(PRODUCT), {DELTA: content}, server.online, now())
