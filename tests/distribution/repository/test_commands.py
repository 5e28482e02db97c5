"""``hsp`` and ``hsp-sign`` on a command line: from an empty folder to a published release."""

import json
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distribution.cli import main as hsp
from distribution.server import online_passphrase
from distribution.settings import Settings
from signing import signers
from signing.cli import main as hsp_sign
from tests.simulators.builder import BUILDER, sbom, statement, tar_of, written

Run = Callable[..., Result]

DESCRIPTION = """
product = "kasir"
version = "2.1.0"
severity = "important"
fixed_cves = ["CVE-2026-1234"]
notes = "cheaper coffee"

[install]
kind = "slot"

[install.service]
kind = "program"
command = ["python3", "serve.py"]
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in an empty folder; it must end with ``status``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSP_PASSPHRASE", "correct horse")
    for name in ("HSP_HOME", "HSP_ONLINE_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)

    def _run(program: str, *arguments: str, status: int = 0, stdin: str = "") -> Result:
        command = hsp if program == "hsp" else hsp_sign
        result = CliRunner().invoke(command, arguments, input=stdin)
        assert result.exit_code == status, result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result

    return _run


@pytest.fixture
def keys(run: Run) -> None:
    """Everybody's keys."""
    for person in ("ani", "budi", "sari", "joko", "tono", "wati"):
        run("hsp-sign", "keygen", person, "--out", "keys")


@pytest.fixture
def repository(run: Run, keys: None) -> None:
    """A repository with the product kasir."""
    run("hsp", "init", *_options("officer", "ani", "budi"), *_options("hotfix", "tono", "wati"))
    _sign_and_publish(run, "hsp-home/proposals/repository", "ani", "budi")
    run(
        "hsp", "product", "add", "kasir", *_options("author", "sari"), *_options("approver", "joko")
    )
    _sign_and_publish(run, "hsp-home/proposals/product-kasir", "ani", "budi")


def _options(name: str, *people: str) -> list[str]:
    return [part for person in people for part in (f"--{name}", f"keys/{person}.pub")]


def _sign_and_publish(run: Run, proposal: str, *people: str) -> Result:
    for person in people:
        run("hsp-sign", "sign", proposal, "--key", f"keys/{person}.key", "--yes")
    return run("hsp", "publish", proposal)


@pytest.fixture
def built(run: Run) -> str:
    """A release as ``hsp release build`` writes it."""
    Path("app").mkdir()
    Path("app/serve.py").write_text("print('coffee')\n")
    Path("release.toml").write_text(DESCRIPTION)
    told = run(
        "hsp", "release", "build", "app", "--description", "release.toml",
        "--pace", "standard", "--out", "build/kasir-2.1.0", "--issued-at", "2026-03-01T08:00:00Z",
    )  # fmt: skip
    assert "built kasir 2.1.0 into build/kasir-2.1.0" in told.stdout
    assert "kasir-2.1.0.tar.zst: 1 file" in told.stdout
    return "build/kasir-2.1.0"


def test_the_release_engineers_first_five_minutes(run: Run, repository: None, built: str) -> None:
    """As README.md tells it."""
    told = run(
        "hsp-sign", "propose", built, "--repository", "hsp-home/repository",
        "--out", "proposals/kasir", "--by", "sari",
    )  # fmt: skip
    assert "release kasir 2.1.0, proposed by sari" in told.stdout
    assert "proposals/kasir is ready to be signed by sari, joko" in told.stdout
    told = run("hsp-sign", "sign", "proposals/kasir", "--key", "keys/sari.key", stdin="y\n")
    for words in ("fixes CVE-2026-1234", "starts: python3 serve.py", "notes: cheaper coffee"):
        assert words in told.stdout
    assert "have 1 of 2, signed by sari; can still sign: joko" in told.stdout
    run("hsp-sign", "sign", "proposals/kasir", "--key", "keys/joko.key", "--yes")
    told = run("hsp-sign", "finish", "proposals/kasir")
    assert "It is complete. Next: hsp publish proposals/kasir" in told.stdout
    told = run("hsp", "publish", "proposals/kasir")
    assert "published releases/kasir/2.1.0/manifest.json (kasir 1)" in told.stdout
    told = run("hsp", "publish", "proposals/kasir")
    assert "is published already; nothing was done" in told.stdout
    told = run("hsp", "release", "list", "kasir")
    assert "important" in told.stdout
    assert "releases/kasir/2.1.0/manifest.json" in told.stdout


