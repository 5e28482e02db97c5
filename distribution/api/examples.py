"""Examples for the API's documentation: what the routes of a small estate answer."""

from typing import Any

Example = dict[str, Any]

MOMENT = "2026-11-25T02:00:00Z"

ENVELOPE: Example = {
    "payload": "eyJzaXRlX2lkIjoid2FydW5nLWpha2FydGEiLCAuLi59",
    "payloadType": "application/vnd.hsp.check-in+json",
    "signatures": [{"keyid": "6f1c…", "sig": "MEUCIQ…"}],
}

ENROLMENT_ANSWER: Example = {"format": 1, "site_id": "warung-jakarta", "poll_seconds": 300}

CHECK_IN_ANSWER: Example = {
    "format": 1,
    "poll_seconds": 300,
    "root_version": 1,
    "timestamp_version": 812,
    "hold": "",
    "approved": {"kasir": ["2.1.0"]},
    "freezes": [],
    "session": {"token": "pB7cQmV0T2xkLWJ1dC1uZXZlci1sb2dnZWQtYW55d2g", "seconds": 3600},
}

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
SUMMARY:warung-jakarta: maintenance window
DTSTART;TZID=Asia/Jakarta:20261128T220000
DURATION:PT4H
RRULE:FREQ=WEEKLY;BYDAY=SA
END:VEVENT
END:VCALENDAR
"""

BRAKE: Example = {
    "number": 4,
    "scope": "client",
    "target": "warung",
    "by": "wati",
    "at": MOMENT,
    "reason": "they count their stock",
    "off_by": "",
    "off_at": None,
    "off_reason": "",
}

NEW_BRAKE: Example = {"scope": "client", "target": "warung", "reason": "they count their stock"}

APPROVAL: Example = {"client": "warung", "reason": "Ibu Rina said so on the phone"}

WINDOW: Example = {
    "starts_at": "2026-11-24T17:00:00Z",
    "ends_at": "2026-11-24T20:00:00Z",
    "outcome": "used",
    "detail": "kasir 2.1.0 confirmed",
}

EVENTS = """\
id: 812
event: wave
data: {"number": 812, "kind": "wave", "product": "kasir", "version": "2.1.0", "detail": {}}
"""

RECEIPT: Example = {
    "format": 1,
    "site_id": "warung-jakarta",
    "sequence": 17,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "duplicate": False,
}

SITE: Example = {
    "site_id": "warung-jakarta",
    "client_id": "warung",
    "ring": "pilot",
    "platform": "any",
    "region": "any",
    "tags": [],
    "online": True,
    "last_seen": MOMENT,
    "expected_by": None,
    "enrolled_at": "2026-11-01T02:00:00Z",
    "revoked": False,
    "problem": "",
    "hold": "",
    "products": [
        {
            "product": "kasir",
            "version": "2.0.0",
            "candidate": "releases/kasir/2.1.0/manifest.json",
            "decision": "wait",
            "gate": "window_open",
            "reason": "the site's window is closed, or too short for the 300 s that it needs",
            "lifted_by": "the site's administrator",
            "until": "2026-11-29T19:00:00Z",
        }
    ],
}

SITE_PAGE: Example = {"sites": [SITE], "next": None}

SITE_DETAILS: Example = {
    "site": SITE,
    "profile": {
        "site_id": "warung-jakarta",
        "client_id": "warung",
        "ring": "pilot",
        "platform": "any",
        "region": "any",
        "tags": [],
        "products": ["kasir"],
    },
    "check_in": None,
    "public_key": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "receipts": 17,
    "alarms": {},
    "attempts": [],
}

EXPLANATION: list[Example] = [
    {
        "product": "kasir",
        "version": "2.1.0",
        "release": "releases/kasir/2.1.0/manifest.json",
        "lane": "releases",
        "installed": "2.0.0",
        "decision": "stay",
        "reason": "the rollout is paused (ani: prices are missing)",
        "sentence": "This update is on hold. The reason: the rollout is paused "
        "(ani: prices are missing)",
        "gates": [
            {"gate": "newer", "answer": "pass", "reason": "", "until": None, "lifted_by": ""},
            {
                "gate": "held",
                "answer": "stay",
                "reason": "the rollout is paused (ani: prices are missing)",
                "until": None,
                "lifted_by": "an approver",
            },
        ],
    }
]

RELEASE: Example = {
    "product": "kasir",
    "version": "2.1.0",
    "release": "releases/kasir/2.1.0/manifest.json",
    "lane": "releases",
    "channel": "stable",
    "severity": "moderate",
    "fixed_cves": [],
    "notes": "New price list.",
    "issued_at": MOMENT,
    "pace": "standard",
    "upgrades_from": "",
    "expected_duration_seconds": 300,
    "platforms": ["any"],
}

_COUNTS: Example = {
    "sites": 3,
    "admitted": 3,
    "pending": 0,
    "waiting": 0,
    "excused": 0,
    "silent": 0,
    "trying": 1,
    "confirmed": 2,
    "failed": 0,
    "overtaken": 0,
}

ROLLOUT: Example = {
    "product": "kasir",
    "version": "2.1.0",
    "release": "releases/kasir/2.1.0/manifest.json",
    "lane": "releases",
    "schedule": "standard",
    "state": "running",
    "changed_by": "ani",
    "changed_at": MOMENT,
    "reason": "started with the schedule standard",
    "started_at": MOMENT,
    "outlook": "wave 1 is watched until 2026-11-25 03:00:00 UTC",
    "waves": [
        {
            "number": 1,
            "opens_at": MOMENT,
            "up_to_percent": 1.0,
            "counts": _COUNTS,
            "attempted": 3,
        }
    ],
    "total": _COUNTS,
    "attempted": 3,
    "phases": {"confirmed": 2, "downloading": 1},
    "downloaded_bytes": 3_400_000,
    "saved_bytes": 21_000_000,
    "notice": None,
    "changes": [
        {
            "state": "running",
            "by": "ani",
            "at": MOMENT,
            "reason": "started with the schedule standard",
        }
    ],
}

REASON: Example = {"reason": "prices are missing on the receipt"}

_TIERS: Example = {"L1": 0, "L2": 0, "L3": 1, "security": 0}

OVERVIEW: Example = {
    "clients": 3,
    "sites": 12,
    "silent": 0,
    "receipts": 204,
    "failures_unexplained": 0,
    "tickets_by_tier": _TIERS,
    "open_by_tier": _TIERS,
}

TRUST: Example = {
    "root_version": 1,
    "root_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "timestamp_version": 812,
    "expires": {"root": "2027-11-25T02:00:00Z", "timestamp": "2026-11-25T08:00:00Z"},
}

HEALTH: Example = {"status": "ok"}


def answer(example: Any, description: str) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` entry of a success."""
    return {
        200: {
            "description": description,
            "content": {"application/json": {"example": example}},
        }
    }
