"""What the server says about the story so far, asked over its API as staff would."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.demo.cast import PRODUCT, SITES, CastRelease
from infra.demo.estate import Estate
from infra.demo.screen import StoryFailedError

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


@dataclass(frozen=True)
class TicketFacts:
    """One ticket."""

    number: int
    state: str
    sites: int
    clients: int
    sentence: str


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

    def ticket(self, number: int) -> TicketFacts:
        """A ticket as it is now."""
        return _ticket(self._api(f"/v1/tickets/{number}")["line"])

    def ticket_of(self, release: CastRelease, code: str) -> TicketFacts:
        """The ticket of a release with this code."""
        lines = self._api("/v1/tickets")["tickets"]
        found = [t for t in lines if (t["code"], t["version"]) == (code, release.version)]
        if not found:
            raise StoryFailedError(f"no ticket says {code} of {release.version}")
        return _ticket(found[0])

    def sites_of(self, number: int) -> list[str]:
        """The sites that a ticket is about."""
        return [each["site_id"] for each in self._api(f"/v1/tickets/{number}")["incidents"]]

    def way_of(self, number: int) -> list[str]:
        """How a ticket came to its tier, oldest first: ``opened at L2``, ``raised to L3``."""
        news = reversed(self._api(f"/v1/tickets/{number}")["news"])
        words = {"opened": "opened at", "raised": "raised to", "overdue": "overdue, raised to"}
        return [f"{words[each['kind']]} {each['tier']}" for each in news if each["kind"] in words]

    def newest_step(self, site_id: str, token: str) -> tuple[str, str]:
        """What came of the newest step that a site was asked for: outcome and sentence."""
        newest = self._api(f"/v1/sites/{site_id}/steps", token)[0]
        return newest["outcome"], newest["sentence"]

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


def _ticket(line: dict[str, Any]) -> TicketFacts:
    return TicketFacts(**{name: line[name] for name in TicketFacts.__dataclass_fields__})


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
