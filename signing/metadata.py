"""TUF metadata as bytes: read, signed, verified, and where each file is stored.

The only place where metadata is serialised and where its canonical bytes are made.

Source: TUF specification 1.0.31, consistent snapshots, one sha256 for each target.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, TypeVar

from securesystemslib.signer import Signer
from tuf.api.metadata import Metadata, Root, Signed, Snapshot, Targets, Timestamp

from signing.canonical import canonical, parsed_json
from signing.errors import Tampered
from signing.roles import ROOT, signatories

TIMESTAMP_KEY = "metadata/timestamp.json"

S = TypeVar("S", Root, Snapshot, Targets, Timestamp)


def metadata_key(role: str, version: int) -> str:
    """Where a version of a role is stored."""
    return f"metadata/{version}.{role}.json"


def role_and_version(key: str) -> tuple[str, int]:
    """What ``metadata_key`` made a key of; no role and 0 for any other file."""
    number, _, rest = key.removeprefix("metadata/").partition(".")
    role = rest.removesuffix(".json")
    return (role, int(number)) if number.isdecimal() and role != rest else ("", 0)


def target_key(path: str, sha256: str) -> str:
    """Where a target is stored: its name is prefixed with its hash."""
    folder, _, name = path.rpartition("/")
    return f"targets/{folder}/{sha256}.{name}"


def payload(signed: Signed) -> bytes:
    """The bytes that signatures are over."""
    return canonical(signed.to_dict())


def serialised(metadata: Metadata[Any]) -> bytes:
    """The bytes of a metadata file."""
    return metadata.to_bytes()


def parsed(data: bytes, kind: type[S], what: str) -> Metadata[S]:
    """Read a metadata file of one kind.

    Raises:
        Tampered: it is none.
    """
    return built(parsed_json(data, what), kind, what)


def verified(
    data: bytes, kind: type[S], what: str, delegator: Root | Targets, role: str
) -> Metadata[S]:
    """Read a metadata file and hold it to its delegator, as ``parsed`` and ``verify`` do.

    The signatures are checked over what was read: nothing is built and taken apart again.

    Raises:
        Tampered: it is none, or too few have signed it.
        UnknownRole: the delegator knows no such role.
    """
    plain = parsed_json(data, what)
    content = canonical(plain["signed"]) if isinstance(plain.get("signed"), dict) else b""
    metadata = built(plain, kind, what)
    _hold(delegator, role, metadata, content)
    return metadata


def built(plain: dict[str, Any], kind: type[S], what: str) -> Metadata[S]:
    """Metadata of one kind out of JSON values.

    Raises:
        Tampered: it is none.
    """
    try:
        metadata = Metadata[S].from_dict(plain)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Tampered(f"{what} is not TUF metadata: {error!r}") from error
    if not isinstance(metadata.signed, kind):
        raise Tampered(f"{what} is metadata of {metadata.signed.type}, not of {kind.type}")
    return metadata


def same_content(one: Metadata[Any], other: Metadata[Any]) -> bool:
    """Whether two files say the same, whoever has signed them."""
    return payload(one.signed) == payload(other.signed)


def signed_by(signer: Signer, content: S) -> Metadata[S]:
    """New metadata with one signature."""
    metadata = Metadata(content)
    add_signature(metadata, signer)
    return metadata


def add_signature(metadata: Metadata[Any], signer: Signer) -> None:
    """Sign metadata once more, in place."""
    signature = signer.sign(payload(metadata.signed))
    metadata.signatures[signature.keyid] = signature


def verify(delegator: Root | Targets, role: str, metadata: Metadata[S]) -> None:
    """Hold metadata to the threshold of different people that its delegator asks for.

    Raises:
        Tampered: too few valid signatures, or an invalid one.
        UnknownRole: the delegator knows no such role.
    """
    _hold(delegator, role, metadata, payload(metadata.signed))


def _hold(delegator: Root | Targets, role: str, metadata: Metadata[S], content: bytes) -> None:
    wanted = signatories(delegator, role)
    people = wanted.who_signed(content, metadata.signatures)
    if len(people) < wanted.threshold:
        raise Tampered(
            f"{role} {metadata.signed.version} is signed by {len(people)} of {wanted.threshold}"
        )


def verified_roots(files: Iterable[bytes]) -> tuple[Metadata[Root], ...]:
    """The roots from the first on, each signed by itself and by the one before.

    Raises:
        Tampered: the chain does not hold.
    """
    roots: list[Metadata[Root]] = []
    for number, data in enumerate(files, start=1):
        root = parsed(data, Root, f"root {number}")
        if root.signed.version != number:
            raise Tampered(f"root {number} says that it is version {root.signed.version}")
        for delegator in [*roots[-1:], root]:
            verify(delegator.signed, ROOT, root)
        roots.append(root)
    return tuple(roots)


def identity(first_root: Root) -> str:
    """What tells one repository from another for good: the hash of what its first root says."""
    return hashlib.sha256(payload(first_root)).hexdigest()
