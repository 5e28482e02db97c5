"""Which tier gets what: the routing table."""

from dataclasses import dataclass

import pytest

from distribution.desk.escalation import higher, route
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
    Route(C.REPORTED_BY_CUSTOMER, Tier.L1, clients=2),
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
    own, spreads = FAILURES[line.code].tier, line.clients > 1
    found = route(line.code, own, emergency=line.emergency, repeats=line.repeats, spreads=spreads)
    assert found is line.goes_to


@pytest.mark.parametrize("code", FailureCode)
def test_no_circumstance_lowers_a_tier(code: FailureCode) -> None:
    usual = FAILURES[code].tier
    for emergency in (False, True):
        for repeats in (1, 2, 5):
            for spreads in (False, True):
                found = route(code, usual, emergency=emergency, repeats=repeats, spreads=spreads)
                assert higher(found, usual) is found
