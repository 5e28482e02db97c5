"""The accessibility rules of WCAG 2.2 A and AA, as axe-core from npm knows them."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.simulators.npm import modules

_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})"


@cache
def _script() -> str:
    folder = modules(Path(__file__).with_name("axe"))
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def violations(page: Page) -> list[str]:
    """What is wrong with a page as it is now: each rule, with the first place that breaks it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_script())
    found: dict[str, Any] = page.evaluate(_RUN, _RULES)
    return [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]} "
        f"({each['nodes'][0]['failureSummary'][:300]})"
        for each in found["violations"]
    ]
