"""What answers to check-ins depend on, of all sites, as the database had it at one moment.

A server keeps the newest one in memory and answers from it as long as nothing has changed, which
``change_stamps`` tells. ``told`` here and ``told.of_site`` give the same, by the same functions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, and_, col, select

from distribution.audit import witness
from distribution.audit.tables import AuditRow, CheckpointRow
from distribution.backup.tables import AskAgain
from distribution.calendars import freeze_records
from distribution.control import holds
from distribution.control.holds import Approved, Held
from distribution.desk.remote_tables import RemoteStepRow
from distribution.quick import change_stamps
from distribution.sites.told import Told
from manifests.repetition import spelled

LONGEST = timedelta(minutes=1)
"""It is read anew after that, whatever happens: some of it depends on the time."""
MOST_WITNESSED = 100


@dataclass(frozen=True)
class Snapshot:
    """All of it.

    Attributes:
        number: the change stamp.
        until: from then on it may be wrong: a freeze is over, or it is simply old.
        witnessed: newest checkpoints that fit the audit log, as check-ins spell them; and none.
        asked: sites that support has asked for a step, or a restore for its reports.
    """

    number: int
    until: datetime
    held: Held
    approved: dict[str, Approved]
    freezes: freeze_records.OfSites
    checkpoint: str
    witnessed: frozenset[bytes]
    asked: frozenset[str]

    def told(self, site_id: str, client_id: str, hold: str) -> Told:
        """What a site is told that is asked for no step; ``hold`` is its own."""
        return Told(
            hold=holds.in_words(self.held, site_id, client_id, hold),
            approved=self.approved.get(client_id, {}),
            freezes=self.freezes.of(site_id, client_id),
            checkpoint=self.checkpoint,
        )

    def is_told_alone(self, site_id: str) -> bool:
        """Whether a site is told something that others of its client are not."""
        return site_id in self.held.brakes.get("site", {}) or self.freezes.names(site_id)


def read(session: Session, now: datetime) -> Snapshot:
    """The database's, as of this transaction."""
    freezes = freeze_records.OfSites(session, now)
    steps = select(RemoteStepRow.site_id).where(RemoteStepRow.outcome == "")
    again = select(AskAgain.site_id)  # they only become fewer while a server runs
    return Snapshot(
        number=change_stamps.read(session),
        until=min(freezes.next_end(now), now + LONGEST),
        held=holds.held(session),
        approved=dict(holds.all_approved(session)),
        freezes=freezes,
        checkpoint=witness.to_be_told(session),
        witnessed=frozenset({b"", *map(spelled, _fitting(session))}),
        asked=frozenset([*session.exec(steps), *session.exec(again)]),
    )


def _fitting(session: Session) -> list[str]:
    of_record = and_(col(AuditRow.seq) == CheckpointRow.seq, AuditRow.hash == CheckpointRow.hash)
    wanted = select(CheckpointRow.envelope).join(AuditRow, of_record)
    newest = wanted.order_by(col(CheckpointRow.seq).desc()).limit(MOST_WITNESSED)
    return list(session.exec(newest))
