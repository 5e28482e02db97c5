"""Withdrawn releases: their rollouts are stopped, and somebody hears which sites run them.

The withdrawal itself is signed by people, in the repository; no site installs a withdrawn release,
whatever this server does.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlmodel import select

from distribution.control import rollouts
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import RolloutRow, SiteProduct
from distribution.desk import stopped_rollouts
from distribution.repository import catalogue
from distribution.server import Server
from manifests.rollout import RolloutState

REPOSITORY = "the repository"


def stop_withdrawn(server: Server, now: datetime) -> list[str]:
    """Stop the rollouts of releases that were withdrawn; L3 gets the problem of each.

    Returns:
        The manifests' paths of those that were stopped.

    Raises:
        Unavailable: the store or the database does not answer.
    """
    with server.database.reading() as session:
        alive = {row.product for row in rollouts.all_rollouts(session) if _may_go_on(row)}
    withdrawn: dict[str, str] = {}
    for product in sorted(alive):
        withdrawn |= catalogue.withdrawals(server.store, product)
    return _stop(server.database, withdrawn, now) if withdrawn else []


def _may_go_on(row: RolloutRow) -> bool:
    return row.state != RolloutState.STOPPED


def _stop(database: Database, withdrawn: Mapping[str, str], now: datetime) -> list[str]:
    stopped = []
    with database.writing() as session:
        for row in rollouts.all_rollouts(session):
            if row.release in withdrawn and _may_go_on(row):
                reason = f"withdrawn: {withdrawn[row.release]}"
                rollouts.put(session, row, RolloutState.STOPPED, Word(REPOSITORY, reason), now)
                stopped_rollouts.stopped(session, row.product, row.version, reason, now)
                stopped.append(row.release)
    return stopped


def sites_running(database: Database, product: str, version: str) -> list[str]:
    """The sites that said that they run a version.

    Raises:
        Unavailable: the database does not answer.
    """
    found = (
        select(SiteProduct.site_id)
        .where(SiteProduct.product == product, SiteProduct.version == version)
        .order_by(SiteProduct.site_id)
    )
    with database.reading() as session:
        return list(session.exec(found))
