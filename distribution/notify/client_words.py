"""What a client's people read: which of their sites, the customer's sentence, and when."""

from collections.abc import Iterator
from typing import Any

from distribution.languages import Language, translate
from distribution.languages.moments import moment_with_zone
from distribution.notify import words
from distribution.notify.facts import ClientFacts
from distribution.notify.tables import NotifyChannel


def kind(facts: ClientFacts) -> str:
    """For programs."""
    return "site.affected" if facts.begun_count else "site.recovered"


def subject(facts: ClientFacts, language: Language) -> str:
    """In one line: the site, or how many, and the sentence."""
    if facts.begun_count:
        where = _where(facts.begun, facts.begun_count, language)
        return f"{where}: {facts.sentence}"
    where = _where(facts.over, facts.over_count, language)
    return translate("{where}: this is over", language).format(where=where)


def _where(named: tuple[str, ...], count: int, language: Language) -> str:
    if count == 1:
        return named[0]
    text = translate("{number} of your sites", language)
    return text.format(number=words.number(count, language))


def lines(facts: ClientFacts, channel: NotifyChannel) -> Iterator[str]:
    """The paragraphs."""
    language = Language(channel.language)
    if facts.begun_count:
        yield facts.sentence
        where = translate("At: {sites}.", language)
        yield where.format(sites=words.names(facts.begun, facts.begun_count, language))
        since = translate("Since {moment}.", language)
        yield since.format(moment=moment_with_zone(facts.at, channel.zone, language))
    if facts.over_count:
        over = translate("Over at: {sites}.", language)
        yield over.format(sites=words.names(facts.over, facts.over_count, language))
        if not facts.begun_count:
            was = translate("What it was: {sentence}", language)
            yield was.format(sentence=facts.sentence)
    if facts.product:
        about = translate("It is about {product}, version {version}.", language)
        yield about.format(product=facts.product, version=facts.version)


def data(facts: ClientFacts) -> dict[str, Any]:
    """For programs."""
    return {
        "client": facts.client,
        "sentence": facts.sentence,
        "product": facts.product,
        "version": facts.version,
        "affected_sites": list(facts.begun),
        "affected_count": facts.begun_count,
        "recovered_sites": list(facts.over),
        "recovered_count": facts.over_count,
        "at": facts.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
