"""Several servers: what they remember, count and share; and what a restore asks for."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002_0001"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_UNPROCESSED = sa.text("processed_at IS NULL")
_WAITING: dict[str, Any] = {"sqlite_where": _UNPROCESSED, "postgresql_where": _UNPROCESSED}


def upgrade() -> None:
    """Add them."""
    for name, kind, default in (("check_in_digest", sa.Text(), "''"), ("stamp", _BIG, "0")):
        value = sa.text(default)
        op.add_column("site", sa.Column(name, kind, nullable=False, server_default=value))
    op.create_index("ix_site_stamp", "site", ["stamp"])
    empty = sa.text("''")
    op.add_column(
        "notifychannel", sa.Column("sealed", sa.Text, nullable=False, server_default=empty)
    )
    op.create_table(
        "sitesession",
        sa.Column("token_sha256", sa.String, nullable=False),
        sa.Column("site_id", sa.String, nullable=False),
        sa.Column("public_key", sa.String, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_sitesession_site_id"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sitesession"),
    )
    op.create_index("ix_sitesession_site_id", "sitesession", ["site_id"])
    op.create_table(
        "changestamp",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changestamp"),
    )
    op.create_table(
        "restorerow",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("backup_at", _MOMENT, nullable=False),
        sa.Column("audit_seq", _BIG, nullable=False),
        sa.Column("audit_lost", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_restorerow"),
    )
    op.create_table(
        "askagain",
        sa.Column("site_id", sa.String, nullable=False),
        sa.Column("place", _BIG, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["site_id"], ["site.id"], name="fk_askagain_site_id"),
        sa.PrimaryKeyConstraint("site_id", name="pk_askagain"),
    )
    op.create_table(
        "raterow",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("full_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_raterow"),
    )
    op.create_index("ix_raterow_full_at", "raterow", ["full_at"])
    op.create_index("ix_auditrow_action_seq", "auditrow", ["action", "seq"])
    op.drop_index("ix_receipt_processed_at", "receipt")
    op.create_index("ix_receipt_waiting", "receipt", ["tries", "id"], **_WAITING)


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_receipt_waiting", "receipt")
    op.create_index("ix_receipt_processed_at", "receipt", ["processed_at"])
    op.drop_index("ix_auditrow_action_seq", "auditrow")
    for table in ("raterow", "askagain", "restorerow", "changestamp", "sitesession"):
        op.drop_table(table)
    op.drop_column("notifychannel", "sealed")
    op.drop_index("ix_site_stamp", "site")
    op.drop_column("site", "stamp")
    op.drop_column("site", "check_in_digest")
