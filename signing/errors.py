"""Why a ceremony cannot go on, and what a store of files can answer.

SigningError             a ceremony cannot go on: an officer acts          exit
|- MissingSignatures     the threshold is not reached ("have 1 of 2")       77
|- WrongKey              the key may not sign this role                     77
|- SamePerson            this person has signed already                     77
|- WrongPassphrase       the key file does not open                         77
|- LooseKeyFile          others may read the private key                    78
|- UnusableKeyFile       not an encrypted private key, or not a key at all  78
|- UnfitRole             a role that its people could never sign safely     65
|- UnknownRole           nobody has been given that role                    65
|- AlreadyThere          a version, a product or a folder that exists       65
|- StaleProposal         the repository has moved on since it was proposed  65
|- Tampered              it is not what was signed, or not what it says     65
|- ForeignRepository     not the repository that this key has signed for    65
|- StoreError            a store of files answers
   |- NotStored          there is no such file                              66
   |- AlreadyStored      create() found a file of that name                 65
   |- Conflict           replace() found other content than it was told     75
   |- StoreFailed        full, read-only, broken or unreachable             75

Exit statuses are those of sysexits.h.
"""

from manifests.errors import EXIT_DATA, UpdateError

EXIT_NO_INPUT = 66
EXIT_TEMPORARY = 75
EXIT_NO_PERMISSION = 77
EXIT_CONFIG = 78


class SigningError(UpdateError):
    """A ceremony cannot go on; nothing was changed."""

    exit_status = EXIT_DATA


class MissingSignatures(SigningError):
    """Not enough different people have signed."""

    exit_status = EXIT_NO_PERMISSION


class WrongKey(SigningError):
    """This key may not sign this role."""

    exit_status = EXIT_NO_PERMISSION


class SamePerson(SigningError):
    """This person has signed already; a second signature must be somebody else's."""

    exit_status = EXIT_NO_PERMISSION


class WrongPassphrase(SigningError):
    """The passphrase does not open the key file, or there is none."""

    exit_status = EXIT_NO_PERMISSION


class LooseKeyFile(SigningError):
    """Other users of the machine may read the private key."""

    exit_status = EXIT_CONFIG


class UnusableKeyFile(SigningError):
    """The file is not one encrypted private key of a kind we accept."""

    exit_status = EXIT_CONFIG


class UnfitRole(SigningError):
    """A role that could never be signed, or that one person could sign alone."""


class UnknownRole(SigningError):
    """The repository has given nobody this role."""


class AlreadyThere(SigningError):
    """A version, a product, a repository or a folder of that name exists."""


class StaleProposal(SigningError):
    """The repository has moved on since this was proposed: propose again."""


class Tampered(SigningError):
    """The contents are not what was signed, or the proposal is not what it says."""


class ForeignRepository(SigningError):
    """The proposal is for another repository than the one this key has signed for."""


class StoreError(SigningError):
    """What a store of files can answer."""


class NotStored(StoreError):
    """There is no file under this key."""

    exit_status = EXIT_NO_INPUT


class AlreadyStored(StoreError):
    """There is a file under this key already; it was left as it is."""


class Conflict(StoreError):
    """The file is not what the writer believed it to be; it was left as it is."""

    exit_status = EXIT_TEMPORARY


class StoreFailed(StoreError):
    """The store is full, read-only, broken or unreachable; nothing half-written is visible."""

    exit_status = EXIT_TEMPORARY
