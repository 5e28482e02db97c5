"""``hsp status`` warns of what has a quarter of its life left, and says who must act."""

import json
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from distribution import aging
from distribution.cli import main, status
from tests.simulators.house import House


def hsp_status(house: House, monkeypatch: pytest.MonkeyPatch, now: datetime, *words: str) -> Result:
    monkeypatch.setattr(status, "utc_now", lambda: now)
    home = str(house.server.settings.home)
    result = CliRunner().invoke(main, ["--home", home, "status", *words])
    assert result.exit_code == 0, result.output
    return result


def test_what_is_fresh_is_listed_without_a_warning(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = hsp_status(house, monkeypatch, house.clock.now)
    assert "hsp renew root" in shown.stdout
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("role", "who"),
    [("root", "people: hsp renew root"), ("timestamp", "the server's scheduler")],
)
def test_a_quarter_of_its_life_before_it_expires_there_is_a_warning(
    house: House, monkeypatch: pytest.MonkeyPatch, role: str, who: str
) -> None:
    (age,) = [each for each in aging.ages(house.server.store) if each.role == role]
    now = age.expires - age.life / aging.ALARM_AT + timedelta(seconds=1)
    shown = hsp_status(house, monkeypatch, now, "--json")
    (row,) = [each for each in json.loads(shown.stdout) if each["role"] == role]
    assert (row["state"], row["version"]) == ("old", age.version)
    assert row["who_acts"].startswith(who)
    assert role in hsp_status(house, monkeypatch, now).stderr
    shown = hsp_status(house, monkeypatch, age.expires, "--json")
    assert {each["role"]: each["state"] for each in json.loads(shown.stdout)}[role] == "expired"
