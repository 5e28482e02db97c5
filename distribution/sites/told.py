"""What the answer to a check-in is made of, the same whether it is looked up or remembered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlmodel import Session

from distribution.audit import witness
from distribution.calendars import freeze_records
from distribution.control import holds
from distribution.control.holds import Approved
from distribution.database.tables import Site
from distribution.desk import remote_steps
from distribution.settings import Settings
from manifests.check_in import CheckInAnswer, SessionGiven
from manifests.freeze import Freeze
from manifests.remote_steps import RemoteStep


class Newest(Protocol):
    """The newest metadata versions that the server knows of; 0 when it does not know."""

    @property
    def root_version(self) -> int:
        """Of the root."""
        ...

    @property
    def timestamp_version(self) -> int:
        """Of the timestamp."""
        ...


@dataclass(frozen=True)
class Told:
    """What one site is told; all of it can hold the site, and nothing of it start anything."""

    hold: str
    approved: Approved
    freezes: tuple[Freeze, ...]
    checkpoint: str
    steps: tuple[RemoteStep, ...] = ()


def of_site(session: Session, site: Site, now: datetime, *, calls: bool) -> Told:
    """What the database has for a site; steps only for one that calls by itself."""
    return Told(
        hold=holds.hold_of(session, site),
        approved=holds.approved(session, site.client_id),
        freezes=freeze_records.for_site(session, site.id, site.client_id, now),
        checkpoint=witness.to_be_told(session),
        steps=remote_steps.to_hand_out(session, site.id, now) if calls else (),
    )


def answer(
    told: Told, settings: Settings, newest: Newest, given: SessionGiven | None = None
) -> CheckInAnswer:
    """The answer; it depends on nothing else."""
    return CheckInAnswer(
        poll_seconds=settings.poll_seconds,
        root_version=newest.root_version,
        timestamp_version=newest.timestamp_version,
        hold=told.hold,
        approved=dict(told.approved),
        freezes=told.freezes,
        audit_checkpoint=told.checkpoint,
        steps=told.steps,
        session=given,
    )
