"""What the server asks of single sites and of single clients' sites: to hold still, or not to.

It goes into the answer to a check-in and not into a plan, since every site reads the plan and none
may learn of another client. The agent keeps the last answer, so that a hold stays on when the
server is away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from distribution.control.control_tables import BrakeRow, ClientApproval
from distribution.database.tables import RolloutRow, Site
from manifests.rollout import RolloutState

MOST_APPROVED = 100
"""Of a product; the newest count."""


_WHERE = {"site": "this site", "client": "all of the client's sites"}


@dataclass(frozen=True)
class Held:
    """The brakes that are on, by what they are on: sites, clients, products, or everything."""

    brakes: Mapping[str, Mapping[str, Sequence[str]]]
    """Scope, target, and what each brake there says."""

    def holds(self, site: Site) -> bool:
        """Whether one is on this site, or on its client."""
        return bool(self.words(site))

    def words(self, site: Site) -> list[str]:
        """Why a site should hold still, as its administrator may read it."""
        return self.words_for(site.id, site.client_id, site.hold)

    def words_for(self, site_id: str, client_id: str, own: str) -> list[str]:
        """The same; ``own`` is the site's own hold."""
        return [own] * bool(own) + self._of("site", site_id) + self._of("client", client_id)

    def all_words(self, site: Site, products: Iterable[str]) -> list[str]:
        """The same with the brakes that every site reads in the plans of its products."""
        of_products = [word for product in products for word in self._of("product", product)]
        return self.words(site) + of_products + self._of("global", "")

    def _of(self, scope: str, target: str) -> list[str]:
        return list(self.brakes.get(scope, {}).get(target, ()))


def held(session: Session) -> Held:
    """All brakes that are on."""
    return _held(session.exec(_on()))


def _held(rows: Iterable[BrakeRow]) -> Held:
    found: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        where = _WHERE.get(row.scope, row.target or "everything")
        word = f"a brake on {where} is on ({row.by}: {row.reason})"
        found.setdefault(row.scope, {}).setdefault(row.target, []).append(word)
    return Held(found)


def hold_of(session: Session, site: Site) -> str:
    """Why a site should hold still, in words for its administrator; empty when it need not."""
    this_site = (col(BrakeRow.scope) == "site") & (col(BrakeRow.target) == site.id)
    its_client = (col(BrakeRow.scope) == "client") & (col(BrakeRow.target) == site.client_id)
    held = _held(session.exec(_on().where(or_(this_site, its_client))))
    return in_words(held, site.id, site.client_id, site.hold)


def in_words(held: Held, site_id: str, client_id: str, own: str) -> str:
    """Why a site should hold still, as the answer to its check-in has it."""
    return "; ".join(held.words_for(site_id, client_id, own))


def _on() -> SelectOfScalar[BrakeRow]:
    return select(BrakeRow).where(col(BrakeRow.off_at).is_(None)).order_by(col(BrakeRow.id))


Approved = Mapping[str, tuple[str, ...]]
"""Per product, versions."""


def approved(session: Session, client_id: str) -> Approved:
    """What a client has said yes to and what is on its way."""
    wanted = _approvals().where(ClientApproval.client_id == client_id)
    return _by_client(session.exec(wanted)).get(client_id, {})


def all_approved(session: Session) -> Mapping[str, Approved]:
    """The same of every client that has said yes to something, by its name."""
    return _by_client(session.exec(_approvals()))


def _approvals() -> SelectOfScalar[ClientApproval]:
    return (
        select(ClientApproval)
        .join(
            RolloutRow,
            (col(RolloutRow.product) == col(ClientApproval.product))
            & (col(RolloutRow.version) == col(ClientApproval.version)),
        )
        .where(RolloutRow.state != RolloutState.STOPPED)
        .order_by(col(ClientApproval.at))
    )


def _by_client(rows: Iterable[ClientApproval]) -> dict[str, dict[str, tuple[str, ...]]]:
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in rows:
        products = found.setdefault(row.client_id, {})
        products[row.product] = (*products.get(row.product, ()), row.version)[-MOST_APPROVED:]
    return found
