"""What is signed, in words that a tired person can check."""

from collections.abc import Iterable
from datetime import timedelta

from tuf.api.metadata import Key

from manifests.install import (
    CommandInstall,
    Instruction,
    PackageInstall,
    Program,
    Service,
    ServiceCommands,
    SystemdUnit,
)
from manifests.release import (
    Check,
    CommandCheck,
    FileAgeCheck,
    HttpCheck,
    Release,
    TcpCheck,
)
from manifests.rollout import Pace
from manifests.target_paths import Lane
from signing.roles import Signatories, person_of


def release_facts(release: Release) -> tuple[str, ...]:
    """What is in a release and what it does at a site."""
    manifest = release.manifest
    facts = [
        f"{manifest.product} {manifest.version}, channel {manifest.channel}, "
        f"severity {manifest.severity}, issued at {manifest.issued_at:%Y-%m-%d %H:%M:%S} UTC",
        *(f"fixes {cve}" for cve in manifest.fixed_cves),
        *_artifacts(release),
        *_installation(release),
        *(f"healthy when {_check(check)}" for check in manifest.health.checks),
        *_soak(manifest.health.soak_seconds),
        f"upgrades from {manifest.upgrades_from or 'any version'}",
        f"at the fastest: {pace(manifest.pace)}",
    ]
    if manifest.sites:
        facts.append(f"only at the sites {', '.join(manifest.sites)}, until {manifest.expires_at}")
    if manifest.variables:
        facts.append(f"every site gives a value for {', '.join(manifest.variables)}")
    return (*facts, *(f"notes: {line}" for line in manifest.notes.splitlines() if line.strip()))


def _artifacts(release: Release) -> Iterable[str]:
    for artifact in release.manifest.artifacts:
        size = sum(entry.size_bytes for entry in artifact.files)
        yield (
            f"{artifact.name} for {artifact.platform} platform: {counted(artifact.files, 'file')}, "
            f"{size:,} bytes"
        )
        yield f"  its contents have the sha256 {artifact.tar_sha256}"


def _installation(release: Release) -> Iterable[str]:
    """What happens at a site: what runs there with the agent's rights, and what it may change."""
    manifest = release.manifest
    install = manifest.install
    if isinstance(install, PackageInstall):
        yield f"installs with dpkg, as root: {', '.join(install.packages)}"
        yield "  their scripts run as root, and configuration files of the site are kept"
        if install.missing == "apt":
            yield "  what they depend on comes from the SITE'S OWN package sources, unsigned by you"
    elif isinstance(install, CommandInstall):
        yield f"RUNS AN INSTALLER: {_instruction(install.install)}"
        yield f"  it is in place when this succeeds: {_instruction(install.verify)}"
        yield f"  undone by: {_instruction(install.undo)}"
        for status, code in sorted(install.failures.items(), key=lambda pair: int(pair[0])):
            yield f"  its exit status {status} means {code}"
    else:
        yield "installs side by side: the old version stays until the new one is healthy"
    yield _start(install.service)
    if manifest.data_folders:
        folders = ", ".join(manifest.data_folders)
        yield f"CHANGES DATA in {folders}: it is copied before"
        yield "  and put back on a revert, which loses what was written since, in the soak too"
    if manifest.reboot_required:
        yield "NEEDS A RESTART of the machine, and waits for it"


def _instruction(instruction: Instruction) -> str:
    deadline = span(timedelta(seconds=instruction.deadline_seconds))
    return f"{' '.join(instruction.command)} (at most {deadline})"


def _start(service: Service | None) -> str:
    if isinstance(service, Program):
        return f"starts: {' '.join(service.command)}"
    if isinstance(service, SystemdUnit):
        return f"restarts the systemd unit {service.unit}"
    if isinstance(service, ServiceCommands):
        return (
            f"starts its service by: {' '.join(service.start)}; stops it by: "
            f"{' '.join(service.stop)}; asks for it by: {' '.join(service.status)}"
        )
    return "starts nothing"


def _soak(seconds: int) -> Iterable[str]:
    if seconds:
        yield f"watched for {span(timedelta(seconds=seconds))} after that, and reverted if it fails"


def _check(check: Check) -> str:
    if isinstance(check, HttpCheck):
        values = "".join(f", {name} = {value}" for name, value in check.expect_json.items())
        return f"{check.url} answers {check.expect_status}{values}"
    if isinstance(check, TcpCheck):
        return f"port {check.port} accepts a connection"
    if isinstance(check, CommandCheck):
        return f"this succeeds: {' '.join(check.command)}"
    assert isinstance(check, FileAgeCheck)  # noqa: S101 - the last of the four
    return f"{check.path} is at most {check.max_age_seconds} s old"


def pace(pace: Pace) -> str:
    """The curve of a pace."""
    waves = (
        f"{wave.up_to_basis_points / 100:g} % from {span(timedelta(seconds=wave.after_seconds))}"
        for wave in pace.waves
    )
    return f"{', '.join(waves)} on ({pace.name}, counted from the issue)"


def lane_allows(release: Release) -> tuple[str, ...]:
    """What becomes possible once a release is published."""
    product = release.manifest.product
    if release.path.lane is Lane.BREAKGLASS:
        return (
            f"the sites {', '.join(release.manifest.sites)}, and no others, may install it, "
            f"until {release.manifest.expires_at}",
        )
    if release.path.lane is Lane.HOTFIXES:
        return (
            f"EVERY site that runs {product} may install it, also outside of its window where the "
            "site's own policy says so",
        )
    return (f"every site that runs {product} may install it, in its window, as its turn comes",)


def people_of(role: Signatories) -> str:
    """The people of a role and how many of them must sign."""
    return f"{role.threshold} of {', '.join(role.people)}"


def fingerprint(key: Key) -> str:
    """A key as a person compares it."""
    return f"{person_of(key)} ({key.keytype}, key {key.keyid[:16]})"


def counted(things: Iterable[object], noun: str) -> str:
    """``3 files``, ``1 file``."""
    number = sum(1 for _ in things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(length: timedelta) -> str:
    """A length of time in its largest whole unit."""
    seconds = int(length.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
