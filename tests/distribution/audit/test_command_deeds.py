"""Every command that changes something leaves its records; one that is in no table fails here."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from distribution.audit import publications
from distribution.cli import main
from tests.simulators.deeds import (
    Before,
    alarmed,
    braked,
    frozen,
    hsp,
    known,
    mended,
    nothing,
    notified,
    overridden,
    paused,
    records,
    running,
    shared,
    ticketed,
    unreviewed,
)
from tests.simulators.house import PRODUCT, House, Talker
from tests.simulators.insider import tamper


@pytest.fixture
def shop(house: House) -> Talker:
    """A site of the client Warung."""
    return house.site("shop")


COMMANDS: Mapping[str, tuple[Before, str, tuple[str, ...]]] = {
    "rollout pause": (
        *(running, "rollout pause app 2.0 --reason rain --by wati"),
        ("rollout.pause",),
    ),
    "rollout resume": (
        *(paused, "rollout resume app 2.0 --reason sun --by budi"),
        ("rollout.resume",),
    ),
    "rollout stop": (running, "rollout stop app 2.0 --reason rain --by wati", ("rollout.stop",)),
    "rollout recall": (
        *(running, "rollout recall app 2.0 --reason rain --by wati"),
        ("rollout.stop",),
    ),
    "rollout approve": (
        *(running, "rollout approve app 2.0 --client warung --reason telephone --by ani"),
        ("approval.give",),
    ),
    "rollout start": (
        lambda house: house.estate.publish("2.0") and None,
        "rollout start app 2.0 --by sari",
        ("rollout.start",),
    ),
    "brake on": (nothing, "brake on --site shop --reason rain --by joko", ("brake.on",)),
    "brake off": (braked, "brake off 1 --reason sun --by budi", ("brake.off",)),
    "freeze announce": (
        nothing,
        "freeze announce year-end --starts 2026-12-30T00:00 --hours 2 --global --reason books "
        "--by joko",
        ("freeze.announce",),
    ),
    "freeze lift": (frozen, "freeze lift 1 --reason sun --by budi", ("freeze.lift",)),
    "calendar subscribe": (nothing, "calendar subscribe warung --by ani", ("calendar.share",)),
    "calendar unsubscribe": (shared, "calendar unsubscribe warung --by ani", ("calendar.unshare",)),
    "client set": (nothing, "client set warung --language id --by wati", ("client.language",)),
    "site invite": (
        nothing,
        "site invite shop-2 --client warung --product app --by ani",
        ("site.invite",),
    ),
    "site ask": (nothing, "site ask shop verify --reason rain --by joko", ("site.ask",)),
    "site revoke": (nothing, "site revoke shop --reason lost --by rina", ("site.revoke",)),
    "review close": (
        *(unreviewed, "review close 1 --by wati --verdict right"),
        ("review.close",),
    ),
    "repair restored": (
        *(nothing, "repair restored --by tono"),
        ("backup.restore", *("repository.publish",) * 2),
    ),
    "repair ahead": (nothing, "repair ahead --by tono", ("repair.ahead",)),
    "backup": (nothing, "backup STICK --by tono", ("backup.make",)),
    "repair stolen-plan": (
        *(running, "repair stolen-plan app --by tono"),
        ("repair.stolen_plan",),
    ),
    "notify add": (
        nothing,
        "notify add chat https://chat.example/T0 --tier L2 --reason us --by wati",
        ("notify.add",),
    ),
    "notify remove": (
        *(notified, "notify remove 1 --reason us --by wati"),
        ("notify.remove",),
    ),
    "ticket take": (ticketed, "ticket take 1 --by joko", ("ticket.take",)),
    "ticket raise": (ticketed, "ticket raise 1 --reason rain --by joko", ("ticket.raise",)),
    "ticket note": (ticketed, "ticket note 1 rain --by joko", ("ticket.note",)),
    "ticket close": (alarmed, "ticket close 1 --reason sun --by rina", ("ticket.close",)),
    "problem cause": (ticketed, "problem cause 1 rain --by wati", ("problem.cause",)),
    "problem hotfix": (
        *(ticketed, "problem hotfix 1 releases/app/2.1/manifest.json --by wati"),
        ("problem.hotfix",),
    ),
    "problem hand-over": (
        *(ticketed, "problem hand-over 1 --to developers --by wati"),
        ("problem.hand_over",),
    ),
    "hotfix release": (
        *(mended, "hotfix release 1 FIX --by wati"),
        ("repository.publish", "release.publish", "rollout.start", "problem.hotfix"),
    ),
    "known-issue add": (
        ticketed,
        "known-issue add --problem 1 --workaround wait --sentence Wait. --by wati",
        ("known_issue.add",),
    ),
    "known-issue end": (known, "known-issue end K-1 --reason sun --by wati", ("known_issue.end",)),
    "symptoms record": (
        *(nothing, "symptoms record shop --channel chat --sees slow --by joko"),
        ("symptoms.record",),
    ),
    "failure set": (
        nothing,
        "failure set unhealthy --answer-within 30m --sentence en=Wait. --reason rain --by rina",
        ("failure.set",),
    ),
    "failure reset": (
        *(overridden, "failure reset unhealthy --reason sun --by wati"),
        ("failure.reset",),
    ),
    "export-media": (
        *(running, "export-media STICK --site shop --by ani"),
        ("media.export",),
    ),
}
"""What must be there, the command, and what its records are called."""

OTHER_COMMANDS: Mapping[str, str] = {
    "publish": "repository.publish: test_hsp_publish_records_what_it_published",
    "notify test": "notify.test: test_the_commands_add_try_list_and_remove",
    "freeze import": "as freeze announce, which has the same code",
    "repair plan-serial": "repair.plan: test_a_repair_is_recorded",
    "restore": "backup.restore: test_the_gap_is_on_record_and_the_witnesses_alarm_is_explained",
    "import-media": "what sites have signed: evidence itself",
    "release delta": "made and signed by the server, as the scheduler does",
    **{f"staff {verb}": "the tests of people" for verb in ("add", "confirm", "disable", "found")},
    **{f"staff {verb}": "the tests of people" for verb in ("grant", "password", "revoke", "tie")},
    **{f"staff token {verb}": "the tests of people" for verb in ("make", "revoke")},
    **{
        f"drill {name}": "drill.begin, drill.close and keys.*: test_a_drill_is_recorded"
        for name in (
            *("compromised-root", "expiring", "lost-root-key", "planned-rotation"),
            *("stolen-l3-laptop", "stolen-online-key", "stolen-release-key"),
        )
    },
    "database upgrade": "tables and no rows: test_migrations",
    "database downgrade": "the same",
    "init": "makes the log; its first record is of who founds the accounts",
}

WRITES_FILES = frozenset(
    (
        *("people add", "people replace", "people revoke", "product add", "product require"),
        *("release build", "release propose", "release withdraw", "renew", "fleet synth"),
        *("audit export", "audit key", "calendar export", "calendar site-toml"),
        *("client report", "receipts export", "hotfix draft"),
    )
)
"""Proposals and files: nothing of the server changes before somebody publishes them."""

READS = frozenset(
    (
        *("database status", "doctor", "plan"),
        *("affected", "audit list", "audit show", "audit verify", "brake list", "freeze list"),
        *("calendar changes", "explain", "product list", "release list", "review list", "sbom"),
        *("rollout preview", "rollout simulate", "rollout status", "schedule", "schema", "serve"),
        *("notify list", "receipts verify"),
        *("site diagnostics", "site steps"),
        *("site list", "site windows", "staff list", "staff roles", "staff token list"),
        *("status", "tickets", "ticket show", "desk queue", "problem sites", "symptoms list"),
        *("known-issue list", "failure list"),
    )
)


def leaves(command: click.Command, *words: str) -> Iterator[str]:
    """The names of all commands."""
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, *words, name)
    else:
        yield " ".join(words)


def test_every_command_is_in_a_table() -> None:
    assert sorted(leaves(main)) == sorted([*COMMANDS, *OTHER_COMMANDS, *WRITES_FILES, *READS])


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_leaves_its_records(house: House, name: str, tmp_path: Path) -> None:
    prepare, words, actions = COMMANDS[name]
    prepare(house)
    before = records(house.database)
    fix = house.estate.folder / "proposals" / "fix"
    said = words.replace("STICK", str(tmp_path / "stick")).replace("FIX", str(fix)).split()
    hsp(house, *said)
    new = records(house.database)[len(before) :]
    assert tuple(record.action for record in new) == actions
    who = said[said.index("--by") + 1]
    assert {record.actor for record in new} == {who}


def test_hsp_publish_records_what_it_published(house: House) -> None:
    estate = house.estate
    publications.record(house.database, house.server.store, "before", house.clock.now)
    proposal = estate.propose(estate.build("2.0"))
    estate.sign(proposal, "sari", "joko")
    before = records(house.database)
    hsp(house, "publish", str(proposal), "--by", "ani")
    new = records(house.database)[len(before) :]
    assert {record.actor for record in new} == {"ani"}
    assert new[0].action == "repository.publish"
    hsp(house, "publish", str(proposal), "--by", "ani")
    assert len(records(house.database)) == len(before) + len(new), "again, and nothing is new"


def test_a_repair_is_recorded(house: House) -> None:
    running(house)
    house.tick()
    tamper(house.database, "DELETE FROM planrow")
    before = records(house.database)
    hsp(house, "repair", "plan-serial", PRODUCT, "--by", "tono")
    [record] = records(house.database)[len(before) :]
    assert (record.action, record.actor) == ("repair.plan", "tono")


def test_a_drill_is_recorded(house: House) -> None:
    before = records(house.database)
    hsp(house, "drill", "planned-rotation", "--by", "rina")
    assert len(records(house.database)) == len(before), "looking changes nothing"
    hsp(house, "drill", "planned-rotation", "--yes", "--by", "rina")
    new = records(house.database)[len(before) :]
    assert [record.action for record in new] == ["drill.begin", "keys.make_next"]
