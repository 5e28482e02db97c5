"""Our own fourteen: who might attack us, and what happens all the same."""

import gzip
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard

from distribution.errors import Unreviewed
from manifests.errors import ManifestError
from manifests.failures import FailureCode, Tier
from manifests.install_report import Phase
from manifests.rollout import Ring, RolloutState, Schedule, ScheduledWave
from manifests.target_paths import Lane, manifest_path, plan_path
from signing import propose, signers
from signing.errors import (
    MissingEvidence,
    MissingSignatures,
    OtherBuilder,
    OtherSubject,
    SamePerson,
    UnfitRole,
    WrongKey,
)
from signing.propose import Assignment
from signing.roles import ROOT
from signing.update_repository import Repository
from tests.simulators.browser import Browser
from tests.simulators.builder import BUILDER, statement
from tests.simulators.estate import ENGINEERS, OFFICERS, PASSPHRASE, PEOPLE, ROUNDS, Estate
from tests.simulators.evil_plane import ANSWERS, EvilPlane, steps
from tests.simulators.forger import everybody_now, files_of, path_of
from tests.simulators.meddler import Meddler
from tests.simulators.site_voice import SiteVoice, post
from tests.simulators.thief import Thief
from tests.simulators.village import ONE_WAVE, PROGRAM, TWO_WAVES, now
from tests.simulators.web import Cut, Raw, Status, Web
from tests.threats import attacks
from tests.threats.attacks import HOSTILE, climbing_tar
from tests.threats.fleet import EVIL, FIRST, Fleet
from tests.threats.threat import threat

ONLINE = {"snapshot": True, "timestamp": True, "rollouts": True}
HOST = "the repository's host or a mirror, no key"

CLOSED = f"""
[[windows]]
zone = "Asia/Jakarta"
starts = "{now() + timedelta(days=200):%Y-%m-%dT01:00}"
duration_seconds = 3600
"""
"""For months. One that never opens would be a mistake, and hold the site for that."""
MOST_RELEASES = 25
IN_A_WEEK = Schedule(
    name="in-a-week",
    waves=(ScheduledWave(after_seconds=7 * 24 * 3600, up_to_basis_points=10_000),),
    gates=ONE_WAVE.gates,
)


@threat(
    attack="changes or takes away any file: 60 changes to root, timestamp, snapshot, roles, plan "
    "and manifest, one at a time",
    means=HOST,
    promise="0 installs; each is refused by a code (untrusted_metadata, rollback, unreachable), "
    "and the first honest poll afterwards installs",
    also=(
        "client_updater/test_trusted.py::test_whoever_owns_the_bucket_can_change_nothing",
        "client_updater/test_trusted.py::test_a_corrupt_cache_is_fetched_again",
    ),
)
def test_t01_mirror(street: Fleet) -> None:
    street.renew_root()
    version = street.news()
    tried = 0
    for key in ["metadata/2.root.json", *street.files_of_a_poll(version)]:
        for change in attacks.CHANGES:
            if change(b"{}") is None and key.endswith("root.json"):
                continue  # a root that is withheld: see malicious mirrors
            street.lose_caches()
            street.bucket.write(key, change(street.bucket.honest.read(key)))
            street.first_refuses(
                FailureCode.UNTRUSTED_METADATA, FailureCode.ROLLBACK, FailureCode.UNREACHABLE
            )
            street.bucket.evict()
            tried += 1
    assert tried >= 60
    street.poll()
    assert street.runs() == {version}
    street.goes_on()


