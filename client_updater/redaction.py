"""What must not leave a site is blotted out of every text that support gets to see.

Two ways, one over the other: values that are known to be the site's own (its variables, what its
environment says, a proxy's password) go wherever they stand; and whatever looks like a secret, an
address or a token goes too. A hash or a number more is lost by that, and no secret less.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

from client_updater.settings import AgentSettings
from manifests.site import SitePolicy

BLOT = "***"
_SHORTEST_VARIABLE = 4
_SHORTEST_OF_ENVIRONMENT = 6
_HARMLESS = re.compile(
    r"PATH|HOME|PWD|OLDPWD|SHELL|USER|LOGNAME|LANG(UAGE)?|LC_.*|TZ|TERM|SHLVL|_|HOSTNAME|XDG_.*"
    r"|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_.*|HSP_UPDATER_STATE|PYTHON[A-Z]*|VIRTUAL_ENV"
)
_NAMES = (
    r"pass(?:word|wd|phrase|code)?|pwd|pin|secret|token|(?:api|private|access)[ _-]?key"
    r"|credentials?|auth|authorization|signature|session(?:id)?|cookie|dsn|connection[ _-]?string"
)
_SCHEME = r"\b[a-z][a-z0-9+.-]{0,20}://"
_VALUE = r"""(?:\\+["'][^"'\\\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[^\s,;}\]]+)"""


def _whole(_: "re.Match[str]") -> str:
    return BLOT


def _behind_first_group(found: "re.Match[str]") -> str:
    return f"{found[1]}{BLOT}"


def _if_mixed(found: "re.Match[str]") -> str:
    """A long run of letters and digits is a token or a hash; of letters alone it is a word."""
    text = found[0]
    is_mixed = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    return BLOT if is_mixed else text


_Rule = tuple["re.Pattern[str]", Callable[["re.Match[str]"], str]]
_RULES: tuple[_Rule, ...] = (
    (
        re.compile(
            r"-----BEGIN [^-\n]{0,60}KEY-----.*?(?:-----END [^-\n]{0,60}-----|\Z)", re.DOTALL
        ),
        _whole,
    ),
    (re.compile(r"(?im)\b((?:authorization|cookie)[\"']?\s{0,5}[:=]).*$"), _behind_first_group),
    (re.compile(r"(?i)\b((?:bearer|basic|digest)\s{1,5})[\w.~+/=-]{6,}"), _behind_first_group),
    (re.compile(rf"(?i)({_SCHEME})[^\s/\"'<>]{{0,1000}}@"), _behind_first_group),
    (re.compile(rf"(?i)({_SCHEME}[^\s?\"'<>]{{0,1000}}\?)[^\s\"'<>]+"), _behind_first_group),
    (
        re.compile(
            rf"(?i)((?:{_NAMES})[\w.-]{{0,40}}\\{{0,3}}[\"']?\s{{0,5}}(?:[:=]|=>)\s{{0,5}}){_VALUE}"
        ),
        _behind_first_group,
    ),
    (
        re.compile(rf"(?i)(--?[\w-]{{0,40}}(?:{_NAMES})[\w-]{{0,40}}\s{{1,5}}){_VALUE}"),
        _behind_first_group,
    ),
    (re.compile(r"hsp-invitation:[A-Za-z0-9_=\s-]*"), _whole),
    (re.compile(r"[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)*"), _whole),
    (re.compile(r"(?m)^[A-Za-z0-9+/=]{40,}$"), _whole),
    (re.compile(r"[A-Za-z0-9+_=-]{24,}"), _if_mixed),
)
"""Every repetition is bounded where another attempt could begin inside of it: a program's log may
be anything, and must not keep the agent busy."""


class Redaction:
    """One site's: what is known to be secret here, and what looks so."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        spelled = {form for value in known for form in _spellings(value)}
        longest_first = sorted(spelled, key=lambda text: (-len(text), text))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if spelled else None

    @classmethod
    def of(
        cls,
        policy: SitePolicy,
        settings: AgentSettings,
        environment: Mapping[str, str] = os.environ,
    ) -> "Redaction":
        """With the values of this site."""
        return cls([*_variables(policy), *_of_proxy(settings), *_of(environment)])

    def __call__(self, text: str) -> str:
        """The text without them."""
        if self._known is not None:
            text = self._known.sub(_whole, text)
        for pattern, blotted in _RULES:
            text = pattern.sub(blotted, text)
        return text


def _spellings(value: str) -> set[str]:
    """As it is, in JSON, and in a URL."""
    return {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]} | {
        quote(value, safe=""),
        quote(value),
    }


def _variables(policy: SitePolicy) -> Iterable[str]:
    for values in policy.variables.values():
        for value in values.values():
            is_port = value.isdecimal() and len(value) <= len("65535")
            if len(value) >= _SHORTEST_VARIABLE and not is_port:
                yield value


def _of_proxy(settings: AgentSettings) -> Iterable[str]:
    found = urlsplit(settings.proxy or "")
    for part in (found.username, found.password):
        if part:
            yield part
            yield unquote(part)


def _of(environment: Mapping[str, str]) -> Iterable[str]:
    for name, value in environment.items():
        if len(value) >= _SHORTEST_OF_ENVIRONMENT and not _HARMLESS.fullmatch(name):
            yield value
