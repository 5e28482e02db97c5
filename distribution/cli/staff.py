"""``hsp staff``: who there is, what they may do, their passwords and tokens."""

import os
from datetime import timedelta

import click

from distribution.cli import show
from distribution.cli.acting import somebody
from distribution.database.sessions import Database
from distribution.people import accounts, founding, grants, passwords, roles, tokens
from distribution.people.accounts import AccountRecord
from distribution.people.roles import Permission, Role
from distribution.people.tokens import TokenRecord
from distribution.server import utc_now
from distribution.settings import Settings

PASSWORD_VARIABLE = "HSP_STAFF_PASSWORD"  # noqa: S105 - a variable's name

_by = click.option("--by", default=show.whoami, help="Who does it: an account of this server.")
_role = click.argument("role", type=click.Choice([role.value for role in Role]))
_name = click.argument("name")
_reason = click.option("--reason", default="", help="Why, for the record.")


def register(program: click.Group) -> None:
    """Add these commands to ``hsp``."""
    program.add_command(staff)


@click.group()
def staff() -> None:
    """People with accounts here: their roles, passwords and tokens."""


@staff.command()
@_name
@click.option("--client", default="", help="A customer's account, of this client.")
@_by
@click.pass_obj
def add(settings: Settings, name: str, client: str, by: str) -> None:
    """Make an account NAME, as the person signs, without any role yet."""
    database = Database.open(settings)
    accounts.add(database, somebody(database, by), name, client, utc_now())
    click.echo(f"there is an account {name} now; next: hsp staff grant {name} ROLE")


@staff.command("roles")
@click.option("--markdown", is_flag=True, help="As docs/people.md has it.")
def show_roles(*, markdown: bool) -> None:
    """Which role may do what."""
    if markdown:
        click.echo(roles.markdown(), nl=False)
    else:
        show.table(("may", *Role), roles.table_rows())


@staff.command("found")
@click.argument("name", default=show.whoami)
@click.pass_obj
def found_first(settings: Settings, name: str) -> None:
    """Make NAME the first administrator, where there is none: a new database, or all are gone."""
    founding.found(settings, name, utc_now())
    click.echo(f"{name} is security administrator; their token is in {settings.staff_token_file}")


@staff.command("list")
@click.pass_obj
def list_accounts(settings: Settings) -> None:
    """Everybody: roles, roles that wait for a second person, and how they log in."""
    with Database.open(settings).reading() as session:
        found = accounts.listed(session)
    columns = ("name", "client", "roles", "proposed", "logs in with", "since", "disabled")
    show.table(columns, map(_row, found))


def _row(one: AccountRecord) -> tuple[object, ...]:
    how = "the provider" if one.is_of_provider else "a password" if one.has_password else ""
    return (
        one.name, one.client, ", ".join(one.roles), ", ".join(one.proposed), how,
        one.created_at, one.disabled_at,
    )  # fmt: skip


@staff.command()
@_name
@_role
@_reason
@_by
@click.pass_obj
def grant(settings: Settings, name: str, role: str, reason: str, by: str) -> None:
    """Propose ROLE for NAME; another security administrator confirms it within a week."""
    database = Database.open(settings)
    args = database, somebody(database, by), name, Role(role), reason
    if grants.propose(*args, utc_now()):
        click.echo(f"{name} is {role} now: the second one; from here on two of you give each role")
    else:
        click.echo(f"proposed; another administrator: hsp staff confirm {name} {role}")


@staff.command()
@_name
@_role
@_by
@click.pass_obj
def confirm(settings: Settings, name: str, role: str, by: str) -> None:
    """Give NAME the ROLE that somebody else has proposed for them."""
    database = Database.open(settings)
    grants.confirm(database, somebody(database, by), name, Role(role), utc_now())
    click.echo(f"{name} is {role} now")


