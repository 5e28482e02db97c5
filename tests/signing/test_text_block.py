"""Proposals and signatures as text: what mail and fingers do to it, and what is refused."""

import random
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import assume, given
from hypothesis import strategies as st

from manifests.documents import to_json
from manifests.target_paths import Lane
from signing import carrying, ceremony, text_block
from signing.cli import main
from signing.errors import (
    AlreadyThere,
    ForeignRepository,
    Garbled,
    MissingSignatures,
    NotStored,
    SigningError,
    StaleProposal,
    Tampered,
    TooLargeForText,
)
from signing.proposal import Proposal
from signing.text_block import Block, Cargo
from tests.simulators.estate import Estate

REPOSITORY = "0123456789abcdef"
SOME = {"proposal.json": b"{}\n", "targets/a/b.bin": bytes(range(256)), "empty": b""}
WHERE = Path("/nowhere")
Lines = list[str]


@pytest.fixture
def proposal(estate: Estate) -> Path:
    """A second release, so that there is a base with one release in it."""
    estate.publish("1.0")
    return estate.propose(estate.build("2.0"))


def files_of(folder: Path) -> dict[str, bytes]:
    found = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in found}


def text_of(folder: Path) -> str:
    return carrying.as_text(Proposal.read(folder))


def received(estate: Estate, text: str | bytes, name: str = "received") -> Path:
    """Take in a block as ``hsp-sign import`` does."""
    source, folder = estate.folder / "text.txt", estate.folder / name
    source.write_bytes(text.encode() if isinstance(text, str) else text)
    ceremony.receive(source, folder, estate.now)
    return folder


def refused(estate: Estate, text: str | bytes, kind: type[SigningError], match: str | None) -> None:
    """Nothing is accepted, and nothing is left."""
    before = set(estate.folder.iterdir()) | {estate.folder / "text.txt"}
    with pytest.raises(kind, match=match):
        received(estate, text)
    assert set(estate.folder.iterdir()) == before


def sample(cargo: Cargo = Cargo.PROPOSAL) -> str:
    return text_block.to_text(Block(cargo, REPOSITORY, {"noise": random.Random(1).randbytes(200)}))


def read(lines: Lines) -> Block:
    return text_block.from_text("\n".join(lines).encode())


# --- there and back


@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,9}(/[a-z0-9.]{1,9}x){0,3}", fullmatch=True), st.binary()
    ),
    st.sampled_from(Cargo),
)
def test_what_goes_in_comes_out(files: dict[str, bytes], cargo: Cargo) -> None:
    files = {name: data for name, data in files.items() if "/." not in name}
    block = Block(cargo, REPOSITORY, files)
    text = text_block.to_text(block)
    assert text_block.from_text(text.encode()) == block
    assert text_block.to_text(Block(cargo, REPOSITORY, dict(reversed(files.items())))) == text
    assert max(len(line) for line in text.splitlines()) <= 72
    assert text.isascii()


@given(st.data())
def test_one_wrong_letter_is_found_and_its_line_is_named(data: st.DataObject) -> None:
    lines = sample().splitlines()
    number = data.draw(st.integers(1, len(lines) - 2))
    at = data.draw(st.integers(len(str(number)), len(lines[number]) - 1))
    letter = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567 0189*"))
    before = "".join(lines[number].split())
    lines[number] = lines[number][:at] + letter + lines[number][at + 1 :]
    assume("".join(lines[number].split()) != before)
    with pytest.raises(Garbled, match=f"line {number} of the block"):
        read(lines)


@pytest.mark.parametrize(
    "happens",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "".join(f"> {line}\n" for line in text.splitlines()),
        lambda text: "".join(f">> > {line}  \n" for line in text.splitlines()),
        lambda text: "".join(f"\t   {line}\n\n" for line in text.splitlines()),
        lambda text: text.replace(" ", "  ").lower(),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: text.replace("-----", "\u2014\u2014-"),
        lambda text: f"\ufeff{text}",
        lambda text: f"Dear Ani,\nplease sign:\n\n{text}\n--\nBudi\nHSP, 0123456789\n",
        lambda text: text.rstrip("\n"),
        lambda text: "".join(f"00{n}"[-3:] + line[len(str(n)):] + "\n" if 0 < n < 9 else f"{line}\n"
                             for n, line in enumerate(text.splitlines())),
    ],
)  # fmt: skip
def test_what_mail_and_clipboards_do_does_no_harm(happens: Callable[[str], str]) -> None:
    text = sample()
    assert len(text.splitlines()) == 10
    assert text_block.from_text(happens(text).encode()) == text_block.from_text(text.encode())


