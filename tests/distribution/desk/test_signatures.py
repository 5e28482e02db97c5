"""When two failures are one cause, and when they are two."""

import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.desk.signatures import Failed, normalised, signature
from manifests.failures import FailureCode

C = FailureCode

TRACEBACK = """\
2026-11-25 02:00:14,{ms} INFO listening on {url}
Traceback (most recent call last):
  File "{path}/app/prices.py", line {line}, in load
    return self.by_id[{number}]
KeyError: <Price at 0x{address}>
"""


def crash(**values: object) -> Failed:
    """A program that ends with a traceback."""
    words: dict[str, object] = {
        "ms": 113,
        "url": "http://10.0.0.4:8080",
        "path": "/opt/app/2.0",
        "line": 33,
        "number": 4711,
        "address": "7f3a21bc",
    }
    log = TRACEBACK.format(**{**words, **values})
    return Failed(C.START_FAILED, "app 2.0 does not stay up", "reverted", 1, log)


ONE_CAUSE = [
    (crash(), crash(ms=9, url="https://shop.example:1/x", path="/srv/x", address="deadbeef01")),
    (
        Failed(C.UNHEALTHY, "http://127.0.0.1:8711/health answered 500, expected 200"),
        Failed(C.UNHEALTHY, "http://10.0.0.9:80/health answered 503, expected 200"),
    ),
    (
        Failed(C.DISK_FULL, "no room on /var/lib/hsp/a: 12 MB free"),
        Failed(C.DISK_FULL, "no room on /srv/x.y-z: 3 MB free"),
    ),
    (
        Failed(C.UNHEALTHY, "sha256 9f86d081884c7d65 expected"),
        Failed(C.UNHEALTHY, "sha256 0b1c2d3e4f5a6b7c expected"),
    ),
    (
        Failed(C.INSTALL_FAILED, r"C:\Programs\hsp\a.dll is locked"),
        Failed(C.INSTALL_FAILED, r"D:\x\b.dll is locked"),
    ),
    (
        Failed(C.UNHEALTHY, "shop-1 of warung cannot print"),
        Failed(C.UNHEALTHY, "shop-1 of WARUNG cannot print"),
    ),
    (
        Failed(C.START_FAILED, "x", "reverted", 3, f"job {uuid.UUID(int=7)} at 02:11:09Z failed"),
        Failed(C.START_FAILED, "x", "reverted", 3, f"job {uuid.UUID(int=9)} at 14:00:00 failed"),
    ),
    (
        Failed(C.START_FAILED, "x", "reverted", 3, "Nov 25 02:00:14 till[312]: no printer"),
        Failed(C.START_FAILED, "x", "reverted", 3, "Dec 1 23:59:59 till[4]: no printer"),
    ),
    (  # a program that goes on to run writes about other things
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "served the start page"),
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "looked for printers"),
    ),
    (  # what it wrote after its error
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "ERROR no prices\nserved a page"),
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "ERROR no prices\nbye"),
    ),
]

TWO_CAUSES = [
    (Failed(C.UNHEALTHY, "prices.json is missing"), Failed(C.UNHEALTHY, "stock.json is missing")),
    (Failed(C.UNHEALTHY, "no prices"), Failed(C.START_FAILED, "no prices")),
    (Failed(C.UNHEALTHY, "no prices"), Failed(C.UNHEALTHY, "")),
    (crash(), replace(crash(), hook_status=137)),
    (crash(), replace(crash(), hook_status=None)),
    (crash(), replace(crash(), phase="revert_failed")),
    (crash(), replace(crash(), log_tail=crash().log_tail.replace("KeyError", "TypeError"))),
    (
        Failed(C.START_FAILED, "x", "reverted", 1, "no printer"),
        Failed(C.START_FAILED, "x", "reverted", 1, "no scales"),
    ),
    (
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "ERROR no prices\nserved a page"),
        Failed(C.UNHEALTHY, "answered 500", "reverted", None, "ERROR no stock\nserved a page"),
    ),
]


@pytest.mark.parametrize(("one", "other"), ONE_CAUSE)
def test_what_differs_from_site_to_site_makes_no_second_cause(one: Failed, other: Failed) -> None:
    names = ("shop-1", "warung")
    assert signature(one, names) == signature(other, names)


@pytest.mark.parametrize(("one", "other"), TWO_CAUSES)
def test_what_tells_two_causes_apart_is_kept(one: Failed, other: Failed) -> None:
    assert signature(one) != signature(other)


WORDS = st.lists(st.text("ghjklmnopqrstuvwxyz", min_size=3, max_size=9), min_size=1, max_size=6)
NOISE = st.one_of(
    st.integers(0, 10**12).map(str),
    st.integers(0, 2**64).map(lambda number: f"0x{number:x}"),
    st.uuids().map(str),
    st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
    st.sampled_from(("/var/lib/x.y/z", "/opt/a-b_c", r"C:\Users\Ani")),
    st.sampled_from(("http://10.0.0.1:80/a?b=c", "https://shop.example/x#y")),
)


@given(WORDS, NOISE, NOISE)
def test_noise_of_one_kind_in_the_same_place_is_no_difference(
    words: list[str], one: str, other: str
) -> None:
    def line(noise: str) -> str:
        return f"cannot {' '.join(words)} {noise} now"

    same_kind = normalised(one) == normalised(other)
    assert same_kind == (normalised(line(one)) == normalised(line(other)))


@given(WORDS, WORDS)
def test_other_words_are_another_cause(one: list[str], other: list[str]) -> None:
    log = "cannot find {} of 17 in /var/lib/x"
    first, then = (
        Failed(C.START_FAILED, "", "reverted", 1, log.format(" ".join(words)))
        for words in (one, other)
    )
    assert (signature(first) == signature(then)) == (one == other)


@pytest.mark.parametrize(
    "text", ["/a" * 4000 + "0x" * 4000, "1:" * 8000, "a" * 16_000, "\x1b[" * 5000, "<time> " * 3000]
)
def test_a_hostile_report_makes_a_short_signature(text: str) -> None:
    assert len(signature(Failed(C.UNHEALTHY, text, "reverted", -(2**31), text))) < 400
