"""Why a site does or does not get a release: every gate's answer, by the function the site obeys.

The server looks with its own copy of the site, which is as old as the latest check-in; what the
site itself said then is in the site's record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, select

from distribution.control import fleet, gate_sentences, plans, standstill
from distribution.database.tables import RolloutRow, Site
from distribution.errors import NotFound
from distribution.languages import Language
from manifests import decision
from manifests import site as sites
from manifests.decision import Answer, Stay, Wait
from manifests.release import Release
from manifests.rollout import RolloutPlan
from manifests.target_paths import Lane

APPROVER = "an approver"

NEWEST = 10
"""Of so many releases of a product the gates are shown."""


@dataclass(frozen=True)
class GateAnswer:
    """One gate: ``pass``, ``wait`` or ``stay``, and who can lift it."""

    gate: str
    answer: str
    reason: str = ""
    until: datetime | None = None
    lifted_by: str = ""


@dataclass(frozen=True)
class Explanation:
    """One release at one site, gate by gate; the first that does not pass decides.

    Attributes:
        sentence: what its client hears.
    """

    product: str
    version: str
    release: str
    lane: Lane
    installed: str | None
    decision: str
    reason: str
    sentence: str
    gates: tuple[GateAnswer, ...]


def known_site(session: Session, site_id: str, client: str = "") -> Site:
    """A site by its name.

    Args:
        client: of a customer who asks: nobody else's sites exist.

    Raises:
        NotFound: there is none.
    """
    row = session.get(Site, site_id)
    if row is None or client not in ("", row.client_id):
        raise NotFound(f"there is no site {site_id!r}", hint="see 'hsp site list'")
    return row


def explain(
    session: Session,
    site_id: str,
    releases: Sequence[Release],
    now: datetime,
    language: Language = Language.ENGLISH,
) -> list[Explanation]:
    """Every gate for the newest of ``releases`` at a site, newest first.

    Args:
        language: of the sentences for its client.

    Raises:
        NotFound: there is no such site.
    """
    row = known_site(session, site_id)
    site = fleet.as_known(session, row, now)
    mine = [r for r in releases if r.manifest.product in site.profile.products]
    newest = sorted(mine, key=lambda r: (r.path.product, r.version), reverse=True)[:NEWEST]
    names = {release.path.product for release in newest}
    written = {name: plans.written(session, name) for name in names}
    empty = {name: RolloutPlan(product=name, serial=1, written_at=now) for name in names}
    plan_of = {name: plan or empty[name] for name, plan in written.items()}
    found = [_explained(release, plan_of[release.path.product], site, now) for release in newest]
    zone = fleet.zone_of(site.policy)
    return [_with_sentence(_with_standstill(session, one), zone, language) for one in found]


def _with_standstill(session: Session, one: Explanation) -> Explanation:
    """A wave that will not open by itself says so, and who can change that."""
    wanted = select(RolloutRow).where(RolloutRow.release == one.release)
    row = session.exec(wanted).one_or_none()
    words = standstill.reason_of(session, row) if row is not None else ""
    if not words:
        return one
    gates = tuple(
        replace(gate, reason=f"{gate.reason}: {words}", lifted_by=APPROVER)
        if gate.gate == "wave_open" and gate.answer == "wait" and gate.until is None
        else gate
        for gate in one.gates
    )
    return _decided(replace(one, gates=gates))


def _explained(release: Release, plan: RolloutPlan, site: sites.Site, now: datetime) -> Explanation:
    gates = tuple(
        _gate(name, answer) for name, answer in decision.explain(release, plan, site, now)
    )
    explained = Explanation(
        product=release.path.product,
        version=release.path.version,
        release=str(release.path),
        lane=release.path.lane,
        installed=site.product(release.path.product).version,
        decision="install",
        reason="every gate lets it through",
        sentence="",
        gates=gates,
    )
    return _decided(explained)


def _decided(one: Explanation) -> Explanation:
    """With the answer of the first gate that does not let it through."""
    first = _first(one)
    return replace(one, decision=first.answer, reason=first.reason) if first else one


def _first(one: Explanation) -> GateAnswer | None:
    return next((gate for gate in one.gates if gate.answer != "pass"), None)


def _with_sentence(one: Explanation, zone: str, language: Language) -> Explanation:
    first = _first(one) or GateAnswer(gate_sentences.INSTALL, one.decision)
    given = (first.gate, first.answer, first.reason, first.until, zone, language)
    return replace(one, sentence=gate_sentences.said(*given))


def _gate(name: str, answer: Answer) -> GateAnswer:
    match answer:
        case None:
            return GateAnswer(name, "pass")
        case Wait(gate, until, reason, lifted_by):
            return GateAnswer(gate, "wait", reason, until, lifted_by)
        case Stay(gate, reason, lifted_by):
            return GateAnswer(gate, "stay", reason, None, lifted_by)
