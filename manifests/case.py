"""What a gate is asked about, and what it can answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from manifests.release import Release
from manifests.rollout import Rollout, RolloutPlan
from manifests.site import InstalledProduct, Site

OPERATOR = "the HSP's support"
ADMINISTRATOR = "the site's administrator"
NOBODY = "nobody needs to: it passes by itself"


@dataclass(frozen=True)
class Stay:
    """Do not install it; time alone changes nothing."""

    gate: str
    reason: str
    lifted_by: str
    expected: bool = True
    """False when somebody should look: the site is held or stuck, not merely up to date."""


@dataclass(frozen=True)
class Wait:
    """Not yet. ``until`` is None when the moment is not known yet."""

    gate: str
    until: datetime | None
    reason: str
    lifted_by: str


@dataclass(frozen=True)
class Install:
    """Install it now. ``finish_by`` is the end of the window, None where there is no window."""

    release: Release
    finish_by: datetime | None


Decision = Stay | Wait | Install


@dataclass(frozen=True)
class Case:
    """One release at one site at one moment: what every gate is asked about."""

    release: Release
    plan: RolloutPlan
    site: Site
    now: datetime

    @property
    def rollout(self) -> Rollout | None:
        """The plan's word on this release; a plan of another product has none."""
        if self.plan.product != self.release.path.product:
            return None
        return self.plan.rollout_of(str(self.release.path))

    @property
    def installed(self) -> InstalledProduct:
        """What the site runs of this product."""
        return self.site.product(self.release.path.product)


Answer = Stay | Wait | None
Gate = Callable[[Case], Answer]
