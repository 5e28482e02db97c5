"""Every threat we answer to, and the tests that prove the answer.

The tests live beside what they test; here each threat names its own. A promise says no more than
these tests show, and ``missing`` says what nothing shows yet.
"""

# ruff: noqa: E501  (names of tests are sentences, and rows are read as rows)

from dataclasses import dataclass


@dataclass(frozen=True)
class Threat:
    """One attack.

    Attributes:
        name: who counts it, and its number or name there.
        attack: what is done to us.
        means: what the attacker has.
        promise: what happens all the same.
        tests: which tests show it, as ``folder/file::test``.
        missing: what is not there yet.
    """

    name: str
    attack: str
    means: str
    promise: str
    tests: tuple[str, ...]
    missing: str = ""


_TRUSTED, _RULES = "client_updater/test_trusted.py::", "client_updater/test_rules.py::"
_FETCHER, _DOWNLOADS = "client_updater/test_fetcher.py::", "client_updater/test_downloads.py::"
_STOLEN, _SERVER = "journeys/test_stolen_online_key.py::", "distribution/server/"

_ARBITRARY = (
    _TRUSTED + "test_whoever_owns_the_bucket_can_change_nothing",
    _RULES + "test_an_artifact_that_is_not_what_was_signed_is_refused_and_the_next_honest_one_installed",
)  # fmt: skip
_FREEZE = (
    _TRUSTED + "test_freeze_expired_metadata_is_not_acted_on",
    _RULES + "test_a_root_that_is_withheld_holds_the_site",
)
_ENDLESS = (
    _DOWNLOADS + "test_endless_data_is_never_written_beyond_the_declared_length",
    _FETCHER + "test_endless_data_is_not_read_beyond_its_limit",
)
_SLOW = (
    _FETCHER + "test_slow_retrieval_ends_at_the_deadline_headers_included",
    _FETCHER + "test_slow_retrieval_ends_when_it_stays_under_the_minimum_rate",
    "client_updater/test_hostile.py::test_a_trickle_does_not_hold_a_poll_for_ever",
)
_ROLLBACK = (
    _TRUSTED + "test_rollback_after_the_cache_was_lost_is_refused",
    _RULES + "test_a_site_never_goes_back_to_an_older_version_even_if_it_lost_what_it_ran",
)
_MIXED = (_TRUSTED + "test_a_stolen_timestamp_key_cannot_point_at_an_older_snapshot",)
_FORWARD = (
    _TRUSTED + "test_fast_forward_is_recovered_by_rotating_the_online_keys",
    _STOLEN + "test_versions_pushed_to_the_end_install_nothing",
)
_WITHHELD = (_TRUSTED + "test_withheld_files_are_unreachable_and_the_next_honest_poll_succeeds",)
_EXTRA = (
    _RULES + "test_a_signed_archive_that_is_not_its_signed_list_is_refused",
    "signing/test_tampered_proposals.py::test_a_file_beside_the_release",
)
_ONE_ENGINEER = (
    "distribution/repository/test_publish_refusals.py::test_a_proposal_signed_by_one_of_two",
    "signing/test_roles.py::test_two_keys_of_one_person_never_make_a_threshold",
    "signing/test_tampered_proposals.py::test_one_signature_listed_twice",
)
_ONE_L3 = (
    _RULES + "test_breakglass_for_other_sites_is_not_for_this_one",
    _RULES + "test_breakglass_without_its_limits_is_refused_although_the_signature_is_valid",
    _RULES + "test_breakglass_within_its_limits_runs_where_the_site_lets_it_and_until_it_ends",
)
_ONLINE = (
    _STOLEN + "test_a_stolen_online_key_cannot_introduce_a_release",
    _STOLEN + "test_a_stolen_online_key_cannot_hasten_a_release",
    _STOLEN + "test_a_stolen_online_key_cannot_point_a_site_back",
    _STOLEN + "test_a_stolen_online_key_cannot_free_what_was_stopped",
)

_ANY_ONE_KEY = ("threats/test_theft_of_one_key.py::test_one_persons_key_installs_nothing",)
_ONE_L3_KEY = ("threats/test_theft_of_one_key.py::test_one_l3_key_reaches_the_sites_that_it_names",)

_HOST, _LINE = "the repository's host, no key", "the network"

TUF = (
    Threat("TUF arbitrary software", "serves other software", _HOST, "refused", _ARBITRARY),
    Threat("TUF endless data", "never stops sending", _HOST, "cut at its limit", _ENDLESS),
    Threat("TUF extraneous dependencies", "adds files", _HOST, "refused", _EXTRA),
    Threat("TUF fast-forward", "pushes versions up", "online keys", "recovered by a root", _FORWARD),
    Threat("TUF indefinite freeze", "serves the past", _HOST, "expires, nothing is installed", _FREEZE),
    Threat("TUF malicious mirrors", "withholds files", _HOST, "healthy when honest", _WITHHELD),
    Threat("TUF mix-and-match", "mixes versions", "timestamp's key", "refused", _MIXED),
    Threat("TUF rollback", "serves what was before", _HOST, "refused", _ROLLBACK),
    Threat("TUF slow retrieval", "sends a trickle", _LINE, "given up in time", _SLOW),
    Threat(
        "TUF key compromise", "signs with one key", "one key", "0 installs; L3: what it names",
        (*_ONLINE, *_ONE_ENGINEER, *_ANY_ONE_KEY, *_ONE_L3, *_ONE_L3_KEY),
        "a vendor's key; an officer's key on root or targets, met by agents",
    ),
)  # fmt: skip

