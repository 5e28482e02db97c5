"""Deltas for what the fleet runs: made once, kept where they help, gone with their last reader."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlmodel import select

from distribution.cli import main as hsp
from distribution.database.tables import DeltaRow
from distribution.errors import Invalid, NotFound, Unavailable
from distribution.repository import catalogue, deltas
from distribution.repository.deltas import Pair
from distribution.scheduling import scheduler
from manifests.delta import delta_path
from manifests.install_report import Phase
from manifests.target_paths import plan_path, rollouts_role
from tests.simulators.house import PRODUCT, House, schedule

LARGE = {"data": random.Random(1).randbytes(100_000)}
PATH = delta_path(PRODUCT, "1.0", "2.0", "any")


def _start(house: House, version: str, data: bytes = LARGE["data"], **described: object) -> None:
    house.clock.forward(60)
    files = {"data": data + version.encode()}
    release = house.estate.publish(version, files, **described)  # type: ignore[arg-type]
    rollouts = scheduler.rollouts
    rollouts.start(house.database, release, schedule(10_000), "ani", house.clock.now)
    house.tick()


def _work(house: House) -> None:
    scheduler.make_deltas(house.server, house.clock.forward(1))


def _listed(house: House) -> list[str]:
    paths = catalogue.targets_of(house.server.store, rollouts_role(PRODUCT))
    return [path for path in paths if path.startswith("deltas/")]


def _rows(house: House) -> list[DeltaRow]:
    with house.database.reading() as session:
        return list(session.exec(select(DeltaRow)))


@pytest.fixture
def fleet(house: House) -> House:
    """One site runs 1.0; 2.0 has begun."""
    site = house.site("site-1")
    _start(house, "1.0")
    site.confirms("1.0")
    _start(house, "2.0")
    return house


def test_a_delta_is_made_for_what_somebody_runs(fleet: House) -> None:
    _work(fleet)
    assert _listed(fleet) == [PATH]
    assert len(catalogue.read_target(fleet.server.store, PATH)) < 1000
    assert catalogue.read_target(fleet.server.store, plan_path(PRODUCT)), "the plan is still there"
    before = _rows(fleet)
    _work(fleet)
    assert [row.tries for row in _rows(fleet)] == [row.tries for row in before] == [1]


def test_it_goes_when_nobody_runs_the_old_version_any_more(fleet: House) -> None:
    _work(fleet)
    talker = fleet.site("site-2")
    talker.installed = "2.0"
    talker.check_in()
    _work(fleet)
    assert _listed(fleet) == [PATH], "site-1 still runs 1.0"
    with fleet.database.writing() as session:
        product = session.get_one(deltas.SiteProduct, ("site-1", PRODUCT))
        product.version = "2.0"
        session.add(product)
    _work(fleet)
    assert (_listed(fleet), _rows(fleet)) == ([], [])


def test_what_saves_too_little_is_not_kept_and_not_tried_again(house: House) -> None:
    site = house.site("site-1")
    _start(house, "1.0")
    site.confirms("1.0")
    _start(house, "2.0", data=random.Random(2).randbytes(100_000))
    _work(house)
    _work(house)
    assert _listed(house) == []
    assert [(row.paths, row.problem, row.tries) for row in _rows(house)] == [("", "", 1)]


def test_a_failure_is_noted_tried_again_and_stops_nothing(
    fleet: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise Unavailable("the coder crashed")

    monkeypatch.setattr(deltas, "_in_a_process", broken)
    for _ in range(deltas.MAX_TRIES + 2):
        _work(fleet)
    assert [(row.problem, row.tries) for row in _rows(fleet)] == [("the coder crashed", 3)]
    site = fleet.site("site-3")
    site.report(Phase.DOWNLOADING)


def test_a_person_may_ask_for_one_and_hears_why_not(fleet: House) -> None:
    made = deltas.make(fleet.server, Pair(PRODUCT, "1.0", "2.0"), fleet.clock.now)
    assert [(each.path, each.is_worth_it) for each in made] == [(PATH, True)]
    with pytest.raises(NotFound, match="no release"):
        deltas.make(fleet.server, Pair(PRODUCT, "0.9", "2.0"), fleet.clock.now)
    _start(fleet, "3.0", upgrades_from=">=2")
    with pytest.raises(Invalid, match="does not upgrade"):
        deltas.make(fleet.server, Pair(PRODUCT, "1.0", "3.0"), fleet.clock.now)


def test_the_commands_make_a_delta_and_a_stick_and_say_what_they_did(
    fleet: House, tmp_path: Path
) -> None:
    def hsp_says(*words: str) -> str:
        home = str(fleet.server.settings.home)
        result = CliRunner().invoke(hsp, ["--home", home, *words])
        assert result.exit_code == 0, result.output
        return result.output

    assert "published" in hsp_says("release", "delta", PRODUCT, "1.0", "2.0")
    stick = tmp_path / "stick"
    said = hsp_says("export-media", str(stick), "--site", "site-1", "--days", "30")
    assert "app: 2.0" in said and "good until" in said
    assert list(stick.rglob("*.delta")), "it runs 1.0, as far as we know"
    assert "0 new reports" in hsp_says("import-media", str(stick))
