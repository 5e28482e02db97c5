"""Keeps the turns of rollouts in which only so many sites may be in progress at once.

A site decides by itself, from the signed plan alone. So the plan of such a rollout says whose turn
it is, and nobody else begins. The scheduler gives a turn to the next site that could install now,
as far as the server knows: its window is open, nobody holds it. A turn ends with the site's
attempt. From a site that cannot use it (its window has shut, it is silent) it is taken back; but
the site may have begun before it hears of that, so its room stays taken for a while.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from distribution.control import fleet, plans, rollouts, turns
from distribution.control.control_tables import TurnRow
from distribution.control.standing import Candidate, Standing, is_for, plan_of_one, standing
from distribution.control.turns import Elsewhere, InLine
from distribution.database.sessions import Database
from distribution.database.tables import Attempt, RolloutRow, Site
from distribution.settings import Settings
from manifests import rollout as language
from manifests.decision import Decision, Install, Wait, decide
from manifests.install_report import Phase
from manifests.rollout import RolloutPlan, RolloutState

POLLS = 2
"""Within so many polls a site has begun, or has heard that its turn was taken back."""

ASK_AT_LEAST = timedelta(hours=1)
"""So often a site with a shut window is looked at: its administrator may have changed it."""

_DONE = (Standing.CONFIRMED, Standing.OVERTAKEN)
_CANNOT_COME = (*_DONE, Standing.NOT_YET, Standing.SILENT)


@dataclass(frozen=True)
class Changes:
    """What is to be written of one rollout's turns; sites by their names."""

    ended: frozenset[str] = frozenset()
    taken_back: frozenset[str] = frozenset()
    given: tuple[str, ...] = ()
    ask_again: Mapping[str, datetime] = field(default_factory=dict)


def look(database: Database, settings: Settings, now: datetime) -> None:
    """End turns, take them back and give the next ones, in a transaction for each rollout.

    Raises:
        Unavailable: the database does not answer.
    """
    with database.reading() as session:
        due = [row.id for row in _limited(session) if _changes(session, row, settings, now)]
    for number in due:
        with database.writing() as session:
            row = session.get_one(RolloutRow, number)
            before = plans.turns_of(session, row)
            changes = _changes(session, row, settings, now) if _is_moving(row) else None
            _write(session, row, changes or Changes(), now)
            if plans.turns_of(session, row) != before:
                plans.write(session, row.product, now)


def _limited(session: Session) -> list[RolloutRow]:
    """Rollouts with such a limit that sites may still get."""
    rows = [row for row in rollouts.all_rollouts(session) if _is_moving(row)]
    return [row for row in rows if plans.turns_of(session, row) is not None]


def _is_moving(row: RolloutRow) -> bool:
    return row.state in (RolloutState.RUNNING, RolloutState.FINISHED)


def _changes(
    session: Session, row: RolloutRow, settings: Settings, now: datetime
) -> Changes | None:
    """What there is to do; None for nothing."""
    found = _Look(session, row, settings, now).changes()
    return found if found != Changes() else None


@dataclass(frozen=True)
class _Place:
    """A site of the rollout, with what is known of its turn and of its attempt."""

    candidate: Candidate
    drawn: int
    where: Standing
    row: TurnRow
    attempt: Attempt | None

    @property
    def site_id(self) -> str:
        """Whose place it is."""
        return self.candidate.site.profile.site_id

    @property
    def has_turn(self) -> bool:
        """Whether the plan names it."""
        return self.row.given_at is not None and self.row.taken_back_at is None

    @property
    def is_changing(self) -> bool:
        """Whether the old version is gone, and the new one neither confirmed nor given up."""
        attempt = self.attempt
        if attempt is None or attempt.lost_at is not None:
            return False
        return Phase(attempt.phase) in fleet.OLD_VERSION_GONE

    @property
    def is_over(self) -> bool:
        """Whether what it had its turn for has come to an end."""
        ended = (self.attempt.ended_at or self.attempt.lost_at) if self.attempt else None
        given = self.row.given_at
        return self.where in _DONE or (None not in (ended, given) and ended >= given)  # type: ignore[operator] # neither is None