def test_a_proposal_travels_as_text(estate: Estate, proposal: Path) -> None:
    estate.sign(proposal, "sari")
    (proposal / "notes.txt").write_text("not part of it")
    folder = received(estate, text_of(proposal))
    (proposal / "notes.txt").unlink()
    assert files_of(folder) == files_of(proposal)
    assert text_of(folder) == text_of(proposal)
    estate.sign(folder, "joko")
    estate.publish_proposal(folder)


@pytest.mark.parametrize("name", ["repository", "product-app"])
def test_officers_proposals_travel_as_text(estate: Estate, name: str) -> None:
    folder = estate.folder / "proposals" / name
    assert files_of(received(estate, text_of(folder))) == files_of(folder)


def test_signatures_travel_back_as_a_few_lines(estate: Estate, proposal: Path) -> None:
    texts = []
    for person in ("sari", "joko"):
        copy = received(estate, text_of(proposal), f"offline-{person}")
        estate.sign(copy, person)
        texts.append(estate.folder / f"{person}.txt")
        texts[-1].write_text(carrying.signatures_as_text(Proposal.read(copy)))
        assert len(texts[-1].read_text().splitlines()) <= 10
    with pytest.raises(MissingSignatures, match="have 1 of 2, signed by sari"):
        ceremony.finish(proposal, texts[:1], estate.now)
    assert ceremony.finish(proposal, texts, estate.now).complete
    estate.publish_proposal(proposal)


def test_signatures_come_in_a_folder_a_whole_block_and_a_few_lines(
    estate: Estate, tmp_path: Path
) -> None:
    """A new repository has two roles: both lots of signatures are in one block."""
    other = Estate.found(tmp_path / "other")
    proposal = other.folder / "proposals" / "repository"
    folder = received(other, text_of(proposal), "ani")
    other.sign(folder, "ani")
    whole, few = other.folder / "whole.txt", other.folder / "few.txt"
    whole.write_text(text_of(folder))
    copy = received(other, text_of(proposal), "budi")
    other.sign(copy, "budi")
    few.write_text(carrying.signatures_as_text(Proposal.read(copy)))
    assert ceremony.finish(proposal, [whole, few, folder], other.now).complete
    other.publish_proposal(proposal)


# --- blocks that did not arrive as they were sent


def test_a_line_that_is_not_as_it_was_sent_is_named() -> None:
    lines = sample().splitlines()
    for number in range(1, 9):
        without = [*lines[:number], *lines[number + 1 :]]
        with pytest.raises(Garbled, match=r"is missing|at the block's end"):
            read(without)
        with pytest.raises(Garbled, match=f"line {number} of the block is there twice"):
            read([*lines[: number + 1], *lines[number:]])
        with pytest.raises(Garbled, match=f"line {number} of the block is not whole"):
            read([*lines[:number], f"{number} ", *lines[number + 1 :]])
        cut_short = lines[number].rpartition(" ")[0]
        with pytest.raises(Garbled, match=f"line {number} of the block is mistyped"):
            read([*lines[:number], cut_short, *lines[number + 1 :]])
    with pytest.raises(Garbled, match="line 2 of the block is missing: line 3 stands there"):
        read([*lines[:2], lines[3], lines[2], *lines[4:]])
    with pytest.raises(Garbled, match="line 2 of the block begins with 'THIS'"):
        read([*lines[:2], "this was never in it", *lines[2:]])


def test_a_line_of_another_block_is_named() -> None:
    """Its own number and its own check: but the check is over all lines so far."""
    other = Block(Cargo.PROPOSAL, REPOSITORY, {"noise": random.Random(2).randbytes(200)})
    lines = sample().splitlines()
    lines[4] = text_block.to_text(other).splitlines()[4]
    with pytest.raises(Garbled, match="line 4 of the block is mistyped or was changed"):
        read(lines)


@pytest.mark.parametrize("kept", range(1, 10))
def test_a_block_that_was_cut_off_says_where(kept: int) -> None:
    lines = sample().splitlines()[:kept]
    with pytest.raises(Garbled, match="it has no END line") as told:
        read(lines)
    assert kept == 1 or f"{lines[-1][:12]!r}" in told.value.message


