"""Documents outlive programs: sites, officers and auditors have what older releases wrote.

Two directions, for each release that is kept here. What it wrote is read by today's code with the
same meaning; what today's code writes is read by the release's own code, in a process of its own.
Fields may be added. A field that goes away, or means something else, breaks somebody.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from manifests.documents import Document
from tests.compatibility.messages import examples
from tests.compatibility.reading import KEYS_FILE, MEANING_FILE, read_all
from tests.compatibility.releases import RELEASES, Released
from tests.compatibility.rules import manifests
from tests.compatibility.writing import write

every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.version)


def differences(before: Any, after: Any, where: str = "it") -> Iterator[str]:
    """In words, what of ``before`` is not in ``after``; what is only in ``after`` is no matter."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            if name not in after:
                yield f"{where}.{name} is gone (it was {value!r})"
            else:
                yield from differences(value, after[name], f"{where}.{name}")
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, f"{where}[{number}]")
    elif before != after or type(before) is not type(after):
        yield f"{where} was {before!r} and is {after!r}"


@pytest.fixture(scope="module")
def todays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what today's code writes."""
    folder = tmp_path_factory.mktemp("todays")
    write(folder)
    return folder


@pytest.fixture(scope="module")
def read_today(todays: Path) -> dict[str, Any]:
    """And what that means to today's code."""
    return read_all(todays)


def test_todays_code_reads_what_it_writes(read_today: dict[str, Any]) -> None:
    assert [f"{name}: {found}" for name, found in read_today.items() if "means" not in found] == []


@every_release
def test_what_a_release_wrote_means_today_what_it_meant(release: Released) -> None:
    meant = json.loads((release.documents / MEANING_FILE).read_text())
    found = read_all(release.documents)
    assert set(found) == set(meant)
    broken = []
    for name, before in meant.items():
        if "means" not in found[name]:
            broken.append(f"{name} of release {release.version} is not read: {found[name]}")
            continue
        for words in differences(before, found[name]["means"]):
            broken.append(f"{name} of release {release.version} means something else: {words}")
    assert not broken, "\n".join(broken)


@every_release
def test_a_release_reads_what_is_written_today(
    release: Released, todays: Path, read_today: dict[str, Any]
) -> None:
    broken = []
    for name, found in release.reads(todays).items():
        if "unknown" in found:
            assert not (release.documents / name).exists(), f"{release.version} knew {name}"
            continue
        if "means" not in found:
            broken.append(f"release {release.version} cannot read today's {name}: {found}")
            continue
        for words in differences(found["means"], read_today[name]["means"]):
            broken.append(f"release {release.version} misunderstands today's {name}: {words}")
    assert not broken, "\n".join(broken)


def _unexemplified(documents: Sequence[Document]) -> set[str]:
    given = {name for document in documents for name in document.model_fields_set}
    return set(type(documents[0]).model_fields) - given - {"format"}


def test_every_field_has_an_example() -> None:
    """A field that no example has is a field that no older release was ever shown."""
    kinds: dict[str, Sequence[Document]] = {**examples()}
    kinds["release-manifest"] = tuple(manifests().values())
    lacking = {kind: _unexemplified(documents) for kind, documents in kinds.items()}
    assert {kind: names for kind, names in lacking.items() if names} == {}


def test_a_field_that_went_away_or_changed_is_named() -> None:
    before = {"a": 1, "b": {"c": [1, {"d": "x"}]}, "e": 2.0}
    assert list(differences(before, {**before, "new": 1})) == []
    after = {"b": {"c": [1, {"d": "y"}]}, "e": 2}
    assert list(differences(before, after, "check-in")) == [
        "check-in.a is gone (it was 1)",
        "check-in.b.c[1].d was 'x' and is 'y'",
        "check-in.e was 2.0 and is 2",
    ]
    assert list(differences([1], [1, 2])) == ["it was [1] and is [1, 2]"]


@every_release
def test_a_document_that_was_changed_is_not_read(release: Released, tmp_path: Path) -> None:
    """The signatures in the kept documents are real: nothing here passes unread."""
    signed = ("check-in.1.json", "install-report.6.json", "audit-checkpoint.json", "proposal.txt")
    (tmp_path / KEYS_FILE).write_text((release.documents / KEYS_FILE).read_text())
    for name in signed:
        content = bytearray((release.documents / name).read_bytes())
        middle = len(content) // 2
        content[middle] = ord("A") if content[middle] != ord("A") else ord("B")
        (tmp_path / name).write_bytes(content)
    assert {name for name, found in read_all(tmp_path).items() if "refused" in found} == set(signed)