def test_a_hotfix_goes_the_same_way_by_other_hands(run: Run, repository: None, built: str) -> None:
    run("hsp", "release", "propose", built, "--lane", "hotfixes", "--out", "proposals/fix")
    told = run("hsp-sign", "sign", "proposals/fix", "--key", "keys/sari.key", "--yes", status=77)
    assert "may not sign this: it is no key of tono, wati" in told.stderr
    _sign_and_publish(run, "proposals/fix", "tono", "wati")
    assert "hotfixes/kasir/2.1.0/manifest.json" in run("hsp", "release", "list").stdout


def test_whoever_says_no_has_signed_nothing(run: Run, repository: None, built: str) -> None:
    run("hsp", "release", "propose", built, "--out", "p")
    run("hsp-sign", "sign", "p", "--key", "keys/sari.key", stdin="n\n", status=1)
    told = json.loads(run("hsp-sign", "status", "p", "--json").stdout)
    assert told["roles"][0]["signed_by"] == []
    assert told["complete"] is False


def test_copies_on_sticks_are_put_together(run: Run, repository: None, built: str) -> None:
    run("hsp", "release", "propose", built, "--out", "p")
    for person in ("sari", "joko"):
        shutil.copytree("p", f"stick-{person}")
        run("hsp-sign", "sign", f"stick-{person}", "--key", f"keys/{person}.key", "--yes")
    told = run("hsp-sign", "finish", "p", "stick-sari", status=77)
    assert "have 1 of 2, signed by sari" in told.stderr
    run("hsp-sign", "finish", "p", "stick-sari", "stick-joko")
    run("hsp", "publish", "p")


# --- the home


def test_what_init_leaves_behind(run: Run, keys: None, tmp_path: Path) -> None:
    run("hsp", "init", *_options("officer", "ani", "budi"), "--set", "poll_seconds=30")
    home = tmp_path / "hsp-home"
    secrets = [
        "staff.token",
        *(f"keys/online/{n}.key" for n in ("snapshot", "timestamp", "rollouts")),
    ]
    for name in (*secrets, "keys/online/passphrase"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    settings = Settings.load(home)
    assert settings.poll_seconds == 30
    assert online_passphrase(settings) == (home / "keys/online/passphrase").read_text().strip()


def test_an_operators_own_passphrase_is_not_written_down(
    run: Run, keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HSP_ONLINE_PASSPHRASE", "from the secret store")
    run("hsp", "init", *_options("officer", "ani", "budi"))
    assert not Path("hsp-home/keys/online/passphrase").exists()
    _sign_and_publish(run, "hsp-home/proposals/repository", "ani", "budi")
    monkeypatch.setenv("HSP_ONLINE_PASSPHRASE", "something else")
    told = run("hsp", "publish", "hsp-home/proposals/repository", status=78)
    assert "the passphrase does not open" in told.stderr
    monkeypatch.delenv("HSP_ONLINE_PASSPHRASE")
    monkeypatch.setenv("HSP_ONLINE_PASSPHRASE_FILE", "credential")
    told = run("hsp", "publish", "hsp-home/proposals/repository", status=78)
    assert "credential: No such file" in told.stderr
    Path("credential").write_text("from the secret store\n")
    assert online_passphrase(Settings.load(Path("hsp-home"))) == "from the secret store"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--officer", "keys/ani.pub"), 65, "root needs 2 different people, not 1"),
        (("--officer", "keys/ani.key", "--officer", "keys/budi.pub"), 78, "a public key is wanted"),
        (("--officer", "keys/eve.pub", "--officer", "keys/budi.pub"), 78, "No such file"),
        (
            (
                "--officer",
                "keys/ani.pub",
                "--officer",
                "keys/budi.pub",
                "--hotfix",
                "keys/tono.pub",
            ),
            65,
            "hotfixes needs 2 different people",
        ),
        (
            ("--officer", "keys/ani.pub", "--officer", "keys/budi.pub", "--threshold", "root=3"),
            65,
            "root needs 3 different people",
        ),
        (
            ("--officer", "keys/ani.pub", "--officer", "keys/budi.pub", "--life", "timestamp=soon"),
            2,
            "ROLE=90d",
        ),
        (
            ("--officer", "keys/ani.pub", "--officer", "keys/budi.pub", "--set", "colour=red"),
            78,
            "there is no setting 'colour'",
        ),
    ],
)
def test_an_init_that_is_refused_leaves_nothing(
    run: Run, keys: None, arguments: tuple[str, ...], status: int, words: str
) -> None:
    assert words in run("hsp", "init", *arguments, status=status).stderr
    assert not Path("hsp-home").exists()


