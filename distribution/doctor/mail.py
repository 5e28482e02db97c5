"""Whether people hear of anything: the mail server, and every channel of notifications."""

from collections.abc import Iterator
from datetime import timedelta

from sqlmodel import col, select

from distribution.doctor.findings import Context, Finding, broken, warning
from distribution.errors import DistributionError
from distribution.languages import Language
from distribution.notify import mail, secret_places
from distribution.notify.errors import NotDelivered
from distribution.notify.states import OPEN_STATES, Kind, State
from distribution.notify.tables import Delivery, NotifyChannel
from distribution.notify.words import Message

LOOKED_BACK = timedelta(days=1)


def server(context: Context) -> Iterator[Finding]:
    """Connect, secure, log in; send a mail only to whom ``--send-to`` names."""
    settings = context.settings
    if not settings.smtp_host:
        if context.send_to:
            yield broken("mail.server", "no mail can be sent: smtp_host is not set", "set smtp_*")
        return
    mend = "compare smtp_host, smtp_port, smtp_security, smtp_username and smtp_password_file"
    try:
        mail.try_out(settings)
        if context.send_to:
            mail.send(_letter(context), context.send_to, settings)
    except (NotDelivered, DistributionError) as error:
        yield broken("mail.server", error.message, error.hint or mend)


def _letter(context: Context) -> Message:
    return Message(
        id="doctor",
        kind="doctor",
        at=context.now,
        subject="A mail from hsp doctor",
        lines=("This server can send mail. Nothing has happened.",),
        short="This server can send.",
        data={},
        thread="doctor",
        list_name="doctor",
        language=Language.ENGLISH,
    )


def channels(context: Context) -> Iterator[Finding]:
    """Each channel: its secret, and what became of its last messages."""
    since = context.now - LOOKED_BACK
    with context.database.reading() as session:
        listed = session.exec(select(NotifyChannel).where(col(NotifyChannel.ended_at).is_(None)))
        open_ = {row.id: row for row in listed}
        wanted = select(Delivery).where(
            col(Delivery.error) != "",
            (col(Delivery.state) == State.GIVEN_UP) & (col(Delivery.ended_at) >= since)
            | col(Delivery.state).in_(OPEN_STATES),
        )
        failed = {row.channel_id: row for row in session.exec(wanted)}
    for number, channel in open_.items():
        name = f"channel {number} ({channel.kind} to {channel.tier or channel.client_id})"
        if channel.kind == Kind.EMAIL and not context.settings.smtp_host:
            says = f"{name}: there is no mail server to send it by"
            yield broken("mail.channels", says, "set smtp_host and the settings beside it")
        if channel.secret:
            try:
                kept = secret_places.Kept(channel.secret, channel.sealed)
                secret_places.read(context.settings, kept)
            except DistributionError as error:
                mend = "put the secret back, or remove the channel and add it anew: hsp notify"
                yield broken("mail.channels", f"{name}: {error.message}", mend)
        if number in failed:
            says = f"{name} does not take our messages: {failed[number].error}"
            yield warning("mail.channels", says, f"mend it, then 'hsp notify test {number}'")


CHECKS = (("mail.server", server), ("mail.channels", channels))
