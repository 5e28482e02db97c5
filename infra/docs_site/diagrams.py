"""Mermaid's blocks as pictures: ``python -m infra.docs_site.diagrams`` draws what is missing.

A browser that reads the site would have to load Mermaid, 3 MB of it, from somewhere. So each block
is drawn once, by Mermaid itself in Chromium, and the picture is named by the block's contents: a
block that was changed has no picture, and the site is not built before somebody has drawn it.
"""

import hashlib
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures/diagrams"
MERMAID = "mermaid@11.16.1"
_BLOCK = re.compile(r"^```mermaid\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_SETTINGS = (
    "{startOnLoad: false, htmlLabels: false, flowchart: {htmlLabels: false}, theme: 'neutral'}"
)


class NotDrawn(ValueError):
    """A block was written or changed, and nobody has drawn it yet."""


def picture(block: str) -> Path:
    """Where the picture of a block is."""
    return PICTURES / f"{hashlib.sha256(block.encode()).hexdigest()[:16]}.svg"


def blocks(text: str) -> list[str]:
    """Mermaid's blocks of a page."""
    return _BLOCK.findall(text)


def with_pictures(text: str, file: str, folder: str) -> str:
    """A page with pictures in place of its blocks.

    Args:
        folder: where the pictures are, as the page sees it.

    Raises:
        NotDrawn: one has no picture.
    """

    def shown(match: "re.Match[str]") -> str:
        drawn = picture(match[1])
        if not drawn.exists():
            raise NotDrawn(f"a diagram of {file} is not drawn; run make pictures, and commit it")
        to = f"{folder}/{drawn.name}"
        return f"[![A diagram; its text is in {file}]({to})]({to})\n"

    return _BLOCK.sub(shown, text)


def _draw(block: str, script: Path, target: Path) -> None:
    from tests.simulators.chromium import browser

    with browser() as started:
        page = started.new_page()
        page.set_content("<body></body>")
        page.add_script_tag(path=str(script))
        page.evaluate(f"mermaid.initialize({_SETTINGS})")
        svg = page.evaluate("async text => (await mermaid.render('flow', text)).svg", block)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(svg + "\n")


def _mermaid(folder: Path) -> Path:
    from tests.simulators.npm import NODE, NPM

    subprocess.run([NODE, NPM, "pack", "--silent", MERMAID], cwd=folder, check=True)
    [packed] = folder.glob("*.tgz")
    with tarfile.open(packed) as tar:
        script = tar.extractfile("package/dist/mermaid.min.js")
        assert script is not None  # noqa: S101 - it is a file
        target = folder / "mermaid.js"
        target.write_bytes(script.read())
    return target


def draw_missing() -> list[Path]:
    """Draw what has no picture, and forget pictures of what is no more; the new ones."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    wanted = {picture(block): block for page in pages for block in blocks(page.read_text())}
    for old in set(PICTURES.glob("*.svg")) - set(wanted):
        old.unlink()
    missing = [target for target in wanted if not target.exists()]
    if missing:
        with tempfile.TemporaryDirectory() as folder:
            script = _mermaid(Path(folder))
            for target in missing:
                _draw(wanted[target], script, target)
    return missing


if __name__ == "__main__":
    for drawn in draw_missing():
        click.echo(f"drawn: {drawn}")
