"""``verify`` sees whatever differs from what was signed; ``repair`` puts it right."""

from pathlib import Path

import pytest

from tests.simulators.debian import DebianSystem, build_deb
from tests.simulators.repository import SimulatedRepository
from tests.simulators.site import PROGRAM, SimulatedSite, program_fields
from tests.simulators.web import Web

FILES = {"app.py": PROGRAM, "data/prices": b"1 2 3", "run.sh": b"#!/bin/sh\n"}


@pytest.fixture
def slot(site: SimulatedSite, repository: SimulatedRepository) -> Path:
    for version in ("1.0", "2.0"):
        files = {**FILES, "only": version.encode()}
        repository.release("notes", version, files, **program_fields())
        repository.roll_out("notes", version)
        site.poll()
    return site.folder / "slots/notes/2.0"


def _tampered(slot: Path) -> None:
    (slot / "app.py").write_bytes(PROGRAM + b"import evil\n")


def _replaced_folder(slot: Path) -> None:
    (slot / "data/prices").unlink()
    (slot / "data").rmdir()
    (slot / "data").symlink_to("/etc")


def _damaged(slot: Path) -> None:
    (slot / "only").write_bytes(b"2.1")


def _mode(slot: Path) -> None:
    (slot / "run.sh").chmod(0o4755)


def _folder(slot: Path) -> None:
    (slot / "only").unlink()
    (slot / "only").mkdir()


def test_what_is_as_signed_is_said_to_be(site: SimulatedSite, slot: Path) -> None:
    result = site.command("verify")
    assert (result.exit_code, result.output) == (0, "notes 2.0 is what was signed.\n")


@pytest.mark.parametrize("damage", [_tampered, _replaced_folder, _damaged, _mode, _folder])
def test_damage_is_seen_and_mended_and_the_program_serves(
    site: SimulatedSite, slot: Path, damage: object
) -> None:
    damage(slot)  # type: ignore[operator]
    found = site.command("verify", "notes")
    assert found.exit_code == 1
    assert str(slot) in found.output
    repaired = site.command("repair", "notes")
    assert repaired.exit_code == 0, repaired.output
    assert site.command("verify").exit_code == 0
    assert site.current() == "2.0"
    site.poll()


def test_what_the_other_slot_has_needs_no_network(
    site: SimulatedSite, slot: Path, web: Web
) -> None:
    _tampered(slot)
    web.requests.clear()
    assert site.command("repair", "notes").exit_code == 0
    assert web.requests == []


def test_a_neighbour_that_is_damaged_too_is_no_source(site: SimulatedSite, slot: Path) -> None:
    _tampered(slot)
    _tampered(slot.with_name("1.0"))
    assert site.command("repair", "notes").exit_code == 0
    assert site.command("verify").exit_code == 0


def test_what_nobody_signed_is_named_and_left(site: SimulatedSite, slot: Path) -> None:
    (slot / "sitecustomize.py").write_text("import evil")
    assert "sitecustomize.py is not in the signed list" in site.command("verify").output
    result = site.command("repair")
    assert "left alone" in result.output
    assert (slot / "sitecustomize.py").exists()


def test_there_is_nothing_to_verify_at_a_new_site(site: SimulatedSite) -> None:
    assert site.command("verify").exit_code == 65


def test_the_files_of_a_package_are_looked_at_and_put_right(
    site: SimulatedSite, repository: SimulatedRepository, tmp_path: Path
) -> None:
    system = DebianSystem(tmp_path / "system").make()
    (site.folder / "agent.toml").write_text(f'dpkg_root = "{system.root}"\n')
    deb = build_deb(tmp_path, "hsp-test", "1.0", {"usr/lib/x/a": b"as it was"})
    install = {"kind": "package", "packages": ["hsp-test"]}
    repository.release("notes", "1.0", {"a.deb": deb}, install=install)
    repository.roll_out("notes", "1.0")
    site.poll()
    (system.root / "usr/lib/x/a").write_bytes(b"tampered!")
    assert "/usr/lib/x/a is not what it brought" in site.command("verify").output
    assert site.command("repair").exit_code == 0
    assert (system.root / "usr/lib/x/a").read_bytes() == b"as it was"
