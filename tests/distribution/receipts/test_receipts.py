"""Receipts that a third party verifies with a site's public key: what holds, and what is found."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner

from distribution import audit
from distribution.cli import main
from distribution.control.rollouts import Word
from distribution.database.tables import Client
from distribution.receipts import export as exports
from distribution.receipts.trusted import TrustedKeys, read_keys
from distribution.receipts.verify import Verified, verify
from distribution.sites import site_identity, site_keys
from manifests import envelope
from manifests.documents import to_json
from manifests.errors import ManifestError
from manifests.install_report import REPORT_TYPE, Phase
from manifests.key_rotation import POSSESSION_TYPE, ROTATION_TYPE, KeyPossession, KeyRotation
from tests.simulators.house import Clock, House, Talker


def hex_of(key: Ed25519PrivateKey) -> str:
    """A public key as people compare it."""
    return envelope.public_hex(key.public_key())


def exported(house: House, *sites: str) -> bytes:
    """A receipts file."""
    with house.database.reading() as session:
        return exports.export(session, sites, None, None).content


def change_key(talker: Talker) -> str:
    """The site gets a new key, as its agent would ask for it; the old one."""
    old, new = talker.key, Ed25519PrivateKey.generate()
    names = {"site_id": talker.site_id, "old_key": hex_of(old), "new_key": hex_of(new)}
    possession = KeyPossession.model_validate(names).to_bytes()
    proof = envelope.seal(possession, POSSESSION_TYPE, CryptoSigner(new)).decode()
    said = KeyRotation.model_validate({**names, "at": talker.now, "proof": proof}).to_bytes()
    sealed = envelope.seal(said, ROTATION_TYPE, CryptoSigner(old))
    site_keys.rotate(talker.server.database, sealed, talker.now)
    talker.key = new
    return hex_of(old)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Three sites: one as it should be, one whose key was changed twice, one of another client."""
    built = House.build(tmp_path_factory.mktemp("receipts"), Clock())
    yield built
    built.database.close()


@pytest.fixture(scope="module")
def shop(house: House) -> Talker:
    """A site with two installs and a failure: seven reports."""
    talker = house.site("shop")
    talker.confirms("1.0")
    talker.fails("2.0")
    talker.confirms("2.1", from_version="1.0")
    talker.report(Phase.DOWNLOADING, "2.2")
    return talker


@pytest.fixture(scope="module")
def ward(house: House) -> Talker:
    """Another client's site."""
    talker = house.site("ward", client_id="klinik")
    talker.confirms("1.0")
    return talker


@pytest.fixture(scope="module")
def file(house: House, shop: Talker) -> bytes:
    """The shop's receipts."""
    return exported(house, shop.site_id)


@pytest.fixture
def trusted(shop: Talker) -> TrustedKeys:
    """The shop's key."""
    return read_keys([hex_of(shop.key)])


def words(found: Verified) -> str:
    """What does not hold."""
    return "\n".join(f"{each.line}: {each.words}" for each in found.findings)


# --- what holds


def test_a_file_holds_with_the_sites_key_alone(file: bytes, trusted: TrustedKeys) -> None:
    found = verify(file, trusted)
    assert found.holds, words(found)
    [run] = found.runs
    assert (run.site_id, run.first, run.last, run.reports) == ("shop", 1, 7, 7)
    assert [(r.version, r.sequence) for r in found.installs] == [("1.0", 2), ("2.1", 6)]


def test_a_file_says_nothing_that_no_site_has_signed(file: bytes) -> None:
    assert b"warung" not in file, "whose site it is, no site has signed"
    assert b"received" not in file, "neither when we got it"


def test_one_key_is_enough_where_changes_of_it_are_signed(house: House) -> None:
    kiosk = house.site("kiosk")
    kiosk.confirms("1.0")
    first = change_key(kiosk)
    kiosk.confirms("2.0")
    second = change_key(kiosk)
    kiosk.confirms("3.0")
    found = verify(exported(house, "kiosk"), read_keys([first]))
    assert found.holds, words(found)
    assert (found.runs[0].last, len(found.installs)) == (6, 3)
    later = verify(exported(house, "kiosk"), read_keys([second]))
    assert f"no given key leads to: {first}" in words(later)


