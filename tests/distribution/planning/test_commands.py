"""The commands of planning: preview, simulate, fleet, freeze, calendar."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from icalendar import Calendar

from distribution.cli import main
from distribution.planning.fleet_file import FleetFile
from distribution.repository import catalogue
from infra.pictures import _manifest
from manifests.rollout import RolloutPlan
from manifests.target_paths import plan_path
from tests.simulators.house import PRODUCT, House, schedule

ICS = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:x
BEGIN:VEVENT
UID:1
SUMMARY:Year end
DTSTART;VALUE=DATE:21261224
DTEND;VALUE=DATE:21270104
RRULE:FREQ=YEARLY
END:VEVENT
END:VCALENDAR
"""


def hsp(home: Path, *words: object) -> Result:
    result = CliRunner().invoke(main, ["--home", str(home), *(str(word) for word in words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def done(home: Path, *words: object) -> str:
    result = hsp(home, *words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(home: Path, *words: object) -> str:
    result = hsp(home, *words)
    assert result.exit_code == 65, result.output
    return result.stderr


@pytest.fixture
def home(house: House) -> Path:
    return house.server.settings.home


def test_a_release_that_is_only_built_is_previewed_over_a_fleet_in_a_file(tmp_path: Path) -> None:
    nowhere, fleet, manifest = tmp_path / "no", tmp_path / "fleet.json", tmp_path / "manifest.json"
    manifest.write_bytes(_manifest().to_bytes())
    said = done(nowhere, "fleet", "synth", "--sites", 30, "--clients", 4, "--zones", 3,
                "--out", fleet)  # fmt: skip
    assert said.startswith("30 sites of 4 clients")
    assert len(FleetFile.from_bytes(fleet.read_bytes()).fleet) == 30
    picture = tmp_path / "preview.svg"
    said = done(nowhere, "rollout", "preview", "app", "2.0", "--fleet", fleet, "--manifest",
                manifest, "--start", "2026-11-02T08:00", "--deadline", "2026-11-03T08:00+07:00",
                "--svg", picture)  # fmt: skip
    assert "of 30 sites cannot meet it" in said
    assert "its turn comes after the deadline" in said
    assert picture.read_text().startswith("<svg ")


def test_a_published_release_is_previewed_over_the_sites_of_the_database(
    house: House, home: Path
) -> None:
    house.sites(3)
    house.estate.publish("2.0")
    assert "0 of 3 sites would never begin" in done(home, "rollout", "preview", PRODUCT, "2.0")


@pytest.mark.parametrize(
    "wrong",
    [("--start", "soon"), ("--deadline", "1999-01-01"), ("--schedule", "no-such"),
     ("--fleet", "no-such.json"), ("--client", "No Name")],
)  # fmt: skip
def test_a_preview_that_makes_no_sense_is_refused(
    house: House, home: Path, wrong: tuple[str, str]
) -> None:
    house.estate.publish("2.0")
    refused(home, "rollout", "preview", PRODUCT, "2.0", *wrong)


def test_simulate_prints_a_row_for_each_schedule_and_draws(tmp_path: Path) -> None:
    picture = tmp_path / "simulation.svg"
    said = done(tmp_path, "rollout", "simulate", "--failure-rate", 0.2, "--sites", 1000,
                "--seeds", 5, "--schedule", "standard", "--schedule", "emergency",
                "--svg", picture)  # fmt: skip
    assert "fails at 20 % of 1,000 sites" in said
    assert [line.split()[0] for line in said.splitlines()[2:4]] == ["standard", "emergency"]
    assert "median" in picture.read_text()
    assert "not 0" in refused(tmp_path, "rollout", "simulate", "--failure-rate", 0, "--sites", 0)


def test_a_calendar_of_holidays_becomes_freezes_once(
    house: House, home: Path, tmp_path: Path
) -> None:
    house.site("shop")
    house.start("2.0", schedule(10_000))
    file = tmp_path / "holidays.ics"
    file.write_text(ICS.replace("2126", "2026").replace("2127", "2027"))
    words = ("freeze", "import", file, "--global", "--reason", "holidays", "--by", "wati")
    assert "--zone" in refused(home, *words)
    assert "1 of 1 freezes are new" in done(home, *words, "--zone", "Asia/Jakarta")
    assert "0 of 1 freezes are new" in done(home, *words, "--zone", "Asia/Jakarta")
    data = catalogue.read_target(house.server.store, plan_path(PRODUCT))
    assert [freeze.name for freeze in RolloutPlan.from_bytes(data).freezes] == ["Year end"]
    assert "Year end" in done(home, "freeze", "list")
    done(home, "freeze", "lift", 1, "--by", "wati", "--reason", "no holidays this year")
    assert "Year end" not in done(home, "freeze", "list")
    changes = done(home, "calendar", "changes")
    assert "freeze announced: Year end" in changes
    assert "no holidays this year" in changes


def test_one_freeze_by_hand_for_a_client(house: House, home: Path) -> None:
    house.site("shop")
    words = ("freeze", "announce", "audit", "--starts", "2026-12-01T08:00", "--hours", 10,
             "--rule", "FREQ=MONTHLY", "--zone", "Asia/Jakarta", "--reason", "audit")  # fmt: skip
    assert "1 of 1 freezes are new for the client warung" in done(
        home, *words, "--client", "warung"
    )
    assert "exactly one" in refused(home, *words)
    assert "exactly one" in refused(home, *words, "--client", "warung", "--global")
    assert "IANA" in refused(home, *words, "--client", "warung", "--zone", "Mars/Phobos")
    assert "duration" in refused(home, *words, "--client", "warung", "--hours", 0)
    assert "13 months" in refused(
        home, *words, "--client", "warung", "--rule", "", "--starts", "2020-01-01T00:00"
    )
    assert hsp(home, *words, "--product", "nothing").exit_code == 66


def test_a_clients_calendar_and_its_address(house: House, home: Path, tmp_path: Path) -> None:
    house.site("shop")
    file = tmp_path / "warung.ics"
    done(home, "calendar", "export", "warung", "--out", file)
    assert Calendar.from_ical(file.read_bytes())["X-WR-CALNAME"] == "Updates at warung"
    assert done(home, "calendar", "export", "warung").startswith("BEGIN:VCALENDAR")
    file.write_text(ICS.replace("2126", "2026").replace("2127", "2027"))
    assert "cutoff" in refused(home, "calendar", "site-toml", file, "--zone", "UTC", "--cutoff", -1)
    address = done(home, "calendar", "subscribe", "warung").strip()
    assert "/v1/clients/warung/calendar.ics?token=hsp-calendar-" in address
    assert done(home, "calendar", "unsubscribe", "warung") == "1 address ended\n"
    assert hsp(home, "calendar", "export", "nobody").exit_code == 66


def test_a_fleet_on_the_terminal_is_json(tmp_path: Path) -> None:
    assert len(json.loads(done(tmp_path, "fleet", "synth", "--sites", 20))["sites"]) == 20
