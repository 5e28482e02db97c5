"""Which components run where; what nobody can know is said and not left out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from starlette.testclient import TestClient

from distribution.cli import main as hsp
from distribution.database.tables import Site
from distribution.errors import NotFound, Unavailable
from distribution.scheduling import scheduler
from distribution.sites import component_index, components
from distribution.sites.component_tables import ComponentRow, SbomRow
from distribution.sites.components import Affected
from manifests.component_range import ComponentRange
from manifests.target_paths import Lane
from tests.simulators.builder import sbom, written
from tests.simulators.house import House, Talker
from tests.simulators.insider import unnoticed

pytestmark = pytest.mark.both_databases


def publish(house: House, version: str, libraries: dict[str, str] | None, **build: Any) -> None:
    """A release with an SBOM of these, or without one."""
    bill = None if libraries is None else sbom(libraries)
    attachments = written(house.estate.folder / "said", None, bill)
    house.estate.publish(version, attachments=attachments, **build)


def runs(house: House, name: str, version: str | None, **fields: Any) -> Talker:
    """A site that runs this."""
    site = house.site(name, **fields)
    site.installed = version
    site.check_in()
    return site


def ask(house: House, component: str) -> Affected:
    component_index.bring_up_to_date(house.database, house.server.store, house.clock.now)
    with house.database.reading() as session:
        return components.affected(session, ComponentRange.parse(component))


def names(found: Affected) -> list[tuple[str, str, str]]:
    return [(each.site_id, each.version, each.component_version) for each in found.sites]


@pytest.fixture
def fleet(house: House) -> House:
    """Old OpenSSL, new OpenSSL, and a release that says nothing."""
    publish(house, "1.0", {"openssl": "3.0.13", "requests": "2.31.0"})
    publish(house, "2.0", {"openssl": "3.0.14"})
    publish(house, "1.5", None)
    for name, version in (("shop-1", "1.0"), ("shop-2", "1.0"), ("shop-3", "2.0")):
        runs(house, name, version)
    return house


def test_the_sites_that_run_a_vulnerable_component(fleet: House) -> None:
    assert names(ask(fleet, "openssl<3.0.14")) == [
        ("shop-1", "1.0", "3.0.13"),
        ("shop-2", "1.0", "3.0.13"),
    ]
    assert names(ask(fleet, "OpenSSL==3.0.14")) == [("shop-3", "2.0", "3.0.14")]
    assert len(names(ask(fleet, "pkg:pypi/openssl"))) == 3
    assert names(ask(fleet, "pkg:pypi/requests@2.31.0"))[0][0] == "shop-1"
    assert ask(fleet, "log4j<3") == Affected((), ())


def test_a_site_that_was_updated_is_not_affected_any_more(fleet: House) -> None:
    ask(fleet, "openssl<3.0.14")
    runs(fleet, "shop-4", "1.0").confirms("2.0")
    assert [site for site, *_ in names(ask(fleet, "openssl<3.0.14"))] == ["shop-1", "shop-2"]


def test_a_hotfixs_components_count_as_well(fleet: House) -> None:
    publish(fleet, "1.0.post1", {"openssl": "3.0.12"}, lane=Lane.HOTFIXES)
    runs(fleet, "shop-5", "1.0.post1")
    assert ("shop-5", "1.0.post1", "3.0.12") in names(ask(fleet, "openssl<3.0.14"))


def test_what_nobody_can_know_is_named(fleet: House) -> None:
    for name, version in (("shop-6", "1.5"), ("shop-7", "1.5"), ("shop-8", "0.9")):
        runs(fleet, name, version)
    unknown = ask(fleet, "openssl<3.0.14").unknown
    assert [(each.version, each.sites, each.why) for each in unknown] == [
        ("0.9", 1, "it was never published"),
        ("1.5", 2, "it carries no SBOM"),
    ]


def test_a_component_without_its_version_is_no_all_clear(house: House) -> None:
    bill = sbom(components=[{"type": "library", "name": "OpenSSL"}])
    house.estate.publish("1.0", attachments=written(house.estate.folder, None, bill))
    runs(house, "shop", "1.0")
    assert ask(house, "openssl<3").unknown[0].why == "it names OpenSSL without its version"
    assert names(ask(house, "openssl")) == [("shop", "1.0", "")]


def test_a_site_that_is_ours_no_more_is_left_out(fleet: House) -> None:
    with unnoticed(fleet.database) as session:
        session.get_one(Site, "shop-1").revoked_at = fleet.clock.now
    assert [site for site, *_ in names(ask(fleet, "openssl<3.0.14"))] == ["shop-2"]


def test_what_a_site_is_made_of(fleet: House) -> None:
    ask(fleet, "x")
    with fleet.database.reading() as session:
        [bill] = components.of_site(session, "shop-1")
        with pytest.raises(NotFound):
            components.of_site(session, "nowhere")
    assert [(c.name, c.version) for c in bill.components] == [
        ("openssl", "3.0.13"),
        ("requests", "2.31.0"),
    ]
    assert bill.unknown == ""


# --- the index


def test_each_sbom_is_read_once(fleet: House, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler.index_components(fleet.server, fleet.clock.now)
    monkeypatch.setattr(fleet.server.store, "read", _not_asked)
    assert len(names(ask(fleet, "openssl"))) == 3


def _not_asked(key: str) -> bytes:
    raise AssertionError(f"the store was asked for {key}")


def test_what_was_not_published_is_looked_for_again_the_next_day(fleet: House) -> None:
    runs(fleet, "shop-9", "3.0")
    assert ask(fleet, "openssl").unknown[0].why == "it was never published"
    publish(fleet, "3.0", {"openssl": "3.3"})
    assert ask(fleet, "openssl").unknown
    fleet.clock.now += timedelta(days=1)
    found = ask(fleet, "openssl==3.3")
    assert (names(found), found.unknown) == ([("shop-9", "3.0", "3.3")], ())


def test_an_sbom_that_is_gone_or_rotten_in_the_store_is_unknown(fleet: House) -> None:
    for version, damage in (("1.0", Path.unlink), ("2.0", lambda file: file.write_bytes(b"x"))):
        folder = fleet.server.settings.repository_folder / "targets/releases/app" / version
        [file] = folder.glob("*.sbom.cdx.json")
        damage(file)
    gone, rotten = ask(fleet, "openssl").unknown
    assert gone.why == "its SBOM is not in the store any more"
    assert "is not what is signed" in rotten.why


def test_with_the_store_away_nothing_is_taken_for_known(fleet: House) -> None:
    fleet.server.settings.repository_folder.rename(fleet.estate.folder / "away")
    with pytest.raises((NotFound, Unavailable)):
        ask(fleet, "openssl")
    with fleet.database.reading() as session:
        assert session.get(SbomRow, ("app", "1.0")) is None


def test_indexing_twice_counts_once(fleet: House) -> None:
    """Two processes at the same time: the second finds the same and writes the same."""
    for _ in range(2):
        found = component_index._look_for(_repository(fleet), [("app", "1.0")])
        with fleet.database.writing() as session:
            for version, each in found:
                component_index._write(session, version, each, fleet.clock.now)
    with fleet.database.reading() as session:
        assert len(session.exec(component_index.select(ComponentRow)).all()) == 2


def _repository(house: House) -> Any:
    return component_index.Repository.read(house.server.store)


# --- on the command line, and over the API


def hsp_says(house: House, *words: str) -> str:
    arguments = ["--home", str(house.server.settings.home), *words]
    result = CliRunner().invoke(hsp, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_staff_ask_on_the_command_line(fleet: House) -> None:
    for name, version in (("shop-6", "1.5"), ("shop-7", None)):
        runs(fleet, name, version)
    told = hsp_says(fleet, "affected", "openssl<3.0.14")
    assert "openssl<3.0.14 runs at 2 sites" in told
    assert "UNKNOWN: app 1.5, at 1 site: it carries no SBOM" in told
    assert "pkg:pypi/requests@2.31.0" in hsp_says(fleet, "sbom", "shop-1")
    assert "UNKNOWN: what app 1.5 is made of: it carries no SBOM" in hsp_says(
        fleet, "sbom", "shop-6"
    )
    assert "has not said that it runs anything" in hsp_says(fleet, "sbom", "shop-7")


def test_staff_ask_over_the_api(fleet: House, ani: TestClient) -> None:
    runs(fleet, "shop-6", "1.5")
    answer = ani.get("/v1/affected", params={"component": "openssl<3.0.14"}).json()
    assert [site["site_id"] for site in answer["sites"]] == ["shop-1", "shop-2"]
    assert answer["unknown"][0]["why"] == "it carries no SBOM"
    bills = ani.get("/v1/sites/shop-1/components").json()
    assert bills[0]["components"][0]["purl"] == "pkg:pypi/openssl@3.0.13"
    assert ani.get("/v1/sites/nowhere/components").status_code == 404
    assert ani.get("/v1/affected", params={"component": "<3"}).status_code == 422


def test_strangers_do_not(fleet: House, client: TestClient) -> None:
    """What runs where is what an attacker would like to know first."""
    assert client.get("/v1/affected", params={"component": "openssl"}).status_code == 401
    assert client.get("/v1/sites/shop-1/components").status_code == 401
