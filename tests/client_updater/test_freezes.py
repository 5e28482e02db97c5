"""When a site must not be changed: what it is told at its check-in, and what it wrote itself."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from client_updater.enrolment import Newcomer
from manifests.check_in import CheckInAnswer
from manifests.errors import ManifestError
from manifests.freeze import Freeze
from tests.simulators.control_plane import ControlPlane
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import SimulatedSite

GONE = """
[[windows]]
name = "long ago"
zone = "UTC"
starts = "2020-01-01T22:00:00"
duration_seconds = 3600
"""


def now() -> datetime:
    return datetime.now(UTC)


def today() -> CheckInAnswer:
    """An answer with a freeze that began an hour ago."""
    freeze = Freeze(
        name="stocktaking",
        zone="UTC",
        starts=(now() - timedelta(hours=1)).replace(tzinfo=None, microsecond=0),
        duration_seconds=7200,
    )
    return CheckInAnswer(poll_seconds=60, freezes=(freeze,))


def offer(repository: SimulatedRepository, version: str) -> None:
    repository.release("notes", version, {"a": version.encode()})
    repository.roll_out("notes", version)


def test_a_freeze_that_the_server_announces_holds_the_site_until_it_is_lifted(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.answer = today()
    site.poll()
    offer(repository, "1.0")
    last = site.poll()
    assert site.current() is None
    assert last.products[0].gate == "window_open"
    assert last.products[0].reason == "the site must not be changed now: stocktaking"
    assert last.problem == "", "it is no problem of the site's"
    plane.answer = CheckInAnswer(poll_seconds=60)
    site.poll()
    site.poll()
    assert site.current() == "1.0"


def test_it_holds_while_the_server_is_away(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    plane.answer = today()
    site.poll()
    plane.forget_answers = 100
    offer(repository, "1.0")
    site.poll()
    assert site.current() is None


def test_a_new_window_that_never_opens_is_refused_and_nothing_is_installed(
    site: SimulatedSite, repository: SimulatedRepository, plane: ControlPlane
) -> None:
    site.write_policy(GONE)
    offer(repository, "1.0")
    last = site.poll()
    assert (site.current(), last.problem) == (None, "policy_invalid")
    assert "'long ago' does not open within 13 months" in plane.check_ins[-1].detail
    site.write_policy(GONE.replace("[[windows]]", '[[windows]]\nrule = "FREQ=DAILY"'))
    assert site.poll().problem == ""


def test_nobody_joins_with_a_window_that_never_opens(newcomer: SimulatedSite) -> None:
    joining = Newcomer(newcomer.state, newcomer.invitation(), f"format = 1\n{GONE}")
    with pytest.raises(ManifestError, match="13 months") as refused:
        joining.join(lambda _: True, now())
    assert refused.value.exit_status == 65
    assert not Path(newcomer.folder).exists()