@threat(
    attack="sends elsewhere (redirects to another host, to the same one, to a file), cuts answers "
    "off, inflates them, and answers with what is no HTTP",
    means="the line, no key",
    promise="no redirect is followed and nobody else is asked; 0 installs; refused (unreachable, "
    "untrusted_metadata, download_failed), and well at the next honest poll; freezes, trickles and "
    "endless data are Uptane's and TUF's rows",
    also=(
        "client_updater/test_fetcher.py::test_no_redirect_is_followed",
        "client_updater/test_downloads.py::test_what_does_not_come_is_given_up_after_three_tries",
    ),
)
def test_t02_network(street: Fleet) -> None:
    artifact = street.artifact(street.news())
    with Web(street.bucket.served) as elsewhere:
        for key in (attacks.TIMESTAMP, artifact):
            there = {"Location": f"{elsewhere.url}/{key}"}
            for fault in (
                Status(status=302, headers=there),
                Status(status=307, headers=there),
                Status(status=301, headers={"Location": f"/./{key}"}),
                Status(status=302, headers={"Location": "file:///etc/passwd"}),
                Raw(answer=b"\x00 this is no HTTP \xff\r\n\r\n"),
                Cut(after=10),
            ):
                street.bucket.web.faults[f"/{key}"] = [fault]
                street.refuse(
                    FailureCode.UNREACHABLE,
                    FailureCode.UNTRUSTED_METADATA,
                    FailureCode.DOWNLOAD_FAILED,
                )
        assert elsewhere.requests == []
    street.bucket.evict()
    timestamp = street.bucket.read(attacks.TIMESTAMP)
    for body in (gzip.compress(bytes(20_000_000)), gzip.compress(timestamp)[:-9]):
        inflated = Status(status=200, headers={"Content-Encoding": "gzip"}, body=body)
        street.bucket.web.faults[f"/{attacks.TIMESTAMP}"] = [inflated]
        street.refuse(FailureCode.UNREACHABLE, FailureCode.UNTRUSTED_METADATA)
    street.goes_on()


@threat(
    attack="lists a release of its own in every role that its keys sign, opens one before its "
    "time, points sites back, frees what was stopped, lists an older list of who may sign",
    means="all online keys and the store",
    promise="0 installs of what people did not sign, before the time that they signed, of what is "
    "older, of what a site saw stopped; after one rotation and one command for the plan every site "
    "is well by itself, and the thief's keys sign nothing; each key alone: TUF key compromise",
    missing="what a thief of the bucket has deleted comes from a copy of it, and a root of theirs, "
    "which no site believes, is removed by hand",
    also=(
        "client_updater/test_rules.py::"
        "test_a_version_that_a_site_has_seen_stopped_stays_stopped_there",
        "distribution/repository/test_rotation.py::"
        "test_whatever_a_thief_lists_the_next_keys_list_what_people_signed",
        "distribution/server/test_stolen_plans.py::"
        "test_a_thiefs_plan_is_replaced_and_nothing_of_it_taken_over",
    ),
)
def test_t03_stolen_online_key(fleet: Fleet) -> None:
    fleet.version = fleet.news()
    fleet.poll()
    slow = fleet.release(schedule=IN_A_WEEK)
    bad = fleet.release()
    fleet.village.start(bad.manifest.version, IN_A_WEEK)
    fleet.village.stop(bad.manifest.version, "it deletes prices")
    fleet.see_nothing_new()
    yesterday = fleet.bucket.copy()
    thief = Thief(fleet.village.server.store, fleet.server_keys)
    old = manifest_path(Lane.RELEASES, "app", FIRST)
    for named, gate, why in (
        (str(bad.path), "held", "stays stopped"),
        (str(slow.path), "wave_open", "the signed pace"),
        (old, "", "no newer release"),
    ):
        thief.plan("app", everybody_now(named))
        fleet.see_nothing_new()
        assert fleet.gates() == {gate}
        assert why in fleet.sites[0].command("explain").output
    evil = files_of(fleet.evil())
    path = next(name for name in evil if name.endswith("manifest.json"))
    elsewhere = "rollouts/app/manifest.json"  # which the server's key may sign, and no manifest has
    for role, files, named in (
        ("app.rollouts", evil, path),
        ("app.rollouts", {elsewhere: evil[path]}, elsewhere),
        ("app", evil, path),
    ):
        thief.sign(role, files, keep=True)
        thief.plan("app", everybody_now(named))
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.rotate_stolen()
    fleet.replace_stolen_plan()
    fleet.remove_what_nobody_published(yesterday)
    assert FailureCode.UNTRUSTED_METADATA in fleet.security_tickets()
    fleet.goes_on()
    fleet.forger(**ONLINE).at(fleet.village.server.store).list_version(targets=1)
    fleet.refuse(FailureCode.ROLLBACK)  # it lists who may have been revoked since
    fleet.rotate_stolen()
    fleet.goes_on()
    thief.plan("app", everybody_now(str(bad.path)))
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)


