"""Whom to tell, how, and when not: added, listed, tried and ended, each with its record."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from distribution import audit
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Client
from distribution.desk import own_problems
from distribution.errors import Conflict, Invalid, NotFound
from distribution.languages import of_client
from distribution.notify import reach, reading, sealing, secret_places, webhook
from distribution.notify.listing import Channel, channel_of, listed
from distribution.notify.reach import Reach
from distribution.notify.secret_places import Kept
from distribution.notify.states import OPEN_STATES, Kind, State
from distribution.notify.tables import Delivery, NotifyChannel
from distribution.notify.wishes import Wish
from distribution.settings import Settings
from manifests.failures import FailureCode

MOST_OF_A_CLIENT = 20


@dataclass(frozen=True)
class NewChannel:
    """A channel that was just made.

    Attributes:
        secret: of a webhook, what its signatures are made with; shown now and never again.
    """

    channel: Channel
    secret: str


def add(
    database: Database,
    settings: Settings,
    wish: Wish,
    word: Word,
    now: datetime,
    *,
    client: str = "",
    secret: str = "",
) -> NewChannel:
    """Make a channel.

    Args:
        client: of a customer who says so: nothing but what is theirs exists.
        secret: where a tracker's token is, ``file:`` or ``env:``. Only from whoever is at the
            server's machine.

    Raises:
        NotFound: there is no such client.
        Conflict: it is there already, or the client has very many.
        Invalid: no reason; an address that nothing is sent to; a secret that is missing.
        Unavailable: the database does not answer, or the home cannot be written.
    """
    said = word.checked()
    if client and wish.client != client:
        raise NotFound(f"there is no client {wish.client!r}", hint="see 'hsp site list'")
    row = _row(settings, wish, said, now)
    shown_once = webhook.new_secret() if wish.kind is Kind.WEBHOOK else ""
    with database.writing() as session:
        owner = _owner(session, wish)
        row.language = wish.language or of_client(
            owner.language if owner else "", settings.language
        )
        _refuse_another(session, row)
        row.secret, row.sealed = _place(settings, wish, secret, shown_once)
        session.add(row)
        session.flush()
        _note(session, row, said, "add", now)
    return NewChannel(channel_of(row), shown_once)


def _row(settings: Settings, wish: Wish, word: Word, now: datetime) -> NotifyChannel:
    address = wish.address
    if wish.kind is Kind.EMAIL and not settings.smtp_host:
        raise Invalid("this server sends no mail", hint="set smtp_host in hsp.toml")
    if wish.kind in (Kind.WEBHOOK, Kind.TRACKER, Kind.CHAT):
        allowed = Reach(not wish.client, settings.client_webhook_networks)
        reach.refuse_obvious(address, allowed)
    if wish.kind is Kind.CHAT:
        address = reach.taken_apart(address).host
    return NotifyChannel(
        client_id=wish.client,
        tier=wish.tier or "",
        label=wish.label,
        kind=wish.kind,
        address=address,
        shape=wish.shape,
        language="",
        zone=wish.zone,
        quiet_from=wish.quiet_from,
        quiet_to=wish.quiet_to,
        news=" ".join(sorted(wish.news or wish.all_news)),
        least=wish.least or "",
        created_by=word.by,
        created_at=now,
    )


def _owner(session: Session, wish: Wish) -> Client | None:
    if not wish.client:
        return None
    found = session.get(Client, wish.client)
    if found is None:
        raise NotFound(f"there is no client {wish.client!r}", hint="see 'hsp site list'")
    return found


def _refuse_another(session: Session, row: NotifyChannel) -> None:
    active = select(NotifyChannel).where(col(NotifyChannel.ended_at).is_(None))
    ours = session.exec(
        active.where(NotifyChannel.client_id == row.client_id, NotifyChannel.tier == row.tier)
    ).all()
    if row.client_id and len(ours) >= MOST_OF_A_CLIENT:
        raise Conflict(f"{row.client_id} has {len(ours)} channels already", hint="remove one")
    same = [
        each
        for each in ours
        if (each.kind, each.address, each.label) == (row.kind, row.address, row.label)
    ]
    if same:
        raise Conflict(
            f"channel {same[0].id} is the same already",
            hint="remove that one, or give this one another label",
        )


def _place(settings: Settings, wish: Wish, secret: str, made: str) -> Kept:
    """Where the new channel's secret is, after it was put there."""
    if secret and wish.kind is not Kind.TRACKER:
        raise Invalid("only a tracker has a secret of the operator's")
    match wish.kind:
        case Kind.TRACKER if not secret:
            raise Invalid(
                "a tracker wants a token",
                hint="say where it is on the server's machine: --secret file:/PATH",
            )
        case Kind.TRACKER:
            return Kept(secret_places.checked(secret))
        case Kind.WEBHOOK:
            return secret_places.keep(settings, made)
        case Kind.CHAT:
            return secret_places.keep(settings, wish.address)
    return Kept("")


def end(
    database: Database,
    settings: Settings,
    number: int,
    word: Word,
    now: datetime,
    *,
    client: str = "",
) -> Channel:
    """End a channel: nothing is sent there any more, and its secret is forgotten.

    Raises:
        NotFound: there is no such channel; to a customer, those of others are none.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        row = _known(session, number, client)
        row.ended_by, row.ended_at, row.sealed = said.by, now, ""
        session.add(row)
        waiting = select(Delivery).where(
            Delivery.channel_id == number, col(Delivery.state).in_(OPEN_STATES)
        )
        for delivery in session.exec(waiting):
            sealing.end(session, delivery, State.LEFT_OUT, now)
        code = FailureCode.NOTIFICATION_UNDELIVERABLE
        own_problems.ended(session, code, sealing.what(row), now)
        _note(session, row, said, "remove", now)
    secret_places.forget(settings, row.secret)
    return channel_of(row)


def _known(session: Session, number: int, client: str) -> NotifyChannel:
    row = session.get(NotifyChannel, number)
    if row is None or row.ended_at is not None or (client and row.client_id != client):
        raise NotFound(f"there is no channel {number}", hint="see 'hsp notify list'")
    return row


def test(
    database: Database, number: int, word: Word, now: datetime, *, client: str = ""
) -> Channel:
    """Have a message sent that says it is a test; one a minute, however often it is asked for.

    Raises:
        NotFound: there is no such channel; to a customer, those of others are none.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        row = _known(session, number, client)
        about = f"{number}:test:{now.replace(second=0, microsecond=0):%Y-%m-%dT%H:%M}"
        if session.exec(select(Delivery.id).where(Delivery.about == about)).first() is None:
            session.add(
                Delivery(
                    channel_id=number,
                    about=about,
                    message_id=reading.new_id(),
                    state=State.WAITING,
                    created_at=now,
                    due_at=now,
                )
            )
            _note(session, row, said, "test", now)
    with database.reading() as session:
        return next(each for each in listed(session, client=client) if each.number == number)


def _note(session: Session, row: NotifyChannel, word: Word, verb: str, now: datetime) -> None:
    whose = f"client {row.client_id}" if row.client_id else row.tier
    about = f"notification channel {row.id} of {whose}"
    audit.note(session, audit.Deed(word.by, f"notify.{verb}", about, word.reason, word.role), now)
