"""Sites that only speak: a key and a story of reports each, told over HTTP by a few processes.

What a site says follows from its name, so every process can say it. ``tell`` sends the reports of
a share of the sites: in order, or with acknowledgements lost, reports doubled and reports that
overtake others, as real networks do.
"""

import hashlib
import multiprocessing
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from sqlmodel import col, update

from distribution.database.sessions import Database
from distribution.database.tables import Site
from manifests import envelope
from manifests.check_in import CHECK_IN_TYPE, CheckIn, ProductStatus
from manifests.failures import FailureCode
from manifests.install_report import REPORT_TYPE, InstallReport, Phase
from manifests.rollout import Ring
from manifests.site import InstalledProduct, SitePolicy
from tests.simulators import big_fleet
from tests.simulators.cluster import Line, Unanswered
from tests.simulators.house import PRODUCT

THREADS = 24
PROCESSES = 2
BEGIN = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
_STORY = (Phase.DOWNLOADING, Phase.ACTIVATING)


@dataclass(frozen=True)
class Trouble:
    """What part of the reports meets what, in per cent; all 0: none."""

    lost: int = 0
    """The acknowledgement does not arrive: the site sends it again."""
    doubled: int = 0
    """It is sent to two servers at the same time, and then once more."""
    reordered: int = 0
    """It is overtaken by up to five that come after it."""


@dataclass(frozen=True)
class Heard:
    """What one process came to know."""

    acknowledged: int
    refused: dict[int, int]
    without_retry_after: int
    wrong: tuple[str, ...]


def name_of(number: int) -> str:
    """As ``big_fleet`` calls its sites."""
    return f"site-{number:06}"


def key_of(number: int) -> Ed25519PrivateKey:
    """A site's key, from its name."""
    seed = hashlib.sha256(name_of(number).encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def settle(database: Database, sites: int, now: datetime) -> None:
    """Put so many enrolled sites into the database, with keys that they have."""
    big_fleet.fill(database, sites, now)
    with database.engine.begin() as connection:
        for number in range(sites):
            public = envelope.public_hex(key_of(number).public_key())
            found = update(Site).where(col(Site.id) == name_of(number))
            # None is silent: whether the scheduler sees that before the site speaks is a race.
            connection.execute(found.values(public_key=public, last_seen=now))


def check_in(number: int, at: datetime) -> bytes:
    """A site's sign of life."""
    status = ProductStatus(product=PRODUCT, installed=InstalledProduct(version="2.0"))
    said = CheckIn(
        site_id=name_of(number),
        at=at,
        boot_id="boot",
        agent_version="1",
        ring=Ring.BROAD,
        policy=SitePolicy(),
        products=(status,),
    )
    return envelope.seal(said.to_bytes(), CHECK_IN_TYPE, CryptoSigner(key_of(number)))


def reports(number: int, count: int) -> Iterator[bytes]:
    """A site's first ``count`` reports: attempts of three reports, of which one in five fails."""
    chance, signer = random.Random(name_of(number)), CryptoSigner(key_of(number))
    fails = False
    for sequence in range(1, count + 1):
        attempt, step = divmod(sequence - 1, 3)
        if step == 0:
            fails = chance.random() < 0.2
        last: dict[str, object] = {"phase": Phase.CONFIRMED}
        if fails:
            last = {
                "phase": Phase.REVERTED,
                "code": FailureCode.UNHEALTHY,
                "detail": chance.choice(("the prices are missing", "the port is taken")),
            }
        version = f"{2 + attempt}.0"
        plain = {
            "site_id": name_of(number),
            "sequence": sequence,
            "boot_id": "boot",
            "attempt_id": f"{name_of(number)}-{attempt}",
            "at": BEGIN + timedelta(seconds=sequence),
            "product": PRODUCT,
            "release": f"releases/{PRODUCT}/{version}/manifest.json",
            "version": version,
            **({"phase": _STORY[step]} if step < len(_STORY) else last),
        }
        body = InstallReport.model_validate(plain).to_bytes()
        yield envelope.seal(body, REPORT_TYPE, signer)


def tell(
    ports: Sequence[int],
    sites: int,
    each: int,
    trouble: Trouble,
    *,
    signs: bool = False,
    patience_seconds: float = 120,
) -> "list[Future[Heard]]":
    """Begin to send ``each`` reports of every site, and with ``signs`` a check-in after them."""
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(PROCESSES, mp_context=context)
    shares = [range(number, sites, PROCESSES) for number in range(PROCESSES)]
    begun = [
        pool.submit(_process, ports, share, each, trouble, signs, patience_seconds)
        for share in shares
    ]
    pool.shutdown(wait=False)
    return begun


def _process(
    ports: Sequence[int],
    share: Sequence[int],
    each: int,
    trouble: Trouble,
    signs: bool,
    patience_seconds: float,
) -> Heard:
    lines = [Line(ports, patience_seconds) for _ in range(THREADS)]
    parts = [share[number::THREADS] for number in range(THREADS)]

    def speak(line: Line, numbers: Sequence[int]) -> tuple[int, list[str]]:
        told, wrong = 0, []
        for number in numbers:
            try:
                for body in _disturbed(reports(number, each), trouble, name_of(number)):
                    told += _send(line, body, trouble)
                if signs:
                    line.post("/v1/check-in", check_in(number, datetime.now(UTC)))
            except Unanswered as error:
                wrong.append(f"{name_of(number)}: {error}")
        line.close()
        return told, wrong

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(speak, lines, parts))
    refused: dict[int, int] = {}
    for line in lines:
        for status, times in line.refused.items():
            refused[status] = refused.get(status, 0) + times
    return Heard(
        acknowledged=sum(told for told, _ in found),
        refused=refused,
        without_retry_after=sum(line.without_retry_after for line in lines),
        wrong=tuple(words for _, wrong in found for words in wrong),
    )


def _disturbed(ordered: Iterator[bytes], trouble: Trouble, seed: str) -> Iterator[bytes]:
    """Some of them wait until up to five others have gone."""
    chance, waiting = random.Random(seed), list[tuple[int, bytes]]()
    for index, body in enumerate(ordered):
        if chance.random() * 100 < trouble.reordered:
            waiting.append((index + chance.randint(1, 5), body))
        else:
            yield body
        for due in [pair for pair in waiting if pair[0] <= index]:
            waiting.remove(due)
            yield due[1]
    yield from (body for _, body in waiting)


def _send(line: Line, body: bytes, trouble: Trouble) -> int:
    """Until the site knows that it was acknowledged."""
    if line.chance.random() * 100 < trouble.lost:
        line.once("/v1/reports", body)  # and nobody hears the answer
    if line.chance.random() * 100 < trouble.doubled:
        line.twice("/v1/reports", body)
    line.post("/v1/reports", body)
    return 1


def digests(sites: int, each: int) -> set[tuple[str, int, str]]:
    """What must be in the database afterwards: site, place, sha256 of the body."""
    return {
        (name_of(number), place, hashlib.sha256(envelope.peek(body, REPORT_TYPE)).hexdigest())
        for number in range(sites)
        for place, body in enumerate(reports(number, each), 1)
    }
