"""The least that an ASGI application can do with a request: read its body, answer some bytes."""

from typing import Any

BODY = b'{"approved":{},"audit_checkpoint":"","format":1,"freezes":[],"hold":"","poll_seconds":300}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """One request."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})
