"""The first schema. A migration stands on its own: it imports nothing of ours that may change later."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "accounts",
        sa.Column("client_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("client_id", name="pk_accounts"),
        sqlite_autoincrement=True,
    )
    _destinations()
    _sources()
    _tokens()
    _loads()


def _destinations() -> None:
    op.create_table(
        "destinations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("shown_url", sa.Text, nullable=False),
        sa.Column("sealed_url", sa.LargeBinary),
        sa.Column("is_default", sa.Boolean, server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("failing_since", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_destinations"),
        sa.ForeignKeyConstraint(["client_id"], ["accounts.client_id"], name="fk_destinations_client_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_destinations_default",
        "destinations",
        ["client_id"],
        unique=True,
        sqlite_where=sa.column("is_default"),
        postgresql_where=sa.column("is_default"),
    )


def _sources() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("client_id", sa.Integer, nullable=False),
        sa.Column("destination_id", sa.Integer),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("schema_name", sa.String(49), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("paused_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_sources"),
        sa.ForeignKeyConstraint(["client_id"], ["accounts.client_id"], name="fk_sources_client_id"),
        sa.ForeignKeyConstraint(["destination_id"], ["destinations.id"], name="fk_sources_destination_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_sources_schema_name",
        "sources",
        ["client_id", "schema_name"],
        unique=True,
        sqlite_where=sa.column("deleted_at").is_(None),
        postgresql_where=sa.column("deleted_at").is_(None),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("last_four", sa.String(4), nullable=False),
        sa.Column("region", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_tokens_source_id"),
        sa.UniqueConstraint("secret_hash", name="uq_tokens_secret_hash"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_source_id", "tokens", ["source_id"])


def _loads() -> None:
    op.create_table(
        "loads",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("source_id", sa.Integer, nullable=False),
        sa.Column("destination_id", sa.Integer),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("finished_at", sa.BigInteger, nullable=False),
        sa.Column("rows_loaded", sa.BigInteger, nullable=False),
        sa.Column("rows_rejected", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_loads"),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name="fk_loads_source_id"),
        sa.ForeignKeyConstraint(["destination_id"], ["destinations.id"], name="fk_loads_destination_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_loads_source_id_table_name_id", "loads", ["source_id", "table_name", "id"])
