"""Bills of materials as others write them, and versions as everybody counts them."""

import json
from itertools import pairwise

import pytest

from manifests.component_range import ComponentRange, order
from manifests.errors import ManifestError
from manifests.sbom import Component, Sbom, package_of
from tests.simulators.builder import sbom


def test_components_within_components_are_found_and_each_counts_once() -> None:
    inner = {"type": "library", "name": "zlib", "version": "1.3"}
    outer = {"type": "library", "name": "png", "components": [inner, inner]}
    found = Sbom.from_bytes(sbom(components=[outer, inner]))
    assert set(found.components) == {Component("png"), Component("zlib", "1.3")}
    assert len(found.components) == 2
    assert found.spec_version == "1.6"


def test_a_bill_without_components_is_one() -> None:
    assert Sbom.from_bytes(b'{"bomFormat": "CycloneDX", "specVersion": "1.5"}').components == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"<bom/>",
        b'{"spdxVersion": "SPDX-2.3"}',
        b'{"bomFormat": "CycloneDX"}',
        sbom(components="none"),
        sbom(components=["openssl"]),
        sbom(components=[{"type": "library"}]),
        sbom(components=[{"name": "x", "version": 3}]),
        sbom(components=[{"name": "x" * 2000}]),
        sbom(components=[{"name": "x", "components": {}}]),
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_cyclonedx_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        Sbom.from_bytes(data)


@pytest.mark.parametrize(
    ("purl", "package"),
    [
        ("pkg:pypi/Requests@2.31.0", "pkg:pypi/requests"),
        ("pkg:deb/debian/openssl@3.0.11-1?arch=amd64#x", "pkg:deb/debian/openssl"),
        ("pkg:npm/%40angular/core@12", "pkg:npm/%40angular/core"),
        ("pkg:npm/@angular/core", "pkg:npm/@angular/core"),
    ],
)
def test_a_package_is_the_same_in_all_its_versions(purl: str, package: str) -> None:
    assert package_of(purl) == package


@pytest.mark.parametrize(
    "line",
    [
        "1.0~rc1 1.0.dev1 1.0a1 1.0b2 1.0rc1 1.0 1.0.post1 1.0.0.1 1.0.1 1.2 1.10 2 1:0.1",
        "1.1.1 1.1.1a 1.1.1c 1.1.1w 3.0.13 3.0.14-1~deb12u2 3.0.14-1",  # OpenSSL, Debian
        "2.9.1 2.17.0 2.17.1",
        "1.0.0-alpha 1.0.0-beta.2 1.0.0-rc.1 1.0.0",
        "9c 9d 9e",
    ],
)
def test_versions_are_ordered_as_their_authors_meant_it(line: str) -> None:
    for older, newer in pairwise(line.split()):
        assert order(older) < order(newer), (older, newer)


def test_zeros_and_a_v_do_not_count() -> None:
    assert order("1.0") == order("1.0.0") == order("v1")


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("openssl<3.0.14", "3.0.13 1.1.1w", "3.0.14 3.1"),
        ("openssl >= 3.0, < 3.0.14", "3.0 3.0.13", "1.1.1w 3.0.14"),
        ("openssl<1.1.1c", "1.1.1 1.1.1b", "1.1.1c 1.1.1d"),
        ("torch==2.0", "2.0 2.0.0 2.0+cu118", "2.0.1"),
        ("pkg:pypi/requests@2.31.0", "2.31.0", "2.32"),
        ("x!=1", "2", "1 1.0"),
        ("x<=2,>1", "2 1.5", "1 2.1"),
        ("log4j-core", "1 2", ""),
    ],
)
def test_a_range_admits(text: str, inside: str, outside: str) -> None:
    wanted = ComponentRange.parse(text)
    assert all(map(wanted.admits, inside.split()))
    assert not any(map(wanted.admits, outside.split()))


def test_names_are_compared_without_case_and_packages_without_qualifiers() -> None:
    assert ComponentRange.parse("OpenSSL<3").name == "openssl"
    by_package = ComponentRange.parse("pkg:deb/debian/OpenSSL?arch=amd64<3")
    assert (by_package.name, by_package.is_package) == ("pkg:deb/debian/openssl", True)
    assert by_package.bounds == (("<", "3"),)


@pytest.mark.parametrize("text", ["", "<3", "x==", "x<1 <2", "x<1,", "x=<1", "x y"])
def test_what_is_no_range_is_said(text: str) -> None:
    with pytest.raises(ManifestError):
        ComponentRange.parse(text)


def test_the_examples_are_json() -> None:
    assert json.loads(sbom())["bomFormat"] == "CycloneDX"
