"""Accounts: whose everything else is. An account's number is the `client_id` that pushed records carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from tidegate.control import audit
from tidegate.control.names import NAME_CHARS_MAX, is_name
from tidegate.control.schema import accounts, now
from tidegate.errors import InputInvalid, Unknown

CLIENT_ID_MIN = 1001
"""The first account's number. Guides for the Import API tell people to look for four to six digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account. Source: docs/specs/control.md, C3."""

    client_id: int
    name: str
    created_at: datetime


def create(conn: Connection, name: str) -> Account:
    """Make an account; its number is greater than all before it, and nobody had it. Errors: InputInvalid."""
    _check_name(name)
    greatest = select(func.coalesce(func.max(accounts.c.client_id), CLIENT_ID_MIN - 1) + 1).scalar_subquery()
    statement = insert(accounts).values(client_id=greatest, name=name, created_at=now()).returning(accounts)
    made = _account(conn.execute(statement).one())
    audit.note(conn, made.client_id, "account created", name)
    return made


def get(conn: Connection, client_id: int) -> Account:
    """Return an account. Errors: Unknown."""
    row = conn.execute(select(accounts).where(accounts.c.client_id == client_id)).one_or_none()
    if row is None:
        raise Unknown(f"account not found ({client_id})")
    return _account(row)


def rename(conn: Connection, client_id: int, name: str) -> Account:
    """Change what people call an account. Errors: Unknown, InputInvalid."""
    _check_name(name)
    statement = update(accounts).where(accounts.c.client_id == client_id).values(name=name)
    row = conn.execute(statement.returning(accounts)).one_or_none()
    if row is None:
        raise Unknown(f"account not found ({client_id})")
    audit.note(conn, client_id, "account renamed", name)
    return _account(row)


def list_(conn: Connection) -> Sequence[Account]:
    """Return all accounts, oldest first."""
    return [_account(row) for row in conn.execute(select(accounts).order_by(accounts.c.client_id))]


def _check_name(name: str) -> None:
    if not is_name(name):
        raise InputInvalid(f"an account needs a name of one line and at most {NAME_CHARS_MAX} characters")


def _account(row: Row[Any]) -> Account:
    return Account(client_id=row.client_id, name=row.name, created_at=row.created_at)