def test_a_site_that_was_enrolled_anew_counts_from_one_by_another_key(house: House) -> None:
    stall = house.site("stall")
    stall.confirms("1.0")
    first = hex_of(stall.key)
    site_identity.revoke(house.database, "stall", Word("rina", "stolen"), stall.now)
    again = house.site("stall")
    again.confirms("2.0")
    file, keys = exported(house, "stall"), [first, hex_of(again.key)]
    found = verify(file, read_keys(keys))
    assert found.holds, words(found)
    assert [(run.first, run.last) for run in found.runs] == [(1, 2), (1, 2)]
    assert "no given key leads to" in words(verify(file, read_keys(keys[:1])))


def test_a_clients_file_needs_the_key_of_each_site_by_name(
    house: House, shop: Talker, ward: Talker, tmp_path: Path
) -> None:
    file = exported(house, "shop", "ward")
    listed = tmp_path / "keys"
    listed.write_text(f"shop {hex_of(shop.key)}\n\nward={hex_of(ward.key)}\n")
    assert verify(file, read_keys([str(listed)])).holds
    found = verify(file, read_keys([f"shop={hex_of(shop.key)}"]))
    assert [each.line for each in found.findings] == [9, 10]
    assert [run.site_id for run in found.runs] == ["shop"]
    swapped = read_keys([f"shop={hex_of(ward.key)}", f"ward={hex_of(shop.key)}"])
    assert len(verify(file, swapped).findings) == 9


# --- what does not

Change = Callable[[list[bytes]], list[bytes]]


def changed(line: bytes, **fields: object) -> bytes:
    """A line that says something else."""
    return to_json({**json.loads(line), **fields})


