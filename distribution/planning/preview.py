"""What a rollout would do, before anything is published: who moves when, and who cannot.

The sites decide with ``decide``, asked at moments that lie ahead: whenever it says "not before", it
is asked again then. The waves open by ``assess``, over the same counts: a site that waits for its
window is waited for. So a preview cannot disagree with what will happen, as long as every install
succeeds and takes as long as expected; every time in it is therefore the earliest.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from packaging.version import Version

from distribution.control.assessment import Hold, OpenNextWave, Verdict, assess
from distribution.control.standing import Counts, Course
from distribution.planning.planned import Planned, PlannedWave, Preview, Question
from distribution.planning.planned_turns import Line
from manifests import rollout as rollouts
from manifests.decision import (
    ADMINISTRATOR,
    Case,
    Install,
    Stay,
    Wait,
    applicable,
    decide,
    newer,
)
from manifests.rollout import (
    Change,
    Rollout,
    RolloutPlan,
    RolloutState,
    Wave,
)
from manifests.site import Site

_MOST_QUESTIONS = 20
"""In a row to one site: its turn by plan and by pace, then a window that a freeze moves on."""


def preview(question: Question, fleet: Iterable[Site]) -> Preview:
    """Plan a rollout over the sites of ``fleet`` that it is for."""
    sites = list(fleet)
    plan = _Plan(question)
    result, by_wave = Preview(question), defaultdict(list)
    for site in sites:
        if plan.is_for(site):
            by_wave[plan.wave_of(site)].append(site)
        else:
            result.others += 1
    for number, wave in enumerate(question.schedule.waves, 1):
        opens_at, held_by = plan.open_next()
        result.waves.append(PlannedWave(number, wave.up_to_basis_points, opens_at, held_by))
        result.sites += plan.take(number, by_wave[number])
    result.sites.sort(key=lambda site: (site.wave, str(site.start or "9"), site.site_id))
    return result


class _Plan:
    """The rollout as far as it is planned: each wave opens after what is known of those before."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._openings: list[datetime] = []
        self._plan = self._written()
        self._stuck = ""
        self._admitted: list[datetime] = []
        """When the turn of each site came that counts at all."""
        self._expected: list[datetime] = []
        """The same of those that will run it by themselves."""
        self._confirmed: list[datetime] = []
        """When they run it."""

    def _written(self) -> RolloutPlan:
        question = self._question
        return RolloutPlan(
            product=question.release.path.product,
            serial=1,
            written_at=question.start,
            rollouts=(self._rollout(),),
            freezes=question.freezes,
            brakes=question.brakes,
        )

    def _rollout(self) -> Rollout:
        question, opened = self._question, len(self._openings)
        waves = tuple(
            Wave(
                opens_at=self._openings[index] if index < opened else None,
                spread_seconds=wave.spread_seconds,
                up_to_basis_points=wave.up_to_basis_points,
            )
            for index, wave in enumerate(question.schedule.waves)
        )
        return Rollout(
            release=str(question.release.path),
            state=RolloutState.RUNNING,
            last_change=Change(by="preview", at=question.start, reason="a preview"),
            waves=waves,
            only=question.only,
        )

    def is_for(self, site: Site) -> bool:
        """Whether the rollout is for this site at all."""
        case = Case(self._question.release, self._plan, site, self._question.start)
        return applicable(case) is None

    def wave_of(self, site: Site) -> int:
        """The number of its wave."""
        bounds = [wave.up_to_basis_points for wave in self._question.schedule.waves]
        place = rollouts.position(self._drawn(site), site.profile.ring, bounds)
        return rollouts.wave_index(place, bounds) + 1

    def _drawn(self, site: Site) -> int:
        manifest = self._question.release.manifest
        return rollouts.draw(manifest.product, manifest.version, site.profile.site_id)

    def open_next(self) -> tuple[datetime | None, str]:
        """Open the next wave as early as may be; or why it never opens."""
        question = self._question
        if not self._openings:
            first = question.start + timedelta(seconds=question.schedule.waves[0].after_seconds)
            self._open(first)
            return first, ""
        if self._stuck:
            return None, self._stuck
        [rollout] = self._plan.rollouts
        course = Course(question.release, rollout, question.schedule, question.start)
        in_time = self._verdict(course, self._earliest())
        for moment in self._candidates():
            if isinstance(self._verdict(course, moment), OpenNextWave):
                self._open(moment)
                return moment, in_time.reason if isinstance(in_time, Hold) else ""
        self._stuck = self._verdict(course, self._candidates()[-1]).reason
        return None, self._stuck

    def _open(self, moment: datetime) -> None:
        self._openings.append(moment)
        self._plan = self._written()

    def _earliest(self) -> datetime:
        question, number = self._question, len(self._openings)
        watched = max(
            question.schedule.waves[number - 1].spread_seconds,
            question.schedule.gates.of_wave(number).soak_seconds,
        )
        due = question.start + timedelta(seconds=question.schedule.waves[number].after_seconds)
        return max(due, self._openings[-1] + timedelta(seconds=watched))

    def _candidates(self) -> list[datetime]:
        """The moments at which the next wave could open: time has come, or a site has confirmed."""
        earliest = self._earliest()
        later = self._confirmed[bisect_right(self._confirmed, earliest) :]
        return [earliest, *later]

    def _verdict(self, course: Course, moment: datetime) -> Verdict:
        admitted, expected, confirmed = (
            bisect_right(moments, moment)
            for moments in (self._admitted, self._expected, self._confirmed)
        )
        counts = Counts(
            sites=len(self._admitted),
            admitted=admitted,
            confirmed=confirmed,
            waiting=expected - confirmed,
            excused=admitted - expected,
        )
        return assess(course, [counts], moment)

    def take(self, number: int, sites: Sequence[Site]) -> list[Planned]:
        """What the sites of the wave that was opened last do."""
        planned = self._in_line(sites, [self._planned(number, site) for site in sites])
        for site in planned:
            self._count(site)
        for moments in (self._admitted, self._expected, self._confirmed):
            moments.sort()
        return [self._in_time(site) for site in planned]

    def _in_line(self, sites: Sequence[Site], planned: list[Planned]) -> list[Planned]:
        """Later, where only so many may be in progress at once."""
        limits, alone = self._question.schedule.limits, enumerate(planned)
        if not limits.are_set:
            return planned
        line = sorted(alone, key=lambda each: (each[1].turn or self._question.start, each[0]))
        order = [index for index, _ in line]

        def again(place: int, moment: datetime) -> datetime | None:
            late = replace(planned[order[place]], turn=moment)
            return self._walked(late, self._plan, sites[order[place]]).start

        arrivals = {n: one.start for n, (_, one) in enumerate(line) if one.start is not None}
        clients = {n: one.client_id for n, (_, one) in enumerate(line)}
        begun = Line(arrivals, clients, limits).go(self._question.needed, again)
        for place, start in begun.items():
            never = "" if start is not None else "no time is left for it after the others"
            found = planned[order[place]]
            planned[order[place]] = replace(found, start=start, reason=found.reason or never)
        return planned

    def _count(self, site: Planned) -> None:
        """As ``standing`` would: who runs it has confirmed, who runs a newer one counts nowhere."""
        if site.turn is None or site.overtaken:
            return
        self._admitted.append(site.turn)
        if site.has_it:
            self._expected.append(site.turn)
            self._confirmed.append(site.turn)
        elif site.start is not None:
            self._expected.append(site.turn)
            self._confirmed.append(site.start + self._question.needed)

    def _planned(self, number: int, site: Site) -> Planned:
        question, profile = self._question, site.profile
        base = Planned(profile.site_id, profile.client_id, number)
        if self._stuck:
            return replace(base, reason=f"its wave never opens: {self._stuck}")
        plan, manifest = self._plan, question.release.manifest
        by_plan = rollouts.opens_at(plan.rollouts[0].waves, profile.ring, self._drawn(site))
        by_pace = rollouts.earliest(
            manifest.pace, manifest.issued_at, profile.ring, self._drawn(site)
        )
        assert by_plan is not None  # noqa: S101 - its wave has been opened
        turn = max(by_plan, by_pace)
        case = Case(question.release, plan, site, turn)
        if (runs := newer(case)) is not None:
            same = Version(case.installed.version or "0") == question.release.version
            found = replace(base, turn=turn, reason=runs.reason)
            return replace(found, has_it=same, overtaken=not same)
        return self._walked(replace(base, turn=turn), plan, site)

    def _walked(self, base: Planned, plan: RolloutPlan, site: Site) -> Planned:
        """Ask the site's own function at one moment after another, until it says yes or never."""
        assert base.turn is not None  # noqa: S101 - the caller gave it
        moment = base.turn
        for _ in range(_MOST_QUESTIONS):
            match decide(self._question.release, plan, site, moment):
                case Install():
                    return replace(base, start=moment)
                case Wait(_, until, reason, lifted_by):
                    if until is None or until <= moment:
                        return replace(base, reason=reason, lifted_by=lifted_by)
                    moment = until
                case Stay(_, reason, lifted_by):
                    return replace(base, reason=reason, lifted_by=lifted_by)
        return replace(base, reason="no time was found for it", lifted_by=ADMINISTRATOR)

    def _in_time(self, site: Planned) -> Planned:
        deadline = self._question.deadline
        if deadline is None or site.start is None or site.start <= deadline:
            return site
        if site.turn is not None and site.turn > deadline:
            return replace(site, reason=f"its turn comes after the deadline, {_clock(site.turn)}")
        reason = f"its window opens after the deadline, {_clock(site.start)}"
        return replace(site, reason=reason, lifted_by=ADMINISTRATOR)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
