"""Every file of a repository to which everything was done is as strict clients want it; and the
walk that says so sees each fault that is put in.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.every_shape import NAMES, REASON
from tests.simulators.hygiene import faults, leftovers
from tests.simulators.shapes import History

Plain = dict[str, Any]
SWEPT, UNSWEPT = "what_is_superseded_removed", "a_release_withdrawn"
MANIFEST, TILL = "releases/app/1.3/manifest.json", "releases/till/1.0/manifest.json"


# --- the repository


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wrong_with_it(history: History, name: str) -> None:
    assert faults(history.shape(name).folder) == []


def test_a_repository_that_was_swept_holds_nothing_old(history: History) -> None:
    assert len(leftovers(history.shape(UNSWEPT).folder)) > 50
    assert leftovers(history.shape(SWEPT).folder) == []


def test_a_withdrawn_release_stays_listed_with_its_reason_in_nfc(history: History) -> None:
    files = signed(history.shapes[-1].folder, "till")["targets"]
    assert {path for path in files if "/1.0/" in path} == {
        TILL,
        "releases/till/1.0/till-1.0.tar.zst",
    }
    said = files[TILL]["custom"]["withdrawn"]["reason"]
    assert said == REASON.replace("e\u0301", "\u00e9") != REASON


def test_p256_keys_are_called_what_all_clients_know(history: History) -> None:
    folder = history.shape("the_servers_next_keys_alone").folder
    keys = [*signed(folder, "root")["keys"].values()]
    keys += signed(folder, "targets")["delegations"]["keys"].values()
    kinds = {(key["keytype"], key["scheme"]) for key in keys}
    assert kinds == {("ecdsa", "ecdsa-sha2-nistp256"), ("ed25519", "ed25519")}


# --- the walk


@pytest.fixture
def copy(history: History, tmp_path: Path) -> Path:
    """The repository in the end, to be spoilt."""
    return copied(history, history.shapes[-1].name, tmp_path)


def copied(history: History, name: str, folder: Path) -> Path:
    return Path(shutil.copytree(history.shape(name).folder, folder / name, copy_function=os.link))


def newest(folder: Path, role: str) -> Path:
    """The file of a role's newest version."""
    if role == "timestamp":
        return folder / "metadata" / "timestamp.json"
    files = [file for file in (folder / "metadata").iterdir() if _role(file) == role]
    numbered = {int(file.name.partition(".")[0]): file for file in files}
    return numbered[max(number for number in numbered if number < 2**30)]


def _role(file: Path) -> str:
    return file.name.partition(".")[2].removesuffix(".json")


def signed(folder: Path, role: str) -> Plain:
    found: Plain = json.loads(newest(folder, role).read_bytes())["signed"]
    return found


def write(file: Path, content: str) -> None:
    file.unlink(missing_ok=True)  # not through it: the file is a link
    file.write_text(content)


Edit = Callable[[Plain], object]


def first(plain: Plain) -> Plain:
    """The first value of an object."""
    found: Plain = next(iter(plain.values()))
    return found


def renamed(plain: Plain, old: str, new: str) -> None:
    plain[new] = plain.pop(old)


def keys(signed: Plain) -> Plain:
    found: Plain = signed["delegations"]["keys"]
    return found


def delegation(signed: Plain) -> Plain:
    found: Plain = signed["delegations"]["roles"][-1]
    return found


NOTHING = {"length": 0, "hashes": {"sha256": "0" * 64}}


def custom(value: object) -> Edit:
    return lambda signed: signed["targets"][MANIFEST].update(custom=value)