def test_lines_that_are_missing_before_the_end_are_missed() -> None:
    lines = sample().splitlines()
    with pytest.raises(Garbled, match="lines are missing at the block's end"):
        read([*lines[:-2], lines[-1]])


def test_two_blocks_in_one_text() -> None:
    one, other = sample().splitlines(), sample(Cargo.SIGNATURES).splitlines()
    with pytest.raises(Garbled, match="several blocks"):
        read([*one, *other])
    with pytest.raises(Garbled, match="several blocks"):
        read([*one[:4], *other])
    with pytest.raises(Garbled, match="several blocks"):
        read([*one[:4], *other[:4]])
    with pytest.raises(Garbled, match="begins as one and ends as another"):
        read([*one[:-1], other[-1]])


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\x00", b"-----BEGIN PGP MESSAGE-----\n"])
def test_a_text_without_a_block(text: bytes) -> None:
    with pytest.raises(NotStored, match="no block"):
        text_block.from_text(text)


# --- blocks that somebody made


def made(plain: bytes, packed: bytes | None = None) -> bytes:
    """A block of anything, with correct numbers and checks."""
    lines = text_block._lines(zlib.compress(plain) if packed is None else packed)
    edges = sample().splitlines()
    return "\n".join([edges[0], *lines, edges[-1]]).encode()


def listed(*entries: tuple[str, object], more: bytes = b"") -> bytes:
    files = [{"path": path, "size_bytes": size} for path, size in entries]
    return to_json({"files": files, "format": 1}) + b"\n" + more


@pytest.mark.parametrize(
    ("plain", "match"),
    [
        (b"", "list of files"),
        (b"{}\n", "list of files"),
        (b"[" * 100_000, "list of files"),
        (listed(("../x", 0)), "cannot be the name of a file"),
        (listed(("/etc/passwd", 0)), "cannot be the name of a file"),
        (listed((".hidden", 0)), "cannot be the name of a file"),
        (listed(("a//b", 0)), "cannot be the name of a file"),
        (listed(("a", -1)), "list of files"),
        (listed(("a", 2**70)), "list of files"),
        (listed(("a", "1"), more=b"x"), "list of files"),
        (listed(("a", 1)), "not those that its list names"),
        (listed(("a", 1), more=b"xx"), "not those that its list names"),
        (listed(("a", 1), ("a", 1), more=b"xy"), "not those that its list names"),
        (listed(("b", 1), ("a", 1), more=b"xy"), "not those that its list names"),
        (listed(("a", 0)).replace(b'"format":1', b'"format":1,"x":2'), "not those that its list"),
        (listed(("a", 0)).replace(b'"format":1', b'"format":2'), "this program reads up to 1"),
        (listed(*((f"a{n}", 0) for n in range(1001))), "list of files"),
    ],
)
def test_a_list_of_files_that_is_not_as_it_should_be(plain: bytes, match: str) -> None:
    with pytest.raises(Garbled, match=match):
        text_block.from_text(made(plain))


def test_bombs_end_at_the_limit() -> None:
    most = text_block.MAX_UNPACKED_BYTES
    for bomb in (bytes(64 * most), listed(("a", most), more=bytes(most))):
        with pytest.raises(TooLargeForText, match=f"more than {most} bytes"):
            text_block.from_text(made(bomb))
    with pytest.raises(TooLargeForText, match="as no block needs"):
        text_block.from_text(sample().encode() + b" " * text_block.MAX_TEXT_BYTES)


def test_what_is_not_packed_as_it_should_be() -> None:
    packed = zlib.compress(listed(("a", 1), more=b"x"))
    assert text_block.from_text(made(b"", packed)).files == {"a": b"x"}
    with pytest.raises(Garbled, match="goes on after its end"):
        text_block.from_text(made(b"", packed + b"more"))
    with pytest.raises(Garbled, match="lines are missing"):
        text_block.from_text(made(b"", packed[:-1]))
    with pytest.raises(Garbled, match="cannot be unpacked"):
        text_block.from_text(made(b"", b"not zlib"))


def test_the_largest_block_there_is() -> None:
    noise = random.Random(3).randbytes(text_block.MAX_PACKED_BYTES - 200)
    block = Block(Cargo.PROPOSAL, REPOSITORY, {"noise": noise})
    text = text_block.to_text(block)
    assert len(text.splitlines()) == 7491
    assert text_block.from_text(f"> {text}".replace("\n", "\r\n> ").encode()) == block
    with pytest.raises(TooLargeForText, match="262144 compressed") as told:
        text_block.to_text(Block(Cargo.PROPOSAL, REPOSITORY, {"noise": noise + bytes(range(250))}))
    assert "export PROPOSAL --to" in told.value.hint


