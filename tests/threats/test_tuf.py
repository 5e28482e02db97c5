"""The ten attacks that the TUF specification names (1.0.30 and later, section 1.5.2).

https://theupdateframework.github.io/specification/latest/#goals-to-protect-against-specific-attacks
"""

from datetime import timedelta

from client_updater.floor import FloorFile
from manifests.failures import FailureCode
from manifests.target_paths import Lane, plan_path
from tests.simulators.estate import OFFICERS, ON_CALL, PEOPLE
from tests.simulators.forger import everybody_now, files_of
from tests.simulators.thief import Thief
from tests.simulators.web import Reset, Status
from tests.threats import attacks
from tests.threats.fleet import FIRST, Fleet, later
from tests.threats.threat import threat

HOST = "the repository's host or the line to it, no key"


@threat(
    attack="serves a program of its own: in the place of the signed one, signed with keys of its "
    "own, with a root of its own",
    means=HOST,
    promise="0 installs; each site refuses and says so (untrusted_metadata, artifact_mismatch), "
    "and is well at the next honest poll",
    also=(
        "client_updater/test_trusted.py::test_whoever_owns_the_bucket_can_change_nothing",
        "client_updater/test_rules.py::"
        "test_an_artifact_that_is_not_what_was_signed_is_refused_and_the_next_honest_one_installed",
    ),
)
def test_arbitrary_installation(street: Fleet) -> None:
    attacks.other_software(street)
    street.goes_on()


@threat(
    attack="never stops sending: metadata, and an artifact",
    means=HOST,
    promise="metadata ends at its limit (5 MB at most), an artifact at its signed length, with at "
    "most 64 KiB written beyond; refused (untrusted_metadata, artifact_mismatch), and well at the "
    "next honest poll",
    also=(
        "client_updater/test_fetcher.py::test_endless_data_is_not_read_beyond_its_limit",
        "client_updater/test_fetcher.py::"
        "test_metadata_may_come_compressed_and_no_longer_than_it_may_be",
    ),
)
def test_endless_data(street: Fleet) -> None:
    attacks.endless(street)
    street.goes_on()


@threat(
    attack="makes sites fetch or install what no release of theirs asks for: another product, one "
    "more file in the archive, a file that the server's key lists",
    means="the host and all online keys",
    promise="0 installs of it, and nothing of it is fetched; a site has the products that it "
    "joined with, and an archive is its signed list or is refused",
    also=(
        "client_updater/test_rules.py::"
        "test_a_signed_archive_that_is_not_its_signed_list_is_refused",
        "signing/test_tampered_proposals.py::test_a_file_beside_the_release",
        "client_updater/test_deltas.py::test_a_useless_delta_costs_one_fallback",
    ),
)
def test_extraneous_dependencies(pair: Fleet) -> None:
    pair.village.estate.add_product("tools")
    tools = pair.release(product="tools")
    thief = pair.forger(snapshot=True, timestamp=True, rollouts=True)
    thief.plan("tools", everybody_now(str(tools.path)))
    thief.plan("app", everybody_now(str(tools.path)))
    thief.sign("app.rollouts", {"rollouts/app/dependency.py": b"import evil"}, keep=True)
    pair.refuse(FailureCode.UNTRUSTED_METADATA)
    assert pair.bucket.web.asked("dependency.py") == []
    assert not any("/tools/" in path for path in pair.bucket.web.asked())
    assert not any((site.state / "slots/tools").exists() for site in pair.sites)

    pair.rotate_stolen()
    pair.bucket.evict()
    version = pair.news()
    richer = pair.village.build(pair.next_version(), files={"dependency.py": b"import evil"})
    archive = next(richer.glob("*.tar.zst")).read_bytes()
    assert len(archive) > len(pair.bucket.read(pair.artifact(version)))
    pair.bucket.write(pair.artifact(version), archive)
    pair.refuse(FailureCode.ARTIFACT_MISMATCH)
    assert not any(list(site.state.rglob("dependency.py")) for site in pair.sites)
    pair.goes_on()


