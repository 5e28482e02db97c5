"""The tables of docs/scale.md are what ``hsp plan`` says.

``python -m tests.docs.test_scale`` writes them anew, after unit costs or prices have changed.
"""

import re
import shlex
from pathlib import Path

from click.testing import CliRunner

from distribution.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
_TABLE = re.compile(r"^<!-- hsp (plan [^\n]*) -->\n(.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)


def _written(found: re.Match[str]) -> str:
    done = CliRunner().invoke(main, shlex.split(found[1]))
    assert done.exit_code == 0, done.output
    return f"<!-- hsp {found[1]} -->\n\n{done.output}\n<!-- end -->"


def anew(page: str) -> str:
    """The page with its tables made again."""
    return _TABLE.sub(_written, page)


def test_the_tables_are_what_the_command_says() -> None:
    page = PAGE.read_text()
    assert len(_TABLE.findall(page)) == 2
    assert page == anew(page), "python -m tests.docs.test_scale"


if __name__ == "__main__":
    PAGE.write_text(anew(PAGE.read_text()))
