"""The API's pages, one for each group of routes, from the server's own OpenAPI document."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from distribution.api.application import application
from distribution.api.docs_page import FOR_WHOM, who
from distribution.server import Server
from distribution.settings import Settings

Plain = Mapping[str, Any]


def document() -> dict[str, Any]:
    """What ``/openapi.json`` says, of a server that serves nobody."""
    with tempfile.TemporaryDirectory() as home:
        server = Server.open(Settings(home=Path(home), api_only=True))
        try:
            return application(server).openapi()
        finally:
            server.database.close()


def pages(openapi: Plain) -> Iterator[tuple[str, str, str]]:
    """For each page: its title, its file on the site, its text. The first one leads to all."""
    groups: dict[str, list[str]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            text = "\n\n".join(_operation(openapi, method.upper(), path, operation))
            groups.setdefault(operation["tags"][0], []).append(text)
    yield "All groups", "api/index.md", _index(openapi, groups)
    for tag, texts in groups.items():
        body = "\n\n".join(texts)
        yield tag, f"api/{tag}.md", f"# {tag}\n\n{body}\n"


def _index(openapi: Plain, groups: Mapping[str, list[str]]) -> str:
    info = openapi["info"]
    rows = "\n".join(f"- [{tag}]({tag}.md): {len(texts)} routes" for tag, texts in groups.items())
    return (
        f"# API\n\n{info['summary']}\n\nA server says the same of itself: `/docs` for people, "
        "`/openapi.json` for programs. Staff and their programs send `Authorization: Bearer TOKEN` "
        "(see [accounts and roles](../people.md)); sites sign each message. An error is an object: "
        '`{"error": {"code": ..., "message": ..., "hint": ...}}`.\n\n'
        f"{rows}\n"
    )


def _operation(openapi: Plain, method: str, path: str, operation: Plain) -> Iterator[str]:
    yield f"## {operation['summary']}"
    yield f"```http\n{method} {path}\n```"
    if operation.get("description"):
        yield operation["description"]
    yield f"Who may: {who(operation[FOR_WHOM])}."
    if operation.get("parameters"):
        yield _table(("parameter", "where", "type", ""), map(_parameter, operation["parameters"]))
    body = operation.get("requestBody")
    if body:
        yield from _content(openapi, "What you send", body["content"])
    for status, answer in operation["responses"].items():
        if status < "400":
            words = f"Answer {status}. {answer.get('description', '')}".strip()
            yield from _content(openapi, words, answer.get("content", {}))
    errors = sorted(status for status in operation["responses"] if status >= "400")
    if errors:
        yield f"Errors: {', '.join(errors)}."


def _parameter(parameter: Plain) -> tuple[str, ...]:
    needed = "" if parameter.get("required") else "optional. "
    words = needed + (parameter.get("description") or "")
    schema = parameter.get("schema", {})
    return f"`{parameter['name']}`", parameter["in"], _type(schema), words


def _content(openapi: Plain, words: str, content: Plain) -> Iterator[str]:
    if not content:
        yield f"**{words}**"
    for kind, said in content.items():
        yield f"**{words}** (`{kind}`)"
        if "example" in said:
            yield _example(said["example"])


def _described(openapi: Plain, schema: Plain) -> Iterator[str]:
    fields = list(_fields(openapi, schema))
    if fields:
        yield _table(("field", "type", ""), fields)


def _example(example: Any) -> str:
    if isinstance(example, str):
        return f"```text\n{example.rstrip()}\n```"
    return f"```json\n{json.dumps(example, indent=2, ensure_ascii=False)}\n```"


def _fields(openapi: Plain, schema: Plain) -> Iterator[tuple[str, ...]]:
    found = _resolved(openapi, schema)
    if found.get("type") == "array":
        found = _resolved(openapi, found.get("items", {}))
    needed = found.get("required", [])
    for name, field in found.get("properties", {}).items():
        words = field.get("description") or ""
        optional = "" if name in needed else "optional. "
        yield f"`{name}`", _type(field), optional + words


def _resolved(openapi: Plain, schema: Plain) -> Plain:
    reference = schema.get("$ref", "")
    if not reference:
        return schema
    found: Plain = openapi["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _type(schema: Plain) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    kind = str(schema.get("format") or schema.get("type") or "any")
    return f"list of {_type(schema.get('items', {}))}" if kind == "array" else kind


def _table(head: tuple[str, ...], rows: Any) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
