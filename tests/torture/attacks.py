"""What whoever owns the repository's host, or the line to it, can do without any key.

An attack is set up on a ``Scene``; the site then polls and must not have changed. Each is named by
a sentence, so that a wrong one can be tried again.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from securesystemslib.signer import CryptoSigner

from tests.simulators.repository import SimulatedRepository
from tests.simulators.web import Cut, Endless, Fault, Raw, Reset, Status, Trickle, TrickledHeaders
from tests.torture.scene import FILES, NEW, OLD, Scene


@dataclass(frozen=True)
class Attack:
    """One attack. ``aware``: on a site that has seen 2.0 signed, though not installed it."""

    name: str
    begin: Callable[[Scene], object]
    aware: bool = False
    slow: bool = False
    silent: bool = False
    """The site cannot notice: what it gets is true, or true once and not too old."""
    harmless: bool = False
    """The true bytes come through after all, so 2.0 may be installed."""


def attacks(scene: Scene, flips: int) -> Iterator[Attack]:
    """All of them; ``flips`` bytes of each metadata file are turned."""
    for what, path in scene.paths.items():
        yield from _transport(scene, what, path)
        yield from _content(scene, what, path)
    for what in ("root", "timestamp", "snapshot", "targets", "notes", "notes.rollouts"):
        yield from _flips(scene, what, flips)
        yield from _without_keys(scene, what)
    yield from _old(scene)
    yield from _roots(scene)
    yield from _everywhere(scene)


# --- the transport


def _transport(scene: Scene, what: str, path: str) -> Iterator[Attack]:
    for name, fault in _faults(scene, path):
        resumed = what == "artifact" and name.startswith(("cut", "shorter"))
        harmless = resumed or name in _READABLE
        yield Attack(f"{what}: {name}", _faulty(path, fault), harmless=harmless)
    for name, fault in _slow_faults():
        yield Attack(f"{what}: {name}", _faulty(path, fault), slow=True)
    yield Attack(
        f"{what}: true, with another answer behind it",
        lambda scene: scene.web.faults.update({path: [Raw(answer=_two_answers(scene, path))]}),
        harmless=True,
    )


def _faulty(path: str, make: Callable[[], Fault]) -> Callable[[Scene], object]:
    return lambda scene: scene.web.faults.update({path: [make()]})


def _faults(scene: Scene, path: str) -> Iterator[tuple[str, Callable[[], Fault]]]:
    body = scene.repository.files[path]
    for status in (403, 404, 500):
        yield str(status), lambda status=status: Status(status=status)
    yield "503 for two minutes", lambda: Status(status=503, headers={"Retry-After": "120"})
    yield "503 for ever", lambda: Status(status=503, headers={"Retry-After": "9" * 30})
    for status in (301, 302, 307, 308):
        there = {"Location": scene.other.url + path}
        yield f"{status} elsewhere", lambda status=status, h=there: Status(status=status, headers=h)
    here = {"Location": f"/metadata/../{path}"}
    yield "302 on the same host", lambda: Status(status=302, headers=here)
    yield "302 to a file", lambda: Status(status=302, headers={"Location": "file:///etc/passwd"})
    yield "reset", Reset
    yield "cut in the middle", lambda: Cut(after=len(body) // 2)
    yield "cut before the last byte", lambda: Cut(after=len(body) - 1)
    bomb = {"Content-Encoding": "gzip"}
    yield "gzip bomb", lambda: Status(status=200, headers=bomb, body=_BOMB)
    yield "no HTTP", lambda: Raw(answer=b"\x00\xff garbage \r\n\r\n")
    yield "no such status", lambda: Raw(answer=b"HTTP/1.1 99999 what\r\n\r\n")
    for name, head in _HEADS.items():
        yield name, lambda head=head: Raw(answer=b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body)


_BOMB = gzip.compress(gzip.compress(bytes(2**24)))
_HEADS = {
    "1 MiB of a header": b"X: " + b"x" * 2**20 + b"\r\n",
    "10,000 headers": b"X: x\r\n" * 10_000,
    "shorter than declared": b"Content-Length: 99999999\r\n",
    "declared shorter": b"Content-Length: 7\r\n",
    "no number as length": b"Content-Length: many\r\n",
    "no chunks": b"Transfer-Encoding: chunked\r\n",
    "an endless chunk": b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
}


_READABLE = ("no number as length",)
"""What ends with the connection is read to its end, and then it is the true body."""


def _slow_faults() -> Iterator[tuple[str, Callable[[], Fault]]]:
    yield "endless", Endless
    yield "endless zeros", lambda: Raw(answer=b"HTTP/1.1 200 OK\r\n\r\n", again=bytes(65536))
    yield "endless headers", lambda: Raw(answer=b"HTTP/1.1 200 OK\r\n", again=b"X: x\r\n" * 90)
    yield "endless 100s", lambda: Raw(again=b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
    yield "a byte at a time", lambda: Trickle(pause_seconds=0.05)
    yield "headers a byte at a time", lambda: TrickledHeaders(pause_seconds=0.05)


def _two_answers(scene: Scene, path: str) -> bytes:
    def answer(body: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    return answer(scene.repository.files[path]) + answer(b"and now something else")


# --- the content


def _content(scene: Scene, what: str, path: str) -> Iterator[Attack]:
    body = scene.repository.files[path]
    others = {name: at for name, at in scene.paths.items() if name != what}
    replacements = {
        "empty": b"",
        "half": body[: len(body) // 2],
        "zeros": bytes(len(body)),
        "one byte more": body + b"\n",
        "one byte less": body[:-1],
        "twice": body * 2,
        "an error page": b"<html><body>404 Not Found</body></html>",
        "nesting": b"[" * 16_000,
        "too long": body + b" " * 6_000_000,
        **{f"{name} instead": scene.repository.files[at] for name, at in others.items()},
    }
    for name, replacement in replacements.items():
        # JSON may end in a line break: the same signed content in other bytes is the same
        same = name == "one byte more" and path.startswith("/metadata/")
        yield Attack(f"{what}: {name}", _over(path, replacement), harmless=same, silent=same)
    yield Attack(f"{what}: gone", _over(path, None))


def _over(path: str, body: bytes | None) -> Callable[[Scene], object]:
    return lambda scene: scene.overlay.update({path: body})


def _flips(scene: Scene, what: str, count: int) -> Iterator[Attack]:
    path = scene.paths[what]
    body, random = scene.repository.files[path], Random(what)
    for at in sorted(random.sample(range(len(body)), count)):
        flipped = body[:at] + bytes([body[at] ^ (1 << random.randrange(8))]) + body[at + 1 :]
        same = _says_the_same(body, flipped)
        name = f"{what}: bits turned in byte {at}"
        yield Attack(name, _over(path, flipped), harmless=same, silent=same)


def _says_the_same(body: bytes, flipped: bytes) -> bool:
    """A signature's hexadecimal letters are the same in capitals: one bit, and nothing changes."""
    try:
        was, became = json.loads(body), json.loads(flipped)
        for each in became["signatures"]:
            each["sig"] = each["sig"].lower()
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
    return bool(was == became)


