"""What customers read, in their language: gettext catalogues, one ``.po`` file a language.

The text in the code is English and is the message's name; a language without a translation of it
shows the English one. ``translate`` looks it up; ``for_request`` says which language somebody
reads. Tests find every message where it stands: the first argument of ``translate`` and of
``message``, the sentence of a ``Failure``, and what a page gives to ``say``.
"""

import re
from enum import StrEnum
from functools import cache
from importlib.resources import files
from operator import itemgetter


class Language(StrEnum):
    """What there is a catalogue for; the first is the one that the code is written in."""

    ENGLISH = "en"
    INDONESIAN = "id"


def message(text: str) -> str:
    """Mark a text that is kept in a table and translated later; it stays as it is."""
    return text


def translate(text: str, language: Language) -> str:
    """The text in a language."""
    return _catalogue(language).get(text, text)


@cache
def _catalogue(language: Language) -> dict[str, str]:
    if language is Language.ENGLISH:
        return {}
    # Here, so that a command that translates nothing does not wait for it.
    from babel.messages.pofile import read_po

    with (files(__package__) / f"{language}.po").open("rb") as file:
        found = read_po(file, locale=language)
    return {str(each.id): str(each.string) for each in found if each.id and each.string}


def for_request(
    accept_language: str, client_language: str, default: Language = Language.ENGLISH
) -> Language:
    """What somebody reads who asks over HTTP.

    Args:
        accept_language: the header, which wins where one of ours is in it; empty without one.
        client_language: of the client that it is about, ``Client.language``; empty without one.
        default: the server's own, ``Settings.language``.
    """
    return _wished(accept_language) or of_client(client_language, default)


def of_client(client_language: str, default: Language = Language.ENGLISH) -> Language:
    """What a client reads that cannot be asked, such as in a mail."""
    return Language(client_language) if client_language else default


def _wished(accept_language: str) -> Language | None:
    """The dearest of those that we have; None where none is."""
    weighed = []
    for part in accept_language[:1000].split(","):
        name, _, weight = part.replace(" ", "").lower().partition(";q=")
        found = _BY_NAME.get(re.split("[-_]", name)[0])
        if found is not None and re.fullmatch(r"([01](\.\d*)?)?", weight):
            weighed.append((float(weight or 1), found))
    most, language = max(weighed, key=itemgetter(0), default=(0, None))
    return language if most > 0 else None


_BY_NAME = {**{language.value: language for language in Language}, "in": Language.INDONESIAN}
"""By the first part of a name; ``in`` is what Indonesian was called before 1989, and Java's."""
