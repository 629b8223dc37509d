"""Which sources have rows only added."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add the column; none does, as before."""
    op.add_column("sources", sa.Column("append_only", sa.Boolean, nullable=False, server_default=sa.false()))
