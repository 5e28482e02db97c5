"""How the deliveries stand, for Prometheus."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from distribution.notify.states import OPEN_STATES, State
from distribution.notify.tables import Delivery


@dataclass(frozen=True)
class Figures:
    """Counted now.

    Attributes:
        by_state: of the last thirty days.
        oldest_seconds: how long the oldest has been due or on its way, of those that no receiver
            has refused: it is our own delay. 0: none is.
        failing: those that were tried in vain, and are tried again.
    """

    by_state: dict[State, int]
    oldest_seconds: float
    failing: int


def figures(session: Session, now: datetime) -> Figures:
    """Count."""
    counted = select(Delivery.state, func.count()).group_by(col(Delivery.state))
    known = Counter({State(state): count for state, count in session.exec(counted)})
    is_open = col(Delivery.state).in_(OPEN_STATES)
    untried = is_open & (col(Delivery.error) == "")
    sealed = select(func.min(col(Delivery.sealed_at))).where(untried)
    due = select(func.min(Delivery.due_at)).where(untried, col(Delivery.sealed_at).is_(None))
    oldest = min(filter(None, (session.exec(each).one() for each in (sealed, due))), default=now)
    failing = select(func.count()).where(is_open, Delivery.error != "")
    return Figures(
        by_state={state: known[state] for state in State},
        oldest_seconds=max((now - oldest).total_seconds(), 0),
        failing=session.exec(failing).one(),
    )
