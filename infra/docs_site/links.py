"""From page to page: links as the forge reads them become links between the site's files."""

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

_FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
_LINK = re.compile(r"(?P<code>`[^`\n]*`)|\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s]+)\)")
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|#)")


class BrokenLink(ValueError):
    """A page leads to something that is not there."""


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change the lines of a page that are no code."""
    lines, fence = [], ""
    for line in text.splitlines():
        found = _FENCE.match(line)
        if found and (not fence or found[1].startswith(fence)):
            fence = "" if fence else found[1]
            lines.append(line)
        else:
            lines.append(line if fence else change(line))
    return "\n".join(lines) + "\n"


def relinked(
    text: str, file: str, places: Mapping[str, str], titles: Mapping[str, str], root: Path
) -> str:
    """A page's text with its links between files of the site.

    What is in the repository and not on the site, such as code, is named instead of linked. Where
    a page says a file's name, the site has the page's title.

    Args:
        file: the page in the repository.
        places: for each file of the repository that is on the site, where.
        titles: of the pages among them.
        root: the repository.

    Raises:
        BrokenLink: a link to a file that is not there.
    """
    here = posixpath.dirname(places[file])

    def led(match: "re.Match[str]") -> str:
        target = match["target"]
        if match["code"] or _ELSEWHERE.match(target):
            return match[0]
        path, hash_mark, anchor = target.partition("#")
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(file), path))
        for candidate in (wanted, f"{wanted}/README.md"):
            if candidate in places:
                to = posixpath.relpath(places[candidate], here or ".")
                text = match["text"]
                if text.endswith(wanted.rpartition("/")[2]) or text == path:
                    text = titles.get(candidate, text)
                return f"[{text}]({to}{hash_mark}{anchor})"
        if not (root / wanted).exists():
            raise BrokenLink(f"{file} links to {target}, and {wanted} is not there")
        name = match["text"].strip("`")
        return f"`{wanted}`" if wanted.startswith(name) else f"{match['text']} (`{wanted}`)"

    return outside_code(text, lambda line: _LINK.sub(led, line))


_ITEM = re.compile(r"^(?:[-*+]|\d+\.) ")


def spaced(text: str) -> str:
    """A list right below a paragraph is a list on the forge; the site needs a line more."""
    before = [""]

    def line_by_line(line: str) -> str:
        last, before[0] = before[0], line
        begins = bool(_ITEM.match(line)) and bool(last) and not last[0].isspace()
        return f"\n{line}" if begins and not _ITEM.match(last) else line

    return outside_code(text, line_by_line)