@threat(
    attack="signs releases with the key, with the same signature twice, and of another's product; "
    "brings a proposal with one signature to be published",
    means="one key of a release engineer or of a vendor, all online keys, the bucket",
    promise="0 installs, and nothing is published; refused (untrusted_metadata); with the second "
    "key as well it runs, but never in another's product; once people have revoked the key, its "
    "signature counts at no site from the next poll on, and every site is well",
    also=(
        "distribution/repository/test_publish_refusals.py::test_a_proposal_signed_by_one_of_two",
        "signing/test_tampered_proposals.py::test_one_signature_listed_twice",
        "signing/test_vendors.py::"
        "test_readers_do_not_take_another_products_release_from_a_vendors_role",
    ),
)
def test_t04_stolen_release_engineers_key(fleet: Fleet) -> None:
    lena, estate = fleet.add_vendor(), fleet.village.estate
    shop = fleet.add_site("toko-1", products=("app", "till"))
    fleet.poll()
    proposal = estate.propose(fleet.evil())
    estate.sign(proposal, "sari")
    with pytest.raises(MissingSignatures, match="1 of 2"):
        estate.publish_proposal(proposal)

    evil, till = fleet.evil(), fleet.evil(product="till", variables=[], install={"kind": "slot"})
    for person in ("sari", lena):
        thief = fleet.forger(person, **ONLINE)
        thief.offer(evil)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        with thief.signed_twice("app"):
            fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        thief.offer(evil, role="till")
        thief.offer(till)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    assert fleet.has(shop, "till") is None
    both = fleet.forger(lena, "joko", **ONLINE)  # the control: with the keys of both sides
    both.offer(evil, role="till")
    both.offer(till)
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)  # of the other product's release alone
    assert fleet.has(shop, "till") is not None
    fleet.forger(*ENGINEERS, **ONLINE).offer(evil)
    fleet.poll()
    assert fleet.runs() == {EVIL}

    fleet.rotate_stolen()
    fleet.revoke("sari", "dewi", *OFFICERS, "joko", "dewi")
    fleet.goes_on()
    fleet.forger(*ENGINEERS, **ONLINE).offer(fleet.evil())
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.rotate_stolen()
    fleet.goes_on()


@threat(
    attack="brings a release that another builder made, or with a statement about other bytes",
    means="a build machine",
    promise="where the officers ask for provenance, nobody can propose it and it reaches 0 sites; "
    "what the right builder says of these very bytes is published",
    missing="a builder that is itself corrupt and says so of its own bytes is bounded by waves "
    "alone (T12); a second builder's equal digest",
    also=("signing/test_provenance.py::test_what_the_officers_do_not_want_is_not_even_proposed",),
)
def test_t05_compromised_build(pair: Fleet) -> None:
    pair.ask_for_provenance(BUILDER)
    for said, error in (
        (lambda tar: statement(tar, builder="https://laptop.example/3cx"), OtherBuilder),
        (lambda tar: statement("0" * 64), OtherSubject),
        (None, MissingEvidence),
    ):
        with pytest.raises(error):
            pair.publish_with(said)
    pair.see_nothing_new()
    version = pair.publish_with(statement)
    pair.village.start(version)
    pair.poll()
    assert pair.runs() == {version}


