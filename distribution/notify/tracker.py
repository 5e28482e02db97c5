"""What was handed over to the developers, as a ticket in their tracker.

Three shapes: ``github`` (its issues' API), ``jira:KEY`` (a bug in that project), and ``plain`` (the
document as it is). Trackers take no id, so the ticket names its message: a second one after a crash
can be seen to be the same.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from distribution.desk.hand_over import HandOver
from distribution.notify.posting import post
from distribution.notify.reach import Reach
from distribution.notify.states import GITHUB, JIRA
from distribution.notify.tables import NotifyChannel
from distribution.notify.words import Message
from manifests.documents import to_json

_MOST_TITLE, _MOST_BODY = 240, 30_000

Block = Callable[[str], str]
"""Sets text that a program wrote so that nothing in it is read as markup."""


def send(message: Message, channel: NotifyChannel, secret: str, reach: Reach) -> None:
    """Open a ticket.

    Raises:
        NotDelivered: see ``posting.post``.
    """
    handed = HandOver.from_json(json.dumps(message.data))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "hsp-distribution",
        "Authorization": _authorization(secret),
        "webhook-id": message.id,
    }
    if channel.shape == GITHUB:
        headers |= {
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
    body = to_json(payload(channel.shape, handed, message.id))
    post(channel.address, body, headers, reach)


def _authorization(secret: str) -> str:
    """A token, or ``name:token`` as Jira's cloud wants it."""
    if ":" in secret:
        return "Basic " + base64.b64encode(secret.encode()).decode()
    return f"Bearer {secret}"


def payload(shape: str, handed: HandOver, message_id: str) -> Mapping[str, Any]:
    """The body of the request."""
    if shape == GITHUB:
        return _github(handed, message_id)
    if shape.startswith(JIRA):
        return _jira(handed, message_id, shape.removeprefix(JIRA))
    plain: Mapping[str, Any] = json.loads(handed.to_json())
    return plain


def _github(handed: HandOver, message_id: str) -> dict[str, Any]:
    return {
        "title": handed.title[:_MOST_TITLE],
        "body": _body(handed, message_id, "## ", _fenced),
        "labels": ["hsp", handed.code],
    }


def _jira(handed: HandOver, message_id: str, project: str) -> dict[str, Any]:
    return {
        "fields": {
            "project": {"key": project},
            "issuetype": {"name": "Bug"},
            "summary": handed.title[:_MOST_TITLE],
            "description": _body(handed, message_id, "h2. ", _no_format),
            "labels": ["hsp", handed.code],
        }
    }


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


def _no_format(text: str) -> str:
    return "{noformat}\n" + text.replace("{noformat}", "{ noformat }") + "\n{noformat}"


def _body(handed: HandOver, message_id: str, heading: str, block: Block) -> str:
    running = (f"{version}: {count}" for version, count in sorted(handed.running.items()))
    parts = [
        f"{handed.product} {handed.version}, {handed.code}, {handed.tier}. Seen at "
        f"{handed.sites} sites of {handed.clients} clients, still at {handed.sites_open}; "
        f"{handed.next_in_line} sites are next in line.",
        f"{heading}What was seen",
        block(handed.detail),
        f"{heading}Cause, as far as it is known",
        block(handed.cause or "not known"),
        f"{heading}End of the log",
        block(handed.log_tail[-10_000:] or "none"),
        f"{heading}What sites run",
        block("\n".join(running) or "not known"),
        f"{heading}Where",
        block(_sites(handed)),
        f"{heading}Attached to the release",
        block("\n".join(f"{each.name} sha256:{each.sha256}" for each in handed.attachments)),
        f"Release {handed.release or 'not known'}; hotfix {handed.hotfix or 'none'}; known issue "
        f"{handed.known_issue or 'none'}; signature:",
        block(handed.signature),
    ]
    end = f"Ticket {handed.number}, handed over by {handed.by} at {handed.at:%Y-%m-%d %H:%M} UTC"
    return "\n\n".join(parts)[:_MOST_BODY] + f"\n\n{end}; message {message_id}."


def _sites(handed: HandOver) -> str:
    lines = [
        f"{each.site} ({each.client}), {each.state}, {each.occurrences} times, from "
        f"{each.from_version or 'not known'}: {each.detail.partition(chr(10))[0][:200]}"
        + "".join(f"\n  diagnostics: {address}" for address in each.diagnostics)
        for each in handed.incidents
    ]
    return "\n".join(lines) or "none"
