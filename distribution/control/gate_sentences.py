"""What a customer hears of each gate's answer, in their language.

The gates are those of ``manifests.decision``; a test keeps this complete. ``docs/support-desk.md``
has the same sentences for whoever reads them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from distribution.languages import Language, message, translate
from distribution.languages.moments import moment_with_zone

INSTALL = "install"
"""In the place of a gate: none of them holds the release back."""


@dataclass(frozen=True)
class Sentences:
    """What is said of one gate.

    Attributes:
        plain: when there is nothing more to say than that; may name the ``{reason}``.
        planned: when it is known from which ``{moment}`` on the gate lets it through.
        stays: when it never will by itself.
    """

    plain: str
    planned: str = ""
    stays: str = ""


SENTENCES: Mapping[str, Sentences] = {
    "newer": Sentences(message("Your site is up to date.")),
    "applicable": Sentences(message("This update is not meant for your site.")),
    "held": Sentences(message("This update is on hold. The reason: {reason}")),
    "stepping_stone": Sentences(
        message("Your site needs a version in between first; we are working on it.")
    ),
    "requires": Sentences(message("This update comes right after another one that it needs.")),
    "not_failed_here": Sentences(
        message("This update did not work well at your site; your previous version is running.")
    ),
    "approved": Sentences(message("This update is ready and waits for your approval.")),
    "wave_open": Sentences(
        message("Your site's turn comes later; the date is not fixed yet."),
        planned=message("Your site's turn is planned for {moment}."),
    ),
    "window_open": Sentences(
        message("This update is ready and waits for your approval."),
        planned=message("Your site can be updated from {moment} on, when its window is open."),
        stays=message("Your maintenance window is shorter than this update needs."),
    ),
    INSTALL: Sentences(message("This update can be installed at your site now.")),
}


def said(
    gate: str, answer: str, reason: str, until: datetime | None, zone: str, language: Language
) -> str:
    """The sentence for one answer; of a gate that nobody here knows, its reason as it is.

    Args:
        gate: its name, or ``INSTALL``.
        answer: ``wait`` or ``stay``.
        zone: of the site, in which it reads a moment.
    """
    sentences = SENTENCES.get(gate)
    if sentences is None:
        return reason  # of an agent that is newer than we are
    if until is not None and sentences.planned:
        when = moment_with_zone(until, zone, language)
        return translate(sentences.planned, language).format(moment=when)
    text = sentences.stays if answer == "stay" and sentences.stays else sentences.plain
    return translate(text, language).format(reason=reason)