def test_numbers_of_the_operator_are_used(run: Run, keys: None) -> None:
    told = run(
        "hsp", "init", *_options("officer", "ani", "budi", "sari"),
        "--threshold", "root=3", "--life", "timestamp=30min", "--life", "root=100d",
    )  # fmt: skip
    assert "root: 3 of ani, budi, sari; a version lives 100 d" in told.stdout
    assert "timestamp: 1 of server; a version lives 30 min" in told.stdout


def test_a_second_init_is_refused(run: Run, repository: None) -> None:
    before = Path("hsp-home/keys/online/timestamp.key").read_bytes()
    told = run("hsp", "init", *_options("officer", "ani", "budi"), status=65)
    assert "is a server's home already" in told.stderr
    assert Path("hsp-home/keys/online/timestamp.key").read_bytes() == before


# --- what goes wrong, in one sentence and with an exit status


def test_refusals_are_sentences(run: Run, repository: None, built: str) -> None:
    run("hsp", "release", "propose", built, "--out", "p")
    cases: list[tuple[tuple[str, ...], int, str]] = [
        (("hsp", "publish", "p"), 77, "have 0 of 2"),
        (("hsp", "publish", "nowhere"), 66, "is not a proposal"),
        (("hsp", "product", "add", "kasir", "--author", "keys/sari.pub", "--approver",
          "keys/joko.pub"), 65, "has a product kasir already"),
        (("hsp", "product", "add", "new", "--author", "keys/sari.pub", "--approver",
          "keys/sari.pub"), 65, "needs 2 different people, not 1"),
        (("hsp", "release", "list", "other"), 66, "no product 'other'"),
        (("hsp", "release", "propose", "app", "--out", "q"), 66, "manifest.json cannot be read"),
        (("hsp", "release", "propose", built, "--out", "p"), 65, "p exists already"),
        (("hsp", "release", "build", "app", "--description", "release.toml", "--pace", "warp",
          "--out", "x"), 65, "the schedule warp cannot be read"),
        (("hsp-sign", "propose", built, "--repository", "elsewhere", "--out", "q"), 66,
         "no repository here yet"),
        (("hsp-sign", "sign", "p", "--key", "keys/sari.pub", "--yes"), 78, "is a public key"),
        (("hsp-sign", "sign", "p", "--key", "keys/sari.key", "--yes", "--passphrase-file",
          "release.toml"), 77, "the passphrase does not open"),
        (("hsp-sign", "sign", "p", "--key", "keys/sari.key", "--yes", "--passphrase-file",
          "missing"), 77, "the passphrase file missing cannot be read"),
        (("hsp-sign", "keygen", "sari", "--out", "keys"), 65, "exists already"),
    ]  # fmt: skip
    for (program, *arguments), status, words in cases:
        told = run(program, *arguments, status=status)
        assert told.stderr.startswith("error: "), told.output
        assert words in told.stderr, told.stderr
    assert not Path("q").exists()
    assert not Path("x").exists()


