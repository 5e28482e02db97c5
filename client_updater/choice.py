"""Which release a site installs now: ``manifests.decision`` says; the agent may only be stricter.

What it adds are answers that no plan can know: something holds this agent, the server asks it to
hold still, an older version than was ever confirmed here, or a pause after a failed attempt.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from packaging.version import Version

from client_updater.errors import AgentError
from client_updater.floor import FloorFile
from client_updater.offers import Offers
from client_updater.products import Products
from manifests.decision import (
    ADMINISTRATOR,
    Decision,
    Install,
    Stay,
    Wait,
    choose,
    decide,
    window_open,
)
from manifests.freeze import Freeze
from manifests.release import Release
from manifests.site import Site, SitePolicy, SiteProfile

EARLY = timedelta(hours=24)
"""So long before a window opens may its downloads begin; what comes later may overtake them."""


@dataclass
class Chooser:
    """Everything that a site's choice depends on, apart from what is offered."""

    profile: SiteProfile
    policy: SitePolicy
    products: Products
    floors: FloorFile
    clock: Callable[[], datetime]
    hold: AgentError | None = None
    """Why this agent installs nothing at the moment."""
    server_hold: str = ""
    """Why the server asks it not to."""
    server_freezes: tuple[Freeze, ...] = ()
    """When the server asks it not to: beside the site's own, never instead of them."""
    client_approved: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What the site's client has said yes to, as the server tells."""

    def decide(self, offers: Offers) -> Decision | None:
        """The decision on one product; None while nothing of it was ever offered.

        Raises:
            TrustLost: the floor is gone.
        """
        if offers.plan is None:
            return None
        site, now = self.site(offers.product), self.clock()
        confirmed = self.floors.load().releases.get(offers.product)
        decision = choose(_not_below(offers.releases, confirmed), offers.plan, site, now)
        if isinstance(decision, Install):
            return self._held() or self._paused(decision, now) or decision
        return decision

    def site(self, product: str) -> Site:
        """The site as ``decide`` sees it.

        Raises:
            TrustLost: the floor is gone.
        """
        floor = self.floors.load()
        names = {product, *self.profile.products}
        return Site(
            self.profile,
            self.policy,
            {name: self.products.installed(name, floor) for name in names},
            self.server_freezes,
            self.server_hold,
            self.client_approved,
        )

    def still(self, offers: Offers, release: Release) -> bool:
        """Whether, after all the downloading, this release may still be installed.

        Raises:
            TrustLost: the floor is gone.
        """
        decision = self.decide(offers)
        return isinstance(decision, Install) and decision.release == release

    def early(self, offers: Offers, decision: Decision | None) -> Release | None:
        """What may be downloaded already: nothing but the site's window is between.

        Raises:
            TrustLost: the floor is gone.
        """
        if not (isinstance(decision, Wait) and decision.gate == window_open.__name__):
            return None
        site, now, plan = self.site(offers.product), self.clock(), offers.plan
        if plan is None or decision.until is None or decision.until - now > EARLY or self._held():
            return None
        waiting = (r for r in offers.releases if decide(r, plan, site, now) == decision)
        release = max(waiting, key=lambda r: r.version, default=None)
        if release is None or self._paused(Install(release, None), now):
            return None
        return release

    def _held(self) -> Stay | None:
        if self.hold is not None:
            return Stay("held", self.hold.message, ADMINISTRATOR, expected=False)
        return None

    def _paused(self, decision: Install, now: datetime) -> Decision | None:
        path = decision.release.path
        return self.products.read(path.product).pause(path.version, now)


def _not_below(releases: Iterable[Release], confirmed: str | None) -> list[Release]:
    """Without those that are older than a version that was confirmed here, even a lost one."""
    if confirmed is None:
        return list(releases)
    return [release for release in releases if release.version >= Version(confirmed)]
