"""The ten attacks that Uptane names: to read updates, to deny them, to deny function, to control.

https://uptane.org/docs/2.1.0/threats
"""

from datetime import timedelta
from pathlib import Path

from distribution.scheduling import scheduler
from manifests.failures import FailureCode
from tests.simulators.certificates import certificate
from tests.simulators.forger import everybody_now
from tests.simulators.village import now
from tests.simulators.web import Cut, Replaced, Reset, Web
from tests.simulators.wiretap import Wiretap
from tests.threats import attacks
from tests.threats.fleet import FIRST, Fleet
from tests.threats.threat import threat

LINE = "the line between a site and the repository, no key"


@threat(
    attack="listens to what a site fetches, and steps in between with a certificate of its own",
    means=LINE,
    promise="where the site has https and names the CA that it trusts (ca_file), the listener "
    "reads nothing of it, and whoever steps in between is refused (unreachable)",
    missing="whoever may read the bucket reads what is in it: artifacts are signed, not encrypted",
    also=(
        "client_updater/test_fetcher.py::test_a_sites_own_ca_is_trusted_and_nobody_elses",
        "client_updater/test_fetcher.py::test_slow_retrieval_ends_at_the_deadline_inside_tls_too",
    ),
)
def test_eavesdrop(street: Fleet, tmp_path: Path) -> None:
    ca = tmp_path / "ours.pem"
    ours, theirs = certificate(ca), certificate(tmp_path / "theirs.pem")
    version = street.news()
    archive = street.bucket.read(street.artifact(version))
    with Web(street.bucket.served, tls=theirs) as between:
        street.set_agent_to(between.url, ca_file=str(ca))
        street.refuse(FailureCode.UNREACHABLE)
        assert between.requests == []
    with Web(street.bucket.served, tls=ours) as secure, Wiretap(secure.url) as tap:
        street.set_agent_to(tap.url, ca_file=str(ca))
        street.poll()
        assert street.runs() == {version}
    assert len(tap.heard) > len(archive)
    assert not any(part in tap.heard for part in (archive[:200], b"manifest.json", b"signatures"))
    version = street.news()
    archive = street.bucket.read(street.artifact(version))
    with Wiretap(street.bucket.web.url) as tap:  # the same without a certificate: all is read
        street.set_agent_to(tap.url)
        street.poll()
    assert archive[:200] in tap.heard
    street.goes_on()


@threat(
    attack="drops every request, to the repository and then to the server as well",
    means=LINE,
    promise="sites keep what they run and say so (unreachable); of a site that can say nothing the "
    "desk hears when it is silent; well at the next poll that gets through",
    also=(
        "client_updater/test_rules.py::"
        "test_with_the_bucket_down_the_site_keeps_what_it_runs_and_says_so",
    ),
)
def test_drop_request(street: Fleet) -> None:
    street.news()
    street.bucket.web.faults["*"] = [Reset()]
    street.refuse(FailureCode.UNREACHABLE)
    before = street.runs()
    street.set_agent(server_url="http://127.0.0.1:1")
    street.poll()
    assert street.problems() == {FailureCode.UNREACHABLE}
    assert street.runs() == before
    scheduler.watch_sites(street.village.server, now() + timedelta(days=2))
    assert FailureCode.SILENT in {ticket.code for ticket in street.village.tickets()}
    street.goes_on()


@threat(
    attack="sends a byte now and then: of metadata, of its headers, of an artifact",
    means=LINE,
    promise="given up at the deadline, which the test makes short (the minimum of 8 KiB/s has a "
    "test of its own); nothing is installed, the site says so (unreachable, download_failed), and "
    "is well at the next honest poll",
    also=(
        "client_updater/test_fetcher.py::"
        "test_slow_retrieval_ends_when_it_stays_under_the_minimum_rate",
        "client_updater/test_hostile.py::test_a_trickle_does_not_hold_a_poll_for_ever",
    ),
)
def test_slow_retrieval(street: Fleet) -> None:
    attacks.trickled(street)
    street.goes_on()


@threat(
    attack="goes on sending the last update that a site has seen",
    means=LINE,
    promise="within the timestamp's life (6 hours) sites find that it has expired, install nothing "
    "and tell security (expired_metadata); well at the next honest poll",
    also=(
        "client_updater/test_rules.py::"
        "test_a_release_whose_role_has_expired_is_a_problem_of_that_release_alone",
    ),
)
def test_freeze(pair: Fleet) -> None:
    attacks.frozen(pair)


