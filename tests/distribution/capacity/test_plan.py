"""A plan is a multiplication: what grows with the sites grows so; what breaks first is named."""

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from distribution.capacity import inputs
from distribution.capacity.inputs import Fleet, UnitCosts
from distribution.capacity.model import (
    HOURS,
    MEMORY,
    ROOM,
    SECONDS,
    SOONER,
    TURN,
    load_of,
    plan,
)
from distribution.cli import main
from distribution.errors import Invalid

PRICES = inputs.prices()
COSTS = UnitCosts.model_validate(
    {
        "measured_at": "2026-01-01",
        "machine": "a test",
        "noop_poll_requests": 2,
        "noop_poll_bytes": 1000,
        "change_poll_requests": 3,
        "change_poll_bytes": 2000,
        "check_ins_per_poll": 1,
        "check_in_bytes": 2000,
        "report_bytes": 1500,
        "reports_per_install": 3,
        "install_requests": 8,
        "install_bytes": 7000,
        "delta_share": 0.2,
        "check_in_cpu_seconds": 0.001,
        "check_in_database_cpu_seconds": 0.0005,
        "changed_check_in_cpu_seconds": 0.01,
        "changed_check_in_database_cpu_seconds": 0.002,
        "remembered_site_bytes": 1500,
        "report_cpu_seconds": 0.002,
        "report_database_cpu_seconds": 0.001,
        "report_database_bytes": 1500,
        "site_database_bytes": 2000,
    }
)


def test_what_is_reckoned_can_be_reckoned_by_hand() -> None:
    still = Fleet(1000, poll_seconds=100, installs_a_month=0, changes_a_day=0)
    load = load_of(still, COSTS)
    polls_a_second = 1000 / (100 * SOONER)
    assert load.api_per_second == pytest.approx(polls_a_second)
    assert load.repository_per_second == pytest.approx(2 * polls_a_second)
    assert load.cdn_gb == pytest.approx(polls_a_second * SECONDS * 1000 / 1e9)
    full = 1000 * 24 / 86_400
    assert load.api_processors == pytest.approx(polls_a_second * 0.001 + full * 0.009)
    assert load.turn == load.database_processors
    assert load.turn == pytest.approx(polls_a_second * 0.0005 + full * 0.0015)
    assert load.turn_for_news == pytest.approx(full * 0.002)
    assert load.database_gb == pytest.approx(1000 * 2000 / 1e9)
    busy = replace(still, installs_a_month=4, artifact_mb=10, deltas=0.5)
    more = load_of(busy, COSTS)
    news = 1000 * 4 * (2 * (0.002 - 0.0005) + 3 * 0.001) / SECONDS
    assert more.turn - load.turn == pytest.approx(news)
    changing = load_of(replace(still, changes_a_day=48), COSTS)
    assert changing.turn - load.turn == pytest.approx(full * 0.0015)
    assert more.reports_per_second == pytest.approx(4 * 3 * 1000 / SECONDS)
    artifacts = 4 * 1000 * (10e6 * (0.5 + 0.5 * 0.2) + 7000) / 1e9
    assert more.cdn_gb - load.cdn_gb == pytest.approx(artifacts)
    assert more.database_gb - load.database_gb == pytest.approx(12_000 * 12 * 1500 / 1e9)


@given(sites=st.integers(1, 10**7), times=st.integers(2, 50))
def test_load_is_linear_in_sites(sites: int, times: int) -> None:
    one, many = load_of(Fleet(sites), COSTS), load_of(Fleet(sites * times), COSTS)
    for name, amount in vars(one).items():
        assert vars(many)[name] == pytest.approx(times * amount)


@given(sites=st.integers(1, 10**7), seconds=st.integers(1, 86_400))
def test_more_sites_never_cost_less_and_a_longer_interval_never_more(
    sites: int, seconds: int
) -> None:
    made = plan(Fleet(sites, poll_seconds=seconds), COSTS, PRICES)
    assert plan(Fleet(sites + 1000, poll_seconds=seconds), COSTS, PRICES).total >= made.total * 0.99
    longer = plan(Fleet(sites, poll_seconds=min(86_400, seconds * 2)), COSTS, PRICES)
    assert longer.total <= made.total * 1.01
    assert longer.limits[0].sites >= made.limits[0].sites


