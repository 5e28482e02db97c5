"""A message: the facts of a delivery, said in its channel's language."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from distribution.languages import Language, translate


@dataclass(frozen=True)
class Message:
    """Something to say, for every shape.

    Attributes:
        id: the same at every try.
        kind: for programs, such as ``ticket.opened``.
        at: when its content was settled.
        lines: the text's paragraphs.
        short: for telephones.
        data: for programs.
        thread: the same for all messages about one problem to one channel; it tells nothing.
        list_name: for mail programs that sort.
    """

    id: str
    kind: str
    at: datetime
    subject: str
    lines: tuple[str, ...]
    short: str
    data: Mapping[str, Any]
    thread: str
    list_name: str
    language: Language


def thread_of(channel: int, problem: int | None) -> str:
    """A name for what belongs together, from which nobody can count our tickets."""
    return hashlib.sha256(f"{channel} {problem}".encode()).hexdigest()[:24]


def number(count: int, language: Language) -> str:
    """As somebody writes it who speaks the language: 10,000 or 10.000."""
    from babel.numbers import format_decimal

    return str(format_decimal(count, locale=language))


def sites(count: int, language: Language) -> str:
    """So many sites."""
    if count == 1:
        return translate("1 site", language)
    return translate("{number} sites", language).format(number=number(count, language))


def clients(count: int, language: Language) -> str:
    """So many clients."""
    if count == 1:
        return translate("1 client", language)
    return translate("{number} clients", language).format(number=number(count, language))


def names(named: tuple[str, ...], count: int, language: Language, at_most: int = 20) -> str:
    """Names, and how many more there are."""
    shown = named[:at_most]
    if count == len(shown):
        return ", ".join(shown)
    more = translate("and {number} more", language)
    return f"{', '.join(shown)} {more.format(number=number(count - len(shown), language))}"
