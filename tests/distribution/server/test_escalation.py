"""Which tier gets what: the routing table, and when two failures are the same one."""

from dataclasses import dataclass

import pytest

from distribution.desk.escalation import higher, route, signature
from manifests.failures import FAILURES, FailureCode, Tier

C = FailureCode


@dataclass(frozen=True)
class Route:
    """One line of the table, readable as a sentence."""

    code: FailureCode
    goes_to: Tier
    emergency: bool = False
    repeats: int = 1
    clients: int = 1


TABLE = [
    Route(C.SILENT, Tier.L1),
    Route(C.LOST_CONTACT, Tier.L1),
    Route(C.UNHEALTHY, Tier.L2),
    Route(C.DISK_FULL, Tier.L2),
    Route(C.REVERT_FAILED, Tier.L3),
    Route(C.UNTRUSTED_METADATA, Tier.SECURITY),
    Route(C.FORGED_REPORT, Tier.SECURITY),
    # a repeat at one site
    Route(C.SILENT, Tier.L2, repeats=2),
    Route(C.UNREACHABLE, Tier.L2, repeats=3),
    Route(C.UNHEALTHY, Tier.L2, repeats=2),
    Route(C.REVERT_FAILED, Tier.L3, repeats=2),
    # the same cause at two clients
    Route(C.UNHEALTHY, Tier.L3, clients=2),
    Route(C.DISK_FULL, Tier.L3, clients=2),
    Route(C.LOST_CONTACT, Tier.L3, clients=2),
    # that two clients are silent is no common cause
    Route(C.SILENT, Tier.L1, clients=30),
    Route(C.POLICY_INVALID, Tier.L1, clients=2),
    # a hotfix that fails asks one tier more
    Route(C.LOST_CONTACT, Tier.L2, emergency=True),
    Route(C.UNHEALTHY, Tier.L3, emergency=True),
    Route(C.REVERT_FAILED, Tier.L3, emergency=True),
    # security stays with security, whatever else is true
    Route(C.CLOCK, Tier.SECURITY, emergency=True, repeats=9, clients=9),
]


@pytest.mark.parametrize("line", TABLE, ids=str)
def test_routing_table(line: Route) -> None:
    found = route(line.code, emergency=line.emergency, repeats=line.repeats, clients=line.clients)
    assert found is line.goes_to


@pytest.mark.parametrize("code", FailureCode)
def test_no_circumstance_lowers_a_tier(code: FailureCode) -> None:
    usual = FAILURES[code].tier
    for emergency in (False, True):
        for repeats in (1, 2, 5):
            for clients in (1, 2, 5):
                found = route(code, emergency=emergency, repeats=repeats, clients=clients)
                assert higher(found, usual) is found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://127.0.0.1:8711/health answered 500", "http://10.0.0.9:80/health answered 503"),
        ("no room on /var/lib/hsp/a: 12 MB free", "no room on /srv/x.y-z: 3 MB free"),
        ("sha256 9f86d081884c7d65 expected", "sha256 0b1c2d3e4f5a6b7c expected"),
        ("exit status 1\nTraceback ...", "exit status 137\nKilled"),
        (r"C:\Programs\hsp\a.dll is locked", r"D:\x\b.dll is locked"),
        ("  took   12.5 s ", "took 3 s"),
    ],
)
def test_numbers_paths_and_hex_do_not_tell_two_causes_apart(one: str, other: str) -> None:
    assert signature(C.UNHEALTHY, one) == signature(C.UNHEALTHY, other)


def test_different_words_or_codes_are_different_causes() -> None:
    found = {
        signature(C.UNHEALTHY, "prices.json is missing"),
        signature(C.UNHEALTHY, "stock.json is missing"),
        signature(C.START_FAILED, "prices.json is missing"),
        signature(C.UNHEALTHY, ""),
    }
    assert len(found) == 4


def test_a_hostile_detail_is_cut_and_does_not_take_long() -> None:
    assert len(signature(C.UNHEALTHY, "/a" * 4000 + "0x" * 4000)) < 300
