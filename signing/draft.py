"""Writing a proposal's folder, which is read back as strictly as a signer will read it."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets

from manifests.errors import UpdateError
from signing.kinds import meaning
from signing.proposal import Note, Proposal, Step, write
from signing.proposal_base import Base
from signing.store import Content


@dataclass(frozen=True)
class Draft:
    """Where a proposal is written, who proposes it, and when."""

    folder: Path
    by: str
    now: datetime


def write_draft(
    draft: Draft,
    kind: str,
    base: Base,
    roles: Mapping[str, Root | Targets],
    files: Mapping[str, Content] | None = None,
) -> Proposal:
    """Write the folder of a proposal that moves these roles on.

    Raises:
        AlreadyThere: the folder exists.
        SigningError: it cannot be written, or its kind does not allow what it says.
    """
    steps = tuple(
        Step(role=role, version=signed.version, based_on=base.version(role))
        for role, signed in roles.items()
    )
    note = Note(kind=kind, steps=steps, proposed_by=draft.by, proposed_at=draft.now)
    metadata = {role: Metadata[Any](signed) for role, signed in roles.items()}
    proposal = write(draft.folder, note, base, metadata, files or {})
    try:
        meaning(proposal)
    except UpdateError:
        shutil.rmtree(draft.folder)
        raise
    return proposal
