"""The nine chapters: each does what its people would do, and waits until the sites did it."""

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rich.text import Text

from infra.demo import night, screen
from infra.demo.cast import (
    CLIENTS,
    CLOSES_ITS_WINDOW,
    ENGINEERS,
    OFFICERS,
    ON_CALL,
    PRODUCT,
    ROLES,
    SITES,
    A,
    B,
    C,
    CastRelease,
    CastSite,
)
from infra.demo.estate import HERE, POLL_SECONDS, Estate
from infra.demo.facts import Facts, NoticeFacts, RolloutFacts
from infra.demo.screen import StoryFailedError, chapter, fact
from infra.demo.summary import summary
from infra.demo.watching import ORDER, shares, watch_installs
from tests.simulators.ports import free_port

NIGHT_WINDOW = """
name = "Sunday night"
zone = "@zone@"
starts = 2026-01-04T02:00:00
rule = "FREQ=WEEKLY;BYDAY=SU"
duration_seconds = 7200
"""


def play(estate: Estate) -> None:
    """Tell the whole story.

    Raises:
        StoryFailedError: something did not go as told.
    """
    began = time.monotonic()
    repository(estate)
    server(estate)
    facts = Facts(estate)
    enrol(estate)
    first_release(estate, facts)
    known = waves(estate, facts)
    seconds_to_pause = defective_release(estate, facts)
    problem = night.desk(estate, facts)
    mended = night.hotfix(estate, facts, problem)
    summary(estate, facts, known, seconds_to_pause, mended, time.monotonic() - began)


def repository(estate: Estate) -> None:
    """Chapter 1: keys, roles, and the first signed metadata."""
    chapter(1, "A repository is created")
    for person in (*OFFICERS, *ENGINEERS, *ON_CALL):
        estate.sign("keygen", person, "--out", estate.root / "keys")
    officers = [word for p in OFFICERS for word in ("--officer", estate.public(p))]
    on_call = [word for p in ON_CALL for word in ("--hotfix", estate.public(p))]
    estate.hsp("init", *officers, *on_call, "--administrator", OFFICERS[0])
    founding = estate.root / "home" / "proposals" / "repository"
    estate.proposal_signed_by(founding, OFFICERS)
    estate.hsp("publish", founding)
    fact(f"root and targets: {' and '.join(OFFICERS)}; hotfixes: {' and '.join(ON_CALL)}")
    product = estate.root / "proposals" / "product"
    author, approver = (estate.public(person) for person in ENGINEERS)
    estate.hsp(
        "product", "add", PRODUCT, "--author", author, "--approver", approver, "--out", product
    )
    estate.proposal_signed_by(product, OFFICERS)
    estate.hsp("publish", product)
    fact(f"product {PRODUCT}: {ENGINEERS[0]} writes, {ENGINEERS[1]} approves")
    keys = [*estate.root.glob("keys/*.key"), *estate.root.glob("home/keys/**/*.key")]
    modes = {oct(key.stat().st_mode & 0o777) for key in keys}
    encrypted = all(b"ENCRYPTED" in key.read_bytes() for key in keys)
    if modes != {"0o600"} or not encrypted:
        raise StoryFailedError(f"private keys with modes {modes}, encrypted: {encrypted}")
    fact(f"{len(keys)} private keys, every one an encrypted file with mode 0600")
    _hire(estate)


def _hire(estate: Estate) -> None:
    """Everybody gets their role: one officer proposes, the other one confirms."""
    first, second = OFFICERS
    estate.hsp("staff", "add", second, "--by", first)
    estate.hsp("staff", "grant", second, "security-administrator", "--by", first)
    for person, role in ROLES.items():
        estate.hsp("staff", "add", person, "--by", first)
        estate.hsp("staff", "grant", person, role, "--by", first)
        estate.hsp("staff", "confirm", person, role, "--by", second)
    fact(", ".join(f"{person} is {role}" for person, role in ROLES.items()))


def server(estate: Estate) -> None:
    """Chapter 2: one process that listens, schedules and serves the repository."""
    chapter(2, "The server starts")
    estate.serve()
    deadline = time.monotonic() + 20
    while not estate.is_up():
        if time.monotonic() > deadline:
            raise StoryFailedError("the server does not answer")
        time.sleep(0.1)
    store = estate.settings.get("HSP_STORE_URL", "a directory")
    fact(f"{estate.url} (API, scheduler and repository in one process; SQLite; store: {store})")


def enrol(estate: Estate) -> None:
    """Chapter 3: every site has its own agent process, state, key and window."""
    chapter(3, f"{len(SITES)} sites of {len(CLIENTS)} client companies enrol")
    enrolling = []
    for site in SITES:
        estate.app_ports[site.site_id] = free_port()
        invitation, root_sha256 = estate.invite(site)
        policy = estate.root / "sites" / f"{site.site_id}.toml"
        policy.write_text(estate.policy(site, _day_window(site)))
        options = ("--root-sha256", root_sha256, "--policy", policy)
        command = (*estate.updater(site), "enroll", invitation, *options)
        enrolling.append((site, estate.start(f"{site.site_id}-enroll", *command)))
    for site, process in enrolling:
        if process.wait(60):
            raise StoryFailedError(f"{site.site_id} could not enrol")
        estate.start(site.site_id, *estate.updater(site), "run")
    fact("each with its own process, state folder, key and maintenance window, in three time zones")