@threat(
    attack="lets a part through: half of an archive, and one of two products that belong together",
    means=LINE,
    promise="nothing is installed in part: half an archive is nothing (download_failed), and what "
    "requires another product waits for it; all of it at the next honest poll",
    also=(
        "client_updater/test_archive.py::"
        "test_anything_else_than_the_signed_tar_is_refused_and_wiped",
        "client_updater/test_hostile.py::test_a_shorter_object_is_not_fetched_again_and_again",
    ),
)
def test_partial_bundle_installation(shops: Fleet) -> None:
    version = shops.news()
    artifact = shops.artifact(version)
    half = shops.bucket.read(artifact)[: len(shops.bucket.read(artifact)) // 2]
    shops.bucket.web.faults[f"/{artifact}"] = [Replaced(body=half)]
    shops.refuse(FailureCode.DOWNLOAD_FAILED)
    assert not any(list((site.state / "staging").iterdir()) for site in shops.sites)
    shops.goes_on()

    before = shops.runs()
    library = shops.news_of_library()
    shops.news(requires={"library": f">={library}"})
    shops.bucket.write(shops.artifact(library, product="library"), None)
    shops.poll()
    assert shops.runs() == before
    assert shops.libraries() == {"2.0"}
    assert "requires" in shops.gates()
    shops.bucket.evict()
    for _ in range(2):  # the library, and then what requires it
        shops.poll()
    assert shops.libraries() == {library}
    shops.goes_on()


@threat(
    attack="serves yesterday's repository, also to a site that lost its cache in a power cut",
    means=LINE,
    promise="0 installs; refused and told to security (rollback); well at the next honest poll",
    also=(
        "client_updater/test_rules.py::"
        "test_a_site_never_goes_back_to_an_older_version_even_if_it_lost_what_it_ran",
    ),
)
def test_rollback(street: Fleet) -> None:
    attacks.rolled_back(street)
    street.goes_on()


@threat(
    attack="never stops sending: metadata, and an artifact",
    means=LINE,
    promise="metadata ends at its limit (5 MB at most), an artifact at its signed length, with at "
    "most 64 KiB written beyond; refused (untrusted_metadata, artifact_mismatch), and well at the "
    "next honest poll",
    also=(
        "client_updater/test_downloads.py::"
        "test_endless_data_is_never_written_beyond_the_declared_length",
    ),
)
def test_endless_data(street: Fleet) -> None:
    attacks.endless(street)
    street.goes_on()


@threat(
    attack="has sites run versions together that do not fit: a plan for one product and none for "
    "what it requires; and joins the parts of two archives",
    means="the line and all online keys",
    promise="what a release requires is signed: it waits at every site where that does not run, "
    "whatever the plans say; an archive that changes on its way is fetched anew, never joined",
    also=(
        "client_updater/test_downloads.py::"
        "test_a_file_that_changes_between_two_parts_is_never_joined",
    ),
)
def test_mixed_bundles(shops: Fleet) -> None:
    library = shops.release_library()
    needy = shops.release(requires={"library": f">={library}"})
    thief = shops.forger(snapshot=True, timestamp=True, rollouts=True)
    thief.plan("app", everybody_now(str(needy.path)))
    shops.see_nothing_new()
    assert shops.gates() >= {"requires"}
    assert shops.libraries() == {"2.0"}
    shops.rotate_stolen()
    shops.bucket.evict()

    version = shops.news()
    artifact = shops.artifact(version)
    other = shops.bucket.read(shops.artifact(FIRST))
    joined = [
        Cut(1, after=200),
        Replaced(1, body=other),
        Cut(1, after=400),
        Replaced(1, body=other),
    ]
    shops.bucket.web.faults[f"/{artifact}"] = [*joined]
    shops.poll()
    assert shops.runs() <= {FIRST, version}
    assert shops.verified()
    shops.goes_on()


@threat(
    attack="puts versions together that never were together, with keys of the repository",
    means="the line; then the timestamp's key; then the snapshot's and the timestamp's",
    promise="0 installs; refused (rollback, untrusted_metadata), also where a power cut ate the "
    "cache; one rotation of the online keys, and every site is well again by itself",
    also=(
        "client_updater/test_trusted.py::test_hiding_the_newer_root_after_it_was_seen_is_a_rollback",
    ),
)
def test_mix_and_match(pair: Fleet) -> None:
    attacks.mixed(pair)
    pair.rotate_stolen()
    pair.goes_on()


@threat(
    attack="has sites run a program of the attacker's",
    means=LINE,
    promise="0 installs; each site refuses and says so (untrusted_metadata, artifact_mismatch), "
    "and is well at the next honest poll",
    also=("client_updater/test_trusted.py::test_a_root_that_only_the_new_keys_signed_is_refused",),
)
def test_arbitrary_software(street: Fleet) -> None:
    attacks.other_software(street)
    street.goes_on()
