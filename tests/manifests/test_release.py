"""The manifest and the path it was signed under: a signed thing can still be the wrong thing."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from manifests.errors import ManifestError
from manifests.install import SystemdUnit
from manifests.release import CommandCheck, HttpCheck, Release, ReleaseManifest

ISSUED = datetime(2027, 3, 2, 8, 0, tzinfo=UTC)


def plain(**changes: Any) -> dict[str, Any]:
    """A manifest as its author writes it."""
    return {
        "product": "app",
        "version": "2.0",
        "issued_at": ISSUED,
        "pace": {"name": "x", "waves": [{"after_seconds": 0, "up_to_basis_points": 10_000}]},
        "artifacts": [artifact("any")],
        **changes,
    }


def artifact(platform: str) -> dict[str, Any]:
    """An empty artifact."""
    return {
        "name": f"app-2.0-{platform}.tar.zst",
        "platform": platform,
        "tar_size_bytes": 1024,
        "tar_sha256": "0" * 64,
        "files": [],
    }


def read(path: str, **changes: Any) -> Release:
    """What a site reads at ``path``."""
    return Release.read(path, ReleaseManifest.from_plain(plain(**changes)).to_bytes())


def test_a_manifest_is_the_one_that_its_path_says() -> None:
    release = read("releases/app/2.0/manifest.json")
    assert str(release.version) == "2.0"
    assert not release.is_emergency


@pytest.mark.parametrize(
    "path",
    [
        "releases/lab/2.0/manifest.json",
        "releases/app/2.1/manifest.json",
        "releases/app/2.0.0/manifest.json",
        "releases/app/2.0/app-2.0-any.tar.zst",
    ],
)
def test_a_manifest_under_another_path_is_refused(path: str) -> None:
    with pytest.raises(ManifestError):
        read(path)


def test_an_emergency_is_a_path_and_never_a_field() -> None:
    assert read("hotfixes/app/2.0/manifest.json").is_emergency
    assert not read("releases/app/2.0/manifest.json", severity="critical").is_emergency
    with pytest.raises(ManifestError, match="emergency: unknown field"):
        ReleaseManifest.from_plain(plain(emergency=True))


# Threat: a stolen L3 laptop. One key, at most ten sites, at most 72 hours.

BREAKGLASS = "breakglass/app/2.0/manifest.json"
TEN = tuple(f"site-{number}" for number in range(10))
THREE_DAYS = timedelta(hours=72)


def test_a_break_glass_release_for_ten_sites_and_three_days() -> None:
    assert read(BREAKGLASS, sites=TEN, expires_at=ISSUED + THREE_DAYS).is_emergency


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"sites": TEN},
        {"expires_at": ISSUED + THREE_DAYS},
        {"sites": (*TEN, "site-10"), "expires_at": ISSUED + THREE_DAYS},
        {"sites": TEN, "expires_at": ISSUED + THREE_DAYS + timedelta(seconds=1)},
        {"sites": TEN, "expires_at": ISSUED},
        {"sites": TEN, "expires_at": ISSUED - timedelta(hours=1)},
    ],
    ids=["nothing", "no end", "no sites", "eleven sites", "too long", "no time", "before it began"],
)
def test_a_break_glass_release_without_its_limits_is_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="break-glass"):
        read(BREAKGLASS, **limits)


@pytest.mark.parametrize("lane", ["releases", "hotfixes"])
@pytest.mark.parametrize("limits", [{"sites": TEN}, {"expires_at": ISSUED + THREE_DAYS}])
def test_no_other_lane_has_such_limits(lane: str, limits: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="only a break-glass release"):
        read(f"{lane}/app/2.0/manifest.json", **limits)


# Artifacts and upgrades.


def test_a_site_gets_the_artifact_of_its_platform_else_the_one_for_any() -> None:
    both = ReleaseManifest.from_plain(plain(artifacts=[artifact("any"), artifact("linux-arm64")]))
    names = [getattr(both.artifact_for(p), "platform", None) for p in ("linux-arm64", "linux-x86")]
    assert names == ["linux-arm64", "any"]
    one = ReleaseManifest.from_plain(plain(artifacts=[artifact("linux-arm64")]))
    assert one.artifact_for("linux-x86") is None


def test_two_artifacts_for_one_platform_are_refused() -> None:
    with pytest.raises(ManifestError, match="same platform"):
        ReleaseManifest.from_plain(plain(artifacts=[artifact("any"), artifact("any")]))


@pytest.mark.parametrize(
    ("upgrades_from", "installed", "follows"),
    [
        ("", "0.1", True),
        ("", None, True),
        (">=1.5", None, True),
        (">=1.5", "1.4", False),
        (">=1.5", "1.5", True),
        (">=1.5", "1.5rc1", False),
        (">=1.5", "1.6rc1", True),
        (">=1,<2,!=1.7", "1.7", False),
        ("==1.*", "1.99", True),
    ],
)
def test_which_versions_it_may_follow(
    upgrades_from: str, installed: str | None, follows: bool
) -> None:
    manifest = ReleaseManifest.from_plain(plain(upgrades_from=upgrades_from))
    assert manifest.follows(installed) is follows


@pytest.mark.parametrize("text", ["1.5", "newer than 1.5", ">=", ">=1.x"])
def test_a_range_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ManifestError, match="not a version range such as"):
        ReleaseManifest.from_plain(plain(upgrades_from=text))


def test_a_range_with_a_number_that_python_would_not_read_is_refused() -> None:
    with pytest.raises(ManifestError, match="at most 18 digits"):
        ReleaseManifest.from_plain(plain(upgrades_from=f">=1.{'9' * 5000}"))


# What a manifest can make an agent do.


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://localhost:8080/health", "https://[::1]:{port}/h?x=1",
     "http://127.0.0.1:{port}", "http://localhost/a@b"],
)  # fmt: skip
def test_a_health_check_asks_this_machine(url: str) -> None:
    assert HttpCheck(url=url).url == url


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "http://127.0.0.1.example.com/", "http://localhost@example.com/",
     "http://localhost:80@example.com/", "http://localhost:x@example.com/", "ftp://localhost/",
     "http://localhost:{port}@example.com/", "http://localhost:123456/", "http://localhost/a b",
     "http://localhost\\@example.com/", "http://localhost/\n", "file:///etc/passwd",
     "http://localhost:\u0661/", "HTTP://localhost/"],
)  # fmt: skip
def test_a_health_check_can_ask_no_other_machine(url: str) -> None:
    with pytest.raises(ValidationError):
        HttpCheck(url=url)


@pytest.mark.parametrize("command", [[], "rm -rf /", [1], None])
def test_a_command_is_a_list_and_never_a_shell_line(command: Any) -> None:
    with pytest.raises(ValidationError):
        CommandCheck(command=command)


@pytest.mark.parametrize(
    "unit", ["app", "../app.service", "app.service; reboot", "a b.service", ""]
)
def test_a_unit_is_the_name_of_a_service(unit: str) -> None:
    with pytest.raises(ValidationError):
        SystemdUnit(unit=unit)


@pytest.mark.parametrize(
    "changes",
    [
        {"product": "hotfixes"},
        {"version": "2.0.0+local"},
        {"channel": "Stable"},
        {"artifacts": []},
        {"expected_duration_seconds": -1},
        {"fixed_cves": ["CVE-7"]},
        {"variables": ["Port"]},
        {"health": {"attempts": 0}},
        {"health": {"checks": [{"kind": "dns"}]}},
        {"health": {"checks": [{"kind": "http", "url": "http://localhost/", "method": "POST"}]}},
        {"install": {"kind": "shell"}},
        {"install": {"kind": "slot", "service": {"kind": "program", "command": []}}},
        {"pace": None},
        {"issued_at": "2027-03-02"},
    ],
    ids=str,
)
def test_a_manifest_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="ReleaseManifest: "):
        ReleaseManifest.from_plain(plain(**changes))
