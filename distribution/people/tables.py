"""What the database holds of people. No secret is in it: passwords by argon2id, the rest hashed."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from distribution.database import tables  # noqa: F401 - those that these point at, and their naming
from distribution.database.columns import big, moment, number, text


class Account(SQLModel, table=True):
    """A person, by the name that they sign with."""

    name: str = Field(primary_key=True)
    client_id: str = ""
    """Of a customer: whose; empty for us."""
    subject: str = Field(default="", index=True)
    """Who they are to the OIDC provider: its issuer, a space, its name for them; empty: local."""
    created_by: str
    created_at: datetime = moment()
    disabled_at: datetime | None = moment(default=None)


class Password(SQLModel, table=True):
    """How a person logs in at this server, on a table of its own: no audit record shows it."""

    account: str = Field(primary_key=True, foreign_key="account.name")
    hash: str = text()
    """By argon2id, with its own salt and cost."""
    set_at: datetime = moment()


class RoleGrant(SQLModel, table=True):
    """A role that one proposed for somebody and another one confirmed."""

    id: int | None = number()
    account: str = Field(foreign_key="account.name", index=True)
    role: str
    proposed_by: str
    proposed_at: datetime = moment()
    reason: str = text()
    confirmed_by: str = ""
    confirmed_at: datetime | None = moment(default=None)
    ended_by: str = ""
    ended_at: datetime | None = moment(default=None)


class ApiToken(SQLModel, table=True):
    """A person's right to use the API from a program; of the token only the hash is kept."""

    id: int | None = number()
    token_sha256: str = Field(unique=True)
    account: str = Field(foreign_key="account.name", index=True)
    label: str = ""
    scope: str = text()
    """Permissions with spaces between; empty: all that the roles of its person allow."""
    created_by: str
    created_at: datetime = moment()
    expires_at: datetime = moment()
    revoked_by: str = ""
    revoked_at: datetime | None = moment(default=None)


class TokenUse(SQLModel, table=True):
    """When a token was last used, to the minute."""

    token_id: int = big(primary_key=True, foreign_key="apitoken.id")
    used_at: datetime = moment()


class LoginSession(SQLModel, table=True):
    """A browser that somebody has logged in with; of its cookie only the hash is kept."""

    id: int | None = number()
    cookie_sha256: str = Field(unique=True)
    account: str = Field(foreign_key="account.name", index=True)
    roles: str = text()
    """Roles from the provider's groups, with spaces between, as they were at the login."""
    shown_at: datetime = moment()
    """When the person last proved who they are."""
    created_at: datetime = moment()
    seen_at: datetime = moment()
    ended_at: datetime | None = moment(default=None)


class PendingLogin(SQLModel, table=True):
    """A login that has gone to the OIDC provider and is not back yet."""

    state_sha256: str = Field(primary_key=True)
    browser_sha256: str
    """Of the cookie of the browser that began it."""
    nonce: str
    verifier: str
    created_at: datetime = moment()


class Publication(SQLModel, table=True):
    """Who made a release visible: one of those who do not approve it."""

    release: str = Field(primary_key=True)
    """The target path of the manifest."""
    by: str
    at: datetime = moment()


class RateRow(SQLModel, table=True):
    """How often somebody came who has not shown yet who they are; see ``shared_rates``."""

    key: str = Field(primary_key=True)
    """A hash of what is counted, and of whom."""
    full_at: float = Field(index=True)
    """When they have all their room again: seconds since 1970."""
