"""Up to which position what waits for a table is to be rejected."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "discards",
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("journal_id", sa.String(100), nullable=False),
        sa.Column("upto", sa.BigInteger, nullable=False),
        sa.Column("discarded_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source_id", "table_name", name="pk_discards"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_discards_source_id"),
    )
