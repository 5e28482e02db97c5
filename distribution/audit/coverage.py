"""Which tables are audited, and of the others why not. A test keeps the list complete.

What people and the scheduler decide is audited; what a machine keeps for itself is not, and neither
is what somebody has signed: that proves itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class Rule:
    """How a table is audited.

    Attributes:
        but: its columns that are not, and why.
    """

    but: Mapping[str, str] = field(default_factory=dict)


_TOLD = "told by the site at its check-in"

AUDITED: Mapping[str, Rule] = {
    "client": Rule(),
    "site": Rule(
        {
            "last_seen": "when it was heard of",
            "expected_by": "when its stick should be back: the export itself is noted",
            "check_in": _TOLD,
            "check_in_digest": _TOLD,
            "root_version": _TOLD,
            "timestamp_version": _TOLD,
            "problem": _TOLD,
            "place_base": "counted from its receipts",
            "stamp": "for the memory of servers: what changed is in the other columns",
        }
    ),
    "invitation": Rule(),
    "rolloutrow": Rule(),
    "waverow": Rule(),
    "rolloutchange": Rule(),
    "brakerow": Rule(),
    "clientapproval": Rule(),
    "freezerow": Rule(),
    "calendarchange": Rule(),
    "calendartoken": Rule(),
    "reviewrow": Rule(),
    "failureoverride": Rule(),
    "notifychannel": Rule({"sealed": "a secret, sealed; gone when the channel has ended"}),
    "ticketentry": Rule({"text": "words of people; of a deed they are its reason"}),
    "knownissue": Rule({"problem_id": "where the failures are gathered, by their reports"}),
    "symptomsrow": Rule(
        dict.fromkeys(
            ("caller", "exact_words", "changed"), "personal, and forgotten when the row is"
        )
    ),
    "account": Rule(),
    "rolegrant": Rule(),
    "apitoken": Rule(),
    "publication": Rule(),
    "drillrow": Rule(
        {
            "failed_polls": "counted from check-ins",
            "notice_id": "when the change of keys was found in the repository",
        }
    ),
    "publishedrole": Rule(),
    "restorerow": Rule(),
    "remotesteprow": Rule(
        {
            **dict.fromkeys(("outcome", "sentence", "sha256"), "told by the site, and signed"),
            "handed_at": "when the site first heard of it",
            "answered_at": "when the site's answer came",
        }
    ),
}

EXEMPT: Mapping[str, str] = {
    "auditrow": "the log itself, guarded by its own chain",
    "checkpointrow": "signed itself, and in the bucket too",
    "siteproduct": "told by the site at its check-in",
    "receipt": "signed by the site: evidence itself",
    "attempt": "counted from receipts",
    "alarm": "what the API noticed; the desk makes tickets of it",
    "problem": "opened and closed by reports and rules; the desk notes what people do to it",
    "incident": "opened and closed by reports and rules; the desk notes what people do to it",
    "handoverrow": "follows from the problem; that it was handed over is a deed of its own",
    "newsrow": "follows from problems and incidents; read by who sends notifications",
    "notifyposition": "up to which line the news are deliveries",
    "delivery": "follows from the news and the channels, which are audited",
    "planrow": "follows from the rollouts, brakes and freezes, which are audited; signed itself",
    "deltarow": "what came of making deltas, which are signed themselves",
    "lease": "which scheduler leads",
    "turnrow": "whose turn it is, by what the sites drew",
    "noticerow": "when sites learnt of a change, by their check-ins",
    "eventrow": "told to whoever watches, and forgotten after days",
    "windowrow": "what came of a maintenance window, by receipts",
    "unneededrow": "what retention has found to be unneeded",
    "sitesession": "follows from a signed check-in; good for repeating it, for an hour",
    "changestamp": "for the memory of servers: what changed is in its own table",
    "siteboot": "told by the site at its check-in; what follows from it is a brake, and noted",
    "stepresultrow": "signed by the site: evidence itself",
    "formerkey": "the keys that the audited row of the site had before",
    "password": "secret; that somebody set one is a deed of its own",
    "tokenuse": "when a token was last used",
    "askagain": "which sites a restored server is still to ask for their reports",
    "loginsession": "that somebody logged in or out is a deed of its own; this follows the browser",
    "pendinglogin": "a login on its way to the provider and back",
    "raterow": "how often strangers came, for minutes",
    "sbomrow": "an index of SBOMs, which are signed",
    "componentrow": "an index of SBOMs, which are signed",
}


def rule_of(table: str) -> Rule | None:
    """How a table is audited; None where it is not."""
    return AUDITED.get(table)
