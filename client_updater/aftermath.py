"""What a poll leaves behind: the record for people, and the note of a site where nothing is to do.

The note is written only where everything went well and nothing waits, so that it need only be seen
that this is still so (``watch``). It is made from what the poll went by, and the disk is looked at
before that is read once more: what an editor changes while a poll runs is no part of the note.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from client_updater import AGENT_VERSION
from client_updater.agent import Agent
from client_updater.choice import EARLY
from client_updater.errors import AgentError, StateUnusable, Unreachable
from client_updater.identity import KEY_FILE, load_key
from client_updater.journal import Step
from client_updater.key_rotation import KeyChange
from client_updater.offers import Offers
from client_updater.quiet import (
    Quiet,
    Service,
    cached,
    cached_roles,
    listing,
    prints,
    write_quiet,
)
from client_updater.settings import AgentSettings, read_enrolment, read_policy
from client_updater.sign_of_life import floor_or_empty, statuses
from client_updater.status import LastPoll
from client_updater.step_book import StepBook
from manifests.check_in import CheckInAnswer
from manifests.decision import Install, Wait, decide, window_open

if TYPE_CHECKING:
    from client_updater.poll import Poll

LONGEST = timedelta(hours=24)
"""So often at least everything is looked at anew: logs and downloads that are old are removed."""
_ONLINE = ("root", "timestamp", "snapshot")
"""Not listed in a snapshot."""
_INTERVALS_BEFORE_AN_OPENING = 4
"""Polls come closer together before an opening, from three intervals on; see ``pace``."""


def record_of(poll: "Poll") -> LastPoll:
    """What people and the next poll see of it."""
    now, floor = poll.agent.clock(), floor_or_empty(poll.agent)
    first = poll.problems[0] if poll.problems else None
    distant = [*poll.problems, *poll.server_problems]
    unreachable = [error for error in distant if isinstance(error, Unreachable)]
    return LastPoll(
        at=now,
        problem=first.code if first else "",
        detail=str(first) if first else "",
        products=statuses(poll.agent, poll.decided),
        read=poll.read or poll.before.read,
        withdrawn=poll.withdrawn if poll.read else poll.before.withdrawn,
        root_version=floor.root_version,
        timestamp_version=floor.timestamp,
        failures=poll.before.failures + 1 if unreachable else 0,
        retry_after=max((error.retry_after for error in unreachable), default=0),
        refreshed_at=now if poll.refreshed else poll.before.refreshed_at,
        heard_at=now if poll.answer else poll.before.heard_at,
        answer=poll.answer or poll.before.answer,
        server_problem=str(poll.server_problems[-1]) if poll.server_problems else "",
    )


def leave_quiet(poll: "Poll") -> None:
    """Write the note, where there is one to write.

    Raises:
        DiskFull, DiskError, StateUnusable: there is none.
    """
    with suppress(OSError, KeyError, ValueError):  # a cache that somebody has been at: no note
        if (note := quiet_after(poll)) is not None:
            write_quiet(poll.agent.state, note)


def quiet_after(poll: "Poll") -> Quiet | None:
    """The note of a site of which only news or time can ask for more; None for any other."""
    agent, answer = poll.agent, poll.answer
    if answer is None or not _went_well(poll, answer) or _has_work(agent):
        return None
    found = prints(agent.state)
    until = _still_until(poll, answer)
    if until is None or not _is_what_it_went_by(poll):
        return None
    session, concerns = agent.server.session, tuple(sorted(agent.concerns))
    timestamp_sha256, _, timestamp_ends = cached(agent.state, "timestamp")
    return Quiet(
        agent=AGENT_VERSION,
        made_at=agent.clock(),
        until=until,
        fresh_until=min(timestamp_ends, cached(agent.state, "snapshot")[2]),
        urls=agent.urls,
        line=asdict(agent.fetcher.settings),
        pinned_sha256=agent.enrolment.root_sha256,
        root_version=floor_or_empty(agent).root_version,
        timestamp_sha256=timestamp_sha256,
        concerns=concerns,
        roles=listing(agent.state, {*concerns, *cached_roles(agent.state)} - set(_ONLINE)),
        check_in=session.said.decode(),
        answer=session.heard,
        poll_seconds=answer.poll_seconds,
        services=tuple(_services(poll)),
        prints=found,
    )


def _went_well(poll: "Poll", answer: CheckInAnswer) -> bool:
    wrong = poll.problems or poll.server_problems or poll.reported
    asked = answer.steps or answer.known_sequence is not None
    if wrong or asked or poll.has_acted or not poll.refreshed:
        return False
    everything = set(poll.offers) == set(poll.agent.enrolment.profile.products)
    return everything and _would_be_heard_the_same(poll, answer)


def _would_be_heard_the_same(poll: "Poll", answer: CheckInAnswer) -> bool:
    """Whether the next poll, which goes by this answer, goes by what this one has gone by."""
    chooser, root = poll.chooser, floor_or_empty(poll.agent).root_version
    now = (answer.hold, answer.freezes, answer.approved)
    before = (chooser.server_hold, chooser.server_freezes, chooser.client_approved)
    return now == before and answer.root_version <= root


def _has_work(agent: Agent) -> bool:
    """Whether anything is unfinished, or waits to be sent; what is staged waits for a decision."""
    book = StepBook(agent.state / "steps")
    begun = [each for each in agent.journal.unfinished() if each.step is not Step.STAGE]
    waiting = [*begun, *agent.reporter.outbox.pending(), *book.pending(), *book.cut_off()]
    return bool(waiting) or KeyChange(agent).is_open or agent.ourselves.is_replaced


def is_as_opened(agent: Agent) -> bool:
    """Whether what is read once, when an agent begins, says now what it said then."""
    try:
        has_settings = agent.settings_problem or AgentSettings.read(agent.state) == agent.settings
        return bool(has_settings) and read_enrolment(agent.state) == agent.enrolment
    except (AgentError, StateUnusable):
        return False


def _is_what_it_went_by(poll: "Poll") -> bool:
    """Whether what people can write says now what it said to this poll."""
    agent = poll.agent
    try:
        return (
            is_as_opened(agent)
            and read_policy(agent.state, agent.clock()) == poll.chooser.policy
            and load_key(agent.state / KEY_FILE).public_hex == agent.reporter.key.public_hex
        )
    except (AgentError, StateUnusable, FileNotFoundError):
        return False


def _services(poll: "Poll") -> Iterator[Service]:
    agent = poll.agent
    for product in agent.enrolment.profile.products:
        version = agent.slots.current(product)
        if version is not None:
            found = agent.services.look(poll.installer.installed(product, version))
            yield from [found] if found else []


def _still_until(poll: "Poll", answer: CheckInAnswer) -> datetime | None:
    """Until when nothing changes with time alone; None where that may be any moment."""
    now = poll.agent.clock()
    early = timedelta(seconds=answer.poll_seconds * _INTERVALS_BEFORE_AN_OPENING)
    ends = [now + LONGEST, *_expiries(poll.agent, now), *_next_key(poll)]
    for offers in poll.offers.values():
        moments = _turns(poll, offers, now)
        if moments is None:
            return None
        ends += [moment - early for moment in moments]
    return min(ends) if min(ends) > now else None


def _turns(poll: "Poll", offers: Offers, now: datetime) -> list[datetime] | None:
    """When the decision on any release may change by itself, or one may be fetched ahead; None
    where a poll has something to do already."""
    if offers.plan is None:
        return []
    site, found = poll.chooser.site(offers.product), []
    for release in offers.releases:
        answer = decide(release, offers.plan, site, now)
        if isinstance(answer, Install):
            return None
        if answer.gate == window_open.__name__ and not _is_fetched(poll, offers, now):
            return None
        opening = answer.until if isinstance(answer, Wait) else None
        fetching = opening - EARLY if opening is not None else None
        moments = (opening, fetching, release.manifest.expires_at)
        found += [moment for moment in moments if moment is not None and moment > now]
    return found


def _is_fetched(poll: "Poll", offers: Offers, now: datetime) -> bool:
    """Whether all is here that may be fetched before the window opens, or it is far away.

    The opening itself follows from windows and freezes alone: it does not move while time passes.
    """
    decision = poll.chooser.decide(offers)
    release = poll.chooser.early(offers, decision)
    if release is not None:
        return poll.installer.preparation.is_ready(release)
    opening = decision.until if isinstance(decision, Wait) else None
    return opening is None or opening - now > EARLY  # else it is put off, and may go on any time


def _expiries(agent: Agent, now: datetime) -> Iterator[datetime]:
    """Of what people sign; what has expired already was seen as that."""
    for role in set(cached_roles(agent.state)) - {"timestamp", "snapshot"}:
        expires = cached(agent.state, role)[2]
        if expires > now:
            yield expires


def _next_key(poll: "Poll") -> Iterator[datetime]:
    days = poll.chooser.policy.rotate_key_days
    if days:
        made = (poll.agent.state / KEY_FILE).stat().st_mtime
        yield datetime.fromtimestamp(made, UTC) + timedelta(days=days)
