"""The pictures in the docs are those that the code draws today."""

from pathlib import Path

from infra import pictures


def test_the_committed_pictures_are_up_to_date(tmp_path: Path) -> None:
    for drawn in pictures.draw(tmp_path):
        committed = pictures.PICTURES / drawn.name
        assert drawn.read_text() == committed.read_text(), "draw them anew: make pictures"