def _day_window(site: CastSite) -> str:
    """Every day, from an hour ago for eight hours: open now, on the site's own wall clock."""
    starts = datetime.now(ZoneInfo(site.zone)).replace(tzinfo=None, microsecond=0)
    starts -= timedelta(days=1, hours=1)
    return (
        f'name = "every day"\nzone = "@zone@"\nstarts = {starts.isoformat()}\n'
        'rule = "FREQ=DAILY"\nduration_seconds = 28800'
    )


def _publish(estate: Estate, release: CastRelease, people: tuple[str, ...]) -> None:
    built = estate.build(release)
    proposal = estate.root / "proposals" / release.version
    estate.hsp("release", "propose", built, "--lane", release.lane, "--out", proposal)
    estate.proposal_signed_by(proposal, people)
    estate.hsp("publish", proposal, "--by", people[0])
    fact(
        f"release {release.letter} = {PRODUCT} {release.version}, signed by {' and '.join(people)}"
    )


def _start(estate: Estate, release: CastRelease, by: str = ENGINEERS[0]) -> None:
    schedule = HERE / "schedules" / f"{release.schedule}.toml"
    estate.hsp("rollout", "start", PRODUCT, release.version, "--schedule", schedule, "--by", by)


def first_release(estate: Estate, facts: Facts) -> None:
    """Chapter 4: a real program, two signatures, every site."""
    chapter(4, "Release A is built, signed by two people, published, and rolled out to all")
    _publish(estate, A, ENGINEERS)
    _start(estate, A)
    watch_installs(estate, facts, A)


def waves(estate: Estate, facts: Facts) -> NoticeFacts:
    """Chapter 5: pilots first, critical sites last; how soon all sites knew of a pause between."""
    chapter(5, "Release B goes out by waves")
    _publish(estate, B, ENGINEERS)
    _start(estate, B)
    known = _pause_between_waves(estate, facts)
    watch_installs(estate, facts, B)
    for site in SITES:
        if site.site_id in CLOSES_ITS_WINDOW:
            policy = estate.state(site) / "site.toml"
            policy.write_text(estate.policy(site, NIGHT_WINDOW))
    fact(f"{' and '.join(CLOSES_ITS_WINDOW)} now allow changes on Sunday nights only")
    return known


def _pause_between_waves(estate: Estate, facts: Facts) -> NoticeFacts:
    """A customer calls when the first wave is through; it was nothing."""

    def through() -> tuple[None, bool, Text]:
        now = facts.rollout(B)
        done = now.confirmed > 0 and now.running == 0
        return None, done, screen.fleet(facts.installed(), ORDER, shares(now))

    screen.watch(through, "the first wave of release B")
    who = ("--by", ON_CALL[1])
    estate.hsp("rollout", "pause", PRODUCT, B.version, *who, "--reason", "a customer calls")

    def heard() -> tuple[NoticeFacts | None, bool, Text]:
        notice = facts.rollout(B).notice
        done = notice is not None and notice.seconds is not None
        return notice, done, screen.fleet(facts.installed(), ORDER, "paused")

    known = screen.watch(heard, "every online site knows of the pause")
    assert known is not None  # noqa: S101 - the watch waited for it
    fact(
        f"paused; {known.knowing} of {known.sites} online sites knew after {known.seconds:.1f} s, "
        f"the poll interval is {POLL_SECONDS} s"
    )
    approver = ("--by", ENGINEERS[1])
    estate.hsp("rollout", "resume", PRODUCT, B.version, *approver, "--reason", "it was the printer")
    return known


def defective_release(estate: Estate, facts: Facts) -> float:
    """Chapter 6: it starts, its health check fails; seconds until the stop rule paused it."""
    chapter(6, "Release C has a real defect: the build forgot the price list")
    _publish(estate, C, ENGINEERS)
    started = time.time()
    _start(estate, C)
    poll = timedelta(seconds=POLL_SECONDS)

    def look() -> tuple[RolloutFacts, bool, Text]:
        now = facts.rollout(C)
        known = now.state == "paused" and facts.all_heard_since(now.changed_at + poll)
        done = known and now.running == 0
        note = f"{shares(now)}   reverted {now.reverted}   {now.state}"
        return now, done, screen.fleet(facts.installed(), ORDER, note)

    now = screen.watch(look, "the stop rule pauses release C and its sites are back on B")
    fact(f"paused by {now.changed_by}: {now.reason}")
    if now.notice is not None and now.notice.seconds is not None:
        fact(
            f"{now.notice.sites} online sites knew after {now.notice.seconds:.1f} s, those that "
            f"were not in the middle of it after {now.notice.idle_seconds:.1f} s"
        )
    serving = estate.serving()
    if serving[B.version] != len(SITES):
        raise StoryFailedError(f"after the revert the running programs say {dict(serving)}")
    fact(
        f"all {len(SITES)} sites serve {B.version}; {now.reverted} of them went back by themselves"
    )
    for line in facts.open_tickets():
        fact(f"ticket at {line}")
    return now.changed_at.timestamp() - started