EDITS: tuple[tuple[str, str, Edit], ...] = (
    ("root", "not consistent", lambda s: s.update(consistent_snapshot=False)),
    ("root", "not the four", lambda s: s["roles"].pop("timestamp")),
    ("root", "not in TUF's form", lambda s: s.update(expires="2030-01-01T00:00:00+00:00")),
    ("root", "not in TUF's form", lambda s: s.update(expires="2030-01-01T00:00:00.000Z")),
    ("root", "that it is version", lambda s: s.update(version=1)),
    ("root", "of the type", lambda s: first(s["keys"]).update(keytype="ecdsa-sha2-nistp256")),
    ("root", "not the hash of its key", lambda s: first(s["keys"]).update(owner="maling")),
    ("root", "as its type wants", lambda s: first(s["keys"])["keyval"].update(private="00")),
    ("root", "a threshold of 3", lambda s: s["roles"]["root"].update(threshold=3)),
    ("root", "a threshold of 1", lambda s: s["roles"]["snapshot"]["keyids"].clear()),
    ("root", "a key that no role has", lambda s: s["roles"]["snapshot"]["keyids"].clear()),
    ("root", "key that is not there", lambda s: s["roles"]["root"]["keyids"].append("ab")),
    ("root", "of the type targets", lambda s: s.update(_type="targets")),
    ("root", "of the specification", lambda s: s.update(spec_version="2.0.0")),
    ("targets", "not terminating", lambda s: delegation(s).update(terminating=False)),
    ("targets", "not a delegated role's name", lambda s: delegation(s).update(name="App")),
    ("targets", "not a delegated role's name", lambda s: delegation(s).update(name="7")),
    ("targets", "not a delegated role's name", lambda s: delegation(s).update(name="constructor")),
    ("targets", "not a pattern", lambda s: delegation(s).update(paths=["releases/a b/*"])),
    ("targets", "not by paths", lambda s: delegation(s).update(path_hash_prefixes=["ab"])),
    ("targets", "two delegations", lambda s: s["delegations"]["roles"].append(delegation(s))),
    ("targets", "not the hash of its key", lambda s: first(keys(s)).update(owner="maling")),
    ("targets", "lists files", lambda s: s["targets"].update({"releases/a/b/c": NOTHING})),
    ("snapshot", "not the version alone", lambda s: first(s["meta"]).update(length=1)),
    ("snapshot", "not a role's file", lambda s: renamed(s["meta"], "app.json", "a/b.json")),
    ("snapshot", "no snapshot lists it", lambda s: s["meta"].pop("app.json")),
    ("snapshot", "of the versions", lambda s: s["meta"]["app.json"].update(version=99)),
    ("timestamp", "not the version alone", lambda s: first(s["meta"]).update(hashes={})),
    ("app", "not a target's path", lambda s: renamed(s["targets"], MANIFEST, "releases/a%2Fb/c/d")),
    ("app", "not a target's path", lambda s: renamed(s["targets"], MANIFEST, "releases/a b/c/d")),
    ("app", "not a target's path", lambda s: renamed(s["targets"], MANIFEST, "releases/app/../d")),
    ("app", "not a target's path", lambda s: renamed(s["targets"], MANIFEST, "releases/\u00e9/c")),
    ("app", "too long", lambda s: renamed(s["targets"], MANIFEST, "releases/app/1/" + "x" * 240)),
    ("app", "that it may sign", lambda s: renamed(s["targets"], MANIFEST, "releases/till/1/x")),
    ("app", "not sha256 alone", lambda s: s["targets"][MANIFEST]["hashes"].update(sha512="00")),
    ("app", "has the length", lambda s: s["targets"][MANIFEST].update(length="9")),
    ("app", "it is not what is listed", lambda s: s["targets"][MANIFEST].update(length=9)),
    ("app", "is a float", custom({"deep": [{"er": 1.5}]})),
    ("app", "is not NFC", custom({"reason": "cafe\u0301"})),
    ("app", "is not NFC", custom({"cafe\u0301": ""})),
)  # fmt: skip


@pytest.mark.parametrize(("role", "fault", "edit"), EDITS)
def test_the_walk_sees_a_wrong_value(copy: Path, role: str, fault: str, edit: Edit) -> None:
    file = newest(copy, role)
    plain = json.loads(file.read_bytes())
    edit(plain["signed"])
    write(file, json.dumps(plain))
    found = faults(copy)
    assert [each for each in found if fault in each], found


def _twice(folder: Path) -> None:
    file = newest(folder, "app")
    write(file, file.read_text().replace('"version":', '"version":1,"version":', 1))


def _signed_twice(folder: Path) -> None:
    file = newest(folder, "app")
    plain = json.loads(file.read_bytes())
    plain["signatures"] *= 2
    write(file, json.dumps(plain))


def _in_base64(folder: Path) -> None:
    file = newest(folder, "app")
    plain = json.loads(file.read_bytes())
    plain["signatures"][0]["sig"] += "=="
    write(file, json.dumps(plain))


def _stored(folder: Path, path: str) -> Path:
    parent, _, name = path.rpartition("/")
    (found,) = (folder / "targets" / parent).glob(f"*.{name}")
    return found


Spoil = Callable[[Path], object]
SPOILT: tuple[tuple[str, Spoil], ...] = (
    ("no key may have", lambda f: write(f / "targets/releases/app/1.3/a%2Fb", "")),
    ("no key may have", lambda f: write(f / "metadata/1.a b.json", "{}")),
    ("begins with a dot", lambda f: write(f / "targets/releases/.hidden", "")),
    ("not a role's name", lambda f: newest(f, "app").rename(f / "metadata/1.App.json")),
    ("is no version, role", lambda f: write(f / "metadata/01.app.json", "{}")),
    ("no snapshot lists it", lambda f: shutil.copy(newest(f, "app"), f / "metadata/1.evil.json")),
    ("comes twice", _twice),
    ("two by one key", _signed_twice),
    ("not in hex", _in_base64),
    ("neither there nor withdrawn", lambda f: _stored(f, MANIFEST).unlink()),
    ("neither there nor withdrawn", lambda f: _stored(f, TILL).unlink()),
    ("is not what is listed", lambda f: write(_stored(f, MANIFEST), "other bytes")),
)


@pytest.mark.parametrize(("fault", "spoil"), SPOILT)
def test_the_walk_sees_a_wrong_file(
    copy: Path, fault: str, spoil: Callable[[Path], object]
) -> None:
    spoil(copy)
    found = faults(copy)
    assert [each for each in found if fault in each], found


@pytest.mark.parametrize(
    "name", ["2.root", "1.targets", "1.hotfixes", "2.app", "3.app.rollouts", "9.snapshot"]
)
def test_the_walk_sees_a_gap_before_anything_was_swept(
    history: History, tmp_path: Path, name: str
) -> None:
    folder = copied(history, UNSWEPT, tmp_path)
    (folder / "metadata" / f"{name}.json").unlink()
    (found,) = faults(folder)
    assert found.startswith(f"{name.partition('.')[2]}: of the versions 1 to")


def test_what_is_left_over_is_seen(history: History, tmp_path: Path) -> None:
    folder = copied(history, SWEPT, tmp_path)
    write(folder / "targets/releases/app/1.2" / ("0" * 64 + ".x"), "")
    shutil.copy(newest(folder, "app"), folder / "metadata/1.app.json")
    assert leftovers(folder) == [
        "metadata/1.app.json",
        f"targets/releases/app/1.2/{'0' * 64}.x",
    ]
