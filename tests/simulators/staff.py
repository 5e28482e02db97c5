"""The people of a test's server: accounts with their roles, and tokens of theirs.

They are put into the database as two administrators would have made them, in one step.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from starlette.testclient import TestClient

from distribution.api import application
from distribution.audit import Deed, note
from distribution.database.sessions import Database
from distribution.people import tokens
from distribution.people.roles import STAFF, Permission, Role
from distribution.people.tables import Account, RoleGrant
from distribution.server import Server

CAST: Mapping[str, Collection[Role]] = {
    "ani": STAFF,
    "budi": (Role.APPROVER,),
    "sari": (Role.RELEASE_ENGINEER,),
    "joko": (Role.L2,),
    "wati": (Role.L3,),
    "tono": (Role.L3,),
    "rina": (Role.SECURITY_ADMINISTRATOR,),
}
"""Ani has every role of ours, and approves nothing of her own all the same."""


def hire(
    database: Database,
    now: datetime,
    cast: Mapping[str, Collection[Role]] = CAST,
    client: str = "",
) -> None:
    """Make these accounts, with these roles."""
    with database.writing() as session:
        for name, roles in cast.items():
            session.add(Account(name=name, client_id=client, created_by="test", created_at=now))
            session.flush()
            for role in roles:
                session.add(
                    RoleGrant(
                        account=name,
                        role=role,
                        proposed_by="test",
                        proposed_at=now,
                        confirmed_by="another test",
                        confirmed_at=now,
                    )
                )
        note(session, Deed("test", "account.add", ", ".join(cast)), now)


def token_of(
    database: Database, name: str, now: datetime, scope: Collection[Permission] = ()
) -> str:
    """A token of somebody's."""
    with database.writing() as session:
        return tokens.add(session, name, name, now, scope=scope)


def api_of(server: Server, token: str = "") -> TestClient:
    """The API in this process, in the voice of whoever has the token."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return TestClient(
        application(server),
        base_url=server.settings.public_url,
        headers=headers,
        client=("127.0.0.1", 50_000),
        raise_server_exceptions=False,
        follow_redirects=False,
    )
