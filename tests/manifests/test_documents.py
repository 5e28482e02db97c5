"""How documents are read: hostile bytes, and words from the future (THREATS section 4, 1 to 6)."""

import json
import time
from typing import Any

import pytest

from manifests.check_in import CheckIn, Enrolment, EnrolmentAnswer, Invitation
from manifests.documents import Document, parse_json, parse_toml, to_json
from manifests.errors import IncompatibleDocument, ManifestError
from manifests.install_report import InstallReport
from manifests.release import ReleaseManifest
from manifests.rollout import RolloutPlan, Schedule
from manifests.site import SitePolicy

DOCUMENTS = [
    CheckIn,
    Enrolment,
    EnrolmentAnswer,
    InstallReport,
    Invitation,
    ReleaseManifest,
    RolloutPlan,
    Schedule,
    SitePolicy,
]

POLICY: dict[str, Any] = {"hotfix": "ask"}
REPORT: dict[str, Any] = {
    "site_id": "rs-medika-1",
    "sequence": 7,
    "boot_id": "b",
    "attempt_id": "a",
    "at": "2027-03-02T08:00:00Z",
    "phase": "confirmed",
}


def read(**changes: Any) -> InstallReport:
    """A report with these fields changed, read from bytes."""
    return InstallReport.from_bytes(json.dumps({**REPORT, **changes}).encode())


# Bytes that are not what they seem.


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b'{"sequence": 1, "sequence": 2}', "'sequence' appears twice"),
        (b'{"a": {"x": 1, "x": 1}}', "'x' appears twice"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": [-Infinity]}', "-Infinity is not a JSON number"),
        (b'{"a": 1e400}', "too large a number"),
        (b'{"a": ' + b"9" * 10_000 + b"}", "not valid JSON"),
        (b"[" * 10_000, "nested too deep"),
        (b'{"a":' * 10_000, "nested too deep"),
        (b"[" * 10_000 + b"]" * 10_000, "nested too deep"),
        (b"\xff\xfe", "not valid JSON"),
        ('{"a": 1}'.encode("utf-16"), "not valid JSON"),
        ('{"a": 1}'.encode("utf-32"), "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'"\xed\xa0\x80"', "not valid JSON"),
        (b"\0", "not valid JSON"),
    ],
)
def test_hostile_bytes_are_one_sentence(data: bytes, complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint) as caught:
        InstallReport.from_bytes(data)
    assert "InstallReport" in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize("data", [b"null", b"[]", b"7", b'"words"', b"true", b"[[]]"])
@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_json_that_is_no_object_is_refused(model: type[Document], data: bytes) -> None:
    with pytest.raises(ManifestError, match=model.__name__):
        model.from_bytes(data)


def test_many_keys_with_one_twice_take_no_time() -> None:
    keys = ",".join(f'"{number:x}":1' for number in range(100_000))
    began = time.perf_counter()
    with pytest.raises(ManifestError, match="appears twice"):
        parse_json(f'{{{keys},"ff":2}}'.encode(), "report")
    assert time.perf_counter() - began < 2


def test_a_long_key_or_value_does_not_come_back_in_the_message() -> None:
    long = "k" * 100_000
    twice = f'{{"{long}":1,"{long}":2}}'.encode()
    with pytest.raises(ManifestError) as caught:
        parse_json(twice, "report")
    assert len(caught.value.message) < 400
    for changes in ({"site_id": long}, {"version": long}, {"release": long}, {"at": long}):
        with pytest.raises(ManifestError) as caught:
            read(**changes)
        assert len(caught.value.message) < 1_000


@pytest.mark.parametrize(
    "changes",
    [
        {"site_id": "a\0b"},
        {"site_id": "\ud800"},
        {"site_id": "rs\u202emedika"},
        {"site_id": "rs-medika-1\n"},
        {"site_id": "RS-Medika"},
        {"site_id": "caf\u00e9"},
        {"site_id": "../../etc"},
        {"product": "app/../../root"},
        {"product": "hotfixes"},
        {"detail": "\ud800"},
        {"sequence": 0},
        {"sequence": -1},
        {"sequence": 2**53 + 1},
        {"sequence": 10**4000},
        {"sequence": 1.5},
        {"duration_seconds": -1},
        {"at": "2027-03-02T08:00:00"},
        {"at": "yesterday"},
        {"at": "2027-03-02T08:00:60Z"},
        {"at": "9999-12-31T23:59:59-12:00"},
        {"at": "0001-01-01T00:00:00+12:00"},
        {"at": "1970-01-01T00:00:00+12:00"},
        {"phase": "exploded"},
        {"code": "unhealthy"},
        {"phase": "reverted"},
        {"phase": "reverted", "code": "bad_luck"},
    ],
    ids=str,
)
def test_a_field_that_is_wrong_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="InstallReport: "):
        read(**changes)


