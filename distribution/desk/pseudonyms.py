"""Sites and clients without their names: numbers that hold within one document. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

_WORD = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What could be a name of a site or a client, perhaps with a full stop behind it."""


@dataclass(frozen=True)
class Pseudonyms:
    """What each is called in a document.

    Attributes:
        sites, clients: by their own names, what they are called.
        others: names that the document is not about, and that must not be in it either.
    """

    sites: Mapping[str, str]
    clients: Mapping[str, str]
    others: Collection[str] = ()

    @classmethod
    def of(
        cls,
        sites: Iterable[str],
        clients: Iterable[str],
        others: Collection[str] = (),
        *,
        shown: bool = False,
    ) -> "Pseudonyms":
        """Numbers in the order given, or the names themselves where they may be shown."""
        named = _numbered("site", sites, shown), _numbered("client", clients, shown)
        return cls(*named, () if shown else others)

    def scrubbed(self, text: str) -> str:
        """The text with every name in it replaced."""
        names = {name: called for name, called in {**self.clients, **self.sites}.items() if name}
        changed = sorted((name for name in names if names[name] != name), key=len, reverse=True)
        if changed:
            # One pattern for all: a name that another one begins with comes behind that.
            pattern = "|".join(re.escape(name) for name in changed)
            text = re.sub(
                rf"(?<!\w)(?:{pattern})(?!\w)",
                lambda found: names[found[0].lower()],
                text,
                flags=re.IGNORECASE,
            )
        return _WORD.sub(self._other, text) if self.others else text

    def _other(self, found: re.Match[str]) -> str:
        word = found[0]
        name = word.rstrip("._-")
        return f"another one{word[len(name) :]}" if name.lower() in self.others else word


def _numbered(what: str, names: Iterable[str], shown: bool) -> Mapping[str, str]:
    different = dict.fromkeys(names)
    return {name: name if shown else f"{what} {number}" for number, name in enumerate(different, 1)}
