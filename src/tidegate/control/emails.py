"""Custom e-mail addresses: who is told of an account's troubles beside its users."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy import delete as remove

from tidegate.control import audit
from tidegate.control.schema import custom_emails, now
from tidegate.errors import Conflict, InvalidName, Unknown

EMAILS_MAX = 10
"""For each account. Source: Stitch Connect API, custom e-mail notifications."""

ADDRESS_CHARACTERS_MAX = 254
"""Source: RFC 5321, 4.5.3.1: a path of 256 with its angle brackets."""

# What mail servers of the world take: no quoted local parts, no comments, no literal addresses, ASCII alone.
_ADDRESS = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomEmail:
    """An address; mails go there while `disabled_at` is None. Source: docs/specs/notifications.md, N30."""

    id: int
    client_id: int
    email_address: str
    created_at: datetime
    disabled_at: datetime | None


def is_address(text: str) -> bool:
    """Whether mail can be sent there, as far as a text tells."""
    return len(text) <= ADDRESS_CHARACTERS_MAX and _ADDRESS.fullmatch(text) is not None


def create(conn: Connection, client_id: int, email_address: str) -> CustomEmail:
    """Add an address. Errors: InvalidName when it is none, Conflict when the account has ten."""
    if not is_address(email_address):
        raise InvalidName("Required. Must be valid email address format.")
    count = conn.execute(select(func.count()).where(custom_emails.c.client_id == client_id)).scalar_one()
    if count >= EMAILS_MAX:
        raise Conflict("Account not authorized to create additional custom notification email addresses.")
    values = {"client_id": client_id, "email_address": email_address, "created_at": now()}
    made = conn.execute(insert(custom_emails).values(values).returning(custom_emails)).one()
    return _noted(conn, "created", _email(made))


def list_(conn: Connection, client_id: int | None = None) -> Sequence[CustomEmail]:
    """Return the addresses of an account (None: of all), oldest first, disabled ones too."""
    query = select(custom_emails).order_by(custom_emails.c.id)
    if client_id is not None:
        query = query.where(custom_emails.c.client_id == client_id)
    return [_email(row) for row in conn.execute(query)]


def get(conn: Connection, email_id: int, *, client_id: int | None = None) -> CustomEmail:
    """Return an address; with `client_id`, another account's is as if there were none. Errors: Unknown."""
    query = select(custom_emails).where(custom_emails.c.id == email_id)
    if client_id is not None:
        query = query.where(custom_emails.c.client_id == client_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise Unknown(f"custom e-mail address not found ({email_id})")
    return _email(row)


def set_disabled(
    conn: Connection, email_id: int, disabled_at: datetime | None, *, client_id: int | None = None
) -> CustomEmail:
    """Send nothing more to an address, whatever the time says; with None send again. Errors: Unknown."""
    get(conn, email_id, client_id=client_id)
    statement = update(custom_emails).where(custom_emails.c.id == email_id).values(disabled_at=disabled_at)
    changed = _email(conn.execute(statement.returning(custom_emails)).one())
    return _noted(conn, "enabled" if disabled_at is None else "disabled", changed)


def delete(conn: Connection, email_id: int, *, client_id: int | None = None) -> CustomEmail:
    """Remove an address. Errors: Unknown."""
    found = get(conn, email_id, client_id=client_id)
    conn.execute(remove(custom_emails).where(custom_emails.c.id == email_id))
    return _noted(conn, "deleted", found)


def _noted(conn: Connection, what: str, email: CustomEmail) -> CustomEmail:
    subject = f"{email.id} ({email.email_address})"
    audit.note(conn, email.client_id, f"custom e-mail address {what}", subject)
    return email


def _email(row: Row[Any]) -> CustomEmail:
    return CustomEmail(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
