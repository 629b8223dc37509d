"""How many rows each table of each source got on each day."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "usage",
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("rows_loaded", sa.BigInteger, nullable=False),
        sa.Column("rows_rejected", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("source_id", "table_name", "day", name="pk_usage"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_usage_source_id"),
    )
