"""What the two commands of README leave out, nobody would miss."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_make_looks_for_journeys_wherever_there_are_any() -> None:
    folders = re.search(r"^JOURNEYS := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert folders
    marked = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "tests").rglob("*.py")
        if "mark.journey" in file.read_text() and file != Path(__file__)
    }
    assert len(marked) > 2
    assert {name for name in marked if not name.startswith(tuple(folders[1].split()))} == set()