@threat(
    attack="signs break-glass releases: within the limits, for 11 sites, for 73 hours, for nobody, "
    "after their end; signs a hotfix and an ordinary release; does it again; and after revocation",
    means="one L3 key and a login that publishes; then also all online keys and the bucket",
    promise="each reaches the sites that it names (10 at most) and that allow it, until its end "
    "(72 hours at most); the others install nothing, and refuse what breaks a limit "
    "(untrusted_metadata); a second publish waits for the review of the first; from the first poll "
    "after people have revoked the key: 0 installs",
    missing="with the bucket and all online keys as well, a thief needs no publish, and no review "
    "stops a second release for ten other sites; only the revocation does",
    also=(
        "client_updater/test_rules.py::"
        "test_breakglass_without_its_limits_is_refused_although_the_signature_is_valid",
        "client_updater/test_rules.py::"
        "test_breakglass_within_its_limits_runs_where_the_site_lets_it_and_until_it_ends",
        "distribution/server/test_reviews.py::test_an_unreviewed_one_blocks_that_persons_next",
    ),
)
def test_t06_stolen_l3_laptop(fleet: Fleet) -> None:
    first, second, never = fleet.sites
    for site in (first, second):
        site.set_policy('breakglass = "immediate"\n')
    village, lane = fleet.village, Lane.BREAKGLASS
    named: dict[str, Any] = {"sites": [first.site_id, never.site_id]}
    broken: tuple[dict[str, Any], ...] = (
        {"sites": [first.site_id, *(f"site-{n}" for n in range(10))]},
        {"hours": 73, **named},
        {"sites": []},
    )
    for limits in broken:
        with pytest.raises(ManifestError):
            village.estate.propose(fleet.evil_breakglass(**limits), lane)
    path = fleet.publish_reviewed(fleet.evil_breakglass(**named), "tono")
    village.start(path.version, lane=lane)
    fleet.poll()
    assert [site.soon_serves() for site in fleet.sites] == [EVIL, FIRST, FIRST]
    with pytest.raises(Unreviewed):
        fleet.publish_reviewed(fleet.evil_breakglass(sites=[second.site_id]), "tono")
    fleet.goes_on()

    thief = fleet.forger("tono", **ONLINE)
    for limits in broken:
        thief.offer(fleet.evil_breakglass(**limits), lane)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    for other in (Lane.HOTFIXES, Lane.RELEASES):
        thief.offer(fleet.evil(), other)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    thief.offer(fleet.evil(), role="breakglass")
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    everywhere = [site.site_id for site in fleet.sites]
    thief.offer(fleet.evil_breakglass(sites=everywhere, hours=72, ago=timedelta(hours=72)), lane)
    fleet.see_nothing_new()
    thief.offer(fleet.evil_breakglass(sites=everywhere[1:], hours=72), lane)
    fleet.poll()
    assert [site.soon_serves() for site in fleet.sites] == [fleet.version, EVIL, fleet.version]

    fleet.rotate_stolen()
    fleet.revoke("tono", "citra", *OFFICERS, "wati")
    fleet.goes_on()
    fleet.forger("tono", **ONLINE).offer(fleet.evil_breakglass(sites=everywhere), lane)
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.forger("wati", **ONLINE).offer(fleet.evil_breakglass(sites=everywhere), lane)
    fleet.poll()  # the control: a key that nobody has revoked
    assert [site.soon_serves() for site in fleet.sites] == [EVIL, EVIL, fleet.version]
    fleet.rotate_stolen()
    fleet.goes_on()


