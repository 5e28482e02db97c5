"""Make the roles of ``roles.sql`` in the database that ``HSP_DATABASE_URL`` names, as its owner.

    HSP_API_PASSWORD=... HSP_SCHEDULER_PASSWORD=... python roles.py

It can be run again at any time: after each ``hsp database upgrade``, or for other passwords. It
needs nothing but psycopg, which the server has.
"""

import os
import sys
from pathlib import Path

import psycopg
from psycopg import sql

ROLES = {"hsp_api": "HSP_API_PASSWORD", "hsp_scheduler": "HSP_SCHEDULER_PASSWORD"}
"""Each with the variable that holds its password."""


def apply(url: str, passwords: dict[str, str]) -> None:
    """Make the roles and what they may; a role without a password keeps the one that it has.

    Raises:
        psycopg.Error: the database does not answer, or it is not its owner who asks.
    """
    statements = Path(__file__).with_name("roles.sql").read_text("utf-8")
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
        connection.execute(statements.encode())
        for role, password in passwords.items():
            words = sql.SQL("ALTER ROLE {} PASSWORD {}")
            connection.execute(words.format(sql.Identifier(role), sql.Literal(password)))


def main() -> int:
    """The program; its exit status."""
    url = os.environ.get("HSP_DATABASE_URL", "").replace("postgresql+psycopg://", "postgresql://")
    given = {role: os.environ.get(variable, "") for role, variable in ROLES.items()}
    missing = [variable for role, variable in ROLES.items() if not given[role]]
    if not url or missing:
        print(f"set {' and '.join(['HSP_DATABASE_URL', *missing])}", file=sys.stderr)
        return 78
    try:
        apply(url, given)
    except psycopg.Error as error:
        print(f"the roles were not made: {str(error).strip()}", file=sys.stderr)
        print("next: run it as the tables' owner", file=sys.stderr)
        return 75
    print(f"{' and '.join(ROLES)} are as roles.sql says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
