"""The control store's tables, in code; the migrations arrive at exactly these, and a test proves it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

REVISION = "0013"
"""The newest migration; a store that says so is opened without importing Alembic."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def from_ms(ms: int) -> datetime:
    """Shape: milliseconds since 1970 UTC -> aware UTC time."""
    return datetime.fromtimestamp(ms // 1000, UTC).replace(microsecond=ms % 1000 * 1000)


def to_ms(at: datetime) -> int:
    """Shape: aware time -> milliseconds since 1970 UTC, finer digits cut."""
    return int(at.replace(microsecond=0).timestamp()) * 1000 + at.microsecond // 1000


def now() -> datetime:
    """The time as the store keeps it: UTC, whole milliseconds, so that what is written is what is read."""
    at = datetime.now(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


class Instant(TypeDecorator[datetime]):
    """An aware UTC time, kept as milliseconds since 1970: the same on every database, and it sorts."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Shape: aware time -> milliseconds."""
        return None if value is None else to_ms(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Shape: milliseconds -> aware UTC time."""
        return None if value is None else from_ms(value)


accounts = Table(
    "accounts",
    metadata,
    Column("client_id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

destinations = Table(
    "destinations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("shown_url", Text, nullable=False),
    Column("sealed_url", LargeBinary),
    Column("is_default", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
    Column("failing_since", Instant),
    Column("error", Text),
    Column("description", Text),
    Column("updated_at", Instant),
    Column("deleted_at", Instant),
    Column("generation", Integer, nullable=False, server_default=text("1")),
    Column("progress", Text),
    sqlite_autoincrement=True,
)
Index(
    "uq_destinations_default",
    destinations.c.client_id,
    unique=True,
    sqlite_where=destinations.c.is_default,
    postgresql_where=destinations.c.is_default,
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False),
    Column("destination_id", ForeignKey("destinations.id")),
    Column("display_name", Text, nullable=False),
    Column("schema_name", String(49), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("paused_at", Instant),
    Column("deleted_at", Instant),
    Column("staged_versions", Boolean, nullable=False, server_default=false()),
    Column("append_only", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)
Index(
    "uq_sources_schema_name",
    sources.c.client_id,
    sources.c.schema_name,
    unique=True,
    sqlite_where=sources.c.deleted_at.is_(None),
    postgresql_where=sources.c.deleted_at.is_(None),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("destination_id", ForeignKey("destinations.id")),
    Column("journal_id", String(100)),
    Column("after", BigInteger, nullable=False),
    Column("upto", BigInteger),
    Column("reached", BigInteger),
    sqlite_autoincrement=True,
)
Index(
    "uq_assignments_open",
    assignments.c.source_id,
    unique=True,
    sqlite_where=assignments.c.upto.is_(None),
    postgresql_where=assignments.c.upto.is_(None),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("last_four", String(4), nullable=False),
    Column("region", String(64)),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    Column("last_used_at", Instant),
    sqlite_autoincrement=True,
)

connect_tokens = Table(
    "connect_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False, index=True),
    Column("description", Text, nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("last_four", String(4), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("role", String(16), nullable=False, server_default="member"),
    Column("created_by", Text, nullable=False, server_default=""),
    Column("disabled_at", Instant),
    Column("last_used_at", Instant),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("email", String(254), nullable=False, unique=True),
    Column("password_hash", Text),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    Column("signed_in_at", Instant),
    sqlite_autoincrement=True,
)

members = Table(
    "members",
    metadata,
    Column("user_id", ForeignKey("users.id"), primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), primary_key=True, index=True),
    Column("role", String(16), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

guesses = Table(
    "guesses",
    metadata,
    Column("email_hash", LargeBinary(32), primary_key=True),
    Column("number", Integer, nullable=False),
    Column("since", Instant, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    sqlite_autoincrement=True,
)

grant_changes = Table(
    "grant_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

loads = Table(
    "loads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("destination_id", ForeignKey("destinations.id")),
    Column("table_name", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant, nullable=False),
    Column("rows_loaded", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
    Column("error", Text),
    Column("destination_table", Text, nullable=False, server_default=""),
    Column("table_version", BigInteger, nullable=False, server_default="0"),
    Column("activated", Boolean, nullable=False, server_default=false()),
    Column("rows_outdated", BigInteger, nullable=False, server_default="0"),
    Column("details", JSON),
    Index(None, "source_id", "table_name", "id"),
    sqlite_autoincrement=True,
)

rejected_marks = Table(
    "rejected_marks",
    metadata,
    Column("journal_id", String(100), primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("marked_at", Instant, nullable=False),
    Column("command", Text, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("rows_loaded", BigInteger, nullable=False),
    Column("rows_rejected", BigInteger, nullable=False),
)

hooks = Table(
    "hooks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False, index=True),
    Column("destination_id", ForeignKey("destinations.id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("sealed_secret", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("modified_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    sqlite_autoincrement=True,
)

hook_deliveries = Table(
    "hook_deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hook_id", ForeignKey("hooks.id"), nullable=False),
    Column("source_id", ForeignKey("sources.id")),
    Column("table_name", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("http_status", Integer),
    Column("error", Text),
    Index(None, "state", "due_at"),
    Index(None, "hook_id", "state", "id"),
    sqlite_autoincrement=True,
)

custom_emails = Table(
    "custom_emails",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False, index=True),
    Column("email_address", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
    sqlite_autoincrement=True,
)

mails = Table(
    "mails",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False),
    Column("email_address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("error", Text),
    Index(None, "state", "due_at"),
    Index(None, "client_id", "state", "id"),
    sqlite_autoincrement=True,
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("accounts.client_id"), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("error", Text),
    Column("since", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("mailed_at", Instant),
    Column("dismissed_at", Instant),
    Column("ended_at", Instant),
    sqlite_autoincrement=True,
)
Index(
    "uq_notifications_lasting",
    notifications.c.client_id,
    notifications.c.kind,
    notifications.c.subject,
    unique=True,
    sqlite_where=notifications.c.ended_at.is_(None),
    postgresql_where=notifications.c.ended_at.is_(None),
)

connection_checks = Table(
    "connection_checks",
    metadata,
    Column("destination_id", ForeignKey("destinations.id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("completed_at", Instant),
    Column("error", Text),
)

streams = Table(
    "streams",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.id"), nullable=False),
    Column("table_name", Text, nullable=False),
    Column("key_names", JSON, nullable=False),
    Column("schema", Text, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("uq_streams_table_name", "source_id", "table_name", unique=True),
    sqlite_autoincrement=True,
)

job_calls = Table(
    "job_calls",
    metadata,
    Column("client_id", ForeignKey("accounts.client_id"), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("calls", Integer, nullable=False),
)

discards = Table(
    "discards",
    metadata,
    Column("source_id", ForeignKey("sources.id"), primary_key=True),
    Column("table_name", Text, primary_key=True),
    Column("journal_id", String(100), nullable=False),
    Column("upto", BigInteger, nullable=False),
    Column("discarded_at", Instant, nullable=False),
)
