"""The last chapter: what the story came to, in figures."""

import json
from pathlib import Path

from infra.demo import screen
from infra.demo.cast import CLIENTS, RELEASES, SITES, C
from infra.demo.estate import POLL_SECONDS, Estate
from infra.demo.facts import Facts, NoticeFacts
from infra.demo.night import Mended
from infra.demo.screen import StoryFailedError, chapter, fact


def summary(
    estate: Estate,
    facts: Facts,
    known: NoticeFacts,
    seconds_to_pause: float,
    mended: Mended,
    lasted: float,
) -> None:
    """Chapter 9: the figures, on the terminal and in ``summary.json``."""
    chapter(9, "Summary")
    per_release = {release.letter: facts.rollout(release).counts() for release in RELEASES}
    result = {
        "sites": len(SITES),
        "clients": len(CLIENTS),
        "store": estate.settings.get("HSP_STORE_URL", "directory"),
        "releases": per_release,
        "share_that_ever_ran_c": round(facts.rollout(C).ever_ran / len(SITES), 4),
        "stop_rule_paused_c": facts.rollout(C).state == "paused",
        "sites_that_knew_of_a_pause": known.knowing,
        "seconds_until_they_knew": known.seconds,
        "poll_seconds": POLL_SECONDS,
        "seconds_until_paused": round(seconds_to_pause, 2),
        "seconds_from_second_signature_to_last_site": round(mended.last_site, 2),
        "seconds_from_second_signature_to_closed_problem": round(mended.problem_closed, 2),
        "tickets_by_tier": facts.tickets_by_tier(),
        "receipts_stored": facts.receipts(),
        "failures_unexplained": facts.failures_unexplained(),
        "seconds": round(lasted, 1),
    }
    path = Path(estate.root / "summary.json")
    path.write_text(json.dumps(result, indent=2) + "\n")
    show_summary(result, per_release)
    fact(f"written to {path}")
    if result["failures_unexplained"]:
        raise StoryFailedError("there are failures without a ticket")


def show_summary(result: dict[str, object], per_release: dict[str, dict[str, int]]) -> None:
    """The same as ``summary.json``, for people."""
    columns = ("confirmed", "reverted", "never_offered")
    screen.table(
        ("release", *(name.replace("_", " ") for name in columns)),
        (
            (f"{r.letter} ({r.version})", *(per_release[r.letter][name] for name in columns))
            for r in RELEASES
        ),
    )
    tiers = result["tickets_by_tier"]
    assert isinstance(tiers, dict)  # noqa: S101 - made above
    screen.table(("tier", *tiers), [("tickets", *tiers.values())])
    rest = {name: value for name, value in result.items() if not isinstance(value, dict)}
    screen.table(("", ""), ((name.replace("_", " "), value) for name, value in rest.items()))