@given(sites=st.integers(1, 10**7))
def test_estates_are_as_many_as_are_needed(sites: int) -> None:
    made = plan(Fleet(sites), COSTS, PRICES)
    most = made.limits[0].sites
    assert (made.estates - 1) * most < sites <= made.estates * most
    assert made.machines >= 2
    wanted = made.load.database_processors / made.estates
    assert made.database_processors >= wanted


def test_machines_have_the_memory_that_every_process_of_them_needs() -> None:
    heavy = COSTS.model_copy(update={"remembered_site_bytes": 10_000, **IDLE})
    small, large = (plan(Fleet(sites), heavy, PRICES) for sites in (100_000, 500_000))
    assert (small.machine_gb, small.estates) == (2 * 2, 1)
    assert (large.machine_gb, large.estates) == (2 * 6, 1)  # 5.4 GB in each of two processes
    by_itself = large.machines / small.machines * small.dollars["API machines"]
    dearer = large.machines * 8 * HOURS * PRICES.machines.gb_hour
    assert large.dollars["API machines"] == pytest.approx(by_itself + dearer)


IDLE = {
    **dict.fromkeys(("check_in_database_cpu_seconds", "report_database_cpu_seconds"), 1e-9),
    "changed_check_in_database_cpu_seconds": 1e-9,
}
"""A database that is hardly asked."""


@pytest.mark.parametrize(
    ("changed", "habits", "first"),
    [
        ({}, {}, TURN),
        (IDLE, {}, MEMORY),
        ({**IDLE, "report_database_bytes": 10**9}, {"months_kept": 60}, ROOM),
    ],
)
def test_what_breaks_first_is_named(
    changed: dict[str, float], habits: dict[str, int], first: str
) -> None:
    made = plan(Fleet(1000, **habits), COSTS.model_copy(update=changed), PRICES)  # type: ignore[arg-type]
    assert made.limits[0].name == first
    assert made.limits[0].instead
    [turn] = [limit for limit in made.limits if limit.name == TURN]
    part = made.load.turn_for_news / made.load.turn
    assert f"{part:.0%} of that are check-ins that are heard in full" in turn.instead
    at_it = replace(made.fleet, sites=made.limits[0].sites)
    assert plan(at_it, COSTS.model_copy(update=changed), PRICES).estates == 1
    assert (
        plan(
            replace(at_it, sites=at_it.sites + 2), COSTS.model_copy(update=changed), PRICES
        ).estates
        == 2
    )


def test_a_price_that_doubles_doubles_its_line_and_no_other() -> None:
    before = plan(Fleet(100_000), COSTS, PRICES)
    dearer = PRICES.database.model_copy(
        update={
            "processor_hour": 2 * PRICES.database.processor_hour,
            "gb_month": 2 * PRICES.database.gb_month,
        }
    )
    after = plan(Fleet(100_000), COSTS, PRICES.model_copy(update={"database": dearer}))
    assert after.dollars["database"] == pytest.approx(2 * before.dollars["database"])
    assert {n: d for n, d in after.dollars.items() if n != "database"} == {
        n: d for n, d in before.dollars.items() if n != "database"
    }


def test_the_unit_costs_of_this_release_have_everything() -> None:
    assert inputs.unit_costs().check_in_bytes > 0
    assert json.loads(files("distribution.capacity").joinpath("unit_costs.json").read_text())[
        "machine"
    ]


def test_an_operators_price_list(tmp_path: Path) -> None:
    ours = files("distribution.capacity").joinpath("prices.toml").read_text()
    own = tmp_path / "prices.toml"
    own.write_text(ours.replace("hour = 0.0225", "hour = 1.0225"))
    words = ["plan", "--sites", "1000", "--json"]
    plain, dearer = (
        json.loads(CliRunner().invoke(main, [*words, *more]).output)["plans"][0]
        for more in ([], ["--prices", str(own)])
    )
    difference = dearer["dollars"]["load balancer"] - plain["dollars"]["load balancer"]
    assert difference == pytest.approx(730.5)
    for wrong, said in {
        "nonsense": "not TOML",
        ours.replace("gb_month = 0.023", "gb_month = -1"): "store.gb_month",
        ours.replace("[keys]", "[other]"): "keys",
    }.items():
        own.write_text(wrong)
        with pytest.raises(Invalid, match=said):
            inputs.prices(own)
    with pytest.raises(Invalid, match="cannot be read"):
        inputs.prices(tmp_path / "none")
