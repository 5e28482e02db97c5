"""What the server asks of single sites and of single clients' sites: to hold still, or not to.

It goes into the answer to a check-in and not into a plan, since every site reads the plan and none
may learn of another client. The agent keeps the last answer, so that a hold stays on when the
server is away.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution.control_tables import BrakeRow, ClientApproval
from distribution.tables import RolloutRow, Site
from manifests.rollout import RolloutState

MOST_APPROVED = 100
"""Of a product; the newest count."""


@dataclass(frozen=True)
class Held:
    """Which sites a brake of their own, or of their client's, is on."""

    sites: Collection[str]
    clients: Collection[str]

    def holds(self, site: Site) -> bool:
        """Whether one is on this site."""
        return bool(site.hold) or site.id in self.sites or site.client_id in self.clients


def held(session: Session) -> Held:
    """All sites and clients with a brake on."""
    rows = session.exec(_on()).all()
    return Held(
        sites={row.target for row in rows if row.scope == "site"},
        clients={row.target for row in rows if row.scope == "client"},
    )


def hold_of(session: Session, site: Site) -> str:
    """Why a site should hold still, in words for its administrator; empty when it need not."""
    this_site = (col(BrakeRow.scope) == "site") & (col(BrakeRow.target) == site.id)
    its_client = (col(BrakeRow.scope) == "client") & (col(BrakeRow.target) == site.client_id)
    rows = session.exec(_on().where(or_(this_site, its_client)))
    where = {"site": "this site", "client": "all of the client's sites"}
    words = [f"a brake on {where[row.scope]} is on ({row.by}: {row.reason})" for row in rows]
    return "; ".join([*([site.hold] if site.hold else []), *words])


def _on() -> SelectOfScalar[BrakeRow]:
    return select(BrakeRow).where(col(BrakeRow.off_at).is_(None)).order_by(col(BrakeRow.id))


def approved(session: Session, client_id: str) -> dict[str, tuple[str, ...]]:
    """Per product, the versions that a client has said yes to and that are on their way."""
    wanted = (
        select(ClientApproval)
        .join(
            RolloutRow,
            (col(RolloutRow.product) == col(ClientApproval.product))
            & (col(RolloutRow.version) == col(ClientApproval.version)),
        )
        .where(ClientApproval.client_id == client_id)
        .where(RolloutRow.state != RolloutState.STOPPED)
        .order_by(col(ClientApproval.at))
    )
    found: dict[str, list[str]] = {}
    for row in session.exec(wanted):
        found.setdefault(row.product, []).append(row.version)
    return {product: tuple(versions[-MOST_APPROVED:]) for product, versions in found.items()}
