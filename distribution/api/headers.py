"""The headers that tell a browser what an answer may do: as little as possible."""

from collections.abc import Mapping

NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What an answer that is no page may load."""
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""What a page of ours may load: what this server serves, and nothing written into the page."""

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": NOTHING,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Unless an answer says otherwise itself."""

PROGRAM: Mapping[str, str] = {
    name: HEADERS[name] for name in ("X-Content-Type-Options", "Cache-Control")
}
"""What sites get with every answer: no browser reads it, and ten million of them poll."""
