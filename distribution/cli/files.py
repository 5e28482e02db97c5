"""Files that a command reads and writes for the person who named them."""

from pathlib import Path

from distribution.errors import Invalid


def read_file(file: Path, what: str) -> bytes:
    """The bytes of a file.

    Raises:
        Invalid: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        raise Invalid(f"the {what} {file} cannot be read: {error.strerror}") from error


def write_file(file: Path, content: bytes) -> None:
    """Write a file, over an older one.

    Raises:
        Invalid: it cannot be written.
    """
    try:
        file.write_bytes(content)
    except OSError as error:
        raise Invalid(f"{file} cannot be written: {error.strerror}") from error