def _without_keys(scene: Scene, what: str) -> Iterator[Attack]:
    """What anybody can write who has none of the keys."""
    path = scene.paths[what]
    body = scene.repository.files[path]

    def edited(name: str, edit: Callable[[dict[str, Any]], object]) -> Attack:
        plain = json.loads(body)
        edit(plain)
        text = json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()
        return Attack(f"{what}: {name}", _over(path, text))

    stranger = CryptoSigner.generate_ed25519()
    known = json.loads(body)["signatures"][0]["keyid"]
    forged = {"keyid": known, "sig": stranger.sign(b"anything").signature}
    yield edited("unsigned", lambda plain: plain.update(signatures=[]))
    yield edited("forged", lambda plain: plain.update(signatures=[forged]))
    yield edited("signed twice", lambda plain: plain["signatures"].extend(plain["signatures"]))
    yield edited("a newer version", lambda plain: plain["signed"].update(version=99))
    yield edited("a later end", lambda p: p["signed"].update(expires="2099-01-01T00:00:00Z"))
    yield edited("another type", lambda plain: plain["signed"].update(_type="mirrors"))
    yield edited("no signed part", lambda plain: plain.pop("signed"))
    yield edited("a list", lambda plain: plain.update(signed=[plain["signed"]]))


# --- other times and other repositories


