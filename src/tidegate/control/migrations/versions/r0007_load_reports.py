"""What reports of loads tell beside rows: versions, bookmarks, subtables, warnings."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the columns; reports of earlier releases have nothing in them."""
    op.add_column("loads", sa.Column("destination_table", sa.Text, nullable=False, server_default=""))
    op.add_column("loads", sa.Column("table_version", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("loads", sa.Column("activated", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("loads", sa.Column("rows_outdated", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("loads", sa.Column("details", sa.JSON))
