"""What can keep a message from its receiver."""

from distribution.errors import Unavailable


class NotDelivered(Unavailable):
    """The receiver did not take it; it is tried again.

    Attributes:
        retry_after: seconds that the receiver asked for; 0 if it did not.
    """

    def __init__(self, message: str, *, retry_after: float = 0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after
