"""``/docs``: every operation, and who may do it. No script, and nothing from elsewhere."""

from html import escape
from typing import Any

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from distribution.api.access import ALL, SITES, SOMEBODY
from distribution.people.roles import TABLE, Permission, Role

FOR_WHOM = "x-hsp-allowed"
"""In the OpenAPI document: a permission's name, or for whom else the operation is."""

_WORDS = {SOMEBODY: "whoever is logged in", SITES: "sites, by their signature", ALL: "everybody"}


def page(app: FastAPI) -> HTMLResponse:
    """The page, from the OpenAPI document."""
    document = app.openapi()
    rows = [
        _row(method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    title = escape(document["info"]["title"])
    content = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title} {escape(document['info']['version'])}</h1>"
        '<p>With examples and schemas, for programs: <a href="/openapi.json">openapi.json</a>.</p>'
        "<table><tr><th>Operation</th><th>What it does</th><th>Who may</th></tr>"
        f"{''.join(rows)}</table></body></html>"
    )
    return HTMLResponse(content)


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    cells = (
        f"<code>{method} {escape(path)}</code>",
        f"{escape(operation['summary'])}. {escape(operation.get('description', ''))}",
        escape(who(operation[FOR_WHOM])),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def who(declared: str) -> str:
    """Who may use a route that declares this, in words."""
    if declared in _WORDS:
        return _WORDS[declared]
    return ", ".join(role for role in Role if role in TABLE[Permission(declared)])
