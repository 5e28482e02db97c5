"""The keys of a running server go away and come back: what people, sites and logs are told.

``hsp serve`` is a process of its own, and so is what keeps its keys: KMS (ministack) behind a wire
that can be cut, or a token (SoftHSM2) that can be pulled out.
"""

import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from signing import signers
from tests.simulators.back_office import BackOffice, until
from tests.simulators.ministack import Ministack
from tests.simulators.ports import free_port
from tests.simulators.soft_tokens import PIN, SoftTokens

ONLINE = ("snapshot", "timestamp", "rollouts")
TURN_SECONDS = 0.3
LIFE_SECONDS = 20
"""Of a timestamp: it is renewed every 10 s, and sites have 10 s more."""
TRIES_AGAIN = "the scheduler could not publish_plans; it tries again: "


class Wire:
    """A way to a port on this machine that can be cut, and mended."""

    def __init__(self, to: int) -> None:
        self._to, self.port = to, free_port()
        self._open: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        """Let connections through."""
        self._door = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self._door], daemon=True).start()

    def cut(self) -> None:
        """End those that there are, and refuse new ones."""
        self._open.insert(0, self._door)
        self._end()

    def _end(self) -> None:
        while self._open:
            each = self._open.pop(0)
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                here, _ = door.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                if door is not self._door or door.fileno() < 0:  # it was cut just now
                    self._end()
                for pair in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@dataclass
class Shop(BackOffice):
    """A home whose online keys are elsewhere, its server as a process, and one site."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    # --- the server

    @property
    def log(self) -> str:
        """What the server has written."""
        return (self.folder / "serve.log").read_text()

    def has_published_again(self) -> bool:
        """Whether the plan that could not be signed is out now."""
        refused, _, since = self.log.rpartition(TRIES_AGAIN)
        return bool(refused) and "published plan" in since

    def start(self) -> None:
        """``hsp serve``, until it answers."""
        words = ["hsp", "serve", "--listen", f"127.0.0.1:{self.port}"]
        program = Path(sys.executable).with_name(words[0])
        with (self.folder / "serve.log").open("ab") as log:
            self.process = subprocess.Popen([program, *words[1:]], stdout=log, stderr=log)
        until(lambda: self.ask("/healthz")[0] == 200 or self.ended is not None, "it answers")

    @property
    def ended(self) -> int | None:
        """The server's exit status, once it has one."""
        return self.process.poll() if self.process else None

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def ask(self, path: str, body: dict[str, str] | None = None) -> tuple[int, Any]:
        """What the API answers to a person; 0 if nothing."""
        token = (self.folder / "hsp-home" / "staff.token").read_text().strip()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text[:1] in b"{[" else text.decode()
        except urllib.error.HTTPError as error:
            return error.code, json.load(error) | {"retry": error.headers["Retry-After"]}
        except OSError:
            return 0, None

    def version_of(self, role: str) -> int:
        """Of what sites are served."""
        return int(self.ask(f"/repository/metadata/{role}.json")[1]["signed"]["version"])

    # --- the site

    def enrol(self) -> None:
        """One site of the first ring."""
        line, sha256 = self.invite("warung-1")
        self.run("hsp-updater --state site enroll", line, "--root-sha256", sha256)

    def poll(self) -> str:
        """One poll, which must go well; what it says."""
        return self.run("hsp-updater --state site once").stdout

    # --- the story's beginning

    def open(self, places: dict[str, str]) -> None:
        """A repository, its server, and a site that runs 1.0 while the rollout goes on."""
        settings = [f"--set={name}_key={place}" for name, place in places.items()]
        self.found(f"--life=timestamp={LIFE_SECONDS}s", *settings)
        self.run("hsp publish", self.propose("1.0"))
        self.start()
        self.enrol()
        self.run("hsp rollout start app 1.0 --schedule at-once.toml")
        assert "app: 1.0" in self.poll()

    def say(self, word: str) -> tuple[int, Any]:
        """Pause or resume it."""
        return self.ask(f"/v1/rollouts/app/1.0/{word}", {"reason": "prices"})

    def figure(self, name: str) -> float:
        """One of ``/metrics``."""
        lines = str(self.ask("/metrics")[1]).splitlines()
        return float(next(line for line in lines if line.startswith(name)).split()[-1])


@pytest.fixture(scope="module")
def aws() -> Iterator[Ministack]:
    """KMS, with a key for each thing that a server signs."""
    with Ministack() as server:
        for name in ONLINE:
            kms, key = server.client("kms"), server.make_key()
            kms.create_alias(AliasName=f"alias/hsp-{name}", TargetKeyId=key)
        yield server


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A folder and an environment; nothing in it yet."""
    monkeypatch.chdir(tmp_path)
    for name in ("HSP_HOME", "HSP_ONLINE_PASSPHRASE", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    made = Shop(tmp_path)
    monkeypatch.setenv("HSP_PUBLIC_URL", f"http://127.0.0.1:{made.port}")
    monkeypatch.setenv("HSP_SCHEDULER_SECONDS", str(TURN_SECONDS))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def wire(aws: Ministack, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The only way to KMS, of a server whose keys are all there."""
    made = Wire(int(aws.endpoint_url.rpartition(":")[2]))
    way = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{made.port}"}
    for name, value in (aws.environment() | way).items():
        monkeypatch.setenv(name, value)
    shop.open({name: f"awskms:alias/hsp-{name}" for name in ONLINE})
    yield made
    made.cut()