UPTANE = (
    Threat(
        "Uptane eavesdrop", "reads updates", _LINE, "TLS by the site's own CA, where configured",
        (_FETCHER + "test_a_sites_own_ca_is_trusted_and_nobody_elses",),
        "artifacts are not encrypted at rest: who may read the bucket reads them",
    ),
    Threat("Uptane drop-request", "drops requests", _LINE, "keeps what it runs, says so",
           (_RULES + "test_with_the_bucket_down_the_site_keeps_what_it_runs_and_says_so",)),
    Threat("Uptane slow retrieval", "sends a trickle", _LINE, "given up in time", _SLOW),
    Threat("Uptane freeze", "serves the past", _HOST, "expires, nothing is installed", _FREEZE),
    Threat("Uptane partial bundle", "cuts a bundle off", _LINE, "never installed in part",
           ("client_updater/test_archive.py::test_anything_else_than_the_signed_tar_is_refused_and_wiped",
            "client_updater/test_hostile.py::test_a_shorter_object_is_not_fetched_again_and_again")),
    Threat("Uptane rollback", "serves what was before", _HOST, "refused", _ROLLBACK),
    Threat("Uptane endless data", "never stops sending", _HOST, "cut at its limit", _ENDLESS),
    Threat("Uptane mixed-bundles", "joins parts of two files", _HOST, "never joined",
           (_DOWNLOADS + "test_a_file_that_changes_between_two_parts_is_never_joined",)),
    Threat("Uptane mix-and-match", "mixes versions", "timestamp's key", "refused", _MIXED),
    Threat("Uptane arbitrary software", "serves other software", _HOST, "refused", _ARBITRARY),
)  # fmt: skip

OURS = (
    Threat("T1", "a mirror changes or withholds", _HOST, "only withholds",
           (*_ARBITRARY, *_WITHHELD)),
    Threat("T2", "freeze, slow, endless, redirect", _LINE, "bounded, refused",
           (*_FREEZE, *_SLOW, *_ENDLESS, _FETCHER + "test_no_redirect_is_followed")),
    Threat("T3", "stolen online key", "all online keys, the store", "0 installs; recovered by a root",
           (*_ONLINE, *_FORWARD, *_MIXED)),
    Threat("T4", "stolen release engineer's key", "one of two keys", "not published, 0 installs",
           (*_ONE_ENGINEER, *_ANY_ONE_KEY)),
    Threat("T5", "compromised build", "the builder", "provenance is asked for; waves bound it",
           ("signing/test_provenance.py::test_what_the_officers_do_not_want_is_not_even_proposed",
            _SERVER + "test_stop_rule.py::test_a_bad_release_is_paused_in_its_first_wave"),
           "a second builder's equal digest"),
    Threat("T6", "stolen L3 laptop", "one L3 key", "sites that it names (10 at most), 72 hours",
           (*_ONE_L3, *_ONE_L3_KEY), "a revoked L3 key met by several agents"),
    Threat("T7", "compromised control plane", "the server", "holds sites still, no more",
           (_RULES + "test_an_evil_plan_is_refused_and_its_honest_part_still_works",
            _RULES + "test_a_plan_cannot_hasten_what_the_signed_pace_forbids",
            _RULES + "test_the_server_can_hold_a_site_and_nothing_more")),
    Threat("T8", "malicious site", "a site's key", "speaks for itself alone",
           (_SERVER + "test_reports.py::test_a_report_in_anothers_name_is_refused_counted_and_told_to_security",
            _SERVER + "test_check_ins.py::test_a_check_in_in_anothers_name_is_refused",
            _SERVER + "test_stop_rule.py::test_one_hostile_site_that_reports_a_hundred_failures_pauses_nothing"),
           "every route by every tenant (issue 6)"),
    Threat("T9", "insider", "one person's key", "no single person publishes",
           _ONE_ENGINEER, "the audit log and its verification (issue 6)"),
    Threat("T10", "bucket takeover", "a bucket of that name", "objects without signatures are nothing",
           (*_ARBITRARY, *_ROLLBACK), "leaked URLs with an expiry"),
    Threat("T11", "local user at the site", "an account there", "links refused, a touched tree noticed",
           (_DOWNLOADS + "test_a_part_that_is_a_link_is_not_followed",
            "client_updater/test_archive.py::test_a_staged_tree_that_was_touched_is_noticed")),
    Threat("T12", "ourselves: a bad signed release", "all keys", "paused in its first wave",
           (_SERVER + "test_stop_rule.py::test_a_bad_release_is_paused_in_its_first_wave",)),
    Threat("T13", "bugs in parsers", "hostile bytes", "a refusal, no crash",
           ("client_updater/test_hostile.py::test_a_signed_hash_that_is_none_never_becomes_the_name_of_a_file",
            "manifests/test_documents.py::test_hostile_bytes_are_one_sentence")),
    Threat("T14", "web attacker", "a browser or the API's port", "big bodies are refused unread",
           (_SERVER + "test_api_agents.py::test_a_body_over_the_limit_is_refused_before_it_is_read",),
           "a console and its protection: CSRF, CSP, hosts, cookies (issue 6)"),
)  # fmt: skip

THREATS = (*TUF, *UPTANE, *OURS)
