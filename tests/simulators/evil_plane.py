"""A control plane in an attacker's hands: it answers what it likes, and stores nothing.

with EvilPlane() as plane:
    site.agent_toml(server_url=plane.url)
    plane.says(force=True)          # in every answer to a check-in from now on
"""

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.simulators.control_plane import ControlPlane, Reply

_SCRIPT = "$(touch /tmp/pwned)"
_numbers = itertools.count(1)


def steps(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many new steps of support's, as the server would ask for them."""
    now = datetime.now(UTC)
    return [
        {
            "step_id": f"{next(_numbers):032x}",
            "kind": "restart",
            "product": "app",
            "asked_by": "l2",
            "asked_at": now.isoformat(),
            "expires_at": (now + timedelta(hours=1)).isoformat(),
            **fields,
        }
        for _ in range(count)
    ]


ANSWERS: dict[str, dict[str, Any]] = {
    "an unsigned artifact": {
        "install": {"url": "http://127.0.0.1:9/evil.tar.zst", "sha256": "0" * 64, "version": "9.9"},
        "metadata_url": "http://127.0.0.1:9/metadata",
        "targets_url": "http://127.0.0.1:9/targets",
    },
    "an older release": {"install": "releases/app/1.0/manifest.json", "revert": True},
    "another product": {"install": "releases/other/1.0/manifest.json", "platform": "mips-linux"},
    "an open window": {"policy": {"windows": []}, "window": "always"},
    "an approval": {"approved": {"app": ["9.9"]}, "approval": "none"},
    "force": {"force": True, "override": True, "hotfix": "immediate", "rearm": True},
    "100,000 steps": {"steps": steps(100_000)},
    "a step of its own": {
        "steps": steps(1, kind="run", run=_SCRIPT, command=["sh", "-c", _SCRIPT])
    },
    "a script in a step": {"steps": steps(1, product=_SCRIPT)},
    "a retry of what people stopped": {"steps": steps(1, kind="retry", version="9.9")},
    "100,000 assignments": {"assignments": ["releases/app/1.0/manifest.json"] * 100_000},
}
"""By what they are after."""


class EvilPlane(ControlPlane):
    """``answer_fields`` are in every answer to a check-in; every report gets a false receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.answer_fields: dict[str, Any] = {}
        self.asked: list[str] = []

    def says(self, **fields: Any) -> None:
        """From now on."""
        self.answer_fields = fields

    def handle(self, path: str, body: bytes) -> Reply:
        """Whatever it is, it is welcome."""
        self.asked.append(path)
        plain: dict[str, Any] = {"format": 1, "poll_seconds": 300, **self.answer_fields}
        if path == "/v1/reports":
            plain = {"format": 1, "site_id": "warung-1", "sequence": 2**40, "sha256": "0" * 64}
        return 200, json.dumps(plain).encode()