@threat(
    attack="answers check-ins with orders (an unsigned file, an older release, another product, an "
    "open window, an approval, force, 100,000 assignments), with scripts in every text, with "
    "support's steps (100,000 of them, steps of its own, a storm of restarts), and reports with "
    "false receipts; opens a release past the site's window",
    means="the whole server: API, database, store, all online keys",
    promise="it can hold sites still and nothing more: 0 installs against the site's own policy or "
    "of what people did not sign, nothing that it says is run, three restarts of a service in an "
    "hour where the site lets support restart it, no report is lost to a false receipt, and every "
    "site is well as soon as the server is",
    also=(
        "client_updater/test_rules.py::test_a_plan_cannot_hasten_what_the_signed_pace_forbids",
        "client_updater/test_rules.py::test_the_server_can_hold_a_site_and_nothing_more",
        "client_updater/test_support.py::test_the_administrator_says_which_steps_there_are",
        "client_updater/test_support.py::test_a_stolen_server_gets_three_restarts_and_few_answers",
    ),
)
def test_t07_compromised_control_plane(pair: Fleet, tmp_path: Path) -> None:
    for site in pair.sites:
        site.set_policy(CLOSED)
    honest = pair.news()
    thief = pair.forger(**ONLINE)
    thief.plan("app", everybody_now(f"releases/app/{honest}/manifest.json"))
    pwned = tmp_path / "pwned"
    script = f"$(touch {pwned}); `touch {pwned}`; touch {pwned}"
    scripts = {"hold": script, "run": script, "command": ["sh", "-c", script]}
    with EvilPlane() as plane:
        pair.set_agent(server_url=plane.url)
        for answer in (*ANSWERS.values(), scripts):
            plane.says(**answer)
            for _ in range(2):  # what one poll hears works on the next one
                pair.poll()
                assert pair.runs() == {FIRST}
        pair.sites[1].set_policy("[support]\nremote = []\n" + CLOSED)
        programs = [{site.pid()} for site in pair.sites]
        for count in (1, 1, 1, 1, 10, 10):
            plane.says(steps=steps(count))
            pair.poll()
            for site, seen in zip(pair.sites, programs, strict=True):
                seen.add(site.pid())
        assert [len(seen) for seen in programs] == [4, 1], "three restarts; none, where not allowed"
        plane.says()
        thief.offer(pair.evil())
        pair.poll()
        assert pair.runs() == {FIRST}
        assert plane.asked.count("/v1/reports") >= len(pair.sites)
        assert pair.reports() == {}
    assert not pwned.exists()
    pair.rotate_stolen()
    for site in pair.sites:
        site.set_policy()
    pair.set_agent()
    pair.poll()  # in which they hear the honest server again
    pair.goes_on()
    told = {(site.site_id, FailureCode.UNTRUSTED_METADATA) for site in pair.sites}
    assert told <= set(pair.reports())


@threat(
    attack="speaks for another site, sends another report under a used number, reports 30 failures "
    "that never were",
    means="a site's own key",
    promise="it is refused (401, 409) and security hears of it (forged_report); its own failures, "
    "however many, are those of one site and pause nothing; the others install as ever",
    missing="limits on how often a site may send are each server process's own",
    also=(
        "distribution/people/test_routes.py::"
        "test_a_foreign_site_and_an_unknown_one_are_the_same_to_a_customer",
        "distribution/people/test_rates.py::"
        "test_a_site_that_comes_too_often_is_told_when_and_others_do_not_notice",
        "distribution/server/test_reports.py::"
        "test_a_report_in_anothers_name_is_refused_counted_and_told_to_security",
        "distribution/server/test_stop_rule.py::"
        "test_one_hostile_site_that_reports_a_hundred_failures_pauses_nothing",
    ),
)
def test_t08_malicious_site(fleet: Fleet) -> None:
    hostile, *others = fleet.sites
    url, version = fleet.village.server.settings.public_url, fleet.news()
    for other in (others[0].site_id, "nobody-at-all"):
        forger = SiteVoice(hostile, url, name=other)
        assert forger.report(Phase.CONFIRMED, version) == 401
        assert forger.check_in() == 401
    own = SiteVoice(hostile, url)
    failure = {"code": FailureCode.UNHEALTHY, "detail": "the prices are missing"}
    for _ in range(30):
        assert own.report(Phase.REVERTED, version, **failure) == 200
    own.sequence -= 1
    assert own.report(Phase.CONFIRMED, version) == 409
    assert fleet.security_tickets() == {FailureCode.FORGED_REPORT}
    assert fleet.village.state_of(version) == RolloutState.RUNNING
    for site in others:
        site.poll()
    assert {site.soon_serves() for site in others} == {version}
    fleet.goes_on()