def is_told_to_wait(answer: tuple[int, Any], why: str, hint: str = "") -> None:
    """What a person decides while nothing can be signed is kept, and they are told so."""
    status, body = answer
    assert (status, body["retry"]) == (503, "30"), body
    assert "this is decided, but no site knows yet: " in body["error"]["message"]
    assert why in body["error"]["message"]
    assert hint in body["error"]["hint"]
    assert "the scheduler of 'hsp serve' goes on trying" in body["error"]["hint"]


def test_kms_goes_away_and_comes_back(shop: Shop, wire: Wire) -> None:
    proposal = shop.propose("2.0")
    wire.cut()
    is_told_to_wait(shop.say("pause"), "awskms:alias/hsp-rollouts: KMS does not answer")
    before = shop.version_of("timestamp")
    told = shop.run("hsp publish", proposal, status=75).stderr
    assert "KMS does not answer" in told
    assert "next: try again later" in told
    assert "2.0" not in shop.run("hsp release list app").stdout

    until(lambda: "could not renew_metadata; it tries again: awskms" in shop.log, "renewal is due")
    assert "app: 1.0" in shop.poll(), "the site minds nothing"
    assert shop.version_of("timestamp") == before
    assert shop.figure('hsp_metadata_seconds_left{role="timestamp"}') < LIFE_SECONDS / 2
    assert shop.figure("hsp_hold_unknown_sites") == 1
    assert shop.figure('hsp_sites{state="online"}') == 1

    shop.stop()
    shop.start()
    assert shop.ask("/healthz") == (200, {"status": "ok"})
    assert shop.ask("/v1/rollouts/app/1.0")[1]["state"] == "paused"
    seen = shop.log.count(TRIES_AGAIN)
    assert seen > 0
    until(lambda: shop.log.count(TRIES_AGAIN) > seen, "each turn it tries again")
    assert "Traceback" not in shop.log

    wire.mend()
    seen = shop.log.count(TRIES_AGAIN)
    until(lambda: shop.version_of("timestamp") > before, "the scheduler signs")
    until(shop.has_published_again, "the plan")
    assert shop.log.count(TRIES_AGAIN) <= seen + 1, "but for the turn in which it came back"
    shop.poll()
    until(lambda: shop.figure("hsp_hold_unknown_sites") == 0, "every site knows of the pause")
    assert "published releases/app/2.0" in shop.run("hsp publish", proposal).stdout
    assert shop.figure('hsp_sites{state="problem"}') == 0


def test_kms_says_no_for_a_while(shop: Shop, wire: Wire, aws: Ministack) -> None:
    proposal, kms = shop.propose("2.0"), aws.client("kms")
    found = kms.describe_key(KeyId="alias/hsp-rollouts")["KeyMetadata"]["KeyId"]
    other = kms.describe_key(KeyId="alias/hsp-snapshot")["KeyMetadata"]["KeyId"]
    for key in (found, other):
        kms.disable_key(KeyId=key)
    is_told_to_wait(shop.say("pause"), "the key is disabled", "aws kms enable-key")
    assert "the key is disabled" in shop.run("hsp publish", proposal, status=78).stderr
    until(lambda: TRIES_AGAIN in shop.log, "a turn")
    assert "the key is disabled" in shop.log
    assert "app: 1.0" in shop.poll()
    for key in (found, other):
        kms.enable_key(KeyId=key)
    until(shop.has_published_again, "the plan")
    assert "published releases/app/2.0" in shop.run("hsp publish", proposal).stdout


def test_the_token_is_pulled_out_and_put_back(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = SoftTokens(tmp_path / "soft")
    tokens.folder.mkdir()
    for name, value in {**tokens.environment(), "HSP_PIN": PIN}.items():
        monkeypatch.setenv(name, value)
    tokens.make("server")
    places = {name: f"pkcs11:token=server;object={name}" for name in ONLINE}
    for name, place in places.items():
        signers.generate_in_token(place, tmp_path / f"{name}.pub", "server", PIN)
    shop.open(places)
    proposal = shop.propose("2.0")
    slot, pulled_out = tokens.folder / "tokens", tokens.folder / "pulled-out"

    slot.rename(pulled_out)
    slot.mkdir()
    is_told_to_wait(shop.say("pause"), "token")
    before = shop.version_of("timestamp")
    assert "plug" in shop.run("hsp publish", proposal, status=75).stderr
    until(lambda: shop.log.count(TRIES_AGAIN) > 2, "some turns")
    assert "is not there; there are: none (plug it in)" in shop.log
    assert "app: 1.0" in shop.poll()
    assert shop.version_of("timestamp") == before

    slot.rmdir()
    pulled_out.rename(slot)
    until(shop.has_published_again, "the plan")
    assert "published releases/app/2.0" in shop.run("hsp publish", proposal).stdout

    shop.stop()
    slot.rename(pulled_out)
    slot.mkdir()
    shop.start()
    assert shop.ended == 75
    assert "is not there" in shop.log
    tokens.forget()
