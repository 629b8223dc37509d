"""Connect API access tokens, and a number that says when what tokens stand for has changed."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make both tables."""
    op.create_table(
        "connect_tokens",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_connect_tokens"),
        sa.ForeignKeyConstraint(["client_id"], ["accounts.client_id"], name="fk_connect_tokens_client_id"),
        sa.UniqueConstraint("secret_hash", name="uq_connect_tokens_secret_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_connect_tokens_client_id", "connect_tokens", ["client_id"])
    op.create_table(
        "grant_changes",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_grant_changes"),
    )
