"""What is written is what is read, to the byte, whatever was in it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manifests.check_in import CheckIn, CheckInAnswer, Invitation, ProductStatus
from manifests.documents import Document
from manifests.failures import FailureCode
from manifests.file_list import FileEntry
from manifests.freeze import Freeze
from manifests.install import (
    INSTALLERS_CODES,
    CommandInstall,
    Instruction,
    PackageInstall,
    Program,
    ServiceCommands,
    SlotInstall,
    SystemdUnit,
)
from manifests.install_report import FINAL_PHASES, InstallReport, Phase
from manifests.release import (
    Artifact,
    CommandCheck,
    FileAgeCheck,
    Health,
    HttpCheck,
    ReleaseManifest,
    Severity,
    TcpCheck,
)
from manifests.remote_steps import (
    STEP_LIFE,
    Diagnostics,
    DriftReport,
    Outcome,
    RemoteStep,
    Section,
    StepKind,
    StepResult,
)
from manifests.rollout import (
    Brake,
    Change,
    Gates,
    Pace,
    Ring,
    Rollout,
    RolloutPlan,
    RolloutState,
    Schedule,
    ScheduledWave,
    SiteFilter,
    Wave,
)
from manifests.site import EmergencyPolicy, InstalledProduct, LocalBrake, SitePolicy, SiteProfile
from manifests.target_paths import RESERVED, manifest_path
from manifests.window import Blackout, MaintenanceWindow

words = st.text(max_size=20)
names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
products = names.filter(lambda name: name not in RESERVED and name.strip("0123456789-"))
versions = st.builds(
    "{}.{}{}".format, st.integers(0, 99), st.integers(0, 99), st.sampled_from(["", "rc1", ".dev2"])
)
digests = st.integers(0, 2**256 - 1).map("{:064x}".format)
FIRST, LAST = datetime.fromisoformat("1970-01-02"), datetime.fromisoformat("2199-01-01")
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
seconds = st.integers(0, 7 * 24 * 3600)
some_names = st.lists(names, max_size=3).map(tuple)

bounds = st.sets(st.integers(1, 9_999), max_size=4).map(lambda some: [*sorted(some), 10_000])


@st.composite
def scheduled(draw: st.DrawFn) -> tuple[ScheduledWave, ...]:
    """Waves in order."""
    ends = draw(bounds)
    starts = sorted(draw(seconds) for _ in ends)
    return tuple(
        ScheduledWave(after_seconds=start, spread_seconds=draw(seconds), up_to_basis_points=end)
        for start, end in zip(starts, ends, strict=True)
    )


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[Rollout, ...]:
    """Rollouts of different releases."""
    paths = draw(st.sets(st.tuples(products, versions), max_size=3))
    return tuple(
        Rollout(
            release=manifest_path("releases", *path),
            state=draw(st.sampled_from(RolloutState)),
            last_change=Change(by=draw(words), at=draw(moments), reason=draw(words)),
            waves=tuple(
                Wave(opens_at=draw(st.none() | moments), up_to_basis_points=end)
                for end in draw(bounds)
            ),
            only=SiteFilter(clients=draw(some_names), tags=draw(some_names)),
        )
        for path in sorted(paths)
    )


paces = st.builds(Pace, name=names, waves=scheduled())
gates = st.builds(
    Gates,
    soak_seconds=seconds,
    success_threshold_percent=st.integers(0, 100),
    error_threshold_percent=st.integers(0, 100),
)
paths = st.lists(
    st.from_regex(r"[a-zé日][a-z0-9é日._-]{0,8}[a-z0-9]", fullmatch=True), min_size=1, max_size=4
).map("/".join)
file_lists = st.lists(
    st.builds(FileEntry, path=paths, size_bytes=st.integers(0, 2**40), sha256=digests),
    max_size=3,
    unique_by=lambda entry: entry.path.split("/")[0],
).map(lambda files: tuple(sorted(files, key=lambda entry: entry.path)))
artifacts = st.builds(
    Artifact,
    name=names,
    platform=names,
    tar_size_bytes=st.integers(1024, 2**40),
    tar_sha256=digests,
    files=file_lists,
)
commands = st.lists(words, min_size=1, max_size=3).map(tuple)
checks = st.one_of(
    st.builds(
        HttpCheck,
        url=st.sampled_from(["http://127.0.0.1:{port}/health", "http://localhost/"]),
        expect_json=st.dictionaries(words, words, max_size=2),
    ),
    st.builds(TcpCheck, port=words),
    st.builds(CommandCheck, command=commands),
    st.builds(FileAgeCheck, path=paths, max_age_seconds=seconds),
)
services = st.one_of(
    st.none(),
    st.builds(Program, command=commands),
    st.just(SystemdUnit(unit="app@1.service")),
    st.builds(ServiceCommands, start=commands, stop=commands, status=commands),
)
instructions = st.builds(Instruction, command=commands)
installs = st.one_of(
    st.builds(SlotInstall, service=services),
    st.builds(PackageInstall, packages=st.just(("kasir", "libkasir2.0")), service=services),
    st.builds(
        CommandInstall,
        install=instructions,
        verify=instructions,
        undo=instructions,
        failures=st.dictionaries(
            st.integers(1, 255).map(str), st.sampled_from(sorted(INSTALLERS_CODES)), max_size=3
        ),
        service=services,
    ),
)
manifests = st.builds(
    ReleaseManifest,
    product=products,
    version=versions,
    artifacts=st.lists(artifacts, min_size=1, max_size=2, unique_by=lambda a: a.platform).map(
        tuple
    ),
    upgrades_from=st.sampled_from(["", ">=1.0", ">=1,<2", "!=1.5"]),
    issued_at=moments,
    pace=paces,
    install=installs,
    reboot_required=st.booleans(),
    data_folders=st.just(("/srv/app",)) | st.just(()),
    health=st.builds(Health, checks=st.lists(checks, max_size=3).map(tuple)),
    notes=words,
    severity=st.sampled_from(Severity),
    fixed_cves=st.just(("CVE-2027-12345",)),
    expires_at=st.none() | moments,
)
freezes = st.builds(
    Freeze,
    name=words,
    zone=st.sampled_from(["Asia/Jakarta", "Europe/Berlin", "UTC"]),
    starts=st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(microsecond=0)),
    rule=st.sampled_from(["", "FREQ=YEARLY", "FREQ=MONTHLY;BYMONTHDAY=-1"]),
    duration_seconds=st.integers(1, 366 * 24 * 3600),
)
some_freezes = st.lists(freezes, max_size=2).map(tuple)
plans = st.builds(
    RolloutPlan,
    product=products,
    serial=st.integers(1, 2**31),
    written_at=moments,
    rollouts=rollouts(),
    brakes=st.lists(
        st.builds(Brake, scope=names, by=words, at=moments, reason=words), max_size=2
    ).map(tuple),
    freezes=some_freezes,
)
windows = st.builds(
    MaintenanceWindow,
    name=words,
    zone=st.sampled_from(["Asia/Jakarta", "Europe/Berlin", "Pacific/Chatham", "UTC"]),
    starts=st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(microsecond=0)),
    rule=st.sampled_from(["", "FREQ=DAILY", "FREQ=MONTHLY;BYDAY=-1SU"]),
    duration_seconds=st.integers(2, 7 * 24 * 3600),
    cutoff_seconds=st.integers(0, 1),
)
blackouts = st.builds(
    lambda start, length, name: Blackout(name=name, starts_at=start, ends_at=start + length),
    moments,
    st.timedeltas(timedelta(seconds=1), timedelta(days=400)),
    words,
)
policies = st.builds(
    SitePolicy,
    windows=st.lists(windows, max_size=3).map(tuple),
    blackouts=st.lists(blackouts, max_size=3).map(tuple),
    freezes=some_freezes,
    hotfix=st.sampled_from(EmergencyPolicy),
    brake=st.none() | st.builds(LocalBrake, by=words, at=moments, reason=words),
    variables=st.dictionaries(names, st.dictionaries(words, words, max_size=2), max_size=2),
)


@st.composite
def reports(draw: st.DrawFn) -> InstallReport:
    """A report of any phase, with a code where it needs one."""
    phase = draw(st.sampled_from(Phase))
    failed = phase in FINAL_PHASES - {Phase.CONFIRMED}
    return InstallReport(
        site_id=draw(names),
        sequence=draw(st.integers(1, 2**53)),
        boot_id=draw(words),
        attempt_id=draw(words),
        at=draw(moments),
        phase=phase,
        code=draw(st.sampled_from(FailureCode)) if failed else None,
        detail=draw(words),
        log_tail=draw(words),
        duration_seconds=draw(st.floats(0, 1e9)),
    )


installed = st.builds(
    InstalledProduct,
    version=st.none() | versions,
    failed=st.dictionaries(versions, words, max_size=2),
    stopped=st.lists(versions, max_size=2).map(tuple),
)
check_ins = st.builds(
    CheckIn,
    site_id=names,
    at=moments,
    boot_id=words,
    agent_version=words,
    ring=st.sampled_from(Ring),
    policy=policies,
    products=st.lists(
        st.builds(ProductStatus, product=products, installed=installed, until=st.none() | moments),
        max_size=2,
    ).map(tuple),
)
steps = st.builds(
    lambda asked, life, **given: RemoteStep(asked_at=asked, expires_at=asked + life, **given),
    moments,
    st.timedeltas(timedelta(seconds=1), STEP_LIFE),
    step_id=st.integers(0, 2**128 - 1).map("{:032x}".format),
    kind=st.sampled_from([kind.value for kind in StepKind]),
    product=st.none() | products,
    version=st.none() | versions,
    asked_by=names,
)
step_results = st.builds(
    StepResult,
    site_id=names,
    step_id=st.integers(0, 2**128 - 1).map("{:032x}".format),
    kind=st.sampled_from([kind.value for kind in StepKind]),
    at=moments,
    outcome=st.sampled_from(Outcome),
    sentence=words,
    drift=st.lists(
        st.builds(
            DriftReport,
            product=products,
            version=versions,
            differences=st.lists(words, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    diagnostics=st.none()
    | st.builds(
        Diagnostics,
        at=moments,
        agent_version=words,
        sections=st.lists(st.builds(Section, name=names, text=words), max_size=2).map(tuple),
    ),
)
answers = st.builds(
    CheckInAnswer,
    poll_seconds=st.integers(1, 86_400),
    hold=words,
    steps=st.lists(steps, max_size=2).map(tuple),
)
invitations = st.builds(
    Invitation,
    profile=st.builds(SiteProfile, site_id=names, client_id=names, ring=st.sampled_from(Ring)),
    server_url=st.just("https://updates.example.com"),
    metadata_url=st.just("https://updates.example.com/repository/metadata"),
    targets_url=st.just("https://updates.example.com/repository/targets"),
    root_version=st.integers(1, 1_000),
    root_sha256=digests,
    token=st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True),
    expires_at=moments,
)
schedules = st.builds(Schedule, name=names, waves=scheduled(), gates=gates)

DOCUMENTS = {
    "manifest": manifests,
    "plan": plans,
    "schedule": schedules,
    "policy": policies,
    "report": reports(),
    "check-in": check_ins,
    "check-in answer": answers,
    "step result": step_results,
    "invitation": invitations,
}


@pytest.mark.parametrize("kind", DOCUMENTS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_document_survives_the_journey_to_the_byte(kind: str, data: st.DataObject) -> None:
    document: Document = data.draw(DOCUMENTS[kind])
    written = document.to_bytes()
    read = type(document).from_bytes(written)
    assert read == document
    assert read.to_bytes() == written


@settings(max_examples=40, deadline=None)
@given(invitation=invitations)
def test_an_invitation_survives_an_e_mail_program(invitation: Invitation) -> None:
    text = invitation.to_text()
    wrapped = "\r\n  ".join(text[n : n + 60] for n in range(0, len(text), 60))
    assert Invitation.from_text(f"\n {wrapped}\n") == invitation
