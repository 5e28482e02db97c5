"""No secret of a site leaves it: not from its logs, its settings or its environment."""

import json
import logging
import time
from pathlib import Path

import pytest

from client_updater.agent_log import AGENT_LOG_FILE, logged, tail
from client_updater.redaction import Redaction
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields

CANARY = "kenari"
"""In every secret below; nowhere else."""
INVITATION = "hsp-invitation:eyJrZW5hcmkiOiAia2VuYXJpIn0=kenari"
LINES = [
    "connect with password=kenari-1 to the database",
    'config: {"db_password": "kenari 2", "port": 5432}',
    "DATABASE_URL=postgresql://kasir:kenari3@db.local/kasir",
    "GET https://bucket.example/x?X-Amz-Signature=kenari4&X-Amz-Credential=kenari5",
    "Authorization: Bearer kenari6",
    "Cookie: session=kenari7; theme=dark",
    "sent the receipt to ibu.kenari8@warung.example.id",
    "started with --api-token kenari9 --verbose",
    f"enrolled by {INVITATION}",
    "secret_key: 'kenari-10 with spaces'",
    "-----BEGIN PRIVATE KEY-----\nkenari11\nMC4CAQAwBQYDK2VwBCIEIkenari12\n",
    "a token alone: kenariAbCdEfGhIjKl0123456789",
    "what site.toml says: kenari-from-site-toml, twice: kenari-from-site-toml",
    "what the environment says: kenari-from-environment",
    "by the proxy kenari-of-proxy",
]
USEFUL = [
    "2027-03-02 08:00:00 kasir 2.1.0 is listening on port 8080",
    "OSError: [Errno 28] No space left on device: /srv/kasir/prices.db",
    "http://127.0.0.1:8080/health answered 500, expected 200",
]


@pytest.fixture
def talkative(
    site: SimulatedSite, repository: SimulatedRepository, monkeypatch: pytest.MonkeyPatch
) -> SimulatedSite:
    """A site with a canary in every place that it has."""
    monkeypatch.setenv("KASIR_SECRET_OF_THE_SHELL", "kenari-from-environment")
    fields = {**program_fields(), "variables": ("port", "dsn")}
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **fields)
    repository.roll_out("notes", "1.0")
    text = (site.folder / "site.toml").read_text()
    (site.folder / "site.toml").write_text(f'{text}dsn = "kenari-from-site-toml"\n')
    site.poll()
    proxy = 'proxy = "http://kenari-of-proxy:kenari-too@127.0.0.1:9/"\n'
    (site.folder / "agent.toml").write_text(proxy)
    with open(site.folder / "logs/notes-1.0.log", "a") as log:
        log.writelines(f"{line}\n" for line in [*USEFUL, *LINES])
    with logged(site.folder / AGENT_LOG_FILE, "%(message)s"):
        for line in [*USEFUL, *LINES]:
            logging.getLogger("hsp-updater").info("%s", line)
    (site.folder / "slots/notes/1.0/kenari@warung.example").write_text("")
    return site


def test_no_canary_leaves_with_the_bundle_and_what_helps_does(talkative: SimulatedSite) -> None:
    shown = talkative.command("diagnostics")
    assert shown.exit_code == 0, shown.output
    assert CANARY not in shown.output
    for line in USEFUL:
        assert shown.output.count(line) == 2, "of the program and of the agent"


def test_none_leaves_when_support_asks(talkative: SimulatedSite, plane: ControlPlane) -> None:
    from tests.client_updater.test_support import step

    (talkative.folder / "agent.toml").unlink()  # whose proxy leads nowhere
    plane.steps = [step("collect"), step("verify")]
    talkative.poll()
    assert len(plane.step_bodies) == 2
    for line in [*plane.step_bodies.values()]:
        text = json.dumps(json.loads(line), ensure_ascii=False)
        assert CANARY not in text.replace("kenari-of-proxy", "")
    found = [result for result in plane.step_results.values() if result.drift]
    assert found[0].drift[0].different == 1


@pytest.mark.parametrize("line", LINES)
def test_each_is_blotted_out_by_itself(line: str) -> None:
    known = ["kenari-from-site-toml", "kenari-from-environment", "kenari-of-proxy"]
    assert CANARY not in Redaction(known)(line)
    assert CANARY not in Redaction(known)(json.dumps({"line": line}))


@pytest.mark.parametrize("line", USEFUL)
def test_what_is_no_secret_stays(line: str) -> None:
    assert Redaction()(line) == line


@pytest.mark.parametrize(
    "piece", ["a", "a.", "token", "token=", "http://", "a@", '"', "--pass", "\\", " ", "=", "b0"]
)
def test_no_log_keeps_the_agent_busy(piece: str) -> None:
    began = time.process_time()
    Redaction(["kenari"])(piece * (65_536 // len(piece)))
    assert time.process_time() - began < 5


def test_the_end_of_a_log_begins_with_a_whole_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("password=kenari\nlast\n")
    assert tail(log, 12) == "last\n"
    assert tail(log, 1000) == "password=kenari\nlast\n"
    assert tail(tmp_path / "none", 10) == ""
