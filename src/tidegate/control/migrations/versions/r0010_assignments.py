"""From which position of the journal on a source loads into which destination, and how far each has come."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table and add the columns; the loader fills them in when it starts."""
    op.create_table(
        "assignments",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("destination_id", sa.Integer),
        sa.Column("journal_id", sa.String(100)),
        sa.Column("after", sa.BigInteger, nullable=False),
        sa.Column("upto", sa.BigInteger),
        sa.Column("reached", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_assignments"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_assignments_source_id"),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destinations.id"], name="fk_assignments_destination_id"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_assignments_open",
        "assignments",
        ["source_id"],
        unique=True,
        sqlite_where=sa.text("upto IS NULL"),
        postgresql_where=sa.text("upto IS NULL"),
    )
    op.add_column(
        "destinations", sa.Column("generation", sa.Integer, nullable=False, server_default=sa.text("1"))
    )
    op.add_column("destinations", sa.Column("progress", sa.Text))
