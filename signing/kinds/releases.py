"""The kinds of proposals that change what may run: a release in one of the lanes, a withdrawal."""

from tuf.api.metadata import TargetFile

from manifests.errors import ManifestError
from manifests.release import Release
from manifests.target_paths import MANIFEST_NAME, Lane, role_of
from manifests.withdrawal import Withdrawal, withdrawal_of, withdrawn_file
from signing import wording
from signing.build_policy import policy_of
from signing.errors import Tampered
from signing.evidence import Evidence
from signing.kinds.guards import Meaning, only_files, only_roles, verified_file
from signing.proposal import Proposal
from signing.roles import products, signatories


def release(proposal: Proposal, lane: Lane) -> Meaning:
    """One manifest, its artifacts and attachments, added to the role of its lane."""
    role = only_roles(proposal)[0]
    found = _the_release(proposal, role, lane)
    _only_adds_files(proposal, role)
    evidence = _evidence(proposal, role, found)
    policy = policy_of(proposal.targets, found.manifest.product)
    before = proposal.before(role)
    known = [path for path in before.targets if path.endswith(MANIFEST_NAME)] if before else []
    who = signatories(proposal.targets, role)
    return Meaning(
        f"{proposal.note.kind} {found.manifest.product} {found.manifest.version}",
        (*wording.release_facts(found), *evidence.facts(policy)),
        (
            f"adds one release to the {len(known)} that {role} has; removes none, changes none",
            f"needs {wording.people_of(who)}",
        ),
        wording.lane_allows(found),
        (found,),
    )


def _the_release(proposal: Proposal, role: str, lane: Lane) -> Release:
    new = proposal.new_files(role)
    manifests = [path for path in new if path.rpartition("/")[2] == MANIFEST_NAME]
    if len(manifests) != 1:
        raise Tampered(f"{role} gets {len(manifests)} new manifests, and one is expected")
    found = _read_release(manifests[0], verified_file(proposal, role, manifests[0]))
    if set(new) != {str(found.path.sibling(name)) for name in found.manifest.file_names}:
        raise Tampered(f"{role} gets other files than {found.path} and what it lists")
    if found.path.lane is not lane or role_of(found.path) != role:
        raise Tampered(f"{found.path} is not what {role} may sign as {proposal.note.kind}")
    if found.manifest.product not in products(proposal.targets):
        raise Tampered(f"the repository has no product {found.manifest.product}")
    return found


def _evidence(proposal: Proposal, role: str, found: Release) -> Evidence:
    manifest, new = found.manifest, proposal.new_files(role)
    paths = {each.name: str(found.path.sibling(each.name)) for each in manifest.attachments}
    files = {name: verified_file(proposal, role, path) for name, path in paths.items()}
    listed = {each.name: new[str(found.path.sibling(each.name))] for each in manifest.artifacts}
    return Evidence(manifest, files, {name: file.hashes["sha256"] for name, file in listed.items()})


def _read_release(path: str, data: bytes) -> Release:
    try:
        found = Release.read(path, data)
    except ManifestError as error:
        raise Tampered(f"the manifest is not valid: {error.message}") from error
    if found.manifest.to_bytes() != data:
        raise Tampered(
            f"{path} says more than this program understands, so it cannot show all of it",
            hint="upgrade this program first",
        )
    return found


def _only_adds_files(proposal: Proposal, role: str) -> None:
    before, new = proposal.before(role), proposal.new_files(role).values()
    if before and any(file.path in before.targets for file in new):
        raise Tampered(f"{role} changes a file of a release that is published")
    if any(file.unrecognized_fields for file in new):
        raise Tampered(f"{role} says more of a new file than its length and its sha256")
    only_files(proposal, role, new, "add")


def withdrawal(proposal: Proposal) -> Meaning:
    """One release that is published and must run nowhere else; it stays listed, as withdrawn."""
    role = only_roles(proposal)[0]
    file, withdrawn = _the_withdrawal(proposal, role)
    only_files(proposal, role, [withdrawn_file(file, withdrawn)], "mark")
    folder = file.path.removesuffix(f"/{MANIFEST_NAME}")
    return Meaning(
        f"the withdrawal of {folder}",
        (f"because: {withdrawn.reason}", f"said at {withdrawn.at:%Y-%m-%d %H:%M:%S} UTC"),
        (
            f"marks {folder} as withdrawn; its files stay listed, and nothing else changes",
            f"needs {wording.people_of(signatories(proposal.targets, role))}",
        ),
        (
            "no site installs it from now on, whatever a rollout says; a withdrawal is for ever",
            "sites that run it go on running it until they get a newer release or a recall",
        ),
    )


def _the_withdrawal(proposal: Proposal, role: str) -> tuple[TargetFile, Withdrawal]:
    before, new = proposal.before(role), proposal.new_files(role)
    if before is None or len(new) != 1:
        raise Tampered(f"a withdrawal changes one manifest of {role}, not {len(new)} files")
    (path,) = new
    if path not in before.targets or not path.endswith(f"/{MANIFEST_NAME}"):
        raise Tampered(f"{path} is not the manifest of a published release")
    if withdrawal_of(before.targets[path]) is not None:
        raise Tampered(f"{path} is withdrawn already")
    found = withdrawal_of(new[path])
    if found is None:
        raise Tampered(f"{path} changes without being withdrawn")
    return before.targets[path], found