TAMPERED: dict[str, tuple[Change, str]] = {
    "dropped": (lambda x: x[:4] + x[5:], "5: shop: report 4 is missing"),
    "two dropped": (lambda x: x[:3] + x[5:], "4: shop: reports 3 to 4 are missing"),
    "doubled": (lambda x: [*x[:4], x[3], *x[4:]], "5: shop: report 3 is there twice"),
    "swapped": (lambda x: [*x[:3], x[4], x[3], *x[5:]], "5: shop: report 3 stands behind report 4"),
    "first dropped": (lambda x: x[:1] + x[2:], "1: says runs"),
    "last dropped": (lambda x: x[:7] + x[8:], "1: says runs"),
    "install dropped": (lambda x: x[:-1], "a line is missing that follows from the reports"),
    "install invented": (lambda x: [*x, changed(x[-1], version="9.9")], "nothing that was signed"),
    "install moved": (
        lambda x: [*x[:-1], changed(x[-1], at="2026-01-01T00:00:00+00:00")],
        '10: says at "2026-01-01T00:00:00+00:00", signed is "2026-11-25T02:00:00+00:00"',
    ),
    "failure as success": (
        lambda x: [*x[:4], changed(x[4], phase="confirmed", code=None), *x[5:]],
        '5: says code null, signed is "unhealthy"; says phase "confirmed", signed is "reverted"',
    ),
    "another version": (
        lambda x: [*x[:2], changed(x[2], version="1.1"), *x[3:]],
        '3: says version "1.1", signed is "1.0"',
    ),
    "something added": (
        lambda x: [*x[:2], changed(x[2], client="warung"), *x[3:]],
        '3: says client "warung", signed is null',
    ),
    "a newer format": (lambda x: [changed(x[0], format=2), *x[1:]], "1: says format 2"),
    "spelled otherwise": (
        lambda x: [*x[:2], json.dumps(json.loads(x[2])).encode(), *x[3:]],
        "3: not spelled as it was written",
    ),
    "another kind": (lambda x: [*x, b'{"kind":"promise"}'], "11: a line of no kind that is known"),
    "no JSON": (lambda x: [*x[:3], b"{", *x[4:]], "4: the line is not valid JSON"),
    "no object": (lambda x: [*x, b"[]"], "11: a line of no kind that is known: 'None'"),
    "no envelope": (
        lambda x: [*x[:2], changed(x[2], envelope="{}"), *x[3:]],
        "3: not a DSSE envelope",
    ),
    "no text": (
        lambda x: [*x[:2], changed(x[2], key=7), *x[3:]],
        "3: the line has no text called 'key'",
    ),
    "half a character": (
        lambda x: [*x[:2], b'{"kind":"report","key":"\\ud800"}'],
        "3: the line has no text called 'key'",
    ),
    "half a character said": (
        lambda x: [*x[:2], x[2].replace(b'"version":"1.0"', b'"version":"\\ud800"'), *x[3:]],
        '3: says version "\\ud800", signed is "1.0"',
    ),
    "no head": (lambda x: x[1:], "0: this is not a receipts file"),
    "nothing": (lambda x: [], "0: this is not a receipts file"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_whatever_was_changed_is_named(file: bytes, trusted: TrustedKeys, name: str) -> None:
    change, said = TAMPERED[name]
    lines = change(file.splitlines())
    found = verify(b"".join(line + b"\n" for line in lines), trusted)
    assert not found.holds
    assert said in words(found)


def test_every_byte_counts(house: House, trusted: TrustedKeys, shop: Talker) -> None:
    whole = exported(house, "shop").splitlines(keepends=True)
    small = [whole[1], whole[2], whole[-2]]
    head = {"first": 1, "last": 2, "reports": 2, "site_id": "shop"}
    file = changed(whole[0], runs=[head]) + b"\n" + b"".join(small)
    assert verify(file, trusted).holds
    for place in range(len(file)):
        flipped = bytearray(file)
        flipped[place] ^= 0x20 if place % 2 else 0x01  # another letter's case, another digit
        assert not verify(bytes(flipped), trusted).holds, (place, file[place - 20 : place])
        if place % 20 == 0:
            assert not verify(file[:place] + file[place + 1 :], trusted).holds, place
            assert not verify(file[:place], trusted).holds, place


def test_another_sites_report_is_no_report_of_this_one(
    house: House, shop: Talker, ward: Talker, trusted: TrustedKeys
) -> None:
    ours, theirs = (exported(house, name).splitlines(keepends=True) for name in ("shop", "ward"))
    mixed = b"".join([*ours[:3], theirs[1], *ours[3:]])
    said = words(verify(mixed, trusted))
    assert (
        f"4: ward, report 1: signed by a key that no given key leads to: {hex_of(ward.key)}" in said
    )


def test_a_sites_reports_stand_together(house: House, shop: Talker, ward: Talker) -> None:
    head, one, *rest = exported(house, "shop", "ward").splitlines(keepends=True)
    theirs = [line for line in rest if b'"site_id":"ward"' in line and b"envelope" in line]
    ours = [line for line in rest if line not in theirs]
    keys = read_keys([f"shop={hex_of(shop.key)}", f"ward={hex_of(ward.key)}"])
    found = verify(b"".join([head, one, *theirs, *ours]), keys)
    assert "shop: report 2 stands apart from the site's others" in words(found)


def test_who_has_one_sites_key_cannot_speak_for_another(
    house: House, shop: Talker, ward: Talker
) -> None:
    forged = ward.sealed(shop.document(8, Phase.CONFIRMED, "9.9"), REPORT_TYPE)
    lines = exported(house, "shop").splitlines(keepends=True)
    line = changed(lines[7], envelope=forged.decode(), key=hex_of(ward.key)) + b"\n"
    keys = read_keys([f"shop={hex_of(shop.key)}", f"ward={hex_of(ward.key)}"])
    found = verify(b"".join([*lines[:8], line, *lines[8:]]), keys)
    assert "shop, report 8: signed by a key that no given key leads to" in words(found)
    claimed = changed(lines[7], envelope=forged.decode(), key=hex_of(shop.key)) + b"\n"
    found = verify(b"".join([*lines[:8], claimed, *lines[8:]]), keys)
    assert "not what the key" in words(found)


def test_a_key_that_was_given_up_signs_nothing_more(house: House) -> None:
    booth = house.site("booth")
    booth.confirms("1.0")
    old = booth.key
    first = change_key(booth)
    booth.confirms("2.0")
    lines = exported(house, "booth").splitlines(keepends=True)
    thief = envelope.seal(booth.document(5, Phase.CONFIRMED, "6.6"), REPORT_TYPE, CryptoSigner(old))
    line = changed(lines[5], envelope=thief.decode(), key=first, sequence=5) + b"\n"
    found = verify(b"".join([*lines[:6], line, *lines[6:]]), read_keys([first]))
    assert "booth: report 5 is signed by a key that was given up" in words(found)
    without = verify(b"".join([lines[0], *lines[2:]]), read_keys([first]))
    assert "no given key leads to" in words(without), "the change of keys was left out"
    twice = verify(b"".join([*lines[:2], lines[1], *lines[2:]]), read_keys([first]))
    assert "from or to one that was given up before" in words(twice)


# --- keys


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("00ff", "neither a public key of 64 hex digits nor a file"),
        ("no/such/file", "neither a public key of 64 hex digits nor a file"),
        ("\0", "neither a public key of 64 hex digits nor a file"),
    ],
)
def test_what_is_no_key_is_refused(given: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        read_keys([given])


def test_a_file_without_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n")
    with pytest.raises(ManifestError, match="no public key was given"):
        read_keys([str(tmp_path / "keys")])
    (tmp_path / "keys").write_text("shop is ours\n")
    with pytest.raises(ManifestError, match="'shop is ours' is not a public key"):
        read_keys([str(tmp_path / "keys")])


# --- the commands


def run(*given: str | Path) -> tuple[int, str]:
    """``hsp``, as somebody runs it who has no server."""
    done = CliRunner().invoke(main, ["--home", "/nowhere", *map(str, given)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def test_the_commands_write_a_file_and_verify_it_where_there_is_no_server(
    house: House, shop: Talker, tmp_path: Path
) -> None:
    home, out = house.server.settings.home, tmp_path / "shop.receipts"
    done = CliRunner().invoke(
        main, ["--home", str(home), "receipts", "export", "shop", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert f"shop {hex_of(shop.key)}" in done.output
    status, said = run("receipts", "verify", out, "--key", hex_of(shop.key))
    assert status == 0, said
    assert "shop: 7 reports, number 1 to 7, signed by the site" in said
    assert "Everything in the file follows from what the sites have signed." in said
    out.write_bytes(out.read_bytes().replace(b'"version":"2.1"', b'"version":"2.2"'))
    status, said = run("receipts", "verify", out, "--key", hex_of(shop.key))
    assert status == 1
    assert "THE FILE DOES NOT HOLD" in said
    status, said = run("receipts", "verify", tmp_path / "none", "--key", hex_of(shop.key))
    assert (status, "cannot be read" in said) == (65, True)


def test_an_export_is_of_a_client_a_site_a_month_or_since_a_day(
    house: House, shop: Talker, ward: Talker, tmp_path: Path
) -> None:
    home, out = str(house.server.settings.home), str(tmp_path / "out")

    def export(*given: str) -> tuple[int, str]:
        done = CliRunner().invoke(
            main, ["--home", home, "receipts", "export", *given, "--out", out]
        )
        return done.exit_code, done.output

    assert "2 reports of 1 site" in export("klinik")[1]
    assert "7 reports of 1 site" in export("shop", "--month", "2026-11")[1]
    assert "0 reports of 0 sites" in export("shop", "--month", "2026-10")[1]
    assert "0 reports of 0 sites" in export("shop", "--since", "2026-11-26")[1]
    assert verify(Path(out).read_bytes(), TrustedKeys()).holds, "nothing is said"
    assert export("nobody")[0] == 66
    with house.database.writing() as session:
        session.add(Client(id="toko", created_at=house.clock.now))
        audit.note(session, audit.Deed("ani", "test.do", "toko"), house.clock.now)
    assert export("toko", "--month", "2026-11")[0] == 66
    assert export("shop", "--since", "soon")[0] == 65
    assert export("shop", "--since", "2026-11-01", "--month", "2026-11")[0] == 2


WITHOUT_A_SERVER = """
import runpy, sys
for name in ("sqlmodel", "sqlalchemy", "fastapi", "rich", "babel", "boto3", "pydantic_settings"):
    sys.modules[name] = None
runpy.run_module("distribution.receipts", run_name="__main__")
"""


def test_a_third_party_needs_nothing_that_a_server_needs(
    file: bytes, shop: Talker, tmp_path: Path
) -> None:
    (tmp_path / "shop.receipts").write_bytes(file)
    words = ("verify", str(tmp_path / "shop.receipts"), "--key", hex_of(shop.key))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SERVER, *words],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "shop: installed app 2.1 at 2026-11-25 02:00:00Z by its clock (report 6)" in done.stdout