@threat(
    attack="signs alone: a release, a hotfix, a root and a targets of their own; signs a proposal "
    "twice; gives one person two keys of a role",
    means="the key of each of our six people in turn, all online keys, the bucket; a login that "
    "publishes",
    promise="no single person changes who may sign or what may run: 0 installs, refused by the "
    "tools and by every site (untrusted_metadata); once people have revoked the key, every site is "
    "well; as many officers as the threshold can do all of it; what one L3 key may do: T6",
    missing="audit records since the newest checkpoint, of five minutes at most, can be rewritten",
    also=(
        "journeys/test_insider.py::"
        "test_who_puts_a_pause_in_another_name_is_found_at_the_next_check_in",
        "journeys/test_insider.py::test_who_puts_yesterdays_database_back_is_found_too",
        "distribution/people/test_own_proposals.py::"
        "test_neither_who_started_nor_who_published_approves_in_any_way",
        "signing/test_roles.py::test_two_keys_of_one_person_never_make_a_threshold",
        "distribution/repository/test_rotation.py::"
        "test_the_present_officers_alone_cannot_be_outvoted",
    ),
)
def test_t09_insider(fleet: Fleet) -> None:
    estate = fleet.village.estate
    estate.now = now()
    proposal = estate.propose(fleet.evil())
    estate.sign(proposal, "sari")
    with pytest.raises(SamePerson):
        estate.sign(proposal, "sari")
    with pytest.raises(WrongKey):
        estate.sign(proposal, "budi")
    signers.generate("budi", tmp := fleet.village.folder / "second", PASSPHRASE, rounds=ROUNDS)
    twice = [estate.public("budi"), signers.read_public(tmp / "budi.pub")]
    with pytest.raises(UnfitRole):
        propose.people(
            Repository.read(estate.store), [Assignment(ROOT, twice, 2)], estate.draft("twice")
        )
    evil = fleet.evil()
    for person in PEOPLE:
        for lane in (Lane.RELEASES, Lane.HOTFIXES):
            fleet.forger(person, **ONLINE).offer(evil, lane)
            fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    for officer in OFFICERS:
        alone = fleet.forger(officer, **ONLINE)
        alone.own_targets("app")
        alone.offer(fleet.evil())
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        alone.own_root()
        alone.offer(fleet.evil())
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.write("metadata/2.root.json", None)
    fleet.bucket.evict()
    fleet.rotate_stolen()
    fleet.revoke("budi", "citra", *OFFICERS, "citra")
    fleet.goes_on()
    thieves = fleet.forger(*OFFICERS, **ONLINE)  # ani's key and the revoked one
    thieves.own_root()
    thieves.offer(fleet.evil())
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.goes_on()
    both = fleet.forger("ani", "citra")  # the control: as many officers as the threshold
    both.own_root()
    both.own_targets("app")
    both.offer(fleet.evil())
    fleet.poll()
    assert fleet.runs() == {EVIL}


@threat(
    attack="takes over a bucket of our name: empty, with another repository, with an old copy of "
    "ours; a new site joins through it",
    means="a bucket under our address, no key",
    promise="0 installs: refused (unreachable, untrusted_metadata, rollback); a new site does not "
    "join, since the root is not the one of its invitation; well as soon as the address is ours",
    missing="addresses with an expiry: we sign none, the bucket is read by all",
    also=("client_updater/test_trusted.py::test_whoever_owns_the_bucket_can_change_nothing",),
)
def test_t10_bucket_takeover(street: Fleet, tmp_path: Path) -> None:
    old = street.bucket.copy()
    street.version = street.news()
    street.poll()
    theirs = Estate.create(tmp_path)
    theirs.publish("9.9", {"serve.py": PROGRAM, "RELEASE": EVIL.encode(), "health.txt": b"yes"})
    theirs.roll_out("9.9")
    everything = {key: theirs.store.read(key) for key in theirs.store.keys("")}
    for content, code in (
        ({}, FailureCode.UNREACHABLE),
        (everything, FailureCode.UNTRUSTED_METADATA),
        (old, FailureCode.ROLLBACK),
    ):
        street.bucket.replay(content)
        street.refuse(code)
    street.bucket.replay(everything)
    refused = street.join_through_the_bucket("warung-9", tmp_path / "warung-9")
    assert refused.exit_code != 0
    assert "root" in refused.output
    assert not (tmp_path / "warung-9" / "enrolment.json").exists()
    street.goes_on()


