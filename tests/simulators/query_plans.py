"""How a database would answer: which tables it reads from one end to the other."""

import re
from typing import Any

from sqlalchemy import Connection


def scanned(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """The tables that are read whole since no index helps.

    PostgreSQL reads small tables whole for good reasons, so it is told not to where it can help it.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        lines = [str(row[0]).split("Seq Scan on ") for row in rows]
        return {line[1].split()[0] for line in lines if len(line) > 1}
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    words = [str(row[-1]).split() for row in rows]
    return {line[1] for line in words if line[0] == "SCAN"} - {"CONSTANT"}


def indexes(connection: Connection, statement: str, parameters: Any) -> set[str]:
    """The indexes by which rows are found."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")
        rows = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
    else:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    said = " ".join(str(row[-1]) for row in rows)
    return set(re.findall(r"\b(?:ix|pk|uq)_\w+", said))
