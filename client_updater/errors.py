"""Everything that can go wrong at a site, grouped by what has to happen next.

UpdateError
|- AgentError           one leaf per failure code that a report or a check-in carries
|  |- Unreachable       try again later, with backoff
|  |  |- DownloadFailed
|  |- Misconfigured     the site's administrator mends it
|  |  |- PolicyInvalid, NotEnrolled
|  |- Untrusted         stop and tell security
|  |  |- UntrustedMetadata, ExpiredMetadata, Rollback, RootWithheld, ArtifactMismatch
|  |  |- ClockWrong, TrustLost
|  |- InstallFailed     the old version is still running
|  |  |- Incompatible, DiskFull, DiskError, Interrupted
|  |- Unhealthy         the old version was put back
|  |  |- StartFailed
|  |- RevertFailed      page a person
|- StateUnusable        the state folder cannot be used as it is          exit 78
|- AlreadyRunning       another agent works in this folder                exit 75
|- Refused              a command asks for what is not there              exit 65
"""

import errno
from typing import ClassVar, Self

from manifests.errors import EXIT_DATA, UpdateError
from manifests.failures import FailureCode

EXIT_UNAVAILABLE = 69
EXIT_IO = 74
EXIT_TRY_LATER = 75
EXIT_PROTOCOL = 76
EXIT_CONFIG = 78


class AgentError(UpdateError):
    """A failure at a site, with the code that its report carries."""

    code: ClassVar[FailureCode]
    hook_status: int | None = None
    """What a release's own program or check ended with, where that is what failed."""

    def ended_with(self, status: int | None) -> Self:
        """The same, with that status; negative: the signal that ended it."""
        self.hook_status = status
        return self


class Unreachable(AgentError):
    """The server or the repository does not answer as it should; try again later."""

    code = FailureCode.UNREACHABLE
    exit_status = EXIT_UNAVAILABLE

    def __init__(self, message: str, *, hint: str = "", retry_after: float = 0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
        """Seconds that the other side asked for; 0 when it did not say."""


class DownloadFailed(Unreachable):
    """An artifact cannot be fetched, although the repository answers."""

    code = FailureCode.DOWNLOAD_FAILED


class Misconfigured(AgentError):
    """The site's own settings keep the agent from working."""

    code = FailureCode.POLICY_INVALID
    exit_status = EXIT_CONFIG


class PolicyInvalid(Misconfigured):
    """``site.toml`` or ``agent.toml`` cannot be read, so nothing is installed."""


class NotEnrolled(Misconfigured):
    """The site has not joined, or the server no longer knows it."""

    code = FailureCode.NOT_ENROLLED


class Untrusted(AgentError):
    """Something that must not be acted on. Never retried silently, always reported."""

    code = FailureCode.UNTRUSTED_METADATA
    exit_status = EXIT_PROTOCOL


class UntrustedMetadata(Untrusted):
    """Metadata, a plan or a manifest that does not verify."""


class ExpiredMetadata(Untrusted):
    """No fresh word: somebody may be freezing the repository, or it is not being renewed."""

    code = FailureCode.EXPIRED_METADATA


class Rollback(Untrusted):
    """Something older than what this site has already seen."""

    code = FailureCode.ROLLBACK


class RootWithheld(Untrusted):
    """The server knows of a newer root than the repository shows to this site."""

    code = FailureCode.ROOT_WITHHELD


class ArtifactMismatch(Untrusted):
    """Bytes that are not what was signed."""

    code = FailureCode.ARTIFACT_MISMATCH


class ClockWrong(Untrusted):
    """The system's time cannot be true."""

    code = FailureCode.CLOCK


class TrustLost(Untrusted):
    """The record of what this site trusts is gone; nothing is installed until it is re-armed."""

    code = FailureCode.TRUST_LOST


class InstallFailed(AgentError):
    """It could not be installed; the version from before is still running."""

    code = FailureCode.INSTALL_FAILED


class Incompatible(InstallFailed):
    """The release does not fit this site."""

    code = FailureCode.INCOMPATIBLE


class DiskFull(InstallFailed):
    """Not enough room."""

    code = FailureCode.DISK_FULL
    exit_status = EXIT_IO


class DiskError(InstallFailed):
    """The disk does not do what it is told."""

    code = FailureCode.DISK_ERROR
    exit_status = EXIT_IO


INSTALLERS_ERRORS: dict[FailureCode, type[InstallFailed]] = {
    error.code: error for error in (InstallFailed, Incompatible, DiskFull, DiskError)
}
"""What an installer's exit status may amount to."""


DISK_TROUBLE = (DiskFull, DiskError)
"""What passes when somebody looks after the disk."""


class Interrupted(InstallFailed):
    """An attempt was given up before anything was changed."""

    code = FailureCode.INTERRUPTED


class Unhealthy(AgentError):
    """The new version did not pass its health checks."""

    code = FailureCode.UNHEALTHY


class StartFailed(Unhealthy):
    """The new version did not start, or did not stay up."""

    code = FailureCode.START_FAILED


class RevertFailed(AgentError):
    """Neither the new version nor the one before it is known to work."""

    code = FailureCode.REVERT_FAILED


class StateUnusable(UpdateError):
    """The state folder, or a file in it, is not fit to be trusted."""

    exit_status = EXIT_CONFIG


class AlreadyRunning(UpdateError):
    """One agent per state folder."""

    exit_status = EXIT_TRY_LATER


class Refused(UpdateError):
    """A command asks for something that is not there."""

    exit_status = EXIT_DATA


class Stopping(Exception):
    """Not a failure: the agent was asked to end, and this is a place where it can."""


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def disk_trouble(error: OSError, what: str) -> InstallFailed:
    """The error that an operating system's refusal to write amounts to."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return DiskFull(f"no room to {what}: {reason}", hint="free some space on this disk")
    return DiskError(f"cannot {what}: {reason}", hint="check the disk and how it is mounted")
