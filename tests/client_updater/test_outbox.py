"""Reports: never lost, never numbered twice, applied once however often they arrive."""

from pathlib import Path

import pytest

from client_updater.outbox import Outbox, Sealed
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