class _Look:
    """The sites of one rollout in their order, at one moment."""

    def __init__(
        self, session: Session, row: RolloutRow, settings: Settings, now: datetime
    ) -> None:
        self._session, self._row, self._now = session, row, now
        self._patience = timedelta(seconds=POLLS * settings.poll_seconds)
        self._course = rollouts.course_of(session, row)
        self._plan = _without_turns(session, row)
        online_since = now - timedelta(seconds=settings.silent_after_seconds)
        self._places = sorted(self._found(online_since), key=self._order)
        self._ask_again: dict[str, datetime] = {}

    def changes(self) -> Changes:
        """What there is to do."""
        with_turn = [place for place in self._places if place.has_turn]
        ended = frozenset(place.site_id for place in with_turn if place.is_over)
        idle = (place for place in with_turn if not place.is_over and self._is_idle(place))
        line = [self._in_line(place) for place in self._places]
        by_name = {place.site_id: place for place in self._places}
        given = turns.next_ones(
            line,
            self._course.schedule.limits,
            _elsewhere(self._session, self._row),
            lambda one: self._can_begin(by_name[one.site_id]),
        )
        return Changes(
            ended=ended,
            taken_back=frozenset(place.site_id for place in idle),
            given=tuple(one.site_id for one in given),
            ask_again=self._ask_again,
        )

    def _found(self, online_since: datetime) -> Iterator[_Place]:
        session, row, course, now = self._session, self._row, self._course, self._now
        bare = plan_of_one(course, now)
        kept = session.exec(select(TurnRow).where(TurnRow.rollout_id == row.id))
        known = {each.site_id: each for each in kept}
        attempts = fleet.newest_attempts(session, row.release)
        for candidate in fleet.candidates(session, row, online_since):
            if is_for(course, bare, candidate, now):
                site = candidate.site.profile.site_id
                drawn = language.draw(row.product, row.version, site)
                where = standing(course, candidate, drawn, now)
                mine = known.get(site) or TurnRow(rollout_id=row.id or 0, site_id=site)
                yield _Place(candidate, drawn, where, mine, attempts.get(site))

    def _order(self, place: _Place) -> tuple[bool, int, str]:
        """As the rollout goes; who did not use a turn comes behind all others."""
        bounds = [wave.up_to_basis_points for wave in self._course.rollout.waves]
        position = language.position(place.drawn, place.candidate.site.profile.ring, bounds)
        return place.row.taken_back_at is not None, position, place.site_id

    def _in_line(self, place: _Place) -> InLine:
        back = place.row.taken_back_at
        just_lost = back is not None and self._now < back + self._patience
        with_turn = place.has_turn and not place.is_over
        return InLine(
            site_id=place.site_id,
            client_id=place.candidate.site.profile.client_id,
            drawn=place.drawn,
            takes_room=with_turn or just_lost or place.is_changing,
            may_come=place.where not in _CANNOT_COME and not place.is_over,
        )

    def _is_idle(self, place: _Place) -> bool:
        """Whether it has a turn that it cannot use, or does not."""
        given, attempt = place.row.given_at, place.attempt
        if place.is_changing or given is None:
            return False
        if not place.candidate.online or not isinstance(self._decision(place), Install):
            return True
        began = attempt is not None and attempt.moved_at >= given
        return not began and self._now >= given + self._patience

    def _can_begin(self, place: _Place) -> bool:
        said = place.candidate.said
        later = (place.row.ask_again_at, said.until if said else None)
        if any(moment is not None and self._now < moment for moment in later):
            return False
        decision = self._decision(place)
        if isinstance(decision, Wait) and decision.until is not None:
            soon = self._now + ASK_AT_LEAST
            self._ask_again[place.site_id] = min(max(decision.until, self._now), soon)
        return isinstance(decision, Install)

    def _decision(self, place: _Place) -> Decision:
        """What the site would do if it were its turn, by all that the server knows of it."""
        row = self._session.get_one(Site, place.site_id)
        known = fleet.as_known(self._session, row, self._now)
        return decide(self._course.release, self._plan, known, self._now)


def _without_turns(session: Session, row: RolloutRow) -> RolloutPlan:
    """The plan as written, in which it is everybody's turn."""
    plan = plans.written(session, row.product)
    assert plan is not None  # noqa: S101 - it was written when the rollout was started
    free = (each.model_copy(update={"turns": None}) for each in plan.rollouts)
    return plan.model_copy(update={"rollouts": tuple(free)})


def _elsewhere(session: Session, row: RolloutRow) -> Elsewhere:
    """The sites that are being changed by another release of any product."""
    newer = aliased(Attempt)
    newer_one = select(newer.id).where(
        newer.site_id == Attempt.site_id,
        newer.product == Attempt.product,
        newer.place > Attempt.place,
    )
    wanted = (
        select(Site.client_id, Attempt.product)
        .join(Attempt, col(Attempt.site_id) == col(Site.id))
        .where(col(Attempt.phase).in_([phase.value for phase in fleet.OLD_VERSION_GONE]))
        .where(col(Attempt.lost_at).is_(None), Attempt.release != row.release)
        .where(~newer_one.exists())
    )
    found = session.exec(wanted).all()
    return Elsewhere(
        same_product=[client for client, product in found if product == row.product],
        other_products=[client for client, product in found if product != row.product],
    )


def _write(session: Session, row: RolloutRow, changes: Changes, now: datetime) -> None:
    for site in changes.ended:
        session.delete(_turn(session, row, site))
    for site in changes.taken_back:
        _turn(session, row, site).taken_back_at = now
    for site in changes.given:
        turn = _turn(session, row, site)
        turn.given_at, turn.taken_back_at, turn.ask_again_at = now, None, None
    for site, moment in changes.ask_again.items():
        _turn(session, row, site).ask_again_at = moment
    session.flush()


def _turn(session: Session, row: RolloutRow, site: str) -> TurnRow:
    known = session.get(TurnRow, (row.id, site))
    if known is None:
        known = TurnRow(rollout_id=row.id or 0, site_id=site)
        session.add(known)
    return known
