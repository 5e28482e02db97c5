"""A real SMTP server on loopback (aiosmtpd), with STARTTLS and a login, that keeps what it takes.

with MailServer(tmp_path) as mail:
    settings = mail.settings()     # what a server's settings say of it
    mail.refusals = ["450 4.2.1 busy"]
    ...
    mail.letters                   # email.message.EmailMessage, as they came
"""

import email.policy
from collections.abc import Mapping
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.simulators.certificates import certificate
from tests.simulators.ports import free_port

USER, PASSWORD = "hsp", "open sesame"


class MailServer:
    """The server, for the length of a ``with`` block."""

    def __init__(self, folder: Path) -> None:
        self.letters: list[EmailMessage] = []
        self.refusals: list[str] = []
        """Answers to the next letters instead of taking them."""
        self.certificate = folder / "mail.pem"
        self.password_file = folder / "smtp-password"
        self.password_file.write_text(PASSWORD + "\n")
        self._port = free_port()
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=self._port,
            tls_context=certificate(self.certificate),
            require_starttls=True,
            auth_required=True,
            authenticator=_authenticated,
        )

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """One letter."""
        if self.refusals:
            return self.refusals.pop(0)
        parser = BytesParser(policy=email.policy.default)
        letter = parser.parsebytes(envelope.content)
        assert isinstance(letter, EmailMessage)
        assert session.ssl is not None
        self.letters.append(letter)
        return "250 taken"

    def settings(self) -> Mapping[str, Any]:
        """What the settings of a server say of it."""
        return {
            "smtp_host": "127.0.0.1",
            "smtp_port": self._port,
            "smtp_security": "starttls",
            "smtp_username": USER,
            "smtp_password_file": str(self.password_file),
            "smtp_from": "updates@hsp.example",
        }

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._controller.stop()


def _authenticated(server: Any, session: Any, envelope: Any, how: str, given: Any) -> AuthResult:
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)
