"""What the server says about the story so far, asked over its API as staff would."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.demo.cast import PRODUCT, SITES, CastRelease
from infra.demo.estate import Estate

_RUNNING = ("downloading", "staged", "activating", "confirming")


@dataclass(frozen=True)
class WaveFacts:
    """One wave: how many sites are in it and how many of them run the release."""

    number: int
    is_open: bool
    sites: int
    confirmed: int


@dataclass(frozen=True)
class NoticeFacts:
    """How soon the sites knew of a pause; no seconds while one of them does not."""

    sites: int
    knowing: int
    seconds: float | None
    idle_seconds: float | None


@dataclass(frozen=True)
class RolloutFacts:
    """How far one release is."""

    state: str
    changed_by: str
    changed_at: datetime
    reason: str
    waves: tuple[WaveFacts, ...]
    phases: dict[str, int]
    notice: NoticeFacts | None

    @property
    def confirmed(self) -> int:
        """Sites at which it was found healthy."""
        return self.phases.get("confirmed", 0)

    @property
    def reverted(self) -> int:
        """Sites that went back by themselves."""
        return self.phases.get("reverted", 0)

    @property
    def running(self) -> int:
        """Sites that are in the middle of it."""
        return sum(self.phases.get(phase, 0) for phase in _RUNNING)

    @property
    def attempted(self) -> int:
        """Sites that ever began to install it."""
        return sum(self.phases.values())

    @property
    def ever_ran(self) -> int:
        """Sites at which it was ever activated."""
        return self.confirmed + self.reverted + self.phases.get("revert_failed", 0)

    def counts(self) -> dict[str, int]:
        """For the summary."""
        return {
            "confirmed": self.confirmed,
            "reverted": self.reverted,
            "never_offered": len(SITES) - self.attempted,
        }


class Facts:
    """The questions that the story asks."""

    def __init__(self, estate: Estate) -> None:
        self._api = estate.api

    def rollout(self, release: CastRelease) -> RolloutFacts:
        """How far a release is."""
        found = self._api(f"/v1/rollouts/{PRODUCT}/{release.version}")
        waves = tuple(
            WaveFacts(
                number=wave["number"],
                is_open=wave["opens_at"] is not None,
                sites=wave["counts"]["sites"],
                confirmed=wave["counts"]["confirmed"],
            )
            for wave in found["waves"]
        )
        return RolloutFacts(
            state=found["state"],
            changed_by=found["changed_by"],
            changed_at=datetime.fromisoformat(found["changed_at"]),
            reason=found["reason"],
            waves=waves,
            phases=found["phases"],
            notice=_notice(found["notice"]),
        )

    def installed(self) -> dict[str, str | None]:
        """What each site runs, in the cast's order."""
        sites = {site["site_id"]: site for site in self._api("/v1/sites")["sites"]}
        return {site.site_id: _version(sites.get(site.site_id)) for site in SITES}

    def all_heard_since(self, moment: datetime) -> bool:
        """Whether every site has polled after ``moment``, and so knows what was true then."""
        seen = [datetime.fromisoformat(s["last_seen"]) for s in self._api("/v1/sites")["sites"]]
        return len(seen) == len(SITES) and all(last > moment for last in seen)

    def open_tickets(self) -> list[str]:
        """Each open ticket in a line."""
        return [
            f"{t['tier']}  {t['code']}, {t['sites']} sites: {t['detail'][:60]}"
            for t in self._api("/v1/tickets")["tickets"]
        ]

    def tickets_by_tier(self) -> dict[str, int]:
        """All tickets there ever were, by tier."""
        return dict(self._api("/v1/overview")["tickets_by_tier"])

    def receipts(self) -> int:
        """Signed reports that the server keeps."""
        return int(self._api("/v1/overview")["receipts"])

    def failures_unexplained(self) -> int:
        """Failures without a ticket."""
        return int(self._api("/v1/overview")["failures_unexplained"])


def _notice(found: dict[str, Any] | None) -> NoticeFacts | None:
    if found is None:
        return None
    return NoticeFacts(**{name: found[name] for name in NoticeFacts.__dataclass_fields__})


def _version(site: dict[str, object] | None) -> str | None:
    if site is None:
        return None
    products = site["products"]
    assert isinstance(products, list)  # noqa: S101 - the API's own document
    return next((p["version"] for p in products if p["product"] == PRODUCT), None)
