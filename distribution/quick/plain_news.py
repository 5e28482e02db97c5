"""Which signed check-ins tell nothing but plain news, and what the database has to know for that.

Plain is what a site runs by now, what its agent has decided and why, how far its numbers have come,
and a boot that nobody has heard of. Everything that somebody else would have to hear of or to look
at goes the full way (``check_ins``), which is the definition: a problem that begins, another policy
or ring, a boot that comes back, a change of keys on its way, a checkpoint that does not fit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, Text, exists, select
from sqlmodel import Session, SQLModel, col

from distribution.backup.tables import AskAgain
from distribution.control import notices
from distribution.control.control_tables import WindowRow
from distribution.database.columns import BIGGEST
from distribution.database.many_rows import ManyRows
from distribution.drills import records
from distribution.quick.signs_of_life import is_postgres
from distribution.quick.snapshots import Snapshot
from distribution.sites import alarms
from distribution.sites.site_identity import MOST_BOOTS, Boot, boot_of
from manifests.check_in import CheckIn
from manifests.documents import parse_json, to_json
from manifests.failures import FailureCode
from manifests.site import SiteProfile


@dataclass(frozen=True)
class Heard:
    """A check-in whose signature is verified, by ``public_key``.

    Attributes:
        document: ``said`` in its one spelling; ``digest``: what the next one may repeat of it, hex.
        witnessed: the audit checkpoint that it tells, as JSON spells it.
        wants_session: whether the site would like to repeat it without a signature.
    """

    said: CheckIn
    document: str
    digest: str
    witnessed: bytes
    public_key: str
    at: datetime
    wants_session: bool

    @property
    def can_be_kept(self) -> bool:
        """Whether the database has room for its numbers, and PostgreSQL for its texts."""
        numbers = self.said.root_version, self.said.timestamp_version
        return max(numbers) <= BIGGEST and "\\u0000" not in self.document


@dataclass(frozen=True)
class News:
    """Plain news, with what is to be done about it.

    Attributes:
        before: the check-in before this one.
        products: of the site's profile; about others it has nothing to say.
        problem: the failure code that it goes on naming; empty for none.
        is_new_boot: whether its boot is to be remembered.
    """

    heard: Heard
    client_id: str
    hold: str
    before: CheckIn
    products: tuple[str, ...]
    problem: str
    is_new_boot: bool

    @property
    def digest(self) -> str:
        """What the next check-in may repeat; empty: nothing."""
        return "" if self.problem else self.heard.digest


class Known:
    """What the database has of some sites, as far as it matters to their check-ins."""

    def __init__(self, session: Session, names: Iterable[str]) -> None:
        rows, sites, boots = _statements(is_postgres(session))
        given = rows.given({"name": name} for name in names)
        connection = session.connection()
        self.sites = {row.id: row for row in connection.execute(sites, given)}
        self.boots: dict[str, list[tuple[str, datetime]]] = {}
        for row in connection.execute(boots, given):
            self.boots.setdefault(row.site_id, []).append((row.boot_id, row.since))
        self._on_their_way = notices.on_their_way(session)
        self._session = session

    def plain(self, heard: Heard, snapshot: Snapshot) -> News | None:
        """The news, if that is all there is to it."""
        said, row = heard.said, self.sites.get(heard.said.site_id)
        if row is None or row.public_key != heard.public_key or row.is_asked:
            return None
        if heard.witnessed not in snapshot.witnessed or said.site_id in snapshot.asked:
            return None
        before = CheckIn.from_bytes(row.check_in.encode()) if row.check_in else None
        if before is None or not _goes_on(before, said, row) or self._ends_a_notice(row, said):
            return None
        profile = SiteProfile.model_validate(parse_json(row.profile.encode(), "site profile"))
        if profile.ring != said.ring or _spelled(profile) != row.profile:
            return None
        boot = self._boot(said)
        if boot is None or not self._is_known(said.problem, row.problem):
            return None
        return News(
            heard=heard,
            client_id=row.client_id,
            hold=row.hold,
            before=before,
            products=profile.products,
            problem=row.problem if said.problem else "",
            is_new_boot=boot is Boot.NEW,
        )

    def _boot(self, said: CheckIn) -> Boot | None:
        known = self.boots.get(said.site_id, [])
        boot = boot_of(known, said)
        has_room = boot is Boot.NEW and len(known) < MOST_BOOTS
        return boot if boot is Boot.NEWEST or has_room else None

    def _ends_a_notice(self, row: Any, said: CheckIn) -> bool:
        """Whether a word on its way has reached the site since its last check-in."""
        before = row.root_version, row.timestamp_version
        after = said.root_version, said.timestamp_version
        return any(before < each <= after for each in self._on_their_way)

    def _is_known(self, problem: str, before: str) -> bool:
        """Whether a problem is none, or the one that was told, and no drill counts it."""
        if not problem:
            return True
        code = alarms.code_of(problem)
        return code == before and not self._is_counted(code)

    def _is_counted(self, code: FailureCode) -> bool:
        return code in records.OF_TRUST and records.is_any_open(self._session)


def _goes_on(before: CheckIn, said: CheckIn, row: Any) -> bool:
    """Neither overtaken, nor with another policy; and its next windows are noted already."""
    is_stale = before.boot_id == said.boot_id and said.at < before.at
    has_windows = not said.policy.windows or row.has_windows
    return not is_stale and before.policy == said.policy and has_windows


def _spelled(profile: SiteProfile) -> str:
    return to_json(profile.model_dump(mode="json")).decode()


@cache
def _statements(of_postgres: bool) -> tuple[ManyRows, Select[Any], Select[Any]]:
    """Of sites that may speak, and of their boots in the order they were heard of."""
    rows = ManyRows(of_postgres, name=Text())
    sites: Table = SQLModel.metadata.tables["site"]
    is_asked = exists().where(col(AskAgain.site_id) == sites.c.id)
    has_windows = exists().where(col(WindowRow.site_id) == sites.c.id, col(WindowRow.outcome) == "")
    wanted = select(
        sites.c.id, sites.c.client_id, sites.c.public_key, sites.c.profile, sites.c.check_in,
        sites.c.root_version, sites.c.timestamp_version, sites.c.problem, sites.c.hold,
        is_asked.label("is_asked"), has_windows.label("has_windows"),
    )  # fmt: skip
    named = wanted.where(rows.one_has(rows.c.name, sites.c.id), sites.c.revoked_at.is_(None))
    boots: Table = SQLModel.metadata.tables["siteboot"]
    booted = select(boots.c.site_id, boots.c.boot_id, boots.c.since)
    of_them = booted.where(rows.one_has(rows.c.name, boots.c.site_id))
    return rows, named, of_them.order_by(boots.c.heard_at, boots.c.since)


def statuses(news: Sequence[News]) -> Iterable[Mapping[str, Any]]:
    """What they say of their products, once of each."""
    for one in news:
        said = one.heard.said
        last = {each.product: each for each in said.products if each.product in one.products}
        for product, status in sorted(last.items()):
            yield {
                "site_id": said.site_id,
                "product": product,
                "version": status.installed.version,
                "candidate": status.candidate,
                "decision": status.decision,
                "gate": status.gate,
                "reason": status.reason,
                "lifted_by": status.lifted_by,
                "until": status.until,
            }
