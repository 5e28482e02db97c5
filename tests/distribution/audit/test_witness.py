"""Sites remember how far the log had come, and a log that was rewritten meets them."""

import pytest

from distribution import audit
from distribution.audit import checkpoints
from distribution.desk.ticket_views import Which
from distribution.desk.tickets import queue
from distribution.sites import check_ins
from manifests import envelope
from manifests.audit_checkpoint import CHECKPOINT_TYPE, AuditCheckpoint, claimed, newer
from manifests.check_in import CHECK_IN_TYPE, CheckIn
from manifests.failures import FailureCode, Tier
from tests.simulators.house import House, Talker
from tests.simulators.insider import Rewriter
from tests.simulators.tickets import incidents

pytestmark = pytest.mark.both_databases

CODE = FailureCode.AUDIT_CONTRADICTED


def told(site: Talker, checkpoint: str) -> str:
    """Check in with what was remembered; what the answer tells."""
    plain = CheckIn.from_bytes(envelope.peek(site.sign_of_life(), CHECK_IN_TYPE))
    body = plain.model_copy(update={"audit_checkpoint": checkpoint}).to_bytes()
    newest = _Newest()
    data = site.sealed(body, CHECK_IN_TYPE)
    server = site.server
    answer = check_ins.accept(server.database, data, server.settings, newest, site.now)
    return answer.audit_checkpoint


class _Newest:
    root_version = timestamp_version = 0


def alarms(house: House) -> list[str]:
    """What security has in its queue about this."""
    house.tick()
    with house.database.reading() as session:
        found = [t for t in queue(session, Which.OPEN, Tier.SECURITY) if t.code == CODE]
    return [each.detail for each in incidents(house.database, *found)]


@pytest.fixture
def site(house: House) -> Talker:
    """A site that knows of no checkpoint yet, and a log with several records."""
    for number in range(4):
        with house.database.writing() as session:
            deed = audit.Deed("ani", "rollout.pause", f"rollout app {number}.0")
            audit.note(session, deed, house.clock.now)
    return house.site("warung-1")


def test_the_answer_carries_the_newest_checkpoint(house: House, site: Talker) -> None:
    assert told(site, "") == ""
    made = checkpoints.work(house.server, house.clock.now)
    assert made is not None
    assert claimed(told(site, "")) == made


def test_a_site_that_remembers_the_same_is_no_news(house: House, site: Talker) -> None:
    checkpoints.work(house.server, house.clock.now)
    told(site, told(site, ""))
    assert alarms(house) == []


def test_a_rewritten_log_is_told_of_by_the_first_site_that_checks_in(
    house: House, site: Talker
) -> None:
    checkpoints.work(house.server, house.clock.now)
    remembered = told(site, "")
    Rewriter(house.database).rebuild(2, actor="budi")
    told(site, remembered)
    [words] = alarms(house)
    assert "the log was rewritten" in words


def test_a_log_that_was_cut_off_is_told_of(house: House, site: Talker) -> None:
    made = checkpoints.work(house.server, house.clock.now)
    assert made is not None
    remembered = told(site, "")
    Rewriter(house.database).cut_off(after=3)
    told(site, remembered)
    [words] = alarms(house)
    assert f"had {made.seq} records, and now it ends at 3" in words


def test_a_checkpoint_that_we_never_signed_is_told_apart(house: House, site: Talker) -> None:
    checkpoints.work(house.server, house.clock.now)
    forged = AuditCheckpoint(seq=2, hash="f" * 64, at=house.clock.now)
    told(site, site.sealed(forged.to_bytes(), CHECKPOINT_TYPE).decode())
    [words] = alarms(house)
    assert "our key did not sign" in words


@pytest.mark.parametrize("nonsense", ["x", "{}", '{"payload":"","payloadType":"a"}', "\u00e9"])
def test_nonsense_is_ignored(house: House, site: Talker, nonsense: str) -> None:
    told(site, nonsense)
    assert alarms(house) == []


def test_a_witness_keeps_the_first_that_it_was_told_of_the_newest_record(site: Talker) -> None:
    def at(seq: int, letter: str) -> str:
        document = AuditCheckpoint(seq=seq, hash=letter * 64, at=site.now)
        return site.sealed(document.to_bytes(), CHECKPOINT_TYPE).decode()

    assert newer("", at(3, "a")) == at(3, "a")
    assert newer(at(3, "a"), at(4, "b")) == at(4, "b")
    for older in (at(3, "b"), at(2, "b"), "", "nonsense"):
        assert newer(at(3, "a"), older) == at(3, "a")
    assert newer("nonsense", at(1, "a")) == at(1, "a")