@staff.command()
@_name
@_role
@_reason
@_by
@click.pass_obj
def revoke(settings: Settings, name: str, role: str, reason: str, by: str) -> None:
    """Take ROLE, or the proposal of it, from NAME; it is gone from the next request on."""
    database = Database.open(settings)
    grants.revoke(database, somebody(database, by), name, Role(role), reason, utc_now())
    click.echo(f"{name} is not {role} any more")


@staff.command()
@_name
@click.option("--reason", required=True, help="Why, for the record.")
@_by
@click.pass_obj
def disable(settings: Settings, name: str, reason: str, by: str) -> None:
    """Take everything from NAME: roles, password, tokens, sessions."""
    database = Database.open(settings)
    accounts.disable(database, somebody(database, by), name, reason, utc_now())
    click.echo(f"{name} may do nothing here any more; keys they sign with: hsp people revoke")


@staff.command()
@_name
@click.option("--subject", required=True, metavar="'ISSUER SUBJECT'", help="Of the provider.")
@_by
@click.pass_obj
def tie(settings: Settings, name: str, subject: str, by: str) -> None:
    """Let NAME log in at the OIDC provider instead of with a password."""
    database = Database.open(settings)
    accounts.tie(database, somebody(database, by), name, subject, utc_now())
    click.echo(f"{name} logs in at the provider now")


@staff.command()
@_name
@_by
@click.pass_obj
def password(settings: Settings, name: str, by: str) -> None:
    """Set NAME's password; asked for, or in the environment's HSP_STAFF_PASSWORD."""
    database = Database.open(settings)
    person = somebody(database, by)
    passwords.put(database, person, name, _asked_password(), utc_now())
    click.echo(f"{name} has a new password; every session and token of theirs has ended")


def _asked_password() -> str:
    given = os.environ.get(PASSWORD_VARIABLE)
    return given or str(click.prompt("Password", hide_input=True, confirmation_prompt=True))


@staff.group()
def token() -> None:
    """Tokens for programs that use the API in a person's name."""


@token.command()
@_name
@click.option("--label", default="", help="What for.")
@click.option(
    "--scope",
    multiple=True,
    type=click.Choice([permission.value for permission in Permission]),
    help="Only this; may be repeated. Without it: all that the person may.",
)
@click.option(
    "--days", type=click.IntRange(1, tokens.LONGEST_LIFE.days), default=30, show_default=True
)
@_by
@click.pass_obj
def make(
    settings: Settings, name: str, label: str, scope: tuple[str, ...], days: int, by: str
) -> None:
    """A new token for NAME, shown this once."""
    database = Database.open(settings)
    life, wanted = timedelta(days=days), [Permission(each) for each in scope]
    person = somebody(database, by)
    made = tokens.make(database, person, name, utc_now(), label=label, scope=wanted, life=life)
    click.echo(made)
    click.echo(f"It ends in {days} days, and is not shown again.", err=True)


@token.command("list")
@click.argument("name", default="")
@click.pass_obj
def list_tokens(settings: Settings, name: str) -> None:
    """Every token, or those of NAME: what it may do, its end, its last use."""
    with Database.open(settings).reading() as session:
        found = tokens.listed(session, name)
    columns = ("no.", "whose", "label", "may", "made by", "made", "ends", "last used", "revoked")
    show.table(columns, map(_token_row, found))


def _token_row(one: TokenRecord) -> tuple[object, ...]:
    return (
        one.number, one.account, one.label, ", ".join(one.scope) or "all that they may",
        one.created_by, one.created_at, one.expires_at, one.used_at, one.revoked_at,
    )  # fmt: skip


@token.command("revoke")
@click.argument("number", type=int)
@_by
@click.pass_obj
def revoke_token(settings: Settings, number: int, by: str) -> None:
    """End token NUMBER, from the next request on."""
    database = Database.open(settings)
    done = tokens.revoke(database, somebody(database, by), number, utc_now())
    click.echo(f"token {done.number} of {done.account} has ended")
