"""What whoever owns the server, and its online keys, can make it say."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from manifests.rollout import Change, Rollout, RolloutPlan, RolloutState
from manifests.target_paths import Lane, manifest_path, plan_path
from tests.simulators.repository import OPEN
from tests.torture.scene import NEW, OLD, Scene

OLDER = "0.9"
"""Signed, and older than what the site runs."""


@dataclass(frozen=True)
class Abuse:
    """One thing to try. ``closed``: the site's window is, so that nothing may be installed."""

    name: str
    begin: Callable[[Scene], object]
    closed: bool = True


def abuses(scene: Scene, pwned: Path, random: Random) -> Iterator[Abuse]:
    yield from _answers(scene, pwned)
    yield from _wild_answers(random)
    yield from _plans(scene, pwned)
    yield from _receipts()


def _saying(path: str, reply: Callable[[bytes], tuple[int, bytes]]) -> Callable[[Scene], object]:
    """The control plane answers so on one path, and as it should on the others."""

    def begin(scene: Scene) -> None:
        honest = type(scene.plane).handle

        def handle(asked: str, body: bytes) -> tuple[int, bytes]:
            return reply(body) if asked == path else honest(scene.plane, asked, body)

        vars(scene.plane)["handle"] = handle

    return begin


def _answer(
    status: int = 200, raw: bytes | None = None, **fields: Any
) -> Callable[[Scene], object]:
    body = json.dumps({"format": 1, "poll_seconds": 300, **fields}).encode() if raw is None else raw
    return _saying("/v1/check-in", lambda message: (status, body))


def _answers(scene: Scene, pwned: Path) -> Iterator[Abuse]:
    evil = {"url": f"{scene.other.url}/evil.tar.zst", "sha256": "0" * 64, "version": "9.9"}
    script = f"$(touch {pwned}); `touch {pwned}`; touch {pwned}"
    fields: dict[str, dict[str, Any]] = {
        "an unsigned URL": {
            "install": evil,
            "artifact_url": evil["url"],
            "server_url": evil["url"],
        },
        "other repositories": {"metadata_url": evil["url"], "targets_url": evil["url"]},
        "an older release": {
            "install": manifest_path(Lane.RELEASES, "notes", OLDER),
            "revert": True,
        },
        "another product": {"install": manifest_path(Lane.RELEASES, "other", "1.0")},
        "an open window": {"policy": {"windows": []}, "window": "always"},
        "an approval": {"approved": {"notes": [NEW, "9.9"]}, "approval": "none"},
        "force": {"force": True, "override": True, "rearm": True, "hotfix": "immediate"},
        "a script": {"hold": script, "run": script, "command": ["sh", "-c", script]},
        "a terminal": {"hold": "\x1b]0;owned\x07\x1b[2J\u202e"},
        "1,000 assignments": {"assignments": [evil] * 300},
        "100,000 assignments": {"assignments": [evil] * 100_000},
        "a root that nobody has": {"root_version": 2**31},
        "a root of the far future": {"root_version": 10**30, "timestamp_version": 10**30},
    }
    for name, more in fields.items():
        yield Abuse(f"answer: {name}", _answer(**more))
    for wish in (0, -1, 86_401, 10**9, 10**400, 0.001, "soon", None, [300], True, "300"):
        yield Abuse(f"answer: poll in {str(wish)[:20]} seconds", _answer(poll_seconds=wish))
    yield Abuse("answer: as soon as possible", _answer(poll_seconds=1))
    for status in (201, 204, 301, 400, 401, 403, 404, 409, 413, 422, 429, 500, 503):
        yield Abuse(f"answer: status {status}", _answer(status=status))
    yield Abuse("answer: later than ever", _down_for_ever)


def _down_for_ever(scene: Scene) -> None:
    scene.plane.down, scene.plane.retry_after = True, "9" * 40


def _wild_answers(random: Random) -> Iterator[Abuse]:
    raw = {
        "nothing": b"",
        "null": b"null",
        "a list": b"[]",
        "NaN": b'{"format":1,"poll_seconds":NaN}',
        "twice": b'{"format":1,"poll_seconds":300,"poll_seconds":1}',
        "another format": b'{"format":2,"poll_seconds":300}',
        "nesting": b"[" * 60_000,
        "no UTF-8": b"\xff\xfe{}",
        "a page": b"<html>sign in to this network</html>",
        "10 MiB": b'{"format":1,"poll_seconds":300,"hold":"' + b"x" * 10_000_000 + b'"}',
        "noise": random.randbytes(500),
    }
    for name, body in raw.items():
        yield Abuse(f"answer: {name}", _answer(raw=body))
        yield Abuse(f"receipt: {name}", _saying("/v1/reports", lambda _, b=body: (200, b)))
    kinds: tuple[Any, ...] = (None, [], {}, 1.5, -1, "1", "x" * 70_000, True, 2**70)
    for key in ("root_version", "timestamp_version", "hold", "format"):
        value = random.choice(kinds)
        yield Abuse(f"answer: {key} is {str(value)[:20]}", _answer(**{key: value}))


