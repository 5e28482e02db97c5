"""How a database would answer: which tables it reads from one end to the other."""

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
