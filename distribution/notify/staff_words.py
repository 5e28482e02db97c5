"""What our own people read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from distribution.desk.news import News
from distribution.desk.states import TicketState
from distribution.languages import Language, message, translate
from distribution.languages.moments import moment_with_zone
from distribution.notify import words
from distribution.notify.facts import StaffFacts
from distribution.notify.tables import NotifyChannel

_WHAT: Mapping[News, str] = {
    News.OPENED: message("new"),
    News.JOINED: message("more sites"),
    News.RAISED: message("raised"),
    News.OVERDUE: message("nobody has answered in time"),
    News.REOPENED: message("is back"),
    News.CLOSED: message("over"),
    News.HANDED_OVER: message("handed over to the developers"),
}
_DETAIL = 500


def subject(facts: StaffFacts, language: Language) -> str:
    """In one line: the tier, what happened, the cause, how far it has spread."""
    cause = ", ".join(filter(None, (facts.code, f"{facts.product} {facts.version}".strip())))
    line = f"[{facts.tier}] {translate(_WHAT[facts.what], language)}: {cause}"
    return f"{line} ({_spread(facts, language)})" if facts.sites else line


def _spread(facts: StaffFacts, language: Language) -> str:
    sites, clients = words.sites(facts.sites, language), words.clients(facts.clients, language)
    return translate("{sites} at {clients}", language).format(sites=sites, clients=clients)


def lines(facts: StaffFacts, channel: NotifyChannel) -> Iterator[str]:
    """The paragraphs."""
    language = Language(channel.language)
    yield subject(facts, language)
    if facts.joined:
        joined = translate("New sites since the last message: {number}.", language)
        yield joined.format(number=words.number(facts.joined, language))
    seen = translate("Seen first: {detail}", language)
    yield seen.format(detail=facts.detail.partition("\n")[0][:_DETAIL])
    say = translate("Say to the customer: {sentence}", language)
    yield say.format(sentence=facts.sentence)
    do = translate("What to do: {runbook}. Ticket {ticket}.", language)
    yield do.format(runbook=facts.runbook, ticket=facts.ticket)
    yield _standing(facts, channel.zone, language)


def _standing(facts: StaffFacts, zone: str, language: Language) -> str:
    if facts.state == TicketState.CLOSED and facts.closed_at:
        over = translate("Began {begin}, over {end}.", language)
        begin = moment_with_zone(facts.opened_at, zone, language)
        return over.format(begin=begin, end=moment_with_zone(facts.closed_at, zone, language))
    if facts.owner:
        return translate("{name} works on it.", language).format(name=facts.owner)
    due = translate("Answer by {moment}.", language)
    return due.format(moment=moment_with_zone(facts.due_at, zone, language))


def lines_of_many(bunch: Sequence[StaffFacts], count: int, channel: NotifyChannel) -> Iterator[str]:
    """The paragraphs about many tickets at once, the first of which is the subject."""
    language = Language(channel.language)
    many = translate("[{tier}] {number} tickets have news", language)
    yield many.format(tier=channel.tier, number=words.number(count, language))
    for facts in bunch:
        yield f"{facts.ticket}: {subject(facts, language)}"
    if count > len(bunch):
        more = translate("and {number} more", language)
        yield more.format(number=words.number(count - len(bunch), language))


def data_of_many(bunch: Sequence[StaffFacts], count: int) -> dict[str, Any]:
    """The same for programs."""
    return {"count": count, "tickets": [data(facts) for facts in bunch]}


def data(facts: StaffFacts) -> dict[str, Any]:
    """For programs."""
    plain = asdict(facts)
    for name in ("opened_at", "due_at", "closed_at"):
        plain[name] = plain[name] and plain[name].strftime("%Y-%m-%dT%H:%M:%SZ")
    return plain
