"""A repository of which no private key is a file: officers on a token, an author's key in a build
machine's variable, an approver's and the server's in KMS. All of it by the commands.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from distribution.cli import main as hsp
from distribution.errors import Misconfigured, Unavailable
from distribution.repository.publish import publish_targets, renew
from distribution.server import Server
from distribution.settings import Settings
from manifests.target_paths import Lane, manifest_path
from signing.cli import main as hsp_sign
from signing.store import DirectoryStore
from tests.simulators.ministack import Ministack
from tests.simulators.soft_tokens import PIN, SoftTokens
from tests.simulators.tuf_reader import TufReader

Run = Callable[..., Result]

ANI, BUDI = "pkcs11:token=officers;object=ani", "pkcs11:token=officers;object=budi"
ONLINE = ("snapshot", "timestamp", "rollouts")
DESCRIPTION = """
product = "kasir"
version = "2.1.0"
severity = "important"

[install]
kind = "slot"

[install.service]
kind = "program"
command = ["python3", "serve.py"]
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """KMS, with an alias for each key that the story needs."""
    with Ministack() as server:
        for name in (*ONLINE, "joko"):
            server.client("kms").create_alias(
                AliasName=f"alias/hsp-{name}", TargetKeyId=server.make_key()
            )
        yield server


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[SoftTokens]:
    """The officers' token."""
    (tmp_path / "soft").mkdir()
    yield SoftTokens(tmp_path / "soft")


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aws: Ministack, tokens: SoftTokens
) -> Iterator[Run]:
    """Run a command in an empty folder; it must end with ``status``."""
    monkeypatch.chdir(tmp_path)
    for name in ("HSP_HOME", "HSP_ONLINE_PASSPHRASE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    own = {"HSP_PASSPHRASE": "correct horse", "HSP_PIN": PIN, "XDG_STATE_HOME": f"{tmp_path}/state"}
    for name, value in {**own, **aws.environment(), **tokens.environment()}.items():
        monkeypatch.setenv(name, value)
    tokens.make("officers")

    def _run(line: str, *more: str, status: int = 0) -> Result:
        program, *words = [*line.split(), *more]
        result = CliRunner().invoke(hsp if program == "hsp" else hsp_sign, words)
        assert result.exit_code == status, result.output
        return result

    yield _run
    tokens.forget()


@pytest.fixture
def keys(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody's keys, and no file with a private one."""
    run(f"hsp-sign keygen ani --in {ANI}")
    run(f"hsp-sign keygen budi --in {BUDI} --scheme ed25519")
    run("hsp-sign keygen sari")
    monkeypatch.setenv("RELEASE_KEY", Path("sari.key").read_text())
    Path("sari.key").unlink()
    run("hsp-sign public-key awskms:alias/hsp-joko --person joko --out joko.pub")


@pytest.fixture
def repository(run: Run, keys: None) -> Settings:
    """The repository, without a product."""
    in_kms = [f"--set={name}_key=awskms:alias/hsp-{name}" for name in ONLINE]
    run("hsp init --officer ani.pub --officer budi.pub", *in_kms)
    _sign_and_publish(run, "hsp-home/proposals/repository", ANI, BUDI)
    return Settings.load(Path("hsp-home"))


def _sign_and_publish(run: Run, proposal: str, *keys: str) -> None:
    for key in keys:
        run(f"hsp-sign sign {proposal} --yes --key {key}")
    run(f"hsp publish {proposal}")


def test_a_foreign_client_reads_what_no_file_has_signed(run: Run, repository: Settings) -> None:
    run("hsp product add kasir --author sari.pub --approver joko.pub")
    _sign_and_publish(run, "hsp-home/proposals/product-kasir", ANI, BUDI)
    Path("app").mkdir()
    Path("app/serve.py").write_text("print('coffee')\n")
    Path("release.toml").write_text(DESCRIPTION)
    run("hsp release build app --description release.toml --pace standard --out built")
    run("hsp release propose built --out proposal")
    _sign_and_publish(run, "proposal", "env:RELEASE_KEY", "awskms:alias/hsp-joko")
    server = Server.open(repository)
    plan = "rollouts/kasir/plan.json"
    publish_targets(server.store, "kasir.rollouts", {plan: b"{}"}, server.online, datetime.now(UTC))

    store = DirectoryStore(repository.repository_folder)
    reader = TufReader(Path("reader"), store, store.read("metadata/1.root.json"))
    manifest = manifest_path(Lane.RELEASES, "kasir", "2.1.0")
    found = reader.read(manifest, plan)
    assert found[plan] == b"{}"
    assert found[manifest] is not None

    everything = [file for file in Path().rglob("*") if file.is_file() and "soft" not in file.parts]
    assert not [file for file in everything if file.suffix == ".key"]
    assert not [file for file in everything if b"PRIVATE KEY" in file.read_bytes()]
    assert not Path("hsp-home/keys/online/passphrase").exists()


def test_a_token_remembers_its_repository_as_a_file_does(run: Run, repository: Settings) -> None:
    """Otherwise whoever prepares a proposal could invent the base it is compared with."""
    assert len(list(Path("state/hsp-sign").glob("*.repository"))) == 2
    shutil.move("hsp-home", "first")
    run("hsp init --officer ani.pub --officer budi.pub")
    told = run(f"hsp-sign sign hsp-home/proposals/repository --yes --key {ANI}", status=65)
    assert f"and {ANI} signs for" in told.stderr


def test_kms_is_away_for_a_while(
    run: Run, repository: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server starts all the same, says what is wrong, and goes on when KMS is back."""
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        server = Server.open(repository)
        with pytest.raises(Unavailable, match="awskms:alias/hsp-timestamp: KMS does not") as told:
            renew(server.store, server.online, later)
        assert told.value.http_status == 503
        assert told.value.hint
        told_by_command = run("hsp publish hsp-home/proposals/repository")
        assert "is published already" in told_by_command.stdout
    server = Server.open(repository)
    assert renew(server.store, server.online, later) == ["timestamp"]


def test_another_key_than_the_repository_names(
    run: Run, repository: Settings, aws: Ministack
) -> None:
    """An operator points a setting at another key: found out before anybody reads a signature."""
    other = repository.model_copy(update={"timestamp_key": f"awskms:{aws.make_key()}"})
    server = Server.open(other)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=5)
    before = server.store.read("metadata/timestamp.json")
    with pytest.raises(Misconfigured, match="has signed with another key"):
        renew(server.store, server.online, later)
    assert server.store.read("metadata/timestamp.json") == before


@pytest.mark.parametrize(
    ("place", "status", "match"),
    [
        ("awskms:alias/nobody", 78, "there is no such key"),
        ("pkcs11:token=officers;object=none", 78, "has no private key"),
        ("pkcs11:token=elsewhere;object=ani", 75, "is not there"),
        ("env:NO_SUCH", 78, "there is no environment variable"),
        ("keys/none.key", 78, "No such file"),
    ],
)
def test_a_home_is_not_made_with_a_key_that_cannot_sign(
    run: Run, keys: None, place: str, status: int, match: str
) -> None:
    init = "hsp init --officer ani.pub --officer budi.pub --set"
    told = run(init, f"timestamp_key={place}", status=status)
    assert match in told.stderr
    assert not Path("hsp-home").exists()


def test_one_key_on_a_token_and_the_others_in_files(run: Run, keys: None) -> None:
    run("hsp-sign keygen server --in pkcs11:token=officers;object=timestamp")
    run(
        "hsp init --officer ani.pub --officer budi.pub --set",
        "timestamp_key=pkcs11:token=officers;object=timestamp",
    )
    _sign_and_publish(run, "hsp-home/proposals/repository", ANI, BUDI)
    files = sorted(file.name for file in Path("hsp-home/keys/online").iterdir())
    assert files == [
        *("passphrase", "rollouts.key", "rollouts.pub", "snapshot.key", "snapshot.pub"),
        "timestamp.pub",
    ]
