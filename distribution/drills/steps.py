"""What every drill is made of: steps that are done or not, of which somebody does the next one."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from distribution import home
from distribution.control.control_tables import DrillRow
from distribution.database.sessions import Database
from distribution.drills import records
from distribution.drills.records import Goal
from distribution.repository.bucket import open_store
from distribution.repository.recovery import rebuilt
from distribution.repository.store_errors import in_server_words
from distribution.settings import Settings
from signing.draft import Draft
from signing.errors import StaleProposal
from signing.proposal import Proposal
from signing.status import SigningStatus
from signing.store import Store
from signing.update_repository import Repository


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        what: what is done, in words.
        act: what ``--yes`` does, and says; None where it is for people.
        preview: what it would come to, for who has not decided yet.
        how: what people do, as commands.
    """

    what: str
    done: bool
    act: Callable[[], Iterator[str]] | None = None
    preview: Callable[[], Iterator[str]] | None = None
    how: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drill:
    """A drill as it stands.

    Attributes:
        about: whose keys; empty where there is only one such drill.
        title: what has happened, in words.
        exposure: what a thief could and could not have done.
        noticed: what the sites noticed so far.
    """

    name: str
    about: str
    title: str
    exposure: tuple[str, ...]
    goal: Goal
    steps: tuple[Step, ...]
    noticed: tuple[str, ...] = ()

    @property
    def next(self) -> Step | None:
        """The first step that is not done."""
        return next((step for step in self.steps if not step.done), None)


@dataclass(frozen=True)
class Scene:
    """Where a drill takes place, read once."""

    settings: Settings
    store: Store
    database: Database
    repository: Repository
    by: str
    now: datetime

    @classmethod
    def open(cls, settings: Settings, by: str, now: datetime, *, distrust: bool = False) -> "Scene":
        """Read the server's home.

        Args:
            distrust: go by what people have signed, whatever the server's keys say.

        Raises:
            NotFound: there is no repository.
            Unavailable: the store or the database does not answer.
        """
        store, database = open_store(settings), Database.open(settings)
        with in_server_words():
            repository = rebuilt(store) if distrust else Repository.read(store)
        return cls(settings, store, database, repository, by, now)

    def record(self, name: str, about: str) -> DrillRow | None:
        """What was noted when this drill began; None if it has not."""
        with self.database.reading() as session:
            return records.opened(session, name, about)


def proposed(
    scene: Scene, name: str, make: Callable[[Draft], Proposal], what: str, *, done: bool
) -> tuple[Step, Step]:
    """Two steps: write a proposal, and have it signed and published.

    Args:
        make: writes the proposal.
        what: what is proposed, such as ``to strike off sari's key``.
        done: whether it is published.
    """
    folders = _folders(scene, name)
    fresh, free = (None, None) if done else _search(scene, folders)
    status = SigningStatus.of(Proposal.read(fresh)) if fresh else None

    def act() -> Iterator[str]:
        assert free is not None  # noqa: S101 - it is not done
        proposal = make(Draft(free, scene.by, scene.now))
        yield from SigningStatus.of(proposal).lines()

    def preview() -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            proposal = make(Draft(Path(folder) / "proposal", scene.by, scene.now))
            yield from SigningStatus.of(proposal).lines()

    return (
        Step(f"propose {what}", done or fresh is not None, act, preview),
        Step("have it signed, and publish it", done, how=_how(fresh or free, status)),
    )


def _how(folder: Path | None, status: SigningStatus | None) -> tuple[str, ...]:
    roles = () if status is None else tuple(map(str, status.roles))
    sign = f"hsp-sign sign {folder} --key NAME.key"
    return (*roles, f"each of them: {sign}", f"then: hsp publish {folder}")


def _folders(scene: Scene, name: str) -> Iterator[Path]:
    folder = scene.settings.home / home.PROPOSALS
    yield folder / name
    yield from (folder / f"{name}-{number}" for number in count(2))


def _search(scene: Scene, folders: Iterator[Path]) -> tuple[Path | None, Path]:
    """The last of them that is there, if the repository has not moved on; the first that is not."""
    last = None
    for folder in folders:
        if not folder.exists():
            break
        last = folder
    return (last if last is not None and _is_fresh(scene, last) else None), folder


def _is_fresh(scene: Scene, folder: Path) -> bool:
    try:
        Proposal.read(folder).against(scene.repository)
    except StaleProposal:
        return False
    return True


def finished(scene: Scene, drill: Drill, row: DrillRow | None) -> Drill:
    """The drill with its last two steps: every site knows, and somebody closes it."""
    online_since = scene.now - timedelta(seconds=scene.settings.silent_after_seconds)
    said: tuple[str, ...] = ()
    knows = False
    if row is not None:
        with scene.database.reading() as session:
            noticed = records.noticed(session, row, online_since)
        said = tuple(records.in_words(noticed))
        knows = noticed.notice is not None and noticed.notice.seconds is not None
    wait = Step("wait until every site that is online knows", knows, how=("the sites poll",))
    return replace(drill, steps=(*drill.steps, wait, closing(scene, drill)), noticed=said)


def closing(scene: Scene, drill: Drill) -> Step:
    """The last step of every drill."""

    def close() -> Iterator[str]:
        records.close(scene.database, drill.name, drill.about, scene.by, scene.now)
        yield "The drill is closed."

    return Step("close the drill, with its figures for the record", False, act=close)
