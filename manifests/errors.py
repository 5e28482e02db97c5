"""The root of every error the product raises on purpose, and the errors of documents.

UpdateError
|- ManifestError      the document is wrong: its author fixes it        (here)
|- SigningError       a ceremony cannot go on: an officer acts          (signing.errors)
|- DistributionError  the server cannot do it                           (distribution.errors)
|- AgentError         one leaf per failure code that a report carries   (client_updater.errors)
"""

from typing import ClassVar

EXIT_DATA = 65
"""sysexits.h: the input is wrong."""


class UpdateError(Exception):
    """Something a person can understand and act on.

    Args:
        message: names the object, what was expected and what was found.
        hint: the reader's next step, as one sentence; empty when there is none.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class ManifestError(UpdateError):
    """A document is not what its format says: its author fixes it."""

    exit_status = EXIT_DATA


class IncompatibleDocument(ManifestError):
    """A document of a newer format than this program reads: upgrade the program."""
