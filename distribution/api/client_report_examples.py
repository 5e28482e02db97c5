"""Examples for the API's documentation: a client's month."""

from distribution.api.examples import MOMENT, RECEIPT, WINDOW, Example

TALLY: Example = {"installed": 3, "failed": 1, "under_way": 0}

CLIENT_MONTH: Example = {
    "client_id": "warung",
    "month": "2026-11",
    "zone": "Asia/Jakarta",
    "starts_at": "2026-10-31T17:00:00Z",
    "ends_at": "2026-11-30T17:00:00Z",
    "made_at": "2026-12-01T02:00:00Z",
    "is_over": True,
    "sites": 2,
    "tally": TALLY,
    "windows": {"used": 4, "unused": 3, "missed": 1, "overrun": 0},
    "patch_times": [
        {
            "severity": "critical",
            "sites": 2,
            "median_seconds": 5400.0,
            "p95_seconds": 9000.0,
            "without": 0,
        }
    ],
    "versions": [
        {
            "product": "kasir",
            "version": "2.1.0",
            "severity": "moderate",
            "fixed_cves": [],
            "released_at": MOMENT,
            "tally": TALLY,
        }
    ],
    "by_site": [{"site_id": "warung-jakarta", "tally": TALLY}],
    "installs": [
        {
            "site_id": "warung-jakarta",
            "product": "kasir",
            "version": "2.1.0",
            "from_version": "2.0.0",
            "severity": "moderate",
            "outcome": "installed",
            "code": None,
            "sentence": "",
            "started_at": "2026-11-24T17:00:12Z",
            "ended_at": "2026-11-24T17:02:40Z",
            "window": {
                "starts_at": WINDOW["starts_at"],
                "ends_at": WINDOW["ends_at"],
                "outcome": "used",
            },
            "proof": {
                "sequence": 17,
                "sha256": RECEIPT["sha256"],
                "signed_at": "2026-11-24T17:02:39Z",
            },
        }
    ],
    "holds": [
        {
            "kind": "gate",
            "scope": "product",
            "target": "kasir 2.2.0",
            "by": "the site's administrator",
            "reason": "the site's window is closed, or too short for the 300 s that it needs",
            "sentence": "Your site can be updated from 6 Dec 2026, 00:00 +0700 on, when its "
            "window is open.",
            "since": None,
            "until": "2026-12-05T17:00:00Z",
            "gate": "window_open",
            "sites": ["warung-jakarta"],
        }
    ],
    "incidents": [
        {
            "number": 31,
            "site_id": "warung-jakarta",
            "code": "unhealthy",
            "product": "kasir",
            "version": "2.1.0",
            "sentence": "The new version did not work well; your previous one runs again.",
            "occurrences": 1,
            "opened_at": MOMENT,
            "closed_at": None,
        }
    ],
}

CLIENT_MONTH_CSV = """\
site,product,version,from,severity,began,ended,in window,outcome,report no.,SHA-256 of the report
"""

CLIENT_MONTH_PDF = "%PDF-1.3 ..."

CLIENT_MONTH_HTML = """\
<!doctype html><html lang="en"><head><title>Monthly report on updates: warung, November 2026</title>
"""
