"""The states of tickets."""

from enum import StrEnum


class TicketState(StrEnum):
    """Of an incident or a problem."""

    OPEN = "open"
    CLOSED = "closed"
