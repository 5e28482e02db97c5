"""A walk through a repository's files that finds what a strict TUF client might not take.

It knows nothing of the product's code: JSON, hashes and names are looked at as they are stored.
"""

import fnmatch
import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from securesystemslib.formats import encode_canonical

_ROLE = re.compile(r"[a-z0-9._-]+")
_PATH = re.compile(r"[A-Za-z0-9._~/-]+")
_PATTERN = re.compile(r"[A-Za-z0-9._~/*-]+")
_EXPIRES = re.compile(r"\d{4}-(0[1-9]|1[0-2])-[0-3]\d[T][0-2]\d:[0-5]\d:[0-5]\d[Z]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]+")
_NUMBERED = re.compile(r"([1-9]\d*)\.(.+)\.json")
_SCHEMES = {"ed25519": "ed25519", "ecdsa": "ecdsa-sha2-nistp256"}
_PEM = "-----BEGIN PUBLIC KEY-----\n"
_TOP = ("root", "targets", "snapshot", "timestamp")
_KEPT = ("root", "targets", "hotfixes", "breakglass")
_MOST_VERSIONS = 2**30
"""A thief's snapshots have numbers above it."""
_LONGEST_FILE_NAME = 255


@dataclass(frozen=True)
class _File:
    """One metadata file."""

    key: str
    role: str
    version: int
    plain: dict[str, Any]

    @property
    def signed(self) -> dict[str, Any]:
        found = self.plain.get("signed")
        return found if isinstance(found, dict) else {}


def faults(folder: Path) -> list[str]:
    """What is wrong, each with the file that it is in."""
    found, files = list(_names(folder)), []
    for path in sorted((folder / "metadata").iterdir()):
        try:
            files.append(_read(path))
        except ValueError as error:
            found.append(f"metadata/{path.name}: {error}")
    for file in files:
        found += [f"{file.key}: {each}" for each in _of_one(file)]
    current = _current(files)
    return [*found, *_gaps(files, current), *_content(folder, files, current)]


def leftovers(folder: Path) -> list[str]:
    """Old versions of metadata and content that nothing lists."""
    files = [_read(path) for path in sorted((folder / "metadata").iterdir())]
    current = _current(files)
    old = [f.key for f in files if f.role not in _KEPT and current.get(f.role, 0) != f.version]
    needed = {_stored(path, listed) for _, path, listed in _listed(files, current)}
    content = [path for path in (folder / "targets").rglob("*") if path.is_file()]
    stored = {path.relative_to(folder).as_posix() for path in content}
    return [*old, *sorted(stored - needed)]


# --- names of files


def _names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        key = path.relative_to(folder).as_posix()
        if path.is_dir() or path.name == ".lock":
            continue
        if not _PATH.fullmatch(key):
            yield f"{key}: a character that no key may have"
        if any(part.startswith(".") for part in key.split("/")):
            yield f"{key}: a part that begins with a dot"


# --- one file by itself


def _read(path: Path) -> _File:
    plain = json.loads(path.read_bytes().decode("utf-8"), object_pairs_hook=_unique)
    if not isinstance(plain, dict):
        raise ValueError("no object")
    key = f"metadata/{path.name}"
    if path.name == "timestamp.json":
        return _File(key, "timestamp", int(plain.get("signed", {}).get("version", 0)), plain)
    name = _NUMBERED.fullmatch(path.name)
    if name is None:
        raise ValueError("its name is no version, role and .json")
    return _File(key, name[2], int(name[1]), plain)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) < len(pairs):
        raise ValueError("a key comes twice in one object")
    return plain


def _of_one(file: _File) -> Iterator[str]:
    yield from _values(file.plain)
    yield from _common(file)
    yield from _signatures(file.plain.get("signatures"))
    signed = file.signed
    if file.role == "root":
        yield from _root(signed)
    elif file.role in ("snapshot", "timestamp"):
        yield from _versions_only(signed.get("meta", {}))
    else:
        yield from _delegations(signed.get("delegations", {"keys": {}, "roles": []}))
        for path, listed in signed.get("targets", {}).items():
            yield from _target(path, listed)
        if file.role == "targets" and signed.get("targets"):
            yield "the top-level targets lists files"


