"""The examples on the pages are good: what a person copies is accepted."""

import re
import tomllib
from pathlib import Path

from manifests.release import ReleaseManifest
from manifests.rollout import Schedule
from manifests.site import SitePolicy

ROOT = Path(__file__).parents[2]


def toml_blocks(page: str) -> list[str]:
    """The TOML examples of a page."""
    return re.findall(r"^```toml\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)


def test_the_administrators_site_toml_is_a_policy() -> None:
    policy = SitePolicy.from_toml("\n".join(toml_blocks("docs/site-administrator.md")))
    assert policy.windows
    assert policy.blackouts
    assert policy.brake is not None


def test_the_release_engineers_description_makes_a_manifest() -> None:
    whole, *others = map(tomllib.loads, toml_blocks("docs/release-engineer.md"))
    pace = Schedule.from_toml((ROOT / "manifests/schedules/standard.toml").read_text()).pace
    artifact = {"name": "a.tar.zst", "tar_size_bytes": 1024, "tar_sha256": "0" * 64, "files": []}
    built = {"issued_at": "2027-03-02T08:00:00Z", "pace": pace, "artifacts": [artifact]}
    manifest = ReleaseManifest.from_plain({**whole, **built})
    assert manifest.health.checks
    kinds = set()
    for other in others:
        kinds.add(ReleaseManifest.from_plain({**whole, **other, **built}).install.kind)
    assert kinds == {"slot", "package", "command"}


def test_the_limits_of_a_break_glass_release_are_fields_of_a_manifest() -> None:
    [text] = toml_blocks("docs/l3-on-call.md")
    assert set(tomllib.loads(text)) <= set(ReleaseManifest.model_fields)


def test_the_operators_limits_and_gates_fit_a_schedule() -> None:
    limits, gates = map(tomllib.loads, toml_blocks("docs/operator.md"))
    plain = tomllib.loads((ROOT / "manifests/schedules/standard.toml").read_text())
    plain = {**plain, **limits, "gates": {**plain["gates"], **gates["gates"]}}
    schedule = Schedule.from_plain(plain)
    assert schedule.limits.at_once_per_client == 1
    assert schedule.gates.of_wave(1).error_threshold_percent == 0
