"""The diagnostics bundle: what support looks at after a failed update, and nothing that is secret.

Everything goes through ``Redaction`` before it is cut to its size. ``hsp-updater diagnostics``
shows the same bundle to the site's administrator.
"""

import json
import os
import platform
from collections.abc import Callable, Iterator
from pathlib import Path

from client_updater import AGENT_VERSION, health
from client_updater.agent import Agent
from client_updater.agent_log import AGENT_LOG_FILE, tail
from client_updater.drift import Drift
from client_updater.errors import Unhealthy
from client_updater.redaction import BLOT, Redaction
from client_updater.running import Installed
from client_updater.settings import AgentSettings, last_policy
from client_updater.status import LAST_POLL_FILE, read_last_poll
from client_updater.step_book import StepBook
from manifests.documents import to_json
from manifests.errors import UpdateError
from manifests.free_text import last_bytes
from manifests.remote_steps import (
    MAX_DIAGNOSTICS_BYTES,
    MAX_SECTION_BYTES,
    MOST_SECTIONS,
    Diagnostics,
    Section,
)
from manifests.site import SitePolicy

_LOG_BYTES = 48 * 1024
_FRAME_BYTES = 200
"""What a section needs beside its text, at most."""


def redaction_of(agent: Agent) -> Redaction:
    """What is blotted out at this site."""
    try:
        settings = AgentSettings.read(agent.state)
    except UpdateError:
        settings = AgentSettings()
    return Redaction.of(last_policy(agent.state), settings)


def bundle(agent: Agent, redacted: Redaction) -> Diagnostics:
    """Everything, redacted and within its size; the logs come last and are cut first."""
    sections, left = list[Section](), MAX_DIAGNOSTICS_BYTES
    for name, write in _parts(agent, redacted):
        if len(sections) == MOST_SECTIONS or left <= _FRAME_BYTES:
            break
        most = min(left - _FRAME_BYTES, MAX_SECTION_BYTES)
        section = Section(name=name, text=last_bytes(redacted(_written(write)), most))
        sections.append(section)
        left -= len(to_json(section.model_dump()))
    return Diagnostics(at=agent.clock(), agent_version=AGENT_VERSION, sections=tuple(sections))


def _written(write: Callable[[], str]) -> str:
    """A part that cannot be had says why: the others are wanted all the same."""
    try:
        return write()
    except (UpdateError, OSError) as error:
        return f"cannot be had: {error}"


def _parts(agent: Agent, redacted: Redaction) -> Iterator[tuple[str, Callable[[], str]]]:
    products = agent.enrolment.profile.products

    def plain(value: object) -> str:
        return json.dumps(_leaves(value, redacted), indent=1, sort_keys=True, ensure_ascii=False)

    yield "agent", lambda: plain(_about(agent))
    yield "disk", lambda: plain(dict(_disk(agent.state.path)))
    yield "versions", lambda: plain(_versions(agent))
    yield "policy", lambda: plain(_policy(last_policy(agent.state)))
    yield "last poll", lambda: plain(_last_poll(agent))
    yield "journal", lambda: plain(_journal(agent))
    yield "health", lambda: "\n".join(line for name in products for line in _health(agent, name))
    yield "drift", lambda: "\n".join(line for name in products for line in _drift(agent, name))
    yield "agent log", lambda: tail(agent.state / AGENT_LOG_FILE, MAX_SECTION_BYTES)
    for product in products:
        version = agent.slots.current(product)
        attempt = agent.journal.read(product)
        versions = {version, attempt.version if attempt else None} - {None}
        for each in sorted(str(one) for one in versions):
            log = agent.services.programs.log(product, each)
            yield f"log {product} {each}"[:100], lambda log=log: tail(log, _LOG_BYTES)  # type: ignore[misc]


def _leaves(value: object, redacted: Redaction) -> object:
    """Each text by itself first: JSON spells quotes and lines otherwise than they were logged."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, dict):
        return {key: _leaves(each, redacted) for key, each in value.items()}
    return [_leaves(each, redacted) for each in value] if isinstance(value, list) else value


def _about(agent: Agent) -> dict[str, object]:
    system = os.uname()
    return {
        "site_id": agent.enrolment.profile.site_id,
        "agent": AGENT_VERSION,
        "python": platform.python_version(),
        "system": f"{system.sysname} {system.release} {system.machine}",
        "clock": agent.clock().isoformat(),
        "enrolled_at": agent.enrolment.enrolled_at.isoformat(),
        "unacknowledged_reports": agent.reporter.outbox.last_sequence()
        - agent.reporter.outbox.acknowledged(),
    }


def _disk(folder: Path) -> Iterator[tuple[str, object]]:
    found = os.statvfs(folder)
    yield "total_bytes", found.f_blocks * found.f_frsize
    yield "free_bytes", found.f_bavail * found.f_frsize
    yield "free_inodes", found.f_favail
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink():
            files = (path.lstat().st_size for path in child.rglob("*") if path.is_file())
            yield f"used_bytes {child.name}", sum(files)


def _versions(agent: Agent) -> dict[str, object]:
    def of(name: str) -> dict[str, object]:
        process = agent.services.programs.running(name)
        record = agent.products.read(name)
        return {
            "current": agent.slots.current(name),
            "previous": agent.slots.previous(name),
            "running_since_ticks": process.started_ticks if process else None,
            **record.model_dump(mode="json", exclude={"format"}),
        }

    return {name: of(name) for name in agent.enrolment.profile.products}


def _policy(policy: SitePolicy) -> dict[str, object]:
    plain = policy.model_dump(mode="json")
    plain["variables"] = {
        product: dict.fromkeys(values, BLOT) for product, values in policy.variables.items()
    }
    return plain


def _last_poll(agent: Agent) -> object:
    last = read_last_poll(agent.state / LAST_POLL_FILE)
    return last.model_dump(mode="json", exclude={"read": True, "answer": {"audit_checkpoint"}})


def _journal(agent: Agent) -> dict[str, object]:
    taken = StepBook(agent.state / "steps").taken()
    return {
        "attempts": [attempt.model_dump(mode="json") for attempt in agent.journal.unfinished()],
        "steps": [each.model_dump(mode="json", exclude={"step_id"}) for each in taken],
    }


def _health(agent: Agent, product: str) -> Iterator[str]:
    installed = _installed(agent, product)
    if installed is None:
        yield f"{product}: nothing is installed"
        return
    up = agent.services.is_up(installed)
    yield f"{product} {installed.version}: {'is running' if up else 'is not running'}"
    manifest = installed.release.manifest
    for check in manifest.health.checks:
        try:
            health.run(check, installed, manifest.health.timeout_seconds)
            said = "well"
        except Unhealthy as error:
            said = str(error)
        yield f"  {check.kind}: {said}"


def _installed(agent: Agent, product: str) -> Installed | None:
    version = agent.slots.current(product)
    if version is None:
        return None
    return agent.installer(last_policy(agent.state)).installed(product, version)


def _drift(agent: Agent, product: str) -> Iterator[str]:
    version = agent.slots.current(product)
    if version is None:
        return
    found = Drift(agent, product, version).differences()
    yield f"{product} {version}: {'differs' if found else 'is what was signed'}"
    yield from (f"  {each.what}" for each in found)
