"""Put the pages together and let zensical make the site of them: a few seconds, no network."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.docs_site import api, commands, pages
from infra.docs_site.diagrams import with_pictures
from infra.docs_site.links import relinked, spaced

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SITE = ROOT / "build" / "site"
WORKER = "worker.js"
_FOREIGN_WORKER = "https://unpkg.com/iframe-worker/shim"

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Navigation = list[dict[str, Any]]


class NotBuilt(RuntimeError):
    """The site has a warning or an error; with what zensical says."""


def build(target: Path = SITE) -> Path:
    """Build the site into ``target``, in the place of what is there.

    Raises:
        BrokenLink, NotDrawn: a page is wrong, before zensical sees it.
        NotBuilt: as ``render``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        render(work, stage(work / "pages"))
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(work / "site", target)
    return target


def render(work: Path, navigation: Navigation) -> None:
    """Make ``work/site`` of ``work/pages``.

    Raises:
        NotBuilt: zensical found something, such as a link to a heading that is not there.
    """
    settings = (HERE / "zensical.toml").read_text()
    said = f"[project]\nnav = {_toml(navigation)}\n"
    (work / "zensical.toml").write_text(settings.replace("[project]\n", said, 1))
    for name in ("site.css", WORKER):
        shutil.copy(HERE / name, work / "pages" / name)
    command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    said = _COLOURS.sub("", f"{done.stdout}\n{done.stderr}")
    if done.returncode or "Warning" in said:
        raise NotBuilt(said.partition("Traceback")[0].strip())
    _keep_at_home(work / "site")


def _keep_at_home(site: Path) -> None:
    """Of all that zensical's pages name, one script is elsewhere: ours does the same."""
    for page in site.rglob("*.html"):
        up = "../" * (len(page.relative_to(site).parts) - 1)
        page.write_text(page.read_text().replace(_FOREIGN_WORKER, f"{up}{WORKER}"))


def stage(folder: Path) -> Navigation:
    """Write every page into ``folder``; the navigation over them."""
    written = pages.sections(ROOT)
    titles = {pages.START[1]: pages.START[0]}
    for section in written:
        titles |= {file: title for title, file in section.all_entries}
    places = {file: pages.place(file) for file in titles}
    pictures = {
        str(file.relative_to(ROOT)): str(file.relative_to(ROOT / "docs"))
        for file in (ROOT / "docs/pictures").rglob("*")
        if file.is_file()
    }
    for file, place in places.items():
        _write(folder / place, _page(file, {**places, **pictures}, titles))
    shutil.copytree(ROOT / "docs/pictures", folder / "pictures")
    navigation: Navigation = [{pages.START[0]: places[pages.START[1]]}]
    navigation += [_menu(section, places) for section in written]
    return [*navigation, *_generated(folder)]


def _menu(section: pages.Section, places: Mapping[str, str]) -> dict[str, Any]:
    entries: list[Any] = [{title: places[file]} for title, file in section.entries]
    if section.folded:
        (_, index), *below = section.folded
        folded = [places[index], *({title: places[file]} for title, file in below)]
        entries.append({section.folded[0][0]: folded})
    return {section.title: entries}


def _page(file: str, places: Mapping[str, str], titles: Mapping[str, str]) -> str:
    path = ROOT / file
    text = path.read_text() if path.exists() else pages.UNWRITTEN[file]
    deep = "../" * places[file].count("/")
    return spaced(
        with_pictures(relinked(text, file, places, titles, ROOT), file, f"{deep}pictures/diagrams")
    )


def _generated(folder: Path) -> Iterator[dict[str, Any]]:
    programs: Navigation = []
    for title, place, text in commands.pages():
        _write(folder / place, text)
        program = title.partition(" ")[0]
        if title == program:
            programs.append({program: [place]})
        else:
            programs[-1][program].append({title: place})
    yield {"Commands": [p if len(next(iter(p.values()))) > 1 else _alone(p) for p in programs]}
    groups = []
    for title, place, text in api.pages(api.document()):
        _write(folder / place, text)
        groups.append({title: place})
    yield {"API": groups}


def _alone(program: dict[str, Any]) -> dict[str, Any]:
    [(title, [place])] = program.items()
    return {title: place}


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return "{" + ", ".join(f"{json.dumps(name)} = {_toml(v)}" for name, v in value.items()) + "}"