def _values(plain: Any) -> Iterator[str]:
    """Every key and every value, however deep."""
    if isinstance(plain, float):
        yield f"{plain} is a float"
    elif isinstance(plain, str) and unicodedata.normalize("NFC", plain) != plain:
        yield f"{plain!r} is not NFC"
    elif isinstance(plain, list | dict):
        values = plain.values() if isinstance(plain, dict) else ()
        for each in (*plain, *values):
            yield from _values(each)


def _common(file: _File) -> Iterator[str]:
    signed = file.signed
    kind = file.role if file.role in _TOP else "targets"
    if not _ROLE.fullmatch(file.role):
        yield f"{file.role!r} is not a role's name"
    if signed.get("_type") != kind:
        yield f"it is of the type {signed.get('_type')}, not {kind}"
    if signed.get("version") != file.version or file.version < 1:
        yield f"it says that it is version {signed.get('version')}"
    if not _EXPIRES.fullmatch(str(signed.get("expires"))):
        yield f"it expires at {signed.get('expires')}, which is not in TUF's form"
    if not str(signed.get("spec_version")).startswith("1.0."):
        yield f"it is of the specification {signed.get('spec_version')}"


def _signatures(signatures: Any) -> Iterator[str]:
    keyids = [each.get("keyid") for each in signatures or ()]
    if not keyids or len(set(keyids)) < len(keyids):
        yield "no signature, or two by one key"
    for each in signatures or ():
        if not _SHA256.fullmatch(each["keyid"]) or not _HEX.fullmatch(each["sig"]):
            yield "a signature that is not in hex"


def _root(signed: Mapping[str, Any]) -> Iterator[str]:
    if signed.get("consistent_snapshot") is not True:
        yield "its snapshots are not consistent"
    if sorted(signed.get("roles", {})) != sorted(_TOP):
        yield "its roles are not the four"
    yield from _keys(signed.get("keys", {}), list(signed.get("roles", {}).values()))


def _keys(keys: Mapping[str, Any], roles: list[dict[str, Any]]) -> Iterator[str]:
    for keyid, key in keys.items():
        if hashlib.sha256(str(encode_canonical(key)).encode()).hexdigest() != keyid:
            yield f"the keyid {keyid[:12]} is not the hash of its key"
        if _SCHEMES.get(key["keytype"]) != key["scheme"]:
            yield f"a key of the type {key['keytype']}/{key['scheme']}"
        public = key["keyval"].get("public", "")
        good = _SHA256.fullmatch(public) if key["keytype"] == "ed25519" else public.startswith(_PEM)
        if list(key["keyval"]) != ["public"] or not good:
            yield f"the key {keyid[:12]} is not written as its type wants it"
    for role in roles:
        keyids, threshold = role["keyids"], role["threshold"]
        if not 1 <= threshold <= len(set(keyids)) or len(set(keyids)) < len(keyids):
            yield f"a threshold of {threshold} with {len(keyids)} keys"
        if not set(keyids) <= keys.keys():
            yield "a role with a key that is not there"
    if keys.keys() - {keyid for role in roles for keyid in role["keyids"]}:
        yield "a key that no role has"


def _delegations(delegations: Mapping[str, Any]) -> Iterator[str]:
    roles = delegations.get("roles", [])
    yield from _keys(delegations.get("keys", {}), roles)
    if len({role["name"] for role in roles}) < len(roles):
        yield "two delegations of one name"
    for role in roles:
        name = role["name"]
        # JavaScript has numbers come first in an object, and finds its own words in it.
        if not _ROLE.fullmatch(name) or name.isdigit() or name in (*_TOP, "constructor"):
            yield f"{name!r} is not a delegated role's name"
        if role["terminating"] is not True:
            yield f"the delegation to {name} is not terminating"
        if not role.get("paths") or "path_hash_prefixes" in role:
            yield f"the delegation to {name} is not by paths"
        for pattern in role.get("paths", ()):
            if not _PATTERN.fullmatch(pattern):
                yield f"{pattern!r} is not a pattern of paths"


