"""E-mail by SMTP: a part of text and one of HTML, from a machine and saying so."""

import html
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from distribution.errors import Misconfigured
from distribution.notify import secret_places
from distribution.notify.errors import NotDelivered
from distribution.notify.reach import is_loopback
from distribution.notify.secret_places import Kept
from distribution.notify.words import Message
from distribution.settings import Settings

TIMEOUT_SECONDS = 10.0
MAX_SUBJECT = 180
_DEFAULT_PORTS = {"none": 25, "starttls": 587, "tls": 465}


def send(message: Message, to: str, settings: Settings) -> None:
    """Hand a message to the mail server.

    Raises:
        NotDelivered: it does not answer, or refuses.
        Misconfigured: a setting about mail is missing or wrong.
    """
    written = letter(message, to, settings.smtp_from)
    try:
        with _server(settings) as server:
            server.send_message(written)
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"the mail server: {_in_words(error)}") from error


def try_out(settings: Settings) -> None:
    """Connect, secure and log in as for a message, and send none.

    Raises:
        NotDelivered, Misconfigured: as ``send``.
    """
    try:
        with _server(settings) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        raise NotDelivered(f"the mail server: {_in_words(error)}") from error


def letter(message: Message, to: str, sender: str) -> EmailMessage:
    """The mail. Whatever is in a message, its headers have one line each."""
    domain = Address(addr_spec=sender).domain
    written = EmailMessage(policy=SMTP)
    written["Subject"] = " ".join(_printable(message.subject).split())[:MAX_SUBJECT]
    written["From"] = sender
    written["To"] = to
    written["Date"] = format_datetime(message.at)
    written["Message-ID"] = f"<{message.id}@{domain}>"
    written["References"] = f"<{message.thread}@{domain}>"
    written["Auto-Submitted"] = "auto-generated"
    written["List-Id"] = f"<{message.list_name}.hsp.{domain}>"
    written.set_content("\n\n".join(map(_printable, message.lines)) + "\n")
    paragraphs = "".join(f"<p>{html.escape(_printable(line))}</p>" for line in message.lines)
    head = f'<!doctype html><html lang="{message.language}"><meta charset="utf-8">'
    written.add_alternative(f"{head}<body>{paragraphs}</body></html>\n", subtype="html")
    return written


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


@contextmanager
def _server(settings: Settings) -> Iterator[smtplib.SMTP]:
    host, security = settings.smtp_host, settings.smtp_security
    port = settings.smtp_port or _DEFAULT_PORTS[security]
    if not host:
        raise Misconfigured("this server sends no mail: smtp_host is not set")
    if security == "none" and settings.smtp_username and not is_loopback(host):
        raise Misconfigured(
            "smtp_security is none, and the password would be sent unencrypted",
            hint="set smtp_security to starttls or tls",
        )
    context = ssl.create_default_context()
    connect = (
        smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
        if security == "tls"
        else smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    )
    with connect as server:
        if security == "starttls":
            server.starttls(context=context)
        if settings.smtp_username:
            place = Kept(secret_places.FILE + settings.smtp_password_file)
            server.login(settings.smtp_username, secret_places.read(settings, place))
        yield server


def _in_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return f"{error.smtp_code} {text[:200]}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refuses the address: {str(error.recipients)[:200]}"
    return f"{type(error).__name__}: {str(error)[:200]}"
