"""Which sources keep a new table version apart until it is activated."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column; none does, as before."""
    op.add_column(
        "sources", sa.Column("staged_versions", sa.Boolean, nullable=False, server_default=sa.false())
    )
