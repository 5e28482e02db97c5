"""Reports: never lost, never numbered twice, applied once however often they arrive."""

from pathlib import Path

import pytest

from client_updater import outbox as outboxes
from client_updater.outbox import Outbox, Sealed
from manifests.check_in import CheckInAnswer
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path)


def test_a_number_that_was_used_is_not_used_again(outbox: Outbox) -> None:
    outbox.add(Sealed(1, b"first"))
    outbox.add(Sealed(1, b"again"))
    assert [sealed.envelope for sealed in outbox.pending()] == [b"first"]
    outbox.acknowledge(1)
    outbox.add(Sealed(1, b"after the acknowledgement"))
    assert list(outbox.pending()) == []
    assert outbox.last_sequence() == 1


def test_a_crash_between_the_note_and_the_removal_only_sends_it_again(outbox: Outbox) -> None:
    outbox.add(Sealed(1, b"first"))
    (outbox.folder / "acknowledged").write_bytes(b"1")
    (outbox.folder / "acknowledged").chmod(0o600)
    assert [sealed.sequence for sealed in outbox.pending()] == [1]
    assert outbox.last_sequence() == 1


def _install(site: SimulatedSite, repository: SimulatedRepository, version: str) -> None:
    repository.release("notes", version, {"a": version.encode()})
    repository.roll_out("notes", version)
    site.poll()


def test_while_the_server_is_down_the_site_installs_and_keeps_its_reports(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.down = True
    _install(site, repository, "1.0")
    assert site.current() == "1.0"
    assert plane.received == []
    plane.down = False
    last = site.poll()
    assert last.server_problem == ""
    assert plane.phases() == ["downloading", "activating", "confirmed"]
    assert plane.check_ins[-1].last_sequence == 3


def test_lost_acknowledgements_are_answered_by_sending_again_and_applied_once(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.forget_answers = 2
    _install(site, repository, "1.0")
    site.poll()
    assert plane.phases() == ["downloading", "activating", "confirmed"]
    assert plane.duplicates == 2


def test_a_report_that_the_server_will_never_take_does_not_block_the_others(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.reports[("site-1", 1)] = b"somebody forged number one"
    _install(site, repository, "1.0")
    assert plane.phases() == ["activating", "confirmed"]
    assert len(list((site.folder / "outbox/refused").iterdir())) == 1


def test_numbers_go_on_even_after_the_outbox_was_lost(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _install(site, repository, "1.0")
    (site.folder / "outbox/acknowledged").unlink()
    _install(site, repository, "1.1")
    assert [report.sequence for report in plane.received] == [1, 2, 3, 4, 5, 6]


def test_a_server_that_lies_about_its_receipt_is_not_believed(
    site: SimulatedSite,
    repository: SimulatedRepository,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lie = b'{"site_id":"site-1","sequence":1,"sha256":"' + b"0" * 64 + b'"}'
    monkeypatch.setattr(plane, "_report", lambda body: (200, lie))
    _install(site, repository, "1.0")
    assert site.agent().reporter.outbox.acknowledged() == 0


def _acknowledged(outbox: Outbox, *numbers: int, size: int = 1) -> None:
    for number in numbers:
        outbox.add(Sealed(number, b"x" * size))
        outbox.acknowledge(number)


def test_what_was_acknowledged_is_kept_and_taken_out_for_a_server_that_has_forgotten_it(
    outbox: Outbox,
) -> None:
    _acknowledged(outbox, 1, 2, 3)
    assert list(outbox.pending()) == []
    assert outbox.send_again(1, lambda envelope: envelope) == 2
    assert [sealed.sequence for sealed in outbox.pending()] == [2, 3]
    assert outbox.last_sequence() == outbox.acknowledged() == 3, "no number is given again"
    outbox.acknowledge(2, 3)
    assert outbox.send_again(0, lambda envelope: envelope) == 3, "and they are kept once more"


def test_a_crash_before_one_is_put_aside_only_sends_it_again(outbox: Outbox) -> None:
    _acknowledged(outbox, 1)
    (outbox.folder / "000000000001.kept").rename(outbox.folder / "000000000001.dsse")
    assert [sealed.sequence for sealed in outbox.pending()] == [1]


@pytest.mark.parametrize(
    ("bound", "value", "size"), [("MOST_KEPT", 3, 1), ("MOST_KEPT_BYTES", 3500, 1000)]
)
def test_of_what_was_acknowledged_only_the_newest_are_kept(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, size: int
) -> None:
    monkeypatch.setattr(outboxes, bound, value)
    _acknowledged(outbox, *range(1, 8), size=size)
    outbox.send_again(0, lambda envelope: envelope)
    assert [sealed.sequence for sealed in outbox.pending()] == [5, 6, 7]


def test_a_server_that_asks_again_and_again_gets_little_each_time(outbox: Outbox) -> None:
    _acknowledged(outbox, *range(1, outboxes.AGAIN_AT_ONCE + 11))
    assert outbox.send_again(0, lambda envelope: envelope) == outboxes.AGAIN_AT_ONCE
    first = [sealed.sequence for sealed in outbox.pending()]
    assert first == list(range(1, outboxes.AGAIN_AT_ONCE + 1)), "the oldest first: then no gaps"


def test_a_kept_report_that_was_damaged_is_not_sent_again(outbox: Outbox) -> None:
    _acknowledged(outbox, 1, 2)
    (outbox.folder / "000000000001.kept").chmod(0o666)
    outbox.send_again(0, lambda envelope: envelope)
    assert [sealed.sequence for sealed in outbox.pending()] == [2]


def test_a_restored_server_gets_the_reports_that_it_had_acknowledged(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _install(site, repository, "1.0")
    lost = {key: body for key, body in plane.reports.items() if key[1] > 1}
    plane.reports = {key: body for key, body in plane.reports.items() if key not in lost}
    plane.received = plane.received[:1]
    plane.answer = CheckInAnswer(poll_seconds=300, known_sequence=1)
    last = site.poll()
    assert last.server_problem == ""
    assert {key: plane.reports[key] for key in lost} == lost
    assert plane.phases() == ["downloading", "activating", "confirmed"]


def test_what_was_sealed_by_a_former_key_is_sent_again_under_the_present_one(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    _install(site, repository, "1.0")
    assert site.command("rotate-key").exit_code == 0
    plane.reports, plane.received = {}, []
    plane.answer = CheckInAnswer(poll_seconds=300, known_sequence=0)
    site.poll()
    assert plane.phases() == ["downloading", "activating", "confirmed"]
