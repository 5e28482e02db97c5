"""A poll, the whole way, on real parts: from a signed release to a program that answers."""

from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SILENT_PROGRAM, SimulatedSite, program_fields


def test_a_release_is_installed_runs_and_is_confirmed(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")

    last = site.poll()

    assert last.problem == ""
    assert site.answer()["version"] == "1.0"
    assert plane.phases() == ["downloading", "activating", "confirmed"]
    assert [report.sequence for report in plane.received] == [1, 2, 3]
    (check_in,) = plane.check_ins
    assert check_in.products[0].installed.version == "1.0"
    assert check_in.last_sequence == 3


def test_a_release_that_is_not_well_is_reverted_and_the_old_one_keeps_serving(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    repository.release("notes", "1.0", {"app.py": PROGRAM}, **program_fields())
    repository.roll_out("notes", "1.0")
    site.poll()
    repository.release("notes", "2.0", {"app.py": SILENT_PROGRAM}, **program_fields(attempts=2))
    repository.roll_out("notes", "2.0")

    site.poll()

    assert site.current() == "1.0"
    assert site.answer()["version"] == "1.0"
    assert plane.phases("2.0") == ["downloading", "activating", "reverted"]
    reverted = plane.received[-1]
    assert (reverted.code, reverted.from_version) == ("unhealthy", "1.0")
    assert "I am up, and deaf" in reverted.log_tail

    asked_before = len(plane.received)
    site.poll()
    assert len(plane.received) == asked_before, "it is not tried again by itself"
    assert plane.check_ins[-1].products[0].gate == "not_failed_here"