@threat(
    attack="changes an archive between its download and its use, over and over; opens the agent's "
    "folder to everybody; plants a link",
    means="an account at the site, and the agent's folder left open",
    promise="the folder is for its owner alone, and an agent whose folder is open does not work "
    "(exit 78); no byte is installed that is not as it was signed, and no link is followed",
    missing="an attacker with the agent's own rights owns the site",
    also=(
        "client_updater/test_downloads.py::test_a_part_that_is_a_link_is_not_followed",
        "client_updater/test_archive.py::test_a_staged_tree_that_was_touched_is_noticed",
        "client_updater/test_enrolment.py::"
        "test_a_state_folder_that_others_can_look_into_is_refused",
    ),
)
def test_t11_local_user(street: Fleet, tmp_path: Path) -> None:
    street.news()
    before = street.runs()
    for site in street.sites:
        assert site.state.stat().st_mode & 0o077 == 0
        site.state.chmod(0o777)
        assert site.poll().exit_code == 78
        site.state.chmod(0o700)
    assert street.runs() == before
    victim = tmp_path / "victim"
    victim.write_text("precious")
    evil = next(street.evil().glob("*.tar.zst")).read_bytes()
    with Meddler([site.state / "downloads" for site in street.sites], evil, victim) as meddler:
        for _ in range(MOST_RELEASES):
            version = street.news()
            street.poll()
            assert street.runs() <= before | {version}
            before = street.runs()
            if meddler.times >= MOST_RELEASES:
                break
    assert meddler.times >= MOST_RELEASES
    assert victim.read_text() == "precious"
    assert street.verified()
    street.goes_on()


@threat(
    attack="a release that does not work",
    means="all keys: it is ours, signed as it should be",
    promise="it reaches the first wave and no further: each of its sites goes back by itself and "
    "does not try it again, the rollout is paused, L3 hears of it; the others never had it",
    also=("distribution/server/test_stop_rule.py::test_a_bad_release_is_paused_in_its_first_wave",),
)
def test_t12_bad_release_of_ours(pair: Fleet) -> None:
    pilots = list(pair.sites)
    others = [pair.add_site(f"toko-{n}", ring=Ring.CRITICAL) for n in (1, 2)]
    pair.poll()
    health = {"checks": [{"kind": "http", "url": "http://127.0.0.1:{port}/"}], "attempts": 1}
    bad = pair.release(healthy=False, health=health).manifest.version
    pair.village.start(bad, TWO_WAVES)
    for _ in range(2):
        pair.poll()
        pair.village.tick()
    assert pair.runs() == {FIRST}
    tried = {site for site, code in pair.reports() if code == FailureCode.UNHEALTHY}
    assert tried == {site.site_id for site in pilots}
    assert sum(pair.reports().values()) == len(pilots), "each of them once"
    assert pair.village.state_of(bad) == RolloutState.PAUSED
    tickets = {ticket.code: ticket.tier for ticket in pair.village.tickets()}
    assert tickets[FailureCode.ROLLOUT_STOPPED] is Tier.L3
    assert all(bad not in os.listdir(site.state / "slots/app") for site in others)
    pair.goes_on()


