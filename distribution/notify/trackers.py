"""Which of the developers' trackers a hand-over reaches, asked before it is made."""

from sqlmodel import Session, col, select

from distribution.errors import Invalid
from distribution.notify.states import Kind
from distribution.notify.tables import NotifyChannel


def reached_by(session: Session, name: str) -> bool:
    """Whether some tracker gets what is handed over to this name; not if there is none at all.

    Raises:
        Invalid: there are trackers, and this is the name of none of them.
    """
    wanted = select(NotifyChannel.label).where(
        NotifyChannel.kind == Kind.TRACKER, col(NotifyChannel.ended_at).is_(None)
    )
    labels = sorted(set(session.exec(wanted)))
    if labels and "" not in labels and name not in labels:
        raise Invalid(f"there is no tracker {name!r} here", hint=f"one of: {', '.join(labels)}")
    return bool(labels)
