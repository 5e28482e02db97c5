"""Names, versions and paths: one spelling each, and a path is an authority (THREATS 4, 20)."""

import pytest
from pydantic import TypeAdapter, ValidationError

from manifests.errors import ManifestError
from manifests.target_paths import (
    Identifier,
    Lane,
    ProductName,
    ReleasePath,
    VersionText,
    canonical_version,
    manifest_path,
    plan_path,
    role_of,
    rollouts_role,
)

product_name = TypeAdapter(ProductName).validate_python
identifier = TypeAdapter(Identifier).validate_python
version_text = TypeAdapter(VersionText).validate_python


@pytest.mark.parametrize(
    "version",
    ["0", "1", "1.0", "1.0.0", "2027.3.2", "1.0rc1", "1.0a2.dev3", "1.0.post1", "0.13.4", "9" * 60],
)
def test_a_version_in_its_one_spelling(version: str) -> None:
    assert canonical_version(version) == version


@pytest.mark.parametrize(
    ("version", "instead"),
    [
        ("v1", "1"),
        ("01", "1"),
        ("1.00", "1.0"),
        ("1.0-rc1", "1.0rc1"),
        ("1.0.RC1", "1.0rc1"),
        ("1.0-1", "1.0.post1"),
        (" 1.0", "1.0"),
        ("1.0\n", "1.0"),
        ("1.0.alpha", "1.0a0"),
    ],
)
def test_another_spelling_is_refused_with_the_right_one(version: str, instead: str) -> None:
    with pytest.raises(ValidationError, match=f"is spelled '{instead}'"):
        version_text(version)


@pytest.mark.parametrize(
    "version",
    ["", "latest", "1.x", "1..0", "1.0+local", "1!2.0", "1/2", "../1", "1 2", "-1", "1e5",
     "\u0661.\u0660", "1.0\0", "1" * 65, "1" * 5_000, "1." * 20_000],
    ids=lambda version: ascii(version[:12]),
)  # fmt: skip
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(ValidationError):
        version_text(version)


@pytest.mark.parametrize("name", ["app", "lab-2", "x", "a_b", "0app", "a" * 63])
def test_a_product_name(name: str) -> None:
    assert product_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "App", "app.rollouts", "a/b", "..", "-a", "a b", "é", "a" * 64, "app\n", "root", "targets",
     "snapshot", "timestamp", "hotfixes", "breakglass"],
)  # fmt: skip
def test_a_name_that_is_a_role_or_a_path_is_no_product(name: str) -> None:
    with pytest.raises(ValidationError):
        product_name(name)


@pytest.mark.parametrize("name", ["", ".hidden", "-x", "A", "a b", "a/b", "a\n", "a\0", "é"])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        identifier(name)


@pytest.mark.parametrize("lane", list(Lane))
def test_a_path_reads_as_it_is_written(lane: Lane) -> None:
    path = manifest_path(lane, "app", "1.0rc1")
    assert path == f"{lane.value}/app/1.0rc1/manifest.json"
    assert str(ReleasePath.parse(path)) == path
    assert ReleasePath.parse(path).lane is lane


@pytest.mark.parametrize(
    "path",
    ["", "releases", "releases/app/1.0", "releases/app/1.0/a/b", "/releases/app/1.0/x",
     "releases//1.0/x", "releases/../1.0/x", "releases/app/./x", "other/app/1.0/x",
     "Releases/app/1.0/x", "releases/app/1.0/%2e", "releases/app/1.0/a b", "releases/app/1.0/x\n",
     "releases/app/1.0/" + "x" * 129, "rollouts/app/plan.json", "hotfix/app/1.0/x",
     "releases/app/1.0/é", "releases\\app\\1.0\\x"],
)  # fmt: skip
def test_what_is_no_path_of_a_release_is_refused_with_an_example(path: str) -> None:
    with pytest.raises(ManifestError, match="is not the path of a release") as caught:
        ReleasePath.parse(path)
    assert "releases/<product>/<version>/manifest.json" in caught.value.hint


def test_the_lane_says_who_signs() -> None:
    signers = {lane: role_of(ReleasePath(lane, "app", "1.0", "x")) for lane in Lane}
    assert signers == {
        Lane.RELEASES: "app",
        Lane.HOTFIXES: "hotfixes",
        Lane.BREAKGLASS: "breakglass",
    }


def test_no_product_can_be_called_like_the_online_role_of_another() -> None:
    assert rollouts_role("app") == "app.rollouts"
    with pytest.raises(ValidationError):
        product_name(rollouts_role("app"))


def test_a_plan_lies_where_no_release_can() -> None:
    with pytest.raises(ManifestError):
        ReleasePath.parse(plan_path("app"))


def test_the_files_of_a_release_are_siblings() -> None:
    path = ReleasePath.parse("hotfixes/app/1.0/manifest.json").sibling("app-1.0.tar.zst")
    assert str(path) == "hotfixes/app/1.0/app-1.0.tar.zst"
