"""Withdrawn releases: still listed, so that everybody sees what was said, and never offered.

A withdrawal is signed by the people of the role that signed the release, in the manifest's own
entry (TUF's ``custom``), so no plan and no server can take it back.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field
from tuf.api.metadata import TargetFile

from manifests.documents import Part, UtcDatetime, validated
from manifests.errors import ManifestError

FIELD = "withdrawn"


def _nfc(text: str) -> str:
    """The one spelling that TUF clients agree on: some of them normalise before they verify."""
    return unicodedata.normalize("NFC", text)


class Withdrawal(Part):
    """Why a release is withdrawn, and since when."""

    reason: Annotated[str, AfterValidator(_nfc), Field(min_length=1, max_length=500)]
    at: UtcDatetime | None = None


def withdrawal_of(file: TargetFile) -> Withdrawal | None:
    """What is said of a release in its manifest's entry; None for one that may run.

    One that cannot be read withdraws as well: a newer program may say more.
    """
    custom = file.custom
    if not isinstance(custom, dict) or FIELD not in custom:
        return None
    try:
        return validated(Withdrawal, custom[FIELD], strict=False)
    except ManifestError:
        return Withdrawal(reason="it was withdrawn, in words that this program cannot read")


def withdrawn(file: TargetFile) -> str:
    """Why a release is withdrawn; empty for one that may run."""
    found = withdrawal_of(file)
    return found.reason if found else ""


def withdrawn_file(file: TargetFile, withdrawal: Withdrawal) -> TargetFile:
    """The entry of a manifest, with its withdrawal."""
    custom = {FIELD: withdrawal.model_dump(mode="json")}
    fields = {**file.unrecognized_fields, "custom": custom}
    return TargetFile(file.length, dict(file.hashes), file.path, fields)
