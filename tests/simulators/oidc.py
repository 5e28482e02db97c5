"""A real OpenID provider that we did not write: ``oidc-provider`` from npm, on the node of a wheel.

    with OidcProvider(redirect_uri) as provider:
        settings = ...provider.settings(tmp_path)      # what a server needs in order to use it
        back = provider.visit(url, "ani")              # a browser: ani logs in there, and is back

``visit`` follows redirects as a browser does, with the provider's cookies, and returns the address
at our server that the provider sends it to.
"""

import http.cookiejar
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urljoin

from tests.simulators.npm import NODE, modules
from tests.simulators.ports import free_port

_HERE = Path(__file__).with_name("oidc_provider")

CLIENT_ID = "hsp"
SECRET = "a secret that only tests know, of some length"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "ani": {"groups": ["hsp-approvers", "canteen"]},
    "wati": {"groups": ["hsp-l3"]},
    "nina": {"groups": ["hsp-l3"]},
    "guest": {"groups": ["canteen"]},
    "odd": {"groups": ["hsp-l3"], "preferred_username": "Odd Name"},
}
ROLES = {"hsp-approvers": "approver", "hsp-l3": "l3"}


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Redirects are followed by hand, to see where they lead."""


@dataclass
class OidcProvider:
    """The provider, a process of its own for the length of a ``with`` block."""

    redirect_uri: str
    client_id: str = CLIENT_ID
    port: int = field(default_factory=free_port)

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Start it and wait until it listens."""
        client = {
            "client_id": self.client_id,
            "client_secret": SECRET,
            "redirect_uris": [self.redirect_uri],
            "require_auth_time": True,
        }
        options = json.dumps({"client": client, "people": PEOPLE})
        words = [NODE, _HERE / "provider.mjs", modules(_HERE), str(self.port), options]
        self._process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout
        assert self._process.stdout.readline().strip() == "listening"
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()

    def settings(self, folder: Path) -> dict[str, Any]:
        """What a server's settings say in order to use it."""
        file = folder / "oidc.secret"
        file.write_text(SECRET)
        file.chmod(0o600)
        return {
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret_file": str(file),
            "oidc_roles": ROLES,
        }

    def visit(self, url: str, person: str) -> str:
        """Log in there as a person, and come back."""
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        browser = urllib.request.build_opener(_Stay, jar)
        url = f"{url}&login_hint={person}"
        for _ in range(10):
            try:
                with browser.open(url, timeout=10) as answer:
                    raise AssertionError(f"no redirect: {answer.read()[:300]!r}")
            except urllib.error.HTTPError as answer:
                assert answer.code in (302, 303), answer.read()
                url = urljoin(url, answer.headers["location"])
                answer.close()
            if url.startswith(self.redirect_uri):
                return url
        raise AssertionError(f"too many redirects: {url}")

    def rotate_keys(self) -> None:
        """It signs with new keys from now on, and the old ones are gone."""
        with urllib.request.urlopen(f"{self.issuer}/test/rotate", data=b"", timeout=20):
            pass