def test_a_report_from_a_site_whose_clock_is_wrong_is_still_readable() -> None:
    assert read(at="1970-01-01T00:00:00Z").at.year == 1970
    assert read(at="2099-01-01T00:00:00Z").at.year == 2099


def test_a_moment_is_kept_in_utc_however_it_was_spelled() -> None:
    assert read(at="2027-03-02T15:00:00+07:00") == read(at="2027-03-02T08:00:00Z")


def test_a_message_names_every_wrong_field_but_not_a_thousand() -> None:
    windows = [{"zone": "Mars/X"}] * 1_000
    with pytest.raises(ManifestError) as caught:
        SitePolicy.from_plain({"windows": windows[:50]})
    assert "windows.0.zone: 'Mars/X' is not an IANA time zone" in caught.value.message
    assert len(caught.value.message) < 1_000


# Words from the future.


def test_an_unknown_field_is_ignored_when_read() -> None:
    assert read(mood="good") == read()
    assert "mood" not in json.loads(read(mood="good").to_bytes())


def test_an_unknown_field_is_a_spelling_mistake_when_written_by_a_person() -> None:
    with pytest.raises(ManifestError, match="hotfixes: unknown field"):
        SitePolicy.from_plain({"hotfixes": "ask"})


def test_a_spelling_mistake_deep_inside_is_found_too() -> None:
    window = {
        "zone": "Asia/Jakarta",
        "starts": "2027-01-01T22:00",
        "duration_seconds": 60,
        "rules": "",
    }
    with pytest.raises(ManifestError, match=r"windows\.0\.rules: unknown field"):
        SitePolicy.from_plain({"windows": [window]})


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_newer_format_is_refused_with_the_next_step(model: type[Document]) -> None:
    with pytest.raises(IncompatibleDocument, match=r"format 2.*reads up to 1") as caught:
        model.from_bytes(b'{"format": 2, "everything": "else is new too"}')
    assert caught.value.hint == "upgrade this program first"


@pytest.mark.parametrize("major", ["2", 2.0, "1", 1.0, True, 0, -1, None, [1], 10**4000], ids=str)
def test_a_format_cannot_be_smuggled_past_an_old_reader(major: Any) -> None:
    with pytest.raises(ManifestError):
        SitePolicy.from_bytes(json.dumps({**POLICY, "format": major}).encode())


def test_a_newer_format_inside_a_document_is_refused_too() -> None:
    check_in = {
        "site_id": "rs-medika-1",
        "at": "2027-03-02T08:00:00Z",
        "boot_id": "b",
        "agent_version": "1",
        "ring": "broad",
        "policy": POLICY,
    }
    assert CheckIn.from_bytes(json.dumps(check_in).encode()).policy.hotfix == "ask"
    check_in["policy"] = {**POLICY, "format": 2}
    with pytest.raises(ManifestError, match="SitePolicy has format 2"):
        CheckIn.from_bytes(json.dumps(check_in).encode())


def test_a_missing_format_is_the_first() -> None:
    assert SitePolicy.from_bytes(b"{}").format == 1


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_document_is_frozen(model: type[Document]) -> None:
    assert model.model_config["frozen"]


@pytest.mark.parametrize("model", DOCUMENTS, ids=lambda model: model.__name__)
def test_a_document_has_a_schema_to_publish(model: type[Document]) -> None:
    schema = model.model_json_schema()
    assert schema["type"] == "object"
    assert "format" in schema["properties"]
    assert schema["description"]


# The one spelling.


def test_json_has_one_spelling() -> None:
    assert to_json({"b": [1, None], "a": "é\n"}) == '{"a":"é\\n","b":[1,null]}'.encode()


# TOML, which people write.


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("hotfix = ask", "not valid TOML"),
        ("a = 1\na = 2", "not valid TOML"),
        ("a = " + "[" * 10_000, "nested too deep"),
        ("a = " + "9" * 10_000, "not valid TOML"),
    ],
)
def test_toml_that_is_wrong_is_one_sentence(text: str, complaint: str) -> None:
    with pytest.raises(ManifestError, match=f"site.toml is {complaint}"):
        parse_toml(text, "site.toml")
