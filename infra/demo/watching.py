"""Waiting in front of the screen until the sites have done something."""

from rich.text import Text

from infra.demo import screen
from infra.demo.cast import RELEASES, SITES, CastRelease
from infra.demo.estate import Estate
from infra.demo.facts import Facts, RolloutFacts
from infra.demo.screen import StoryFailedError, fact

ORDER = [release.version for release in RELEASES]


def watch_installs(estate: Estate, facts: Facts, release: CastRelease) -> None:
    """Wait until every site runs a release, and ask the programs themselves."""

    def look() -> tuple[None, bool, Text]:
        now = facts.rollout(release)
        line = screen.fleet(facts.installed(), ORDER, shares(now))
        return None, now.confirmed == len(SITES), line

    screen.watch(look, f"release {release.letter} at all sites")
    serving = estate.serving()
    if serving[release.version] != len(SITES):
        raise StoryFailedError(f"the running programs say {dict(serving)}")
    fact(f"all {len(SITES)} running programs say that they are {release.version}")


def shares(now: RolloutFacts) -> str:
    """The share of sites per wave: confirmed of those in it."""
    cells = [
        f"wave {wave.number} {'open' if wave.is_open else 'shut'} {wave.confirmed}/{wave.sites}"
        for wave in now.waves
    ]
    return "   ".join(cells)
