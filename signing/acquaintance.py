"""Which repository a key signs for: noted at its first signature, beside its file if it is one.

Whoever prepares a proposal could invent the base that it is compared with, and so hide what is
really in it. They cannot invent one that leads back to the same first root, and this note is how
an offline machine knows that root again.
"""

from pathlib import Path

from signing.errors import ForeignRepository


def check(note: Path, where: Path | str, identity: str) -> None:
    """Refuse a repository that is not the one this key has signed for.

    Args:
        note: the file for it.
        where: the key, as its owner names it.

    Raises:
        ForeignRepository: it is another one.
    """
    known = note.read_text("ascii", "replace").strip() if note.is_file() else identity
    if known != identity:
        raise ForeignRepository(
            f"this is the repository {identity[:16]}, and {where} signs for {known[:16]}",
            hint=f"stop and ask who made this; if a new repository is meant, remove {note}",
        )


def remember(note: Path, identity: str) -> None:
    """Note the repository, where the key's medium can be written at all."""
    if note.is_file():
        return
    try:
        note.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        note.write_text(identity + "\n", "ascii")
    except OSError:
        return  # a read-only medium: the next signature is as careful as the first
