"""Sites at work behind a bucket that an attacker may have, and what every drill asks of them.

    fleet.poll()                        # every site, the whole way
    assert fleet.runs() == {"1.0"}      # asked of the programs themselves
    fleet.goes_on()                     # healthy, by polls alone: nobody goes there

What our people do is in ``office``.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import time_machine
from click.testing import Result
from sqlmodel import select

from client_updater.status import LAST_POLL_FILE, LastPoll, read_last_poll
from distribution.database.tables import Receipt, Site
from distribution.repository import catalogue
from distribution.sites import enrolment
from manifests.failures import FailureCode, Tier
from manifests.site import SiteProfile
from tests.simulators.forger import Forger
from tests.simulators.ports import free_port
from tests.simulators.stolen_bucket import StolenBucket
from tests.simulators.village import PRODUCT, VillageSite, now, open_village
from tests.threats.office import EVIL as EVIL
from tests.threats.office import Office

FIRST = "1.0"
OFTEN = {"check_in_burst": 10_000, "reports_per_minute": 100_000}
"""A story is over in seconds, and its sites poll as often as others in a day."""


@dataclass(kw_only=True)
class Fleet(Office):
    """A village whose sites read the repository through a bucket that can be stolen."""

    bucket: StolenBucket
    version: str = FIRST
    """What every site runs while all is well."""

    @property
    def sites(self) -> list[VillageSite]:
        """All of them."""
        return self.village.sites

    def add_site(self, name: str, **profile: Any) -> VillageSite:
        """One more; it has not polled yet."""
        site = self.village.site(name, **profile)
        self.set_agent(site)
        return site

    def set_agent(self, *sites: VillageSite, **settings: object) -> None:
        """Write ``agent.toml``: where the repository is, and how patient the agent is."""
        url = self.bucket.web.url
        lines = {"metadata_url": f"{url}/metadata", "targets_url": f"{url}/targets", "tries": 1}
        text = "".join(f"{n} = {json.dumps(value)}\n" for n, value in {**lines, **settings}.items())
        for site in sites or self.sites:
            (site.state / "agent.toml").write_text(text)

    def set_agent_to(self, url: str, **settings: object) -> None:
        """All of them ask another place for the repository."""
        self.set_agent(metadata_url=f"{url}/metadata", targets_url=f"{url}/targets", **settings)

    def join_through_the_bucket(self, name: str, state: Path) -> Result:
        """A new site that finds the repository where the bucket is."""
        server = self.village.server
        profile = SiteProfile(site_id=name, client_id="warung", products=(PRODUCT,))
        trust = catalogue.trust_state(server.store)
        honest = enrolment.invite(server.database, profile, trust, server.settings, "ani", now())
        there = {"metadata_url": f"{self.bucket.web.url}/metadata"}
        invitation = honest.model_copy(update=there).to_text()
        site = VillageSite(name, state, free_port())
        return site.command("enroll", invitation, "--root-sha256", self.village.estate.root_sha256)

    # --- what the sites do and say

    def poll(self) -> None:
        """Every site polls."""
        self.village.poll_all()

    def last_polls(self) -> list[LastPoll]:
        """What each site noted of its last poll."""
        return [read_last_poll(site.state / LAST_POLL_FILE) for site in self.sites]

    def runs(self) -> set[str | None]:
        """What the programs that run at the sites say they are."""
        return {site.soon_serves() for site in self.sites}

    def refuse(self, *codes: FailureCode | str) -> None:
        """Every site polls and installs nothing; one of these is why, and the server knows it."""
        before, reported = self.runs(), self.reports()
        self.poll()
        assert self.runs() == before
        assert EVIL not in before
        new = self.reports() - reported
        for site, problem in self.heard().items():
            said = {code for (name, code) in new if name == site} | {problem} - {""}
            assert said and said <= set(codes), (site, said, self.details())

    def first_refuses(self, *codes: FailureCode | str) -> None:
        """As ``refuse``, of the first site alone: for what is tried by the dozen."""
        site, before = self.sites[0], self.sites[0].serves()
        site.poll()
        last = read_last_poll(site.state / LAST_POLL_FILE)
        assert last.problem in codes, last
        assert site.serves() == before != EVIL

    def see_nothing_new(self) -> None:
        """Every site polls, finds nothing wrong, and installs nothing."""
        before = self.runs()
        self.poll()
        assert self.problems() == {""}, self.details()
        assert self.runs() == before
        assert EVIL not in before

    def details(self) -> list[str]:
        """What the sites' last polls met, in words."""
        return [last.detail for last in self.last_polls()]

    def problems(self) -> set[str]:
        """What the sites' last polls met; an empty text where all was well."""
        return {last.problem for last in self.last_polls()}

    def heard(self) -> dict[str, str]:
        """The problem that each site has told the server of at its last check-in."""
        with self.village.server.database.reading() as session:
            names = [site.site_id for site in self.sites]
            return {name: session.get_one(Site, name).problem for name in names}

    def reports(self) -> Counter[tuple[str, str]]:
        """How often each site has reported each failure."""
        with self.village.server.database.reading() as session:
            return Counter((r.site_id, r.code) for r in session.exec(select(Receipt)) if r.code)

    def lose_caches(self) -> None:
        """As a power cut may: what was fetched is gone, the trust floor alone remembers."""
        for site in self.sites:
            for file in [each for each in (site.state / "metadata").rglob("*") if each.is_file()]:
                file.unlink()

    def security_tickets(self) -> set[FailureCode]:
        """What the security desk has heard."""
        self.village.tick()
        return {ticket.code for ticket in self.village.tickets() if ticket.tier is Tier.SECURITY}

    def libraries(self) -> set[str | None]:
        """Which versions of the second product the sites have."""
        return {self.has(site, "library") for site in self.sites}

    def has(self, site: VillageSite, product: str) -> str | None:
        """The version of a product that a site's link points at."""
        link = site.state / "slots" / product / "current"
        return os.readlink(link) if link.is_symlink() else None

    def verified(self) -> bool:
        """Whether ``hsp-updater verify`` finds every site's files as they were signed."""
        return all(site.command("verify").exit_code == 0 for site in self.sites)

    def gates(self) -> set[str]:
        """Which gate holds the newest release back, at every site."""
        return {each.gate for last in self.last_polls() for each in last.products}

    def goes_on(self) -> None:
        """The attacker is gone: one poll brings every site to the next release, and all is well."""
        self.bucket.evict()
        self.set_agent()
        self.version = self.news()
        self.poll()
        assert self.problems() == {""}, self.details()
        assert self.runs() == {self.version}
        assert set(self.heard().values()) == {""}

    # --- attackers

    def forger(self, *people: str, **of_server: bool) -> Forger:
        """A thief of the bucket with these people's keys, and those of the server named."""
        keys = self.server_keys
        stolen = {name: getattr(keys, name) for name, taken in of_server.items() if taken}
        return Forger.with_keys(self.bucket, [self.signer(each) for each in people], **stolen)


@contextmanager
def open_fleet(folder: Path, names: tuple[str, ...], library: str = "") -> Iterator[Fleet]:
    """Sites that run ``FIRST``, and nothing is wrong anywhere.

    Args:
        library: the version of a second product that all of them have; they have none if empty.
    """
    with (
        open_village(folder, **OFTEN) as village,
        StolenBucket(village.server.store) as bucket,
    ):
        fleet = Fleet(village, bucket=bucket)
        if library:
            village.estate.add_product("library")
            fleet.release_library(library)
            village.start(library, product="library")
        products = (PRODUCT, "library") if library else (PRODUCT,)
        for name in names:
            fleet.add_site(name, products=products)
        fleet.release(FIRST)
        village.start(FIRST)
        fleet.poll()
        assert fleet.runs() == {FIRST}
        yield fleet


@contextmanager
def later(span: timedelta) -> Iterator[datetime]:
    """Everybody's clocks are that much further."""
    then = now() + span
    with time_machine.travel(then, tick=True):
        yield then