# --- proposals that are not to be accepted


def test_a_release_with_large_files_goes_by_stick(estate: Estate, tmp_path: Path) -> None:
    noise = random.Random(4).randbytes(300_000)
    large = estate.propose(estate.build("3.0", {"app.bin": noise}))
    with pytest.raises(TooLargeForText, match="262144 compressed") as told:
        text_of(large)
    assert "--to" in told.value.hint
    file = next(large.rglob("*.zst"))
    with file.open("ab") as opened:
        opened.truncate(5_000_000_000)  # a file with a hole: nobody reads it
    with pytest.raises(TooLargeForText, match=r"app-3\.0\.tar\.zst.*4194304 bytes"):
        text_of(large)


def test_a_stale_block_is_refused_as_a_folder_is(estate: Estate, proposal: Path) -> None:
    text = text_of(proposal)
    estate.now += timedelta(days=91)
    refused(estate, text, StaleProposal, "app 2 has expired")


def test_every_file_of_a_block_is_held_to_what_is_signed(estate: Estate, proposal: Path) -> None:
    whole, sound = text_block.from_text(text_of(proposal).encode()), text_of(proposal)

    def changed(**files: bytes | None) -> str:
        new = {**whole.files, **{name: data for name, data in files.items() if data is not None}}
        for name, data in files.items():
            if data is None:
                del new[name]
        return text_block.to_text(Block(whole.cargo, whole.repository, new))

    assert changed() == sound
    for name, data in whole.files.items():
        refused(estate, changed(**{name: None}), SigningError, None)
        refused(estate, changed(**{name: data[:-1]}), SigningError, None)
    artifact = next(name for name in whole.files if name.endswith(".zst"))
    refused(estate, changed(**{artifact: None}), Tampered, f"the block/{artifact} is missing, or")
    refused(estate, changed(**{"targets/x": b""}), Tampered, "does not need: targets/x")
    refused(estate, changed(**{"metadata/x.json": b""}), Tampered, "does not speak of: x.json")
    refused(estate, changed(**{"proposal.json/x": b""}), SigningError, "cannot be written")
    refused(estate, changed(**{"x" * 300: b""}), SigningError, "cannot be written")
    assert received(estate, sound).is_dir()


def test_a_block_says_truly_which_repository_it_is_for(estate: Estate, proposal: Path) -> None:
    identity = Proposal.read(proposal).identity[:16]
    text = text_of(proposal).replace(identity, "f" * 16)
    refused(estate, text, ForeignRepository, f"says .* ffffffffffffffff, and its .* {identity}")


def test_a_folder_that_exists_is_left_alone(estate: Estate, proposal: Path) -> None:
    before = files_of(proposal)
    with pytest.raises(AlreadyThere, match="exists already"):
        received(estate, text_of(proposal), str(proposal.relative_to(estate.folder)))
    assert files_of(proposal) == before


def test_signatures_are_no_proposal(estate: Estate, proposal: Path) -> None:
    with pytest.raises(MissingSignatures, match="nobody has signed"):
        carrying.signatures_as_text(Proposal.read(proposal))
    estate.sign(proposal, "sari")
    text = carrying.signatures_as_text(Proposal.read(proposal))
    refused(estate, text, NotStored, "has only signatures")


def test_signatures_that_are_not_of_this_proposal(
    estate: Estate, proposal: Path, tmp_path: Path
) -> None:
    estate.sign(proposal, "sari")
    source = tmp_path / "signatures.txt"

    def finish(other: Path, kind: type[SigningError], match: str) -> None:
        before = files_of(proposal)
        source.write_text(carrying.signatures_as_text(Proposal.read(other)))
        with pytest.raises(kind, match=match):
            ceremony.finish(proposal, [source], estate.now)
        assert files_of(proposal) == before

    twin = estate.propose(estate.build("3.0"))
    estate.sign(twin, "joko")
    finish(twin, Tampered, "the signature of joko on app is not of these contents")
    hotfix = estate.propose(estate.build("4.0"), Lane.HOTFIXES)
    estate.sign(hotfix, "tono")
    finish(hotfix, Tampered, r"signs metadata/hotfixes\.json, which .* does not have")
    stranger = Estate.create(tmp_path / "stranger")
    foreign = stranger.propose(stranger.build("2.0"))
    stranger.sign(foreign, "joko")
    finish(foreign, ForeignRepository, "is for the repository")