def test_no_passphrase_at_all(
    run: Run, repository: None, built: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HSP_PASSPHRASE")
    run("hsp", "release", "propose", built, "--out", "p")
    told = run("hsp-sign", "sign", "p", "--key", "keys/sari.key", "--yes", status=77)
    assert "no passphrase was given" in told.stderr
    told = run("hsp-sign", "sign", "p", "--key", "keys/sari.key", "--yes", stdin="correct horse\n")
    assert "Signed." in told.stdout


@pytest.mark.parametrize("name", ["release-manifest", "rollout-plan", "install-report", "schedule"])
def test_schemas_are_published(run: Run, name: str) -> None:
    schema = json.loads(run("hsp", "schema", name).stdout)
    assert schema["properties"]["format"]
    assert schema["title"]


def test_officers_ask_for_provenance_and_a_release_carries_it(
    run: Run, repository: None, built: str
) -> None:
    """As docs/release-engineer.md tells it."""
    run("hsp-sign", "keygen", "ci", "--out", "keys")
    builder = ("--require-builder", BUILDER, "--builder-key", "keys/ci.pub", "--require-sbom")
    told = run("hsp", "product", "require", "kasir", *builder)
    assert "what releases of kasir must carry" in told.stdout
    _sign_and_publish(run, "hsp-home/proposals/require-kasir", "ani", "budi")
    listed = run("hsp", "product", "list").stdout
    assert "kasir: 2 of sari, joko" in listed
    assert f"must carry a statement that it was built by {BUILDER}" in listed
    assert "must carry a statement of the type https://slsa.dev/provenance/v1" in listed
    assert "must carry a signature on the statement by ci (key " in listed
    refused = run("hsp", "release", "propose", built, "--out", "p", status=65).stderr
    assert "kasir 2.1.0 has no provenance" in refused
    assert "--provenance FILE --sbom FILE" in refused

    key = signers.read_public(Path("keys/ci.pub"))
    ci = signers.signer_for("keys/ci.key", [key], "correct horse")
    said = written(Path("said"), statement(tar_of(Path(built)), signer=ci), sbom())
    told = run(
        "hsp", "release", "build", "app", "--description", "release.toml", "--pace", "standard",
        "--out", "build/again", "--provenance", str(said["provenance.json"]),
        "--sbom", str(said["sbom.cdx.json"]),
    )  # fmt: skip
    assert "with provenance.json: " in told.stdout
    run("hsp", "release", "propose", "build/again", "--out", "p")
    assert f"built by {BUILDER}" in run("hsp-sign", "status", "p").stdout
    _sign_and_publish(run, "p", "sari", "joko")
    for words in (("--nothing", *builder), ()):
        run("hsp", "product", "require", "kasir", *words, status=2)
    assert (
        "NO LONGER ASKS"
        in run("hsp", "product", "require", "kasir", "--nothing", "--out", "p2").stdout
    )


def test_a_vendors_product(run: Run, repository: None) -> None:
    """As docs/vendors.md tells it."""
    run("hsp-sign", "keygen", "acme.lena", "--out", "keys")
    people = (*_options("author", "acme.lena"), *_options("approver", "joko"))
    told = run("hsp", "product", "add", "till", *people, status=65).stderr
    assert "acme.lena signs for a vendor" in told
    told = run("hsp", "product", "add", "till", "--vendor", "acme", *people).stdout
    assert "neither acme nor we can publish without the other" in told
    _sign_and_publish(run, "hsp-home/proposals/product-till", "ani", "budi")
    assert "till of the vendor acme: 2 of acme.lena, joko" in run("hsp", "product", "list").stdout
