"""Which repository a key signs for: noted beside the key at its first signature.

Whoever prepares a proposal could invent the base that it is compared with, and so hide what is
really in it. They cannot invent one that leads back to the same first root, and this note is how
an offline machine knows that root again.
"""

from pathlib import Path

from signing.errors import ForeignRepository


def _note(key_file: Path) -> Path:
    return key_file.with_suffix(".repository")


def check(key_file: Path, identity: str) -> None:
    """Refuse a repository that is not the one this key has signed for.

    Raises:
        ForeignRepository: it is another one.
    """
    note = _note(key_file)
    known = note.read_text("ascii", "replace").strip() if note.is_file() else identity
    if known != identity:
        raise ForeignRepository(
            f"this is the repository {identity[:16]}, and {key_file} signs for {known[:16]}",
            hint=f"stop and ask who made this; if a new repository is meant, remove {note}",
        )


def remember(key_file: Path, identity: str) -> None:
    """Note the repository, where the key's medium can be written at all."""
    note = _note(key_file)
    if note.is_file():
        return
    try:
        note.write_text(identity + "\n", "ascii")
    except OSError:
        return  # a read-only medium: the next signature is as careful as the first
