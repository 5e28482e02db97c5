"""Every command that changes something leaves its records; one that is in no table fails here."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import pytest

from distribution.audit import publications
from distribution.cli import main
from tests.simulators.deeds import (
    Before,
    braked,
    frozen,
    hsp,
    nothing,
    paused,
    records,
    running,
    shared,
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
    "site invite": (
        nothing,
        "site invite shop-2 --client warung --product app --by ani",
        ("site.invite",),
    ),
    "site revoke": (nothing, "site revoke shop --reason lost --by rina", ("site.revoke",)),
    "review close": (
        *(unreviewed, "review close 1 --by wati --verdict right"),
        ("review.close",),
    ),
    "repair stolen-plan": (
        *(running, "repair stolen-plan app --by tono"),
        ("repair.stolen_plan",),
    ),
    "export-media": (
        *(running, "export-media STICK --site shop --by ani"),
        ("media.export",),
    ),
}
"""What must be there, the command, and what its records are called."""

OTHER_COMMANDS: Mapping[str, str] = {
    "publish": "repository.publish: test_hsp_publish_records_what_it_published",
    "freeze import": "as freeze announce, which has the same code",
    "repair plan-serial": "repair.plan: test_a_repair_is_recorded",
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
    "init": "makes the log; its first record is of who founds the accounts",
}

WRITES_FILES = frozenset(
    (
        *("people add", "people replace", "people revoke", "product add", "product require"),
        *("release build", "release propose", "release withdraw", "renew", "fleet synth"),
        *("audit export", "audit key", "calendar export", "calendar site-toml"),
    )
)
"""Proposals and files: nothing of the server changes before somebody publishes them."""

READS = frozenset(
    (
        *("affected", "audit list", "audit show", "audit verify", "brake list", "freeze list"),
        *("calendar changes", "explain", "product list", "release list", "review list", "sbom"),
        *("rollout preview", "rollout simulate", "rollout status", "schedule", "schema", "serve"),
        *("site list", "site windows", "staff list", "staff roles", "staff token list"),
        *("status", "tickets"),
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
    said = words.replace("STICK", str(tmp_path / "stick")).split()
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
