"""Why a ceremony cannot go on, and what a store of files can answer.

SigningError             a ceremony cannot go on: an officer acts          exit
|- MissingSignatures     the threshold is not reached ("have 1 of 2")       77
|- WrongKey              the key may not sign this role                     77
|- SamePerson            this person has signed already                     77
|- WrongPassphrase       the key file or the token does not open            77
|- KeyRefused            the key service does not let us                    77
|- KeyUnavailable        the token or the key service is not there now      75
|- LooseKeyFile          others may read the private key                    78
|- UnusableKey           not an encrypted private key of ours, or no key    78
|- UnfitRole             a role that its people could never sign safely     65
|- UnknownRole           nobody has been given that role                    65
|- AlreadyThere          a version, a product or a folder that exists       65
|- StaleProposal         the repository has moved on since it was proposed  65
|- Tampered              it is not what was signed, or not what it says     65
|- ForeignRepository     not the repository that this key has signed for    65
|- Garbled               a block of text that did not arrive as it was sent  65
|- TooLargeForText       more than a block of text can carry                65
|- UnfitEvidence         a release's provenance or SBOM is not as asked for  65
|  |- MissingEvidence    there is none
|  |- UnreadableEvidence it is no in-toto statement, or no CycloneDX JSON
|  |- OtherSubject       the statement is about another artifact
|  |- OtherBuilder       somebody else has built it
|  |- OtherPredicate     the statement is of another type
|  |- UnsignedStatement  not signed by the builder's key
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
    """The passphrase or PIN does not open the key, or there is none."""

    exit_status = EXIT_NO_PERMISSION


class KeyRefused(SigningError):
    """The key service knows us and says no, or does not know us."""

    exit_status = EXIT_NO_PERMISSION


class KeyUnavailable(SigningError):
    """The token is not plugged in, or the key service does not answer; try again later."""

    exit_status = EXIT_TEMPORARY


class LooseKeyFile(SigningError):
    """Other users of the machine may read the private key."""

    exit_status = EXIT_CONFIG


class UnusableKey(SigningError):
    """What is named is not one private key of a kind we accept, or cannot be used as it is."""

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


class Garbled(SigningError):
    """A block of text was cut, mistyped or mixed up on its way."""


class TooLargeForText(SigningError):
    """More than a block of text can carry: it goes as a folder."""


class UnfitEvidence(SigningError):
    """What a release carries about itself is not what its product's officers ask for."""


class MissingEvidence(UnfitEvidence):
    """The release carries no provenance, or no SBOM."""


class UnreadableEvidence(UnfitEvidence):
    """It is no in-toto statement, or no CycloneDX JSON."""


class OtherSubject(UnfitEvidence):
    """The statement is about another artifact."""


class OtherBuilder(UnfitEvidence):
    """Somebody else has built it."""


class OtherPredicate(UnfitEvidence):
    """The statement is of another type."""


class UnsignedStatement(UnfitEvidence):
    """None of the builder's keys has signed the statement."""


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
