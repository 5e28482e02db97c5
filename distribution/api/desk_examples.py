"""Examples of what the desk's routes answer: one problem, and what goes with it."""

from distribution.api.examples import MOMENT, Example

DETAIL = "http://127.0.0.1:8080/health answered 500, expected 200"

LINE: Example = {
    "number": 12,
    "tier": "L3",
    "state": "open",
    "code": "unhealthy",
    "product": "kasir",
    "version": "2.1.0",
    "signature": "unhealthy reverted: <url> answered <n>, expected <n>",
    "detail": DETAIL,
    "sentence": "The new version did not work well; your previous one runs again.",
    "runbook": "docs/runbooks/unhealthy.md",
    "opened_at": MOMENT,
    "due_at": "2026-11-25T06:00:00Z",
    "closed_at": None,
    "reopened": 0,
    "owner": "wati",
    "answered_at": "2026-11-25T02:04:00Z",
    "known_issue": "K-3",
    "hotfix": "hotfixes/kasir/2.1.0.post1/manifest.json",
    "part_of": None,
    "parts": 0,
    "sites": 12,
    "sites_open": 4,
    "clients": 2,
}

INCIDENT: Example = {
    "number": 31,
    "ticket": 12,
    "site_id": "warung-jakarta",
    "client_id": "warung",
    "tier": "L3",
    "state": "open",
    "occurrences": 1,
    "reopened": 0,
    "detail": DETAIL,
    "opened_at": MOMENT,
    "last_at": MOMENT,
    "closed_at": None,
}

TIERS: Example = {"L1": 0, "L2": 0, "L3": 1, "security": 0}

TICKETS: Example = {"tickets": [LINE], "by_tier": TIERS, "failures_unexplained": 0}

KNOWN_ISSUE: Example = {
    "number": "K-3",
    "product": "kasir",
    "versions": ">=2.1,<2.2",
    "code": "unhealthy",
    "signature": "",
    "words": "price list",
    "workaround": "Start the price import by hand: menu Prices, then Import.",
    "sentence": "The price list loads slowly; we are mending it.",
    "by": "wati",
    "at": MOMENT,
    "problem": 12,
    "ended_by": "",
    "ended_at": None,
    "end_reason": "",
}

NEW_KNOWN_ISSUE: Example = {
    "product": "kasir",
    "versions": ">=2.1,<2.2",
    "words": "price list",
    "workaround": "Start the price import by hand: menu Prices, then Import.",
    "sentence": "The price list loads slowly; we are mending it.",
}

HELD: Example = {
    "number": "K-3",
    "product": "kasir",
    "says": "held: known issue K-3: The price list loads slowly; we are mending it.",
    "here": False,
    "workaround": "",
}

TOLD: Example = {
    "channel": "telephone",
    "sees": ["slow", "printing"],
    "caller": "Ibu Rina",
    "number_on_file": True,
    "began_at": MOMENT,
    "exact_words": "Printer queue is full (17)",
    "places": 3,
    "changed": "a new printer",
    "urgency": "hinders",
    "ticket": 12,
}

SYMPTOMS: Example = {
    "number": 5,
    "site_id": "warung-jakarta",
    "ticket": 12,
    "recorded_by": "lia",
    "at": MOMENT,
    "caller": "Ibu Rina",
    "number_on_file": True,
    "channel": "telephone",
    "began_at": MOMENT,
    "sees": ["slow", "printing"],
    "exact_words": "Printer queue is full (17)",
    "places": 3,
    "changed": "a new printer",
    "urgency": "hinders",
}

CLIENTS_SITES: Example = {
    "client_id": "warung",
    "runs": ["warung-jakarta"],
    "next_in_line": ["warung-bandung"],
}

TICKET: Example = {
    "line": LINE,
    "log_tail": "KeyError: 'price'",
    "cause": "the price list of a shop without a category is refused",
    "known_issue": KNOWN_ISSUE,
    "parts": [],
    "incidents": [INCIDENT],
    "entries": [{"at": MOMENT, "by": "wati", "role": "l3", "kind": "taken", "text": "due 06:00"}],
    "symptoms": [SYMPTOMS],
    "news": [{"at": MOMENT, "kind": "opened", "tier": "L2", "site_id": "warung-jakarta"}],
    "runs": [CLIENTS_SITES],
    "handed_over": [["developers", MOMENT]],
}

HAND_OVER: Example = {
    "number": 12,
    "tracker": "developers",
    "by": "wati",
    "at": MOMENT,
    "title": f"kasir 2.1.0: {DETAIL}",
    "product": "kasir",
    "version": "2.1.0",
    "release": "releases/kasir/2.1.0/manifest.json",
    "code": "unhealthy",
    "tier": "L3",
    "signature": "unhealthy reverted: <url> answered <n>, expected <n>",
    "detail": DETAIL,
    "log_tail": "KeyError: 'price'",
    "cause": "the price list of a shop without a category is refused",
    "opened_at": MOMENT,
    "reopened": 0,
    "sites": 12,
    "sites_open": 4,
    "clients": 2,
    "running": {"2.0.0": 8, "2.1.0": 4},
    "next_in_line": 3,
    "attachments": [{"name": "sbom.cdx.json", "sha256": "9f86d081884c7d65…", "size_bytes": 18211}],
    "incidents": [
        {
            "site": "site 1",
            "client": "client 1",
            "state": "open",
            "occurrences": 1,
            "opened_at": MOMENT,
            "last_at": MOMENT,
            "from_version": "2.0.0",
            "detail": DETAIL,
            "diagnostics": [],
        }
    ],
    "hotfix": "",
    "known_issue": "",
}

FAILURE: Example = {
    "code": "unhealthy",
    "tier": "L2",
    "answer_within_seconds": 14400,
    "runbook": "docs/runbooks/unhealthy.md",
    "sentences": {"en": "The new version did not work well; your previous one runs again."},
    "changed": False,
}

QUEUE_LINE: Example = {
    "kind": "deferred",
    "site_id": "warung-jakarta",
    "client_id": "warung",
    "since": MOMENT,
    "what": "kasir: the site's policy is to ask its client",
    "say": "We have the update ready for your site, and wait for your yes.",
    "explained": "We have it ready, and wait for your yes.",
    "ticket": None,
    "due_at": None,
    "owner": "",
    "release": "kasir 2.1.0",
    "reason": "the site's policy is to ask its client",
    "lifted_by": "the client",
    "until": None,
}

QUEUE: Example = {
    "lines": [QUEUE_LINE],
    "size": {"ticket": 0, "silent": 0, "credential": 0, "missed_window": 0, "deferred": 1},
}
