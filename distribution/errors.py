"""What the server can refuse, and the one table from a refusal to its statuses.

DistributionError      the server cannot do it                          HTTP  exit
|- NotFound            no such thing                                     404    66
|  |- UnknownProduct   no such product in the repository
|  |- UnknownRelease   no such signed release
|  |- UnknownRollout   no rollout of that release was started
|- Conflict            it contradicts what is already there              409    65
|  |- AlreadyPublished a version, or a file, that exists with other content
|  |- LostRace         somebody else was faster; run it again                  75
|- OtherFile           the file is not the one that was asked for        412    65
|- Invalid             the request is understood and wrong               422    65
|- Malformed           not even a document                               400    65
|- Unauthorised        not known, or not by that key                     401    77
|- TooLarge            the body is over the limit                        413    65
|- TooMany             this identity comes too often                   429    75
|- Misconfigured       the server's own settings, keys or home           500    78
|- Unavailable         the database, store or key is not there now       503    75

Exit statuses are those of sysexits.h. A class that names none has its parent's.
"""

from typing import ClassVar

from manifests.errors import EXIT_DATA, UpdateError

EXIT_NO_INPUT = 66
EXIT_UNAVAILABLE = 75
EXIT_NO_PERMISSION = 77
EXIT_CONFIG = 78


class DistributionError(UpdateError):
    """The server cannot do it. ``code`` is what a program reads, ``message`` what a person does."""

    http_status: ClassVar[int] = 500
    code: ClassVar[str] = "failed"


class NotFound(DistributionError):
    """No such thing."""

    http_status = 404
    exit_status = EXIT_NO_INPUT
    code = "not_found"


class UnknownProduct(NotFound):
    """The repository has no such product."""

    code = "unknown_product"


class UnknownRelease(NotFound):
    """The repository has no such signed release."""

    code = "unknown_release"


class UnknownRollout(NotFound):
    """No rollout of that release was started."""

    code = "unknown_rollout"


class Conflict(DistributionError):
    """It contradicts what is already there; nothing was changed."""

    http_status = 409
    exit_status = EXIT_DATA
    code = "conflict"


class AlreadyPublished(Conflict):
    """That version exists, and what is published is never replaced."""

    code = "already_published"


class LostRace(Conflict):
    """Somebody else was faster; nothing of theirs or ours is lost. Run it again."""

    exit_status = EXIT_UNAVAILABLE
    code = "lost_race"


class LostLease(Conflict):
    """Another scheduler has taken over; this one must not write any more."""

    exit_status = EXIT_UNAVAILABLE
    code = "lost_lease"


class OtherFile(DistributionError):
    """The file is not the one that the reader began to read."""

    http_status = 412
    exit_status = EXIT_DATA
    code = "other_file"


class Invalid(DistributionError):
    """The request is understood, and wrong."""

    http_status = 422
    exit_status = EXIT_DATA
    code = "invalid"


class Malformed(DistributionError):
    """The request is not even a document of the kind it should be."""

    http_status = 400
    exit_status = EXIT_DATA
    code = "malformed"


class Unauthorised(DistributionError):
    """Not known, or not signed by the key that is known. Its text never says which."""

    http_status = 401
    exit_status = EXIT_NO_PERMISSION
    code = "unauthorised"


class NotAllowed(DistributionError):
    """Known, but this is somebody else's to decide."""

    http_status = 403
    exit_status = EXIT_NO_PERMISSION
    code = "not_allowed"


class Unreviewed(NotAllowed):
    """Nobody has reviewed this person's last break-glass release yet."""

    code = "unreviewed"


class TooLarge(DistributionError):
    """The body is over the limit and was not read."""

    http_status = 413
    exit_status = EXIT_DATA
    code = "too_large"


class TooMany(DistributionError):
    """This identity comes too often; nothing was done.

    Attributes:
        retry_after: in so many seconds there is room for one more.
    """

    http_status = 429
    exit_status = EXIT_UNAVAILABLE
    code = "too_many"

    def __init__(self, message: str, *, hint: str = "", retry_after: float = 0) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Misconfigured(DistributionError):
    """The server's own settings, keys or home are wrong: an operator mends them."""

    exit_status = EXIT_CONFIG
    code = "misconfigured"


class Unavailable(DistributionError):
    """The database, the store or a key is not there at the moment; try again later."""

    http_status = 503
    exit_status = EXIT_UNAVAILABLE
    code = "unavailable"
