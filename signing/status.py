"""How far a proposal has come: one value that every front prints the same."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from manifests.terminal import shown
from signing.kinds import Meaning, meaning
from signing.metadata import payload
from signing.proposal import Proposal
from signing.roles import Signatories


@dataclass(frozen=True)
class RoleStatus:
    """One threshold of one role. A new root has two: the old people's and the new people's."""

    role: str
    version: int
    threshold: int
    signed_by: tuple[str, ...]
    waiting_for: tuple[str, ...]
    expires: datetime

    @property
    def missing(self) -> int:
        """How many more people must sign."""
        return max(self.threshold - len(self.signed_by), 0)

    @property
    def reached(self) -> bool:
        """Whether enough different people have signed."""
        return self.missing == 0

    def __str__(self) -> str:
        have = f"{self.role} {self.version}: have {len(self.signed_by)} of {self.threshold}"
        signed = f"signed by {', '.join(self.signed_by)}" if self.signed_by else "nobody signed yet"
        others = f"; can still sign: {', '.join(self.waiting_for)}" if self.waiting_for else ""
        return f"{have}, {signed}{others}; valid until {self.expires:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class SigningStatus:
    """What is proposed, who has signed it, and who is missing."""

    kind: str
    title: str
    facts: tuple[str, ...]
    changes: tuple[str, ...]
    allows: tuple[str, ...]
    roles: tuple[RoleStatus, ...]
    proposed_by: str
    proposed_at: datetime
    repository: str

    @classmethod
    def of(cls, proposal: Proposal, what: Meaning | None = None) -> "SigningStatus":
        """The status of a proposal.

        Raises:
            Tampered: it is not what its kind says.
        """
        what = what or meaning(proposal)
        return cls(
            kind=proposal.note.kind,
            title=what.title,
            facts=what.facts,
            changes=what.changes,
            allows=what.allows,
            roles=tuple(_role_statuses(proposal)),
            proposed_by=proposal.note.proposed_by,
            proposed_at=proposal.note.proposed_at,
            repository=proposal.identity,
        )

    @property
    def complete(self) -> bool:
        """Whether it can be published."""
        return all(role.reached for role in self.roles)

    def to_plain(self) -> dict[str, Any]:
        """The status as JSON values."""
        plain = asdict(self)
        plain["complete"] = self.complete
        plain["proposed_at"] = self.proposed_at.isoformat()
        for role, status in zip(plain["roles"], self.roles, strict=True):
            role["expires"] = status.expires.isoformat()
            role["missing"], role["reached"] = status.missing, status.reached
        return plain

    def lines(self) -> Iterator[str]:
        """The status in words."""
        by = f" by {self.proposed_by}" if self.proposed_by else ""
        yield shown(
            f"{self.title}, proposed{by} at {self.proposed_at:%Y-%m-%d %H:%M:%S} UTC", keep=""
        )
        yield f"for the repository {self.repository[:16]}"
        sections = (
            ("what is in it", self.facts),
            ("what changes", self.changes),
            ("what it makes possible", self.allows),
        )
        for heading, entries in sections:
            yield f"{heading}:"
            yield from (f"  {shown(entry, keep='')}" for entry in entries)
        yield "signatures:"
        yield from self.signature_lines()
        yield self.verdict

    def signature_lines(self) -> Iterator[str]:
        """Who has signed, and who still can."""
        yield from (f"  {shown(str(role), keep='')}" for role in self.roles)

    @property
    def verdict(self) -> str:
        """Whether enough people have signed."""
        missing = [f"{role.missing} more of {role.role}" for role in self.roles if role.missing]
        return f"It is not complete: {', '.join(missing)}." if missing else "It is complete."


def _role_statuses(proposal: Proposal) -> Iterator[RoleStatus]:
    for role in proposal.metadata:
        authorities = proposal.authorities(role)
        told: set[tuple[int, tuple[str, ...]]] = set()
        for authority in authorities:
            if (authority.threshold, authority.people) not in told:
                told.add((authority.threshold, authority.people))
                yield _role_status(proposal, role, authority)


def _role_status(proposal: Proposal, role: str, authority: Signatories) -> RoleStatus:
    metadata = proposal.metadata[role]
    signed = authority.who_signed(payload(metadata.signed), metadata.signatures)
    return RoleStatus(
        role=role,
        version=metadata.signed.version,
        threshold=authority.threshold,
        signed_by=signed,
        waiting_for=tuple(person for person in authority.people if person not in signed),
        expires=metadata.signed.expires,
    )
