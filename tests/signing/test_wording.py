"""What a signer is shown: nothing that a release does at a site goes unsaid."""

from datetime import UTC, datetime
from typing import Any

import pytest

from manifests.release import Release
from signing.wording import release_facts
from tests.simulators.repository import SimulatedRepository

COMMAND = {"command": ["./setup.sh", "--quiet"], "deadline_seconds": 600}
INSTALLER = {
    "kind": "command",
    "install": COMMAND,
    "verify": {"command": ["./setup.sh", "--check"]},
    "undo": {"command": ["./setup.sh", "--remove"]},
    "failures": {"28": "disk_full"},
}
SERVICE = {"kind": "command", "start": ["go"], "stop": ["halt"], "status": ["up?"]}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"install": {"kind": "package", "packages": ["kasir", "data"]}}, "kasir, data"),
        ({"install": {"kind": "package", "packages": ["kasir"]}}, "as root"),
        (
            {"install": {"kind": "package", "packages": ["kasir"], "missing": "apt"}},
            "SITE'S OWN package sources",
        ),
        ({"install": INSTALLER}, "RUNS AN INSTALLER: ./setup.sh --quiet (at most 10 min)"),
        ({"install": INSTALLER}, "undone by: ./setup.sh --remove"),
        ({"install": INSTALLER}, "succeeds: ./setup.sh --check"),
        ({"install": INSTALLER}, "exit status 28 means disk_full"),
        ({"install": {"kind": "slot", "service": SERVICE}}, "starts its service by: go"),
        ({"install": {"kind": "slot", "service": SERVICE}}, "stops it by: halt"),
        ({"data_folders": ["/srv/kasir", "{data}"]}, "CHANGES DATA in /srv/kasir, {data}"),
        ({"reboot_required": True}, "NEEDS A RESTART"),
        ({"health": {"soak_seconds": 7200}}, "watched for 2 h"),
    ],
)
def test_what_a_release_does_at_a_site_is_said(fields: dict[str, Any], said: str) -> None:
    manifest = SimulatedRepository().release("notes", "1.0", {"a": b"a"}, variables=("data",))
    plain = manifest.model_dump(mode="json") | {"issued_at": datetime.now(UTC).isoformat()} | fields
    whole = type(manifest).from_plain(plain)
    release = Release.read("releases/notes/1.0/manifest.json", whole.to_bytes())
    assert said in "\n".join(release_facts(release))
