"""Provenance: who built an artifact, as an in-toto Statement v1 with SLSA's predicate.

A builder that has a key wraps the statement in a DSSE envelope and signs it. One without hands over
the statement as it is; then only the people vouch for it who sign the release.

Sources: in-toto Attestation Framework v1, SLSA provenance v1, DSSE v1.0.2.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature

from manifests.documents import parse_json
from manifests.errors import ManifestError

STATEMENT_V1 = "https://in-toto.io/Statement/v1"
SLSA_V1 = "https://slsa.dev/provenance/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

_MOST_SIGNATURES = 16
_MOST_CHARACTERS = 500


@dataclass(frozen=True)
class Provenance:
    """What a statement says.

    Attributes:
        predicate: its type.
        builder: ``runDetails.builder.id``; empty where the predicate has none.
        subjects: the sha256 of everything that it is about.
        envelope: what carries the signatures; None of a plain statement.
    """

    predicate: str
    builder: str
    subjects: frozenset[str]
    envelope: Envelope | None

    @classmethod
    def from_bytes(cls, data: bytes) -> "Provenance":
        """Read a statement, plain or in its envelope.

        Raises:
            ManifestError: it is neither.
        """
        plain = parse_json(data, "the provenance")
        envelope = _envelope(plain)
        statement = parse_json(envelope.payload, "the statement") if envelope else plain
        if not isinstance(statement, dict) or statement.get("_type") != STATEMENT_V1:
            raise ManifestError(f"the provenance is no in-toto statement of type {STATEMENT_V1}")
        predicate = statement.get("predicateType")
        if not isinstance(predicate, str) or not predicate:
            raise ManifestError("the provenance does not say its predicateType")
        if max(len(predicate), len(_builder(statement))) > _MOST_CHARACTERS:
            raise ManifestError("the provenance names its type or its builder in too many words")
        subjects = frozenset(_digests(statement.get("subject")))
        return cls(predicate, _builder(statement), subjects, envelope)

    def signed_by(self, keys: Iterable[Key]) -> Key | None:
        """The first of ``keys`` whose signature is on the envelope; None if none is."""
        if self.envelope is None:
            return None
        signed, signatures = self.envelope.pae(), list(self.envelope.signatures.values())
        for key in keys:
            for each in signatures[:_MOST_SIGNATURES]:
                try:
                    key.verify_signature(Signature(key.keyid, each.signature), signed)
                except (UnverifiedSignatureError, VerificationError):
                    continue
                return key
        return None


def _envelope(plain: Any) -> Envelope | None:
    if not isinstance(plain, dict) or "payload" not in plain:
        return None
    try:
        envelope = Envelope.from_dict(_with_keyids(plain))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ManifestError("the provenance is not a DSSE envelope") from error
    if envelope.payload_type != PAYLOAD_TYPE:
        found = str(envelope.payload_type)[:80]
        raise ManifestError(f"the provenance is an envelope of {found!r}, not {PAYLOAD_TYPE!r}")
    return envelope


def _with_keyids(plain: dict[str, Any]) -> dict[str, Any]:
    """DSSE lets a signature name no key, and two signatures the same; here each has a number."""
    numbered = [
        {**each, "keyid": str(number)} for number, each in enumerate(plain.get("signatures", []))
    ]
    return {**plain, "signatures": numbered}


def _digests(subjects: Any) -> list[str]:
    if not isinstance(subjects, list):
        raise ManifestError("the provenance has no list of subjects")
    digests = [each.get("digest") for each in subjects if isinstance(each, dict)]
    found = [each.get("sha256") for each in digests if isinstance(each, dict)]
    return [each.lower() for each in found if isinstance(each, str)]


def _builder(statement: dict[str, Any]) -> str:
    value: Any = statement
    for name in ("predicate", "runDetails", "builder", "id"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""