def _old(scene: Scene) -> Iterator[Attack]:
    now, before = scene.repository.files, scene.yesterday
    changed = {path for path in now if now[path] != before.get(path)}

    def yesterday(scene: Scene) -> None:
        scene.overlay.update({path: before.get(path) for path in changed})

    def and_no_cache(scene: Scene) -> None:
        yesterday(scene)
        scene.lose_cache()

    def old_snapshot(scene: Scene) -> None:
        old = max(path for path in before if path.endswith(".snapshot.json"))
        scene.overlay[scene.paths["snapshot"]] = before[old]

    timestamp = before["/metadata/timestamp.json"]
    yield Attack("yesterday's repository", yesterday, aware=True)
    yield Attack("yesterday's repository, and the cache is lost", and_no_cache, aware=True)
    yield Attack("yesterday's timestamp", _over("/metadata/timestamp.json", timestamp), aware=True)
    yield Attack("an old snapshot under the new name", old_snapshot)
    yield Attack("yesterday's repository, root aside", yesterday, silent=True)
    for what in ("targets", "notes", "notes.rollouts"):
        older = next((p for p in before if p.endswith(f".{what}.json")), None)
        if older is not None and before[older] != now[scene.paths[what]]:
            yield Attack(f"{what}: the older one", _over(scene.paths[what], before[older]))
    for ending in ("manifest.json", ".tar.zst"):
        what = "manifest" if ending == "manifest.json" else "artifact"
        old = next(p for p in before if f"/notes/{OLD}/" in p and p.endswith(ending))
        yield Attack(f"{what} of {OLD} instead", _over(scene.paths[what], before[old]))


def _roots(scene: Scene) -> Iterator[Attack]:
    files, path = scene.repository.files, scene.paths["root"]

    def by_new_keys_alone(scene: Scene) -> None:
        thief = SimulatedRepository(["notes"])
        thief.rotate("root")
        scene.overlay[path] = thief.files["/metadata/2.root.json"]

    def skipped(scene: Scene) -> None:
        scene.overlay.update({path: None, "/metadata/3.root.json": files[path]})

    yield Attack("root: signed by other keys", by_new_keys_alone)
    yield Attack("root: the first one again", _over(path, files["/metadata/1.root.json"]))
    yield Attack("root: 3 without 2", skipped)
    endless = {f"/metadata/{n}.root.json": files[path] for n in range(2, 400)}
    yield Attack("root: the same one 400 times", lambda scene: scene.overlay.update(endless))


def _everywhere(scene: Scene) -> Iterator[Attack]:
    def another_repository(scene: Scene) -> None:
        thief = SimulatedRepository(["notes"])
        thief.release("notes", NEW, {**FILES, "app.py": b"evil"})
        thief.roll_out("notes", NEW)
        scene.overlay.update({path: None for path in scene.repository.files})
        scene.overlay.update(thief.files)

    def everything(make: Callable[[], Fault]) -> Callable[[Scene], object]:
        return lambda scene: scene.web.faults.update({"*": [make()]})

    yield Attack("another repository under the same names", another_repository)
    yield Attack("everything: 503", everything(lambda: Status(status=503)))
    later = {"Retry-After": "120"}
    yield Attack("everything: 503, later", everything(lambda: Status(status=503, headers=later)))
    yield Attack("everything: reset", everything(Reset))
    yield Attack("everything: 404", everything(lambda: Status(status=404)))
    there = {"Location": scene.other.url}
    yield Attack("everything: moved", everything(lambda: Status(status=301, headers=there)))
    yield Attack("everything: endless", everything(Endless), slow=True)
    yield Attack(
        "everything: silence", everything(lambda: TrickledHeaders(pause_seconds=5)), slow=True
    )