SIGNED = {"keyid": "a", "sig": "00"}


NO_SIGNATURES: list[tuple[object, str]] = [
    ({"signatures": [], "signed": {}}, "more in it than signatures"),
    ({}, "more in it than signatures"),
    ({"signatures": 1}, "is not TUF metadata"),
    ({"signatures": [{}]}, "is not TUF metadata"),
    ({"signatures": [SIGNED, SIGNED]}, "Multiple signatures"),
    ({"signatures": [SIGNED]}, "a signature of a key that may not sign it"),
    ([], "a JSON object is expected"),
]


def test_signatures_that_are_none(estate: Estate, proposal: Path) -> None:
    repository = Proposal.read(proposal).identity[:16]
    source = estate.folder / "signatures.txt"
    for plain, match in NO_SIGNATURES:
        block = Block(Cargo.SIGNATURES, repository, {"metadata/app.json": to_json(plain)})
        source.write_text(text_block.to_text(block))
        with pytest.raises(Tampered, match=match):
            ceremony.finish(proposal, [source], estate.now)


# --- the commands


def hsp_sign(*words: str | Path, stdin: str = "", status: int = 0) -> Result:
    result = CliRunner().invoke(main, [str(word) for word in words], input=stdin)
    assert result.exit_code == status, result.output
    return result


def test_a_machine_with_only_a_clipboard(
    estate: Estate, proposal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(estate.folder)
    monkeypatch.setenv("HSP_PASSPHRASE", "a passphrase for tests")
    shown = hsp_sign("export", proposal, "--text", "-")
    assert shown.stdout.startswith("-----BEGIN HSP PROPOSAL FOR REPOSITORY ")
    assert "There: hsp-sign import" in shown.stderr
    said = hsp_sign("import", "-", "--to", "offline", stdin=shown.stdout).stdout
    assert "release app 2.0, proposed by the tests" in said
    assert "hsp-sign sign offline --key" in said
    for person in ("sari", "joko"):
        hsp_sign("sign", "offline", "--key", estate.key(person), "--yes")
    back = hsp_sign("export", "offline", "--signatures", "--text", "-").stdout
    said = hsp_sign("finish", proposal, "-", stdin=f"> {back}".replace("\n", "\n> ")).stdout
    assert "It is complete" in said
    estate.publish_proposal(proposal)


def test_a_machine_with_a_stick(
    estate: Estate, proposal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(estate.folder)
    assert "hsp-sign import stick/p --to" in hsp_sign("export", proposal, "--to", "stick/p").stdout
    hsp_sign("import", "stick/p", "--to", "offline")
    estate.sign(Path("offline"), "sari", "joko")
    hsp_sign("export", "offline", "--to", "stick/back")
    hsp_sign("finish", proposal, "stick/back")
    estate.publish_proposal(proposal)


REFUSED = [
    ("export p", 2, "say either"),
    ("export p --to x --text y", 2, "say either"),
    ("export p --to x --signatures", 2, "come as text"),
    ("export p --to p", 65, "exists already"),
    ("export p --text text", 65, "exists already"),
    ("export p --text text/x", 65, "cannot be written"),
    ("export p --signatures --text x", 77, "nobody has signed"),
    ("export nothing --text x", 66, "is not a proposal"),
    ("import nothing --to x", 66, "nothing cannot be read"),
    ("import text --to x", 66, "text: there is no block in the text"),
    ("import - --to x", 66, "what you pasted: there is no block in the text"),
    ("import builds --to x", 66, "is not a proposal"),
    ("finish p nothing", 66, "nothing cannot be read"),
]


def test_what_the_commands_refuse(
    estate: Estate, proposal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(estate.folder)
    proposal.rename("p")
    Path("text").write_text("no block")
    for line, status, match in REFUSED:
        assert match in hsp_sign(*line.split(), status=status).output
        assert not Path("x").exists()


def test_what_was_tampered_with_is_not_given_away(estate: Estate, proposal: Path) -> None:
    file = next(proposal.rglob("*.zst"))
    file.write_bytes(file.read_bytes()[:-1])
    out = estate.folder / "out"
    for way in ("--to", "--text"):
        assert "not what is signed" in hsp_sign("export", proposal, way, out, status=65).stderr
        assert not out.exists()
    assert "not what is signed" in hsp_sign("import", proposal, "--to", out, status=65).stderr
    assert not out.exists()
