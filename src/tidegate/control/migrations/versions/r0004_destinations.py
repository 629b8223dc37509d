"""Destinations can be described, changed and deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns."""
    op.add_column("destinations", sa.Column("description", sa.Text))
    op.add_column("destinations", sa.Column("updated_at", sa.BigInteger))
    op.add_column("destinations", sa.Column("deleted_at", sa.BigInteger))
