"""What customers read, in their language: gettext catalogues, one ``.po`` file a language.

The text in the code is English and is the message's name; a language without a translation of it
shows the English one. ``translate`` looks it up; ``best_of`` reads a browser's wishes.
"""

from collections.abc import Iterable
from enum import StrEnum
from functools import cache
from importlib.resources import files

from babel.core import negotiate_locale
from babel.messages.pofile import read_po


class Language(StrEnum):
    """What there is a catalogue for; the first is the one that the code is written in."""

    ENGLISH = "en"
    INDONESIAN = "id"


def translate(text: str, language: Language) -> str:
    """The text in a language."""
    return _catalogue(language).get(text, text)


@cache
def _catalogue(language: Language) -> dict[str, str]:
    if language is Language.ENGLISH:
        return {}
    with (files(__package__) / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    return {str(each.id): str(each.string) for each in found if each.id and each.string}


def best_of(accept_language: str) -> Language:
    """What fits an ``Accept-Language`` header best; English where nothing does."""
    found = negotiate_locale(list(_wishes(accept_language)), [*Language], sep="-")
    return Language(found) if found else Language.ENGLISH


def _wishes(header: str) -> Iterable[str]:
    """The names in the header, the dearest first; what is not one is left out."""
    weighed = []
    for part in header[:1000].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), name))
        except ValueError:
            continue
    return (name for weight, name in sorted(weighed, key=lambda each: each[0]) if weight and name)