@threat(
    attack="sends what no parser expects: a signed plan, manifest and archive that are none; "
    "messages to the server that are none",
    means="all online keys and two engineers' keys; the API's port",
    promise="a refusal by a code and no crash: untrusted_metadata, artifact_mismatch, at the "
    "server 400, 401, 413 or 422; nothing is written outside the agent's folder; every site is "
    "well with the next honest release and other keys",
    also=(
        "manifests/test_documents.py::test_hostile_bytes_are_one_sentence",
        "client_updater/test_archive.py::"
        "test_anything_else_than_the_signed_tar_is_refused_and_wiped",
        "client_updater/test_hostile.py::"
        "test_a_signed_hash_that_is_none_never_becomes_the_name_of_a_file",
    ),
)
def test_t13_parser_bugs(pair: Fleet) -> None:
    url = pair.village.server.settings.public_url
    for body in HOSTILE:
        answers = {post(f"{url}/v1/{to}", body) for to in ("enrol", "check-in", "reports")}
        assert answers <= {400, 401, 413, 422}
    thief = pair.forger(*ENGINEERS, **ONLINE)
    evil = pair.evil()
    path = path_of(evil)
    for body in HOSTILE:
        thief.sign("app.rollouts", {plan_path("app"): body}, keep=True)
        pair.refuse(FailureCode.UNTRUSTED_METADATA)
        thief.sign("app", {path: body}, keep=True)
        thief.plan("app", everybody_now(path))
        pair.refuse(FailureCode.UNTRUSTED_METADATA)
    files = files_of(pair.evil())
    archive = next(name for name in files if name.endswith(".zst"))
    files[archive] = zstandard.compress(climbing_tar("../../../climbed"))
    path = next(name for name in files if name.endswith("manifest.json"))
    thief.sign("app", files, keep=True)
    thief.plan("app", everybody_now(path))
    pair.refuse(FailureCode.ARTIFACT_MISMATCH)
    assert not list(pair.village.folder.rglob("climbed"))
    pair.rotate_stolen()
    pair.goes_on()


@threat(
    attack="sends huge bodies, climbs out of the repository's folder, names another host, asks for "
    "what staff may see and do, without a token and with a wrong one",
    means="the API's port",
    promise="413 before the body is read, 404, 400, 401; no rollout changes; sites install as ever",
    also=(
        "distribution/people/test_credentials.py::"
        "test_what_changes_something_needs_the_sessions_own_token",
        "distribution/people/test_credentials.py::test_a_page_of_somebody_else_logs_nobody_in",
        "distribution/people/test_rates.py::"
        "test_every_answer_but_the_repositorys_tells_browsers_to_do_nothing",
        "distribution/server/test_api_agents.py::"
        "test_a_body_over_the_limit_is_refused_before_it_is_read",
        "distribution/server/test_api.py::test_staff_routes_need_a_token",
        "distribution/server/test_api.py::"
        "test_the_body_of_a_stranger_is_not_read_and_a_persons_is_bounded",
    ),
)
def test_t14_web_attacker(street: Fleet) -> None:
    version = street.news()
    browser = Browser(street.village.server.settings.public_url)
    for to in ("enrol", "check-in", "reports"):
        assert browser.announces("POST", f"/v1/{to}", 10**12) == 413
        assert browser.never_ends("POST", f"/v1/{to}") == 413
    for climb in ("../hsp.toml", "..%2f..%2fhsp.toml", "%2e%2e/hsp.db", "//etc/passwd", ".hidden"):
        for folder in ("metadata", "targets"):
            assert browser.asks("GET", f"/repository/{folder}/{climb}") == 404
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert browser.asks("GET", "/v1/sites", Host=host) == 400
    for token in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic YTpi"}):
        for method, path in (
            ("GET", "/v1/sites"),
            ("GET", "/v1/events"),
            ("GET", "/metrics"),
            ("POST", f"/v1/rollouts/app/{version}/stop"),
            ("POST", "/v1/brakes"),
        ):
            assert browser.asks(method, path, **token) == 401
    assert street.village.state_of(version) == RolloutState.RUNNING
    street.poll()
    assert street.runs() == {version}
    street.goes_on()
