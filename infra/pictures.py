"""Draw the pictures of docs/planning.md anew: ``python -m infra.pictures`` (``make pictures``).

The fleet is made up by ``hsp fleet synth``, the release is one that is only built, and the moments
are fixed, so the same code draws the same pictures to the byte.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from distribution.cli import main as hsp
from manifests.release import Artifact, ReleaseManifest
from manifests.rollout import WHOLE, Pace, ScheduledWave

PICTURES = Path(__file__).parents[1] / "docs/pictures"

START, DEADLINE = "2026-11-02T08:00", "2026-12-08T08:00"
FLEET = ("--sites", "300", "--clients", "20", "--zones", "6")


def draw(folder: Path) -> list[Path]:
    """Draw them into ``folder``; the files."""
    preview, simulation = folder / "preview.svg", folder / "simulation.svg"
    with tempfile.TemporaryDirectory() as made:
        fleet, manifest = Path(made) / "fleet.json", Path(made) / "manifest.json"
        manifest.write_bytes(_manifest().to_bytes())
        _run("fleet", "synth", *FLEET, "--out", str(fleet))
        _run(
            "rollout", "preview", "app", "2.0", "--fleet", str(fleet), "--manifest", str(manifest),
            "--start", START, "--deadline", DEADLINE, "--svg", str(preview),
        )  # fmt: skip
    schedules = ("standard", "accelerated", "emergency")
    options = [option for name in schedules for option in ("--schedule", name)]
    _run(
        "rollout", "simulate", *options, "--failure-rate", "0.1", "--sites", "300",
        "--seeds", "60", "--svg", str(simulation),
    )  # fmt: skip
    return [preview, simulation]


def _run(*words: str) -> None:
    hsp.main(list(words), standalone_mode=False)


def _manifest() -> ReleaseManifest:
    everybody = ScheduledWave(after_seconds=0, up_to_basis_points=WHOLE)
    artifact = Artifact(name="app.tar.zst", tar_size_bytes=1024, tar_sha256="0" * 64, files=())
    return ReleaseManifest(
        product="app",
        version="2.0",
        artifacts=(artifact,),
        issued_at=datetime(2026, 11, 1, tzinfo=UTC),
        pace=Pace(name="at-once", waves=(everybody,)),
        expected_duration_seconds=600,
    )


if __name__ == "__main__":
    for file in draw(PICTURES):
        click.echo(f"drawn: {file}")
