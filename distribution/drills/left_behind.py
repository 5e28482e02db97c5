"""Thieves may sign any root: a new repository, to which every site moves by a telephone call.

It is walked through in the home of the new repository; the old one's database says which sites
there are and what they run.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from packaging.version import Version
from sqlmodel import col, select

from distribution.control import fleet
from distribution.control.control_tables import DrillRow
from distribution.database.sessions import DATABASE_FILE, Database
from distribution.database.tables import Invitation, Site, SiteProduct
from distribution.drills.people import COMPROMISED
from distribution.drills.records import Goal
from distribution.drills.steps import Drill, Scene, Step, closing
from distribution.errors import Misconfigured
from distribution.private_files import write_over
from distribution.repository import catalogue
from distribution.settings import Settings
from distribution.sites import enrolment
from manifests.site import SiteProfile
from signing import exposure
from signing.wording import counted

INVITATIONS = "invitations"


@dataclass(frozen=True)
class OldEstate:
    """What the old server knew.

    Attributes:
        sites: who they are, by their names.
        running: the newest version that any site runs, by product.
    """

    sites: Mapping[str, SiteProfile]
    running: Mapping[str, Version]

    @classmethod
    def read(cls, home: Path) -> "OldEstate":
        """Read the old server's database.

        Raises:
            Misconfigured: there is no server's home.
            Unavailable: the database does not answer.
        """
        settings = Settings.load(home)
        if not settings.database_url and not (home / DATABASE_FILE).exists():
            raise Misconfigured(
                f"{home} is not the home of a server: it has no {DATABASE_FILE}",
                hint="name the old one's, or a copy of it",
            )
        running: dict[str, Version] = {}
        with Database.open(settings).reading() as session:
            rows = session.exec(select(Site).where(col(Site.revoked_at).is_(None)))
            sites = {row.id: fleet.profile_of(row) for row in rows}
            for each in session.exec(select(SiteProduct)):
                if each.version is not None and each.site_id in sites:
                    known = running.get(each.product)
                    new = Version(each.version)
                    running[each.product] = max(known, new) if known else new
        return cls(sites, running)


def drill(scene: Scene, old_home: Path) -> Drill:
    """How far the sites of the old server have come to this one.

    Raises:
        Misconfigured, Unavailable: the old server's home cannot be read.
    """
    row = scene.record(COMPROMISED, str(old_home))
    old = OldEstate.read(old_home)
    begun = Drill(
        name=COMPROMISED,
        about=str(old_home),
        title=f"Thieves may sign any root of {old_home}: its sites move to {scene.settings.home}",
        exposure=tuple(exposure.of_officers(scene.repository)),
        goal=Goal(),
        steps=tuple(_steps(scene, old)),
        noticed=tuple(_noticed(scene, old, row)) if row else (),
    )
    return replace(begun, steps=(*begun.steps, closing(scene, begun)))


def _noticed(scene: Scene, old: OldEstate, row: DrillRow) -> Iterator[str]:
    """Until a site has enrolled anew, it believes the old root, and so whoever signs for it."""
    joined = [moment for site, moment in _enrolled(scene).items() if site in old.sites]
    if joined:
        took = max((max(joined) - row.began_at).total_seconds(), 0)
        yield (
            f"blind for {took:,.1f} s at most: so long after the drill began the last of "
            f"{counted(joined, 'site')} enrolled here"
        )


def _steps(scene: Scene, old: OldEstate) -> Iterator[Step]:
    yield _products(scene, old)
    yield _versions(scene, old)
    here = _enrolled(scene)
    missing = [site for site in old.sites if site not in here]
    invited = _invited(scene)
    uninvited = [site for site in missing if site not in invited]
    folder = scene.settings.home / INVITATIONS

    def invite() -> Iterator[str]:
        trust = catalogue.trust_state(scene.store)
        for site in uninvited:
            yield str(_invite(scene, trust, old.sites[site], folder))
        yield f"sha256 of the root, to be compared by telephone: {trust.root_sha256}"

    what = f"invite {counted(uninvited or old.sites, 'site')} again, each by a file in {folder}"
    yield Step(what, not uninvited, act=invite)
    how = "each administrator: hsp-updater enroll INVITATION --again --root-sha256 ..."
    still = f"not yet: {', '.join(missing)}"
    yield Step("every site has enrolled here", not missing, how=(how, still))


def _products(scene: Scene, old: OldEstate) -> Step:
    here = catalogue.products(scene.store)
    wanted = sorted({product for site in old.sites.values() for product in site.products})
    missing = [product for product in wanted if product not in here]
    how = tuple(f"hsp product add {product} ..." for product in missing)
    return Step(f"the products {', '.join(wanted)} are here", not missing, how=how)


def _versions(scene: Scene, old: OldEstate) -> Step:
    """A site refuses what is older than what it has seen, whoever signs it."""
    newest: dict[str, Version] = {}
    for release in catalogue.releases(scene.store):
        product = release.manifest.product
        newest[product] = max(newest.get(product, release.version), release.version)
    behind = [p for p, runs in old.running.items() if p not in newest or newest[p] < runs]
    how = tuple(f"{p}: sites run {old.running[p]}; publish that or a newer one" for p in behind)
    return Step("what sites run is published here, or something newer", not behind, how=how)


def _enrolled(scene: Scene) -> dict[str, datetime]:
    wanted = select(Site.id, Site.enrolled_at).where(col(Site.revoked_at).is_(None))
    with scene.database.reading() as session:
        return dict(session.exec(wanted).all())


def _invited(scene: Scene) -> set[str]:
    good = select(Invitation.site_id).where(
        col(Invitation.used_at).is_(None), Invitation.expires_at > scene.now
    )
    with scene.database.reading() as session:
        return set(session.exec(good))


def _invite(scene: Scene, trust: catalogue.TrustState, profile: SiteProfile, folder: Path) -> Path:
    invitation = enrolment.invite(
        scene.database, profile, trust, scene.settings, scene.by, scene.now
    )
    file = folder / f"{profile.site_id}.txt"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        write_over(file, invitation.to_text())
    except OSError as error:
        told = f"{file} cannot be written: {error.strerror}"
        raise Misconfigured(told, hint="make room, and say the same again") from error
    return file