@threat(
    attack="pushes the versions of timestamp, snapshot and a product to the end of the numbers",
    means="all online keys and the store",
    promise="0 installs; one rotation of the online keys, and every site is well again by itself; "
    "the thief's next push is refused (untrusted_metadata)",
    also=(
        "client_updater/test_trusted.py::"
        "test_fast_forward_is_recovered_by_rotating_the_online_keys",
    ),
)
def test_fast_forward(pair: Fleet) -> None:
    thief = Thief(pair.village.server.store, pair.server_keys)
    thief.push_versions(2**31)
    pair.see_nothing_new()
    far = pair.forger(snapshot=True, timestamp=True, rollouts=True)
    far.list_version(app=2**31)
    pair.see_nothing_new()
    floors = [FloorFile(site.state / "trust").load() for site in pair.sites]
    assert all(floor.timestamp > 2**31 == floor.roles["app"] for floor in floors)
    pair.bucket.evict()
    pair.refuse(FailureCode.ROLLBACK)
    pair.rotate_stolen()
    pair.goes_on()
    thief.push_versions(2**32)
    pair.refuse(FailureCode.UNTRUSTED_METADATA)


@threat(
    attack="serves what is true now for ever",
    means=HOST,
    promise="within the timestamp's life (6 hours) sites find that it has expired, install nothing "
    "and tell security (expired_metadata); well at the next honest poll",
    also=(
        "client_updater/test_trusted.py::test_freeze_expired_metadata_is_not_acted_on",
        "journeys/test_long_offline.py::"
        "test_thirteen_months_and_five_roots_later_one_poll_brings_a_site_back",
    ),
)
def test_indefinite_freeze(pair: Fleet) -> None:
    attacks.frozen(pair)


@threat(
    attack="withholds: each file of an update in turn, and the newest root",
    means="a mirror, no key",
    promise="sites keep what they run and say what is missing (unreachable, download_failed, "
    "root_withheld); well at the next honest poll",
    also=(
        "client_updater/test_trusted.py::"
        "test_withheld_files_are_unreachable_and_the_next_honest_poll_succeeds",
        "client_updater/test_rules.py::test_a_root_that_is_withheld_holds_the_site",
    ),
)
def test_malicious_mirrors(pair: Fleet) -> None:
    version = pair.news()
    artifact = pair.artifact(version)
    faults = [Status(status=404), Status(status=403), Status(status=500), Reset()]
    files = pair.files_of_a_poll(version)
    for key, fault in zip(files, faults * len(files), strict=False):
        pair.lose_caches()
        pair.bucket.web.faults[f"/{key}"] = [fault]
        pair.refuse(FailureCode.UNREACHABLE, FailureCode.UNTRUSTED_METADATA)
        pair.bucket.evict()
    pair.bucket.write(artifact, None)
    pair.refuse(FailureCode.DOWNLOAD_FAILED)
    pair.bucket.evict()
    pair.renew_root()
    pair.bucket.write("metadata/2.root.json", None)
    with later(timedelta(seconds=10)):  # the server looks for a newer root every few seconds
        pair.poll()
        pair.news()
        pair.refuse(FailureCode.ROOT_WITHHELD)
        pair.goes_on()


@threat(
    attack="puts versions together that never were together: an older snapshot or product",
    means="the host; then the timestamp's key; then the snapshot's and the timestamp's",
    promise="0 installs; refused (rollback, untrusted_metadata), also where a power cut ate the "
    "cache; one rotation of the online keys, and every site is well again by itself",
    also=(
        "client_updater/test_trusted.py::"
        "test_a_stolen_timestamp_key_cannot_point_at_an_older_snapshot",
    ),
)
def test_mix_and_match(pair: Fleet) -> None:
    attacks.mixed(pair)
    pair.rotate_stolen()
    pair.goes_on()


@threat(
    attack="serves yesterday's repository, also to a site that lost its cache in a power cut",
    means=HOST,
    promise="0 installs; refused and told to security (rollback); well at the next honest poll",
    also=("client_updater/test_trusted.py::test_rollback_after_the_cache_was_lost_is_refused",),
)
def test_rollback(street: Fleet) -> None:
    attacks.rolled_back(street)
    street.goes_on()