def publish(scene: Scene, plan: bytes, *more: tuple[str, bytes]) -> None:
    repository, role = scene.repository, "notes.rollouts"
    repository.targets[role].targets.clear()
    for path, content in ((plan_path("notes"), plan), *more):
        repository.add_target(role, path, content)
    repository.sign_targets(role)
    repository.commit()


def _plan(scene: Scene, *releases: str, **more: Any) -> bytes:
    change = Change(by="the operator", at=scene.repository.now, reason=more.pop("reason", "go"))
    rollouts = [
        Rollout(release=each, state=RolloutState.RUNNING, last_change=change, waves=OPEN)
        for each in releases
    ]
    plan = RolloutPlan(
        product="notes", serial=99, written_at=scene.repository.now, rollouts=tuple(rollouts)
    )
    return json.dumps({**json.loads(plan.to_bytes()), **more}).encode()


def _plans(scene: Scene, pwned: Path) -> Iterator[Abuse]:
    def signed(plan: bytes, *more: tuple[str, bytes]) -> Callable[[Scene], object]:
        return lambda scene: publish(scene, plan, *more)

    def named(version: str, lane: Lane = Lane.RELEASES, product: str = "notes") -> str:
        return manifest_path(lane, product, version)

    forged = scene.manifest.model_copy(update={"version": "9.9"}).to_bytes()
    new, script = named(NEW), f"$(touch {pwned})"
    for name, release in {
        "never signed": named("9.9"),
        "older": named(OLDER),
        "the same": named(OLD),
        "of another product": named("2.0", product="other"),
        "for another platform": named("3.0"),
        "break-glass for others": named("3.1", Lane.BREAKGLASS),
        "issued in the future": named("3.2"),
        "a hotfix that is none": named(NEW, Lane.HOTFIXES),
        "a URL": f"{scene.other.url}/9.9/manifest.json",
        "outside": "releases/notes/../../9.9/manifest.json",
        "an artifact": new.replace("manifest.json", "notes-2.0.tar.zst"),
        "no version": named("latest"),
    }.items():
        yield Abuse(f"plan: {name}", signed(_plan(scene, release)), closed=False)
    own = signed(_plan(scene, named("9.9")), (named("9.9"), forged))
    yield Abuse("plan: with a manifest of its own", own, closed=False)
    yield Abuse("plan: 2.0, out of the window", signed(_plan(scene, new)))
    forced = {"force": True, "windows": [], "policy": {"windows": []}, "override": "yes"}
    yield Abuse("plan: with force", signed(_plan(scene, new, **forced)))
    yield Abuse("plan: with a script", signed(_plan(scene, new, reason=script)))
    many = [named(f"9.{n}") for n in range(8_000)]
    yield Abuse("plan: 8,000 releases", signed(_plan(scene, *many)), closed=False)
    more = [named(f"9.{n}") for n in range(100_000)]
    yield Abuse("plan: 100,000 releases", signed(_plan(scene, *more)), closed=False)
    for name, bad in {"null": b"null", "empty": b"", "nesting": b"[" * 50_000}.items():
        yield Abuse(f"plan: {name}", signed(bad), closed=False)
    for key in ("product", "serial", "rollouts", "brakes", "written_at", "format"):
        yield Abuse(f"plan: wrong {key}", signed(_plan(scene, new, **{key: "other"})), closed=False)


def _receipts() -> Iterator[Abuse]:
    right = {"format": 1, "site_id": "site-1", "sequence": 1, "sha256": "0" * 64}
    for name, changes in {
        "for other bytes": {},
        "for other bytes, again": {"duplicate": True},
        "for another number": {"sequence": 2**40},
        "for a negative number": {"sequence": -1},
        "for another site": {"site_id": "site-2"},
        "without a hash": {"sha256": ""},
        "with every hash": {"sha256": ["0" * 64] * 50},
    }.items():
        body = json.dumps({**right, **changes}).encode()
        yield Abuse(f"receipt: {name}", _reporting(lambda _, b=body: (200, b)))
    for status in (201, 204, 302, 401, 404, 429, 500, 503):
        yield Abuse(f"receipt: status {status}", _reporting(lambda _, s=status: (s, b"{}")))


def _reporting(reply: Callable[[bytes], tuple[int, bytes]]) -> Callable[[Scene], object]:
    """With a plan that makes the site report something."""

    def begin(scene: Scene) -> None:
        publish(scene, b"no plan at all")
        _saying("/v1/reports", reply)(scene)

    return begin
