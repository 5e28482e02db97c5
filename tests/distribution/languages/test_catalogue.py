"""No sentence for a customer without an Indonesian one; none that nobody says any more."""

import re
from collections.abc import Callable
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from distribution.languages import Language, translate
from manifests.failures import FAILURES, FailureCode
from tests.simulators.messages import ROOT, in_code, in_pages

FILE = ROOT / "distribution" / "languages" / "id.po"


@pytest.fixture(scope="module")
def indonesian() -> Catalog:
    """The catalogue."""
    with FILE.open("rb") as file:
        return read_po(file, locale="id", abort_invalid=True)


@pytest.mark.parametrize("messages", [in_code, in_pages])
def test_every_message_in_the_code_and_in_the_pages_has_an_indonesian_one(
    indonesian: Catalog, messages: Callable[[], dict[str, str]]
) -> None:
    known = {str(each.id) for each in indonesian if each.id and each.string}
    found = messages()
    missing = {text: place for text, place in found.items() if text not in known}
    assert len(found) > 100
    assert not missing, "add these to distribution/languages/id.po"


def test_the_catalogue_has_nothing_that_nobody_says(indonesian: Catalog) -> None:
    said = {*in_code(), *in_pages()}
    stale = [str(each.id) for each in indonesian if each.id and str(each.id) not in said]
    assert not stale, "take these out of distribution/languages/id.po"
    assert not indonesian.obsolete


def test_no_message_is_there_twice_or_in_doubt(indonesian: Catalog) -> None:
    names = re.findall(r'^msgid "(.+)"$', FILE.read_text("utf-8"), re.MULTILINE)
    assert len(names) == len(set(names))
    assert not [each.id for each in indonesian if each.fuzzy and each.id]


def test_a_translation_fills_in_what_the_original_does_and_ends_as_it_does(
    indonesian: Catalog,
) -> None:
    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name is not None}

    for each in (one for one in indonesian if one.id):
        text, theirs = str(each.id), str(each.string)
        assert fields(theirs) == fields(text), text
        if text[0].isupper():  # a sentence; "report no." is none
            assert (theirs[-1:] in ".?!:") == (text[-1:] in ".?!:"), text
        assert theirs == theirs.strip(), text


@pytest.mark.parametrize("code", list(FailureCode))
def test_a_customer_hears_of_every_failure_in_indonesian_and_without_jargon(
    code: FailureCode,
) -> None:
    sentence = FAILURES[code].sentence
    said = translate(sentence, Language.INDONESIAN)
    assert said != sentence
    assert not re.search(r"metadata|TUF|root|rollback|hash|slot|artefak|manifes|[A-Z]{3,}|_", said)
    assert not re.search(r"\bkamu\b|\bkalian\b|\bgak\b|\bkok\b", said), "formal, to a stranger"
