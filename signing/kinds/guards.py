"""What every kind of proposal is held to, and what reading one gives."""

from collections.abc import Iterable
from dataclasses import dataclass

from tuf.api.metadata import Root, TargetFile, Targets

from manifests.release import Release
from signing import wording
from signing.build_policy import policy_of
from signing.delegations import delegate
from signing.errors import Tampered
from signing.metadata import payload
from signing.proposal import Proposal
from signing.roles import RULES, Rule, life_of, row_of, signatories, vendor_of
from signing.update_repository import next_targets, target_file


@dataclass(frozen=True)
class Meaning:
    """What a proposal is, in words.

    Attributes:
        facts: what is in it.
        changes: what changes against the base.
        allows: what it makes possible once it is published.
        releases: the releases in it.
    """

    title: str
    facts: tuple[str, ...]
    changes: tuple[str, ...]
    allows: tuple[str, ...]
    releases: tuple[Release, ...] = ()


def only_roles(proposal: Proposal, *roles: str) -> list[str]:
    """The roles that a proposal changes: just ``roles``, or just one if none are named.

    Raises:
        Tampered: it changes others.
    """
    found = list(proposal.metadata)
    if (set(found) != set(roles)) if roles else len(found) != 1:
        raise Tampered(f"a {proposal.note.kind} does not change the roles {', '.join(found)}")
    return found


def only_delegates(before: Targets, after: Targets, roles: Iterable[str]) -> None:
    """Hold ``after`` to ``before`` with just these new roles, each as the role table has it.

    Raises:
        Tampered: it differs in anything else.
    """
    expected = next_targets(before, after.version, after.expires)
    expected.spec_version = after.spec_version
    for role in roles:
        who = signatories(after, role)
        paths = RULES[row_of(role)].paths
        rule = Rule("", who.threshold, life_of(after, role), paths)
        delegate(expected, role, who.keys, rule, vendor_of(after, role), policy_of(after, role))
    same_or_refused(expected, after, "targets changes in more than the roles it should add")


def only_files(proposal: Proposal, role: str, files: Iterable[TargetFile], verb: str) -> None:
    """Hold a role to what it was, with just these files added or listed anew.

    Raises:
        Tampered: it differs in anything else.
    """
    before, after = proposal.before(role), proposal.after(role)
    expected = next_targets(before, after.version, after.expires, files)
    expected.spec_version = after.spec_version
    same_or_refused(expected, after, f"{role} changes in more than the files it should {verb}")


def same_or_refused(expected: Root | Targets, found: Root | Targets, complaint: str) -> None:
    """Compare what is signed with what the kind of proposal leads to.

    Raises:
        Tampered: with ``complaint``.
    """
    if payload(expected) != payload(found):
        raise Tampered(complaint)


def verified_file(proposal: Proposal, role: str, path: str) -> bytes:
    """A small target of the proposal, compared with what the metadata says of it.

    Raises:
        Tampered: it is missing, or not what the metadata lists.
    """
    listed, file = proposal.after(role).targets[path], proposal.file(path)
    if not file.is_file() or file.stat().st_size != listed.length:
        raise Tampered(f"{file} is missing, or has another size than what is signed")
    data = file.read_bytes()
    if target_file(path, data) != listed:
        raise Tampered(f"{file} is not what is signed: its sha256 differs")
    return data


def people_in(delegator: Root | Targets, roles: Iterable[str]) -> tuple[str, ...]:
    """Who holds these roles, one sentence each."""
    return tuple(
        f"{role}: {wording.people_of(who)}; a version lives "
        f"{wording.span(life_of(delegator, role))}; "
        f"{', '.join(wording.fingerprint(key) for key in who.keys)}"
        for role in sorted(roles)
        for who in [signatories(delegator, role)]
    )
