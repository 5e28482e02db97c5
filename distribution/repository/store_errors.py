"""What a store or a repository answers, in the server's words.

The stores live in ``signing``, which an officer's offline machine installs too; the server's
callers know one family of errors with one table to HTTP statuses. A ceremony's own errors (missing
signatures, tampered, stale) pass through: they are for the person at the command line.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from distribution.errors import (
    AlreadyPublished,
    DistributionError,
    Misconfigured,
    NotFound,
    Unavailable,
    UnknownProduct,
)
from signing.errors import (
    AlreadyThere,
    KeyRefused,
    KeyUnavailable,
    NotStored,
    StoreFailed,
    UnknownRole,
    UnusableKey,
    WrongKey,
    WrongPassphrase,
)


@contextmanager
def in_server_words() -> Iterator[None]:
    """Translate errors of stores and repositories into distribution errors.

    Raises:
        Unavailable: the store is full, broken or unreachable, or an online key is.
        Misconfigured: an online key cannot be used as it is.
        NotFound: there is no such file, or no repository.
        UnknownProduct: the repository has no such role or product.
        AlreadyPublished: that version, product or repository exists.
    """
    try:
        yield
    except DistributionError:
        raise
    except (StoreFailed, KeyUnavailable) as error:
        raise Unavailable(error.message, hint=error.hint) from error
    except (UnusableKey, KeyRefused, WrongKey, WrongPassphrase) as error:
        raise Misconfigured(f"the server's keys: {error.message}", hint=error.hint) from error
    except NotStored as error:
        raise NotFound(error.message, hint=error.hint) from error
    except UnknownRole as error:
        raise UnknownProduct(error.message, hint=error.hint) from error
    except AlreadyThere as error:
        raise AlreadyPublished(error.message, hint=error.hint) from error
