"""``make demo`` tells its whole story, on real processes and a real program."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from signing.store import DirectoryStore
from tests.simulators.tuf_reader import TufReader


def _demo(folder: Path) -> dict[str, Any]:
    subprocess.run([sys.executable, "-m", "infra.demo.packages"], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "infra.demo", "--folder", str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return summary


def test_the_demo_ends_with_every_failure_explained(tmp_path: Path) -> None:
    summary = _demo(tmp_path)
    everybody = {"confirmed": 12, "reverted": 0, "never_offered": 0}
    releases = summary["releases"]
    assert releases["A"] == releases["B"] == releases["hotfix"] == everybody
    assert releases["C"]["confirmed"] == 0
    assert releases["C"]["reverted"] >= 2
    assert releases["C"]["reverted"] + releases["C"]["never_offered"] == 12
    assert summary["stop_rule_paused_c"] is True
    assert summary["sites_that_knew_of_a_pause"] == 12
    # One interval, less than 2 s; the rest is for twelve full polls at once on two processors that
    # other tests share.
    assert summary["seconds_until_they_knew"] <= summary["poll_seconds"] + 5
    assert summary["tickets_by_tier"]["L3"] >= 1
    assert 0 < summary["seconds_from_second_signature_to_closed_problem"] < 60
    assert 0 < summary["seconds_from_second_signature_to_last_site"] < 60
    assert summary["receipts_stored"] > 0
    assert summary["failures_unexplained"] == 0

    store = DirectoryStore(tmp_path / "home" / "repository")
    reader = TufReader(tmp_path / "reader", store, store.read("metadata/1.root.json"))
    paths = [
        *(f"releases/bottle/{version}/manifest.json" for version in ("0.13.2", "0.13.3", "0.13.4")),
        "hotfixes/bottle/0.13.4.post1/manifest.json",
        "rollouts/bottle/plan.json",
    ]
    read = reader.read(*paths)
    assert all(read.values()), "a client that we did not write reads what the demo leaves"
