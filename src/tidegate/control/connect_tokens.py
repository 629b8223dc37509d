"""
Connect API access tokens: what a program shows to run an account. Each belongs to one account.

They open the Connect API alone, as access tokens of sources open the Import API alone: each kind is looked up
in a table of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from tidegate.control import accounts, audit
from tidegate.control.names import NAME_CHARS_MAX, is_name
from tidegate.control.roles import Role
from tidegate.control.schema import connect_tokens, now
from tidegate.control.secrets import new_secret, secret_hash
from tidegate.errors import Conflict, InputInvalid, Unknown

PREFIX = "ac_"
ACTIVE_MAX = 10
"""For each account, as in Stitch."""

_COLUMNS = [each for each in connect_tokens.c if each.name != "secret_hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectToken:
    """
    What is kept of a Connect API access token beside its hash. Source: docs/specs/control.md, C22.

    Shape: `created_by` as the audit log names people and programs; a disabled one can be enabled again.
    """

    id: int
    client_id: int
    description: str
    role: Role
    last_four: str
    created_at: datetime
    created_by: str
    last_used_at: datetime | None
    disabled_at: datetime | None
    revoked_at: datetime | None


def create(
    conn: Connection, client_id: int, description: str = "", *, role: Role = Role.MEMBER
) -> tuple[ConnectToken, str]:
    """
    Make a token for an account and return it with its secret, which nobody can learn again.

    Shape: `role` is member or read-only; programs do not manage users.
    Errors: Unknown account; InputInvalid; Conflict when there are ten tokens, disabled ones included.
    """
    accounts.get(conn, client_id)
    if not is_name(description, empty=True):
        raise InputInvalid(f"a description must be one line of at most {NAME_CHARS_MAX} characters")
    if role is Role.OWNER:
        raise InputInvalid("a Connect API access token is for a member or read-only")
    if len(list_(conn, client_id)) >= ACTIVE_MAX:
        raise Conflict(f"account {client_id} already has {ACTIVE_MAX} Connect API access tokens; revoke one")
    secret = new_secret(PREFIX)
    values = {
        "client_id": client_id,
        "description": description,
        "role": role,
        "created_by": audit.actor(conn),
        "secret_hash": secret_hash(secret),
        "last_four": secret[-4:],
        "created_at": now(),
    }
    made = _token(conn.execute(insert(connect_tokens).values(values).returning(*_COLUMNS)).one())
    return _noted(conn, "created", made), secret


def find(conn: Connection, secret: str) -> ConnectToken | None:
    """Return the token with this secret; None when there is none, or it was disabled or revoked."""
    query = select(*_COLUMNS).where(
        connect_tokens.c.secret_hash == secret_hash(secret),
        connect_tokens.c.revoked_at.is_(None),
        connect_tokens.c.disabled_at.is_(None),
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else _token(row)


def list_(conn: Connection, client_id: int | None = None) -> Sequence[ConnectToken]:
    """Return the unrevoked tokens of an account (None: of all), disabled ones too, newest first."""
    query = select(*_COLUMNS).where(connect_tokens.c.revoked_at.is_(None))
    if client_id is not None:
        query = query.where(connect_tokens.c.client_id == client_id)
    return [_token(row) for row in conn.execute(query.order_by(connect_tokens.c.id.desc()))]


def revoke(conn: Connection, token_id: int, *, client_id: int | None = None) -> ConnectToken:
    """
    Refuse a token from the next request on; final.

    Shape: with `client_id`, only when it is that account's. Errors: Unknown, also when revoked before.
    """
    return _change(conn, "revoked", token_id, client_id, revoked_at=now())


def disable(conn: Connection, token_id: int, *, client_id: int | None = None) -> ConnectToken:
    """Refuse a token from the next request on, until it is enabled. Errors: Unknown."""
    return _change(conn, "disabled", token_id, client_id, disabled_at=now())


def enable(conn: Connection, token_id: int, *, client_id: int | None = None) -> ConnectToken:
    """Take a disabled token again. Errors: Unknown."""
    return _change(conn, "enabled", token_id, client_id, disabled_at=None)


def _change(
    conn: Connection, what: str, token_id: int, client_id: int | None, **values: datetime | None
) -> ConnectToken:
    statement = update(connect_tokens).where(
        connect_tokens.c.id == token_id, connect_tokens.c.revoked_at.is_(None)
    )
    if client_id is not None:
        statement = statement.where(connect_tokens.c.client_id == client_id)
    row = conn.execute(statement.values(**values).returning(*_COLUMNS)).one_or_none()
    if row is None:
        raise Unknown(f"Connect API access token not found ({token_id})")
    return _noted(conn, what, _token(row))


def _noted(conn: Connection, what: str, token: ConnectToken) -> ConnectToken:
    subject = f"{token.id} (...{token.last_four})"
    audit.note(conn, token.client_id, f"Connect API access token {what}", subject)
    return token


def _token(row: Row[Any]) -> ConnectToken:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    return ConnectToken(**values | {"role": Role(row.role)})
