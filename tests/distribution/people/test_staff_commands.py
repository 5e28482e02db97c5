"""``hsp staff`` on the server's machine, from the first administrator on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distribution import home
from distribution.cli import main
from distribution.database.sessions import Database
from distribution.people import login, tokens
from distribution.people.limits import Limits
from distribution.people.roles import TABLE, Permission, Role
from distribution.server import utc_now
from distribution.settings import Settings
from tests.simulators.house import House
from tests.simulators.staff import CAST

Hsp = Callable[..., Result]
PASSWORD = "kertas hujan lampu sepeda"


def hsp_of(folder: Path) -> Hsp:
    """``hsp`` over this home."""

    def hsp(*words: object, status: int = 0) -> Result:
        result = CliRunner().invoke(main, ["--home", str(folder), *map(str, words)])
        assert result.exit_code == status, result.output
        return result

    return hsp


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A new server's, which ani has made."""
    settings = Settings(home=tmp_path / "home")
    home.make_home(settings, "", {}, "ani")
    return settings


@pytest.fixture
def hsp(settings: Settings) -> Hsp:
    """Commands on the new server's machine."""
    return hsp_of(settings.home)


def test_the_first_days_of_a_server(hsp: Hsp, settings: Settings) -> None:
    hsp("staff", "add", "budi", "--by", "ani")
    grant = ("staff", "grant", "budi", "security-administrator", "--by", "ani")
    assert "the second one" in hsp(*grant).output
    hsp("staff", "add", "joko", "--by", "budi")
    hsp("staff", "grant", "joko", "approver", "--by", "budi", "--reason", "kasir")
    listed = hsp("staff", "list").output
    assert "approver" in listed
    hsp("staff", "confirm", "joko", "approver", "--by", "budi", status=77)
    hsp("staff", "confirm", "joko", "approver", "--by", "ani")
    hsp("staff", "revoke", "joko", "approver", "--by", "budi")
    hsp("staff", "revoke", "joko", "approver", "--by", "budi", status=66)
    hsp("staff", "disable", "joko", "--reason", "left", "--by", "ani")
    assert "joko" in hsp("staff", "list").output
    token = settings.staff_token_file.read_text().strip()
    database = Database.open(settings)
    person = tokens.person_of(database, token, utc_now())
    database.close()
    assert person.name == "ani"
    assert person.may(Permission.ROLLOUT_START)
    assert not person.may(Permission.ROLLOUT_RESUME)


def test_a_password_and_tokens(
    hsp: Hsp, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSP_STAFF_PASSWORD", PASSWORD)
    hsp("staff", "password", "ani", "--by", "ani")
    database = Database.open(settings)
    now = utc_now()
    opened = login.with_password(database, "ani", PASSWORD, "::1", Limits.of(settings), now)
    assert Role.SECURITY_ADMINISTRATOR in opened.person.roles
    words = ("staff", "token", "make", "ani", "--scope", "metrics.read", "--label", "graphs")
    made = hsp(*words, "--by", "ani").stdout.strip()
    assert tokens.person_of(database, made, now).scope == {Permission.METRICS_READ}
    listed = hsp("staff", "token", "list", "ani").output
    assert "metrics.read" in listed
    assert made not in listed
    number = listed.splitlines()[-1].split()[0]
    hsp("staff", "token", "revoke", number, "--by", "ani")
    hsp("staff", "token", "revoke", number, "--by", "ani", status=65)
    hsp("staff", "token", "make", "ani", "--days", "91", "--by", "ani", status=2)
    database.close()
    monkeypatch.setenv("HSP_STAFF_PASSWORD", "short")
    hsp("staff", "password", "ani", "--by", "ani", status=65)


def test_who_is_nobody_here_gives_no_commands(hsp: Hsp) -> None:
    refused = hsp("staff", "add", "dewi", "--by", "stranger", status=77)
    assert "there is no account 'stranger' here" in refused.output
    hsp("brake", "on", "--global", "--reason", "x", "--by", "stranger", status=77)


@pytest.mark.sqlite_only
def test_a_lost_database_gets_a_first_administrator_again_and_only_then(
    hsp: Hsp, settings: Settings
) -> None:
    hsp("staff", "found", "evil", status=65)
    for file in settings.home.glob("hsp.db*"):
        file.unlink()
    hsp("staff", "found", "budi")
    assert "budi" in hsp("staff", "list").output
    hsp("staff", "add", "dewi", "--by", "budi")


def test_the_table_is_shown(hsp: Hsp) -> None:
    assert "resume a rollout" in hsp("staff", "roles").output
    assert hsp("staff", "roles", "--markdown").output.startswith("| may | release-engineer |")


COMMANDS: dict[Permission, tuple[str, ...]] = {
    Permission.ROLLOUT_START: ("rollout", "start", "app", "9"),
    Permission.ROLLOUT_PAUSE: ("rollout", "pause", "app", "9", "--reason", "x"),
    Permission.ROLLOUT_STOP: ("rollout", "stop", "app", "9", "--reason", "x"),
    Permission.ROLLOUT_RESUME: ("rollout", "resume", "app", "9", "--reason", "x"),
    Permission.ROLLOUT_YES: (
        *("rollout", "approve", "app", "9", "--client", "warung", "--reason", "x"),
    ),
    Permission.HOLD_PUT_ON: ("brake", "on", "--site", "none", "--reason", "x"),
    Permission.HOLD_TAKE_OFF: ("brake", "off", "99", "--reason", "x"),
    Permission.REVIEW_CLOSE: ("review", "close", "99", "--verdict", "x"),
    Permission.SITE_INVITE: (*("site", "invite", "new", "--client", "warung", "--product", "app"),),
    Permission.CALENDAR_SHARE: ("calendar", "subscribe", "nobody"),
    Permission.REPAIR: ("repair", "plan-serial", "app"),
}


def test_a_command_asks_for_the_same_permission_as_its_route(house: House) -> None:
    for permission, words in COMMANDS.items():
        for name in ("budi", "sari", "joko", "wati", "rina"):
            command = ["--home", str(house.server.settings.home), *words, "--by", name]
            status = CliRunner().invoke(main, command).exit_code
            may = bool(set(CAST[name]) & TABLE[permission])
            if permission is Permission.ROLLOUT_START:
                assert status == 66, "there is no such release, whoever asks"
            else:
                assert (status != 77) == may, (permission, name, status)
