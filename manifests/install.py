"""How a release is put in place at a site, and the service that runs from it.

Three kinds of installation, told apart by ``kind``; an agent that does not know a kind refuses the
manifest, and keeps what runs.
"""

import posixpath
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from manifests.documents import Part
from manifests.failures import FailureCode

_VARIABLE = re.compile(r"\{[a-z][a-z0-9_]{0,31}\}")

Command = Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(min_length=1)]
"""A program and its arguments; never a shell line. ``{name}`` is replaced by the site's value."""

Seconds = Annotated[int, Field(ge=0, le=7 * 24 * 3600)]
DeadlineSeconds = Annotated[int, Field(ge=1, le=24 * 3600)]
PackageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]{1,127}$")]
"""The name of a Debian package. Source: Debian policy 5.6.1."""

ExitStatus = Annotated[
    str, StringConstraints(pattern=r"^([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])$")
]


def plain_folder(path: str) -> str:
    """Return ``path`` if it is the one spelling of an absolute path to a folder.

    Raises:
        ValueError: relative, with ``..`` or doubled slashes, or the root of everything.
    """
    is_plain = posixpath.isabs(path) and posixpath.normpath(path) == path
    if not is_plain or path == "/" or path.startswith("//"):
        raise ValueError(f"{path!r} is not the plain absolute path of a folder")
    if not path.isprintable():
        raise ValueError(f"{path!r} has characters that no folder of ours has")
    return path


def _folder_or_variable(text: str) -> str:
    return text if _VARIABLE.fullmatch(text) else plain_folder(text)


AbsoluteFolder = Annotated[str, Field(max_length=1024), AfterValidator(plain_folder)]
DataFolder = Annotated[str, Field(max_length=1024), AfterValidator(_folder_or_variable)]
"""An absolute path, or ``{name}`` for the site's value of that name."""

INSTALLERS_CODES = frozenset(
    {
        FailureCode.INSTALL_FAILED,
        FailureCode.INCOMPATIBLE,
        FailureCode.DISK_FULL,
        FailureCode.DISK_ERROR,
    }
)
"""What an installer's exit status may mean: a vendor cannot call security, or hide a failure."""


class Program(Part):
    """The release is a program that the agent itself starts, watches and stops."""

    kind: Literal["program"] = "program"
    command: Command
    stop_grace_seconds: Seconds = 10


class SystemdUnit(Part):
    """The release runs as a unit of systemd, which the agent restarts."""

    kind: Literal["systemd"] = "systemd"
    unit: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@._-]{1,128}\.service$")]


class ServiceCommands(Part):
    """Something else looks after the service: these commands start it, stop it and ask for it.

    ``status`` ends with 0 while the service is up. ``start`` of one that is up restarts it.
    """

    kind: Literal["command"] = "command"
    start: Command
    stop: Command
    status: Command
    deadline_seconds: DeadlineSeconds = 60


Service = Annotated[Program | SystemdUnit | ServiceCommands, Field(discriminator="kind")]


class SlotInstall(Part):
    """Side-by-side folders and one atomic link; the old version stays until the new is healthy."""

    kind: Literal["slot"] = "slot"
    service: Service | None = None


class PackageInstall(Part):
    """The artifact holds Debian packages, which dpkg installs; the slot keeps them for reverting.

    Attributes:
        packages: the name of every package in the artifact, each in one ``.deb``.
        missing: where what the packages depend on comes from. ``refuse``: it is at the site
            already, or in the artifact. ``apt``: from the site's own package sources.
    """

    kind: Literal["package"] = "package"
    packages: Annotated[tuple[PackageName, ...], Field(min_length=1, max_length=100)]
    missing: Literal["refuse", "apt"] = "refuse"
    deadline_seconds: DeadlineSeconds = 900
    service: Service | None = None

    @model_validator(mode="after")
    def _packages_differ(self) -> Self:
        if len(set(self.packages)) != len(self.packages):
            raise ValueError("a package is named twice")
        return self


class Instruction(Part):
    """One command of a vendor's installer. At the deadline its whole process group is ended."""

    command: Command
    deadline_seconds: DeadlineSeconds = 900


class CommandInstall(Part):
    """A vendor's own installer, run in the folder of the unpacked files.

    Attributes:
        install: puts this version in place of whatever is there.
        verify: ends with 0 when this version is in place, whole.
        undo: puts back what was there before ``install``, however far that had come.
        failures: what an exit status of ``install`` means; any other is ``install_failed``.
    """

    kind: Literal["command"] = "command"
    install: Instruction
    verify: Instruction
    undo: Instruction
    failures: Annotated[dict[ExitStatus, FailureCode], Field(max_length=254)] = Field(
        default_factory=dict
    )
    service: Service | None = None

    @model_validator(mode="after")
    def _codes_are_an_installers(self) -> Self:
        for status, code in self.failures.items():
            if code not in INSTALLERS_CODES:
                known = ", ".join(sorted(INSTALLERS_CODES))
                raise ValueError(f"exit status {status}: {code} is none of {known}")
        return self


Install = Annotated[SlotInstall | PackageInstall | CommandInstall, Field(discriminator="kind")]
