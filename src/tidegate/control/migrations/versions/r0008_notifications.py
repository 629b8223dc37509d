"""Hooks with their deliveries, notifications with their mails, checks, streams, counts of calls."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ACCOUNT = ("client_id", "accounts.client_id")
SOURCE = ("source_id", "sources.id")
DESTINATION = ("destination_id", "destinations.id")


def upgrade() -> None:
    """Make the tables."""
    _hooks()
    _mails()
    _notifications()
    _streams()


def _hooks() -> None:
    _make(
        "hooks",
        _id(),
        _number("client_id"),
        _number("destination_id"),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary, nullable=False),
        _instant("created_at"),
        _instant("modified_at"),
        _instant("disabled_at", nullable=True),
        refers_to=(ACCOUNT, DESTINATION),
    )
    op.create_index("ix_hooks_client_id", "hooks", ["client_id"])
    op.create_index("ix_hooks_destination_id", "hooks", ["destination_id"])
    _make(
        "hook_deliveries",
        _id(),
        _number("hook_id"),
        _number("source_id", nullable=True),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        *_outbox(),
        _number("http_status", nullable=True),
        sa.Column("error", sa.Text),
        refers_to=(("hook_id", "hooks.id"), SOURCE),
    )
    op.create_index("ix_hook_deliveries_state_due_at", "hook_deliveries", ["state", "due_at"])
    op.create_index("ix_hook_deliveries_hook_id_state_id", "hook_deliveries", ["hook_id", "state", "id"])


def _mails() -> None:
    _make(
        "custom_emails",
        _id(),
        _number("client_id"),
        sa.Column("email_address", sa.Text, nullable=False),
        _instant("created_at"),
        _instant("disabled_at", nullable=True),
        refers_to=(ACCOUNT,),
    )
    op.create_index("ix_custom_emails_client_id", "custom_emails", ["client_id"])
    _make(
        "mails",
        _id(),
        _number("client_id"),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("email_address", "subject", "body")),
        *_outbox(),
        sa.Column("error", sa.Text),
        refers_to=(ACCOUNT,),
    )
    op.create_index("ix_mails_state_due_at", "mails", ["state", "due_at"])
    op.create_index("ix_mails_client_id_state_id", "mails", ["client_id", "state", "id"])


def _notifications() -> None:
    _make(
        "notifications",
        _id(),
        _number("client_id"),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        _instant("since"),
        _instant("last_at"),
        _number("times"),
        *(_instant(name, nullable=True) for name in ("mailed_at", "dismissed_at", "ended_at")),
        refers_to=(ACCOUNT,),
    )
    op.create_index(
        "uq_notifications_lasting",
        "notifications",
        ["client_id", "kind", "subject"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _streams() -> None:
    _make(
        "connection_checks",
        _number("destination_id"),
        sa.Column("name", sa.Text, nullable=False),
        _instant("started_at"),
        _instant("completed_at", nullable=True),
        sa.Column("error", sa.Text),
        refers_to=(DESTINATION,),
    )
    _make(
        "streams",
        _id(),
        _number("source_id"),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("key_names", sa.JSON, nullable=False),
        sa.Column("schema", sa.Text, nullable=False),
        _instant("updated_at"),
        refers_to=(SOURCE,),
    )
    op.create_index("uq_streams_table_name", "streams", ["source_id", "table_name"], unique=True)
    _make("job_calls", _number("client_id"), _instant("since"), _number("calls"), refers_to=(ACCOUNT,))


def _make(name: str, *columns: sa.Column[Any], refers_to: tuple[tuple[str, str], ...]) -> None:
    op.create_table(
        name,
        *columns,
        sa.PrimaryKeyConstraint(columns[0].name, name=f"pk_{name}"),
        *(sa.ForeignKeyConstraint([own], [other], name=f"fk_{name}_{own}") for own, other in refers_to),
        sqlite_autoincrement=columns[0].name == "id",
    )


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, nullable=False)


def _number(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Integer, nullable=nullable)


def _instant(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _outbox() -> tuple[sa.Column[Any], ...]:
    return (
        _instant("created_at"),
        sa.Column("state", sa.String(16), nullable=False),
        _number("attempts"),
        _instant("due_at"),
        _instant("finished_at", nullable=True),
    )
