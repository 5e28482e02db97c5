"""The kinds of installation: what a manifest may say, and what an agent refuses to guess at."""

from typing import Any

import pytest

from manifests.errors import ManifestError
from manifests.install import CommandInstall, PackageInstall
from manifests.release import ReleaseManifest
from manifests.site import SitePolicy
from tests.simulators.repository import SimulatedRepository

RUN = {"command": ["./setup.sh"]}
WHOLE = {"kind": "command", "install": RUN, "verify": RUN, "undo": RUN}


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    manifest = SimulatedRepository().release("notes", "1.0", {"a": b""}, variables=("data",))
    return dict(manifest.model_dump(mode="json"))


def read(plain: dict[str, Any], **fields: Any) -> ReleaseManifest:
    """As an agent reads it."""
    return ReleaseManifest.from_bytes(ReleaseManifest.from_plain({**plain, **fields}).to_bytes())


def test_each_kind_is_read_back_as_it_was_written(plain: dict[str, Any]) -> None:
    package = {"kind": "package", "packages": ["kasir", "libkasir2.0++"], "missing": "apt"}
    assert isinstance(read(plain, install=package).install, PackageInstall)
    whole = {**WHOLE, "failures": {"28": "disk_full"}}
    assert isinstance(read(plain, install=whole).install, CommandInstall)
    service = {"kind": "command", "start": ["a"], "stop": ["b"], "status": ["c"]}
    assert read(plain, install={"kind": "slot", "service": service}).install.service is not None


@pytest.mark.parametrize(
    "install",
    [
        {"kind": "container", "image": "x"},
        {"kind": "slot", "service": {"kind": "docker"}},
        {"kind": "package", "packages": []},
        {"kind": "package", "packages": ["a-b", "a-b"]},
        {"kind": "package", "packages": ["--force-all"]},
        {"kind": "package", "packages": ["ok-name"], "missing": "internet"},
        {"kind": "command", "install": RUN, "verify": RUN},
        {**WHOLE, "failures": {"0": "disk_full"}},
        {**WHOLE, "failures": {"256": "disk_full"}},
        {**WHOLE, "failures": {"3": "forged_report"}},
        {**WHOLE, "undo": {"command": []}},
        {**WHOLE, "undo": {**RUN, "deadline_seconds": 0}},
    ],
)
def test_what_is_wrong_or_of_a_later_agent_is_refused(
    plain: dict[str, Any], install: dict[str, Any]
) -> None:
    with pytest.raises(ManifestError):
        read(plain, install=install)


@pytest.mark.parametrize("folder", ["/srv/app", "/srv/a b", "{data}"])
def test_a_data_folder_is_a_plain_path_or_a_value(plain: dict[str, Any], folder: str) -> None:
    assert read(plain, data_folders=[folder]).data_folders == (folder,)


@pytest.mark.parametrize(
    "folder", ["/", "//srv", "/srv/", "/srv/../etc", "srv", "{other}", "{data}/x", "/srv/\x00", ""]
)
def test_any_other_data_folder_is_refused(plain: dict[str, Any], folder: str) -> None:
    with pytest.raises(ManifestError):
        read(plain, data_folders=[folder])


def test_a_policy_lists_folders_and_packages() -> None:
    text = 'irreplaceable_packages = ["kasir"]\n[data_folders]\nnotes = ["/srv/notes"]'
    policy = SitePolicy.from_toml(text)
    assert policy.data_folders == {"notes": ("/srv/notes",)}
    with pytest.raises(ManifestError):
        SitePolicy.from_toml('[data_folders]\nnotes = ["/"]')