@threat(
    attack="signs with one key, and no other, all that it might count for: releases, hotfixes, "
    "a root, targets, a plan, a snapshot, a timestamp",
    means="the host, and each of the 10 keys in turn: of officers, engineers, L3, a vendor, the "
    "server's snapshot, timestamp and rollouts",
    promise="0 installs with any of them; refused (untrusted_metadata, rollback); well at the next "
    "honest poll, after a theft from the server at the first one with its new keys",
    also=(
        "signing/test_roles.py::test_two_keys_of_one_person_never_make_a_threshold",
        "signing/test_exposure.py::test_one_of_two_signs_nothing_alone",
        "signing/test_exposure.py::test_the_servers_keys_only_say_when",
    ),
)
def test_key_compromise(fleet: Fleet) -> None:
    lena = fleet.add_vendor()
    fleet.news()
    evil = fleet.evil()
    for person in (*PEOPLE, lena):
        fleet.forger(person).offer(evil)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
        fleet.forger(person).overwrite("app", files_of(evil))
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
    for officer in OFFICERS:
        thief = fleet.forger(officer)
        fleet.lose_caches()  # a version that they have is not fetched again
        thief.overwrite("targets", files_of(evil))
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
        thief.own_root()
        thief.offer(evil)
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
    fleet.goes_on()
    fleet.news(Lane.HOTFIXES)
    evil = fleet.evil()
    for person in ON_CALL:
        fleet.forger(person).overwrite("hotfixes", files_of(evil, Lane.HOTFIXES))
        fleet.refuse(FailureCode.UNTRUSTED_METADATA)
        fleet.bucket.evict()
    snapshot = fleet.forger().snapshot_version()
    fleet.forger(timestamp=True).point_at_snapshot(snapshot - 3)
    fleet.refuse(FailureCode.ROLLBACK)
    fleet.bucket.evict()
    fleet.lose_caches()
    fleet.forger(rollouts=True).overwrite_plan("app", evil)
    fleet.refuse(FailureCode.UNTRUSTED_METADATA)
    fleet.bucket.evict()
    fleet.lose_caches()
    fleet.forger(snapshot=True).replace_snapshot(app=1)
    fleet.refuse(FailureCode.ROLLBACK)
    fleet.rotate_stolen()
    fleet.goes_on()


@threat(
    attack="serves genuine files in each other's place: another version's artifact and manifest, "
    "another product's metadata and plan; gives a product another product's plan",
    means="the host; then all online keys",
    promise="0 installs; refused (untrusted_metadata, rollback, artifact_mismatch or, where it is "
    "shorter, download_failed); well at the next honest poll, or after a rotation of the keys",
    also=(
        "client_updater/test_rules.py::"
        "test_an_evil_plan_is_refused_and_its_honest_part_still_works",
    ),
)
def test_wrong_software_installation(pair: Fleet) -> None:
    pair.village.estate.add_product("tools")
    tool = pair.release(product="tools").manifest.version
    pair.village.start(tool, product="tools")
    version, store = pair.news(), pair.village.server.store
    files = pair.files_of_a_poll(version)
    *_, app, plan, app_plan, manifest = files
    *_, tools, tools_rollouts, tools_plan, _ = pair.files_of_a_poll(tool, "tools")
    old = pair.files_of_a_poll(FIRST)[-1]
    for key, instead in (
        (app, tools),
        (plan, tools_rollouts),
        (app_plan, tools_plan),
        (manifest, old),
    ):
        pair.lose_caches()
        pair.bucket.write(key, store.read(instead))
        pair.refuse(FailureCode.UNTRUSTED_METADATA, FailureCode.ROLLBACK)
        pair.bucket.evict()
    pair.bucket.write(pair.artifact(version), store.read(pair.artifact(FIRST)))
    pair.refuse(FailureCode.ARTIFACT_MISMATCH, FailureCode.DOWNLOAD_FAILED)
    thief = pair.forger(snapshot=True, timestamp=True, rollouts=True)
    thief.sign("app.rollouts", {plan_path("app"): store.read(tools_plan)}, keep=True)
    pair.refuse(FailureCode.UNTRUSTED_METADATA)
    pair.rotate_stolen()
    pair.goes_on()
