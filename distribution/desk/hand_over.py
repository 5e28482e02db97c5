"""A problem as developers get it: one document with everything attached, and no customer in it.

``handing_over`` makes it and keeps it; ``notify`` makes of it what a tracker takes. Sites
and clients have numbers of this document's own, unless whoever hands over asks for their names.
"""

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

MOST_INCIDENTS = 200
"""So many are in the document; ``sites`` counts all."""


@dataclass(frozen=True)
class HandedIncident:
    """The problem at one site.

    Attributes:
        site: a name such as ``site 3``, or the site's own where that was asked for.
        client: a name such as ``client 2``, or the client's own.
        from_version: what it ran before; empty where nobody knows.
        diagnostics: bundles collected from the site since, by the names of their steps.
    """

    site: str
    client: str
    state: str
    occurrences: int
    opened_at: datetime
    last_at: datetime
    from_version: str
    detail: str
    diagnostics: tuple[str, ...] = ()


@dataclass(frozen=True)
class HandedAttachment:
    """A document about the release that lies beside it in the repository, such as its SBOM."""

    name: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class HandOver:
    """A problem with everything that is known of it.

    Attributes:
        number: the ticket's.
        tracker: whose name was given for it.
        title: one line.
        release: the manifest's path in the repository; empty where no rollout had it.
        cause: what L3 found; may be empty.
        sites, clients: how many have had it, and how many sites have it still.
        running: by version of the product, how many sites run it.
        next_in_line: how many sites are about to get the version.
        hotfix: the manifest's path of the release that is to mend it; may be empty.
        known_issue: such as ``K-12``; may be empty.
    """

    number: int
    tracker: str
    by: str
    at: datetime
    title: str
    product: str
    version: str
    release: str
    code: str
    tier: str
    signature: str
    detail: str
    log_tail: str
    cause: str
    opened_at: datetime
    reopened: int
    sites: int
    sites_open: int
    clients: int
    running: dict[str, int]
    next_in_line: int
    attachments: tuple[HandedAttachment, ...]
    incidents: tuple[HandedIncident, ...]
    hotfix: str
    known_issue: str

    def to_json(self) -> str:
        """As it is kept and sent: moments in ISO 8601, in UTC."""
        return json.dumps(_ADAPTER.dump_python(self, mode="json"), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "HandOver":
        """As it was kept."""
        return _ADAPTER.validate_json(text)

    def plain(self) -> dict[str, Any]:
        """For a template."""
        return dataclasses.asdict(self)


_ADAPTER = TypeAdapter(HandOver)
