"""The tables of release 0.1.0, as that release made them."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all of them."""
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    """Remove all of them, with what is in them."""
    words = [statement.split() for statement in statements("sqlite")]
    for _, _, table, *_ in reversed([each for each in words if each[1] == "TABLE"]):
        op.drop_table(table)


def statements(dialect: str) -> list[str]:
    """What makes them, on ``sqlite`` or ``postgresql``."""
    file = Path(__file__).with_name(f"r0001_{dialect}.sql")  # Alembic loads this without a package
    return [part.strip() for part in file.read_text("utf-8").split(";") if part.strip()]
