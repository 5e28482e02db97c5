"""``hsp status`` warns of what has a quarter of its life left, and says who must act.

The roles of emergencies are left to expire, and are listed all the same.
"""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tuf.api.metadata import Metadata

from distribution.cli import main, status
from distribution.repository.commit import commit
from distribution.scheduling import aging
from manifests.target_paths import Lane
from signing import propose, signers
from signing.metadata import add_signature, metadata_key, serialised
from signing.roles import delegations_of
from signing.update_repository import Repository, copied
from tests.simulators.estate import OFFICERS, PASSPHRASE, Estate
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


# --- emergencies

EMERGENCIES = ("hotfixes", "breakglass")


def emergencies(
    house: House, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> dict[str, dict[str, object]]:
    rows = json.loads(hsp_status(house, monkeypatch, now, "--json").stdout)
    return {row["role"]: row for row in rows if row["role"] in EMERGENCIES}


def test_emergencies_roles_are_listed_before_anybody_needs_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = emergencies(house, monkeypatch, house.clock.now)
    assert {row["state"] for row in found.values()} == {"not used yet"}
    assert {row["expires"] for row in found.values()} == {None}
    assert found["hotfixes"]["who_acts"] == (
        "nobody now; the next emergency is signed by 2 of tono, wati"
    )
    shown = hsp_status(house, monkeypatch, house.clock.now)
    assert "1 of tono, wati" in shown.stdout
    assert shown.stderr == ""


def test_an_emergencys_role_expires_on_purpose_and_the_next_one_signs_it_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.estate.publish("1.0", lane=Lane.HOTFIXES)
    later = house.clock.forward(31 * 86400)
    row = emergencies(house, monkeypatch, later)["hotfixes"]
    assert (row["version"], row["state"]) == (1, "left to expire")
    assert datetime.fromisoformat(str(row["expires"])) < later
    assert "hotfixes" not in hsp_status(house, monkeypatch, later).stderr
    assert "hotfixes" not in [age.role for age in aging.ages(house.server.store)], "no alarm"
    house.estate.now = later
    house.estate.publish("1.1", lane=Lane.HOTFIXES)
    row = emergencies(house, monkeypatch, later)["hotfixes"]
    assert (row["version"], row["state"]) == (2, "left to expire")
    assert datetime.fromisoformat(str(row["expires"])) > later


def test_an_emergencys_role_that_too_few_people_hold_is_warned_of(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own commands refuse to make one; another program may have."""
    store, estate = house.server.store, house.estate
    repository = Repository.read(store)
    targets = copied(repository.targets)
    targets.version += 1
    (delegations_of(targets).roles or {})["hotfixes"].keyids.pop()
    metadata = Metadata(targets)
    for person in OFFICERS:
        signer = signers.signer_for(estate.key(person), [estate.public(person)], PASSPHRASE)
        add_signature(metadata, signer)
    store.create(metadata_key("targets", targets.version), serialised(metadata))
    commit(repository, {"targets": targets.version}, estate.online, house.clock.now)
    found = emergencies(house, monkeypatch, house.clock.now)
    assert found["hotfixes"]["state"] == "unusable"
    assert found["hotfixes"]["who_acts"] == "officers: hsp people add; it needs 2 of tono"
    assert found["breakglass"]["state"] == "not used yet"
    told = hsp_status(house, monkeypatch, house.clock.now).stderr
    assert told == "warning: too few people are left to sign: hotfixes\n"


def test_a_repository_that_was_made_without_emergencies_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate = Estate.found(tmp_path)
    public = {name: key.public_key for name, key in estate.online.generations[0]._asdict().items()}
    officers = [estate.public(person) for person in OFFICERS]
    founders = propose.Founders(officers, public["snapshot"], public["timestamp"])
    propose.repository(founders, estate.draft("bare"))
    estate.sign(tmp_path / "proposals" / "bare", *OFFICERS)
    estate.publish_proposal(tmp_path / "proposals" / "bare")
    monkeypatch.setattr(status, "utc_now", lambda: estate.now)
    words = ["--home", str(estate.settings.home), "status", "--json"]
    rows = json.loads(CliRunner().invoke(main, words).stdout)
    assert [row["state"] for row in rows if row["role"] in EMERGENCIES] == ["nobody has it"] * 2