def _versions_only(meta: Mapping[str, Any]) -> Iterator[str]:
    for name, listed in meta.items():
        if list(listed) != ["version"] or not isinstance(listed["version"], int):
            yield f"of {name} it lists {', '.join(listed)}, not the version alone"
        if not name.endswith(".json") or not _ROLE.fullmatch(name.removesuffix(".json")):
            yield f"{name!r} is not a role's file"


def _target(path: str, listed: Mapping[str, Any]) -> Iterator[str]:
    if not _PATH.fullmatch(path) or "" in path.split("/") or set(path.split("/")) & {".", ".."}:
        yield f"{path!r} is not a target's path"
    if len(path.replace("/", "%2F")) > _LONGEST_FILE_NAME:
        yield f"{path!r} is too long for a file's name"
    if list(listed["hashes"]) != ["sha256"] or not _SHA256.fullmatch(listed["hashes"]["sha256"]):
        yield f"{path} has the hashes {', '.join(listed['hashes'])}, not sha256 alone"
    if not isinstance(listed["length"], int) or listed["length"] < 0:
        yield f"{path} has the length {listed['length']}"


# --- all files together


def _current(files: list[_File]) -> dict[str, int]:
    """The version of each role that a client comes to."""
    by_name = {(file.role, file.version): file.signed for file in files}
    found = {file.role: file.version for file in files if file.role in ("root", "timestamp")}
    found["root"] = max(version for role, version in by_name if role == "root")
    timestamp = by_name["timestamp", found["timestamp"]]
    found["snapshot"] = timestamp["meta"]["snapshot.json"]["version"]
    snapshot = by_name["snapshot", found["snapshot"]]
    listed = {name.removesuffix(".json"): of["version"] for name, of in snapshot["meta"].items()}
    return found | listed


def _gaps(files: list[_File], current: Mapping[str, int]) -> Iterator[str]:
    stored: dict[str, list[int]] = {}
    for file in files:
        stored.setdefault(file.role, []).append(file.version)
    for role, version in current.items():
        numbers = sorted(n for n in stored.get(role, ()) if n <= _MOST_VERSIONS)
        first = 1 if role in _KEPT else min(numbers, default=0)
        missing = (n for n in range(first, version + 1) if n not in numbers)
        if version <= _MOST_VERSIONS and next(missing, 0):
            yield f"{role}: of the versions {first} to {version} there are {numbers}"
    for role in stored.keys() - current.keys():
        yield f"{role}: it is stored, and no snapshot lists it"


def _listed(files: list[_File], current: Mapping[str, int]) -> Iterator[tuple[_File, str, Any]]:
    for file in files:
        if current.get(file.role) == file.version:
            for path, listed in file.signed.get("targets", {}).items():
                yield file, path, listed


def _stored(path: str, listed: Mapping[str, Any]) -> str:
    folder, _, name = path.rpartition("/")
    return f"targets/{folder}/{listed['hashes'].get('sha256')}.{name}"


def _content(folder: Path, files: list[_File], current: Mapping[str, int]) -> Iterator[str]:
    """Every listed file is there, or of a release that is listed as withdrawn."""
    listing = list(_listed(files, current))
    withdrawn = {
        path.rpartition("/")[0]
        for _, path, listed in listing
        if path.endswith("/manifest.json") and listed.get("custom", {}).get("withdrawn")
    }
    patterns = {
        role["name"]: role["paths"]
        for file in files
        if file.role == "targets" and current.get("targets") == file.version
        for role in file.signed.get("delegations", {}).get("roles", [])
    }
    for file, path, listed in listing:
        key = _stored(path, listed)
        if not any(_covers(pattern, path) for pattern in patterns.get(file.role, ())):
            yield f"{file.key}: {path} is not of a path that it may sign"
        if (folder / key).is_file():
            content = (folder / key).read_bytes()
            said = (listed["length"], listed["hashes"].get("sha256"))
            if (len(content), hashlib.sha256(content).hexdigest()) != said:
                yield f"{key}: it is not what is listed"
        elif path.rpartition("/")[0] not in withdrawn or path.endswith("/manifest.json"):
            yield f"{file.key}: {path} is listed, and is neither there nor withdrawn"


def _covers(pattern: str, path: str) -> bool:
    parts, wanted = path.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
