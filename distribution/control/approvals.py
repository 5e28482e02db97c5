"""A client's yes to a version, for those of its sites whose policy is to ask it first.

It is told in the answers to check-ins (``holds.approved``) and lifts that one hold: the signed
pace, the wave and the window stay as they are. So a stolen server could at worst say yes in a
client's name to a release that two people have signed, and only to sites that let their client
answer through us; with ``approval = "administrator"`` a site takes no server's word for it.
"""

from datetime import datetime

from distribution import audit, events
from distribution.control import rollouts
from distribution.control.control_tables import ClientApproval
from distribution.control.rollouts import Word
from distribution.database.sessions import Database
from distribution.database.tables import Client
from distribution.errors import Conflict, NotFound
from distribution.events import EventKind
from distribution.people import own_proposals
from manifests.rollout import RolloutState


def approve(
    database: Database, product: str, version: str, client_id: str, word: Word, now: datetime
) -> None:
    """Record a client's yes: its sites that wait for it hear so at their next check-in.

    Raises:
        UnknownRollout: there is none.
        NotFound: there is no such client.
        NotAllowed: this person started it, or made its release visible.
        Conflict: the client has said so already, or the rollout is stopped.
        Invalid: no reason.
        Unavailable: the database does not answer.
    """
    said = word.checked()
    with database.writing() as session:
        row = rollouts.find(session, product, version)
        what = f"the rollout of {product} {version}"
        own_proposals.require_another(said.by, own_proposals.proposers_of(session, row), what)
        if row.state == RolloutState.STOPPED:
            raise Conflict(f"the rollout of {product} {version} is stopped ({row.change_reason})")
        if session.get(Client, client_id) is None:
            raise NotFound(f"there is no client {client_id!r}", hint="see 'hsp site list'")
        if session.get(ClientApproval, (product, version, client_id)) is not None:
            raise Conflict(f"{client_id} has approved {product} {version} already")
        approval = ClientApproval(
            product=product,
            version=version,
            client_id=client_id,
            by=said.by,
            at=now,
            reason=said.reason,
        )
        session.add(approval)
        told = {"client": client_id, "by": said.by}
        events.tell(session, EventKind.APPROVAL, now, product=product, version=version, **told)
        about = f"{product} {version} for client {client_id}"
        deed = audit.Deed(said.actor, "approval.give", about, said.reason, said.role)
        audit.note(session, deed, now)
