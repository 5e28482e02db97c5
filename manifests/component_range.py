"""Versions of a component, such as ``openssl<3.0.14`` or ``pkg:pypi/requests==2.31.0``.

Components come from everywhere, so their versions follow no single scheme (PEP 440 would take
OpenSSL's ``1.1.1c`` for a candidate of 1.1.1). The rule here is one plain one: a version is read
as numbers and words; numbers compare by value, words by their letters; what goes on is newer than
what has ended; a word for a test version (alpha, beta, rc, pre, dev; ``b2``) or a ``~`` is older
than the end. Zeros at the end do not count.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from manifests.errors import ManifestError
from manifests.sbom import package_of

_ITEM = tuple[int, int, str]
_BEFORE_ALL, _TEST, _END, _WORD, _NUMBER = -2, -1, 0, 1, 2
_TEST_WORDS = {
    **dict.fromkeys(("dev", "snapshot"), 0),
    "alpha": 1,
    "beta": 2,
    **dict.fromkeys(("rc", "pre", "preview", "cr"), 3),
}
_TEST_LETTERS = {"a": 1, "b": 2, "c": 3}
"""Only with a number right after them: OpenSSL's 1.1.1b is newer than 1.1.1."""

_RUNS = re.compile(r"\d+|[a-z]+|~")
_QUERY = re.compile(r"\s*(?P<what>[^<>=!\s]+(?:=[^<>=!\s]+)*)\s*(?P<bounds>[<>=!].*)?")
_BOUND = re.compile(r"\s*(==|!=|<=|>=|<|>)\s*([^\s,<>=!]+)\s*")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def order(version: str) -> tuple[_ITEM, ...]:
    """What versions are compared by."""
    epoch, colon, rest = version.strip().lower().partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version.strip().lower()
    runs = _RUNS.findall(rest.removeprefix("v"))
    items = [_item(run, after, rest) for run, after in pairwise((*runs, ""))]
    return ((_NUMBER, int(epoch), ""), *_without_zeros([*items, (_END, 0, "")]))


def _item(run: str, after: str, text: str) -> _ITEM:
    if run.isdigit():
        return (_NUMBER, int(run[:100]), "")
    if run == "~":
        return (_BEFORE_ALL, 0, "")
    if run in _TEST_WORDS:
        return (_TEST, _TEST_WORDS[run], "")
    if run in _TEST_LETTERS and after.isdigit() and run + after in text:
        return (_TEST, _TEST_LETTERS[run], "")
    return (_WORD, 0, run)


def _without_zeros(items: list[_ITEM]) -> list[_ITEM]:
    """Without the zeros that nothing but an end or a word follows."""
    kept: list[_ITEM] = []
    for item in items:
        while item[0] != _NUMBER and kept and kept[-1] == (_NUMBER, 0, ""):
            kept.pop()
        kept.append(item)
    return kept


@dataclass(frozen=True)
class ComponentRange:
    """Some versions of one component.

    Attributes:
        name: in lower case; of a package URL, without version and qualifiers.
        bounds: each an operator and a version; none: every version.
    """

    name: str
    bounds: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, text: str) -> "ComponentRange":
        """Read ``NAME==VERSION``, ``NAME>=1,<2``, ``pkg:TYPE/NAME@VERSION`` or just a name.

        Raises:
            ManifestError: it is none of these.
        """
        found = _QUERY.fullmatch(text)
        if found is None:
            raise ManifestError(f"{text!r} is not a component", hint="such as 'openssl<3.0.14'")
        what, given = found["what"], found["bounds"] or ""
        bounds = []
        for part in given.split(",") if given else ():
            bound = _BOUND.fullmatch(part)
            if bound is None:
                hint = "== != < <= > >= with a version, and commas between"
                raise ManifestError(f"{part.strip()!r} is not a range of versions", hint=hint)
            bounds.append((bound[1], bound[2]))
        if not what.lower().startswith("pkg:"):
            return cls(what.lower(), tuple(bounds))
        version = what.partition("?")[0].rpartition("@")[2]
        if not bounds and "/" not in version:
            bounds.append(("==", version))
        return cls(package_of(what), tuple(bounds))

    @property
    def is_package(self) -> bool:
        """Whether it is named by its package URL."""
        return self.name.startswith("pkg:")

    def admits(self, version: str) -> bool:
        """Whether a version is among them. A build's own suffix (``2.0+cu118``) is 2.0 as well."""
        return self._admits(version) or self._admits(version.partition("+")[0])

    def _admits(self, version: str) -> bool:
        own = order(version)
        return all(_COMPARE[sign](own, order(bound)) for sign, bound in self.bounds)
