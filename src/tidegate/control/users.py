"""
Users: people, who sign in with an email address and a password. Each has a role in each of their accounts.

An email address is ASCII and kept in lower case, so that no two users have names that look alike.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from tidegate.control import accounts, audit, guesses, sessions
from tidegate.control.roles import Role
from tidegate.control.schema import members, now, users
from tidegate.errors import Conflict, InputInvalid, Unknown

EMAIL_CHARS_MAX = 254
"""The longest address that mail can be sent to (RFC 5321, errata 1690)."""

_EMAIL = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user in one account. Source: docs/specs/control.md, C27 and C28."""

    id: int
    email: str
    client_id: int
    role: Role
    created_at: datetime
    disabled_at: datetime | None
    signed_in_at: datetime | None


def email_key(email: str) -> str | None:
    """Return an email address as it is kept, None when it is none."""
    return email.lower() if len(email) <= EMAIL_CHARS_MAX and _EMAIL.fullmatch(email) else None


def create(
    conn: Connection, client_id: int, email: str, role: Role, *, password_hash: str | None = None
) -> Member:
    """
    Make a user of an account; without a password nobody can sign in as them yet.

    Errors: InputInvalid when it is no address; Unknown account; Conflict when there is such a user, or
    when the account has no owner and this is not to be one.
    """
    accounts.get(conn, client_id)
    key = email_key(email)
    if key is None:
        raise InputInvalid("an email address must look like name@host, in ASCII, with at most 254 characters")
    if conn.execute(select(users.c.id).where(users.c.email == key)).first() is not None:
        raise Conflict(f"there is a user {key} already")
    values = {"email": key, "password_hash": password_hash, "created_at": now()}
    user_id = conn.execute(insert(users).values(values).returning(users.c.id)).scalar_one()
    return add(conn, user_id, client_id, role, what="created")


def add(conn: Connection, user_id: int, client_id: int, role: Role, *, what: str = "added") -> Member:
    """Let a user into one more account. Errors: Unknown; Conflict when they are in it, or as `create`."""
    accounts.get(conn, client_id)
    if role_of(conn, user_id, client_id) is not None:
        raise Conflict(f"the user is in account {client_id} already")
    conn.execute(insert(members).values(user_id=user_id, client_id=client_id, role=role))
    _check_owner(conn, client_id)
    return _noted(conn, what, get(conn, user_id, client_id), role)


def get(conn: Connection, user_id: int, client_id: int) -> Member:
    """Return a user of an account. Errors: Unknown."""
    found = _members(conn, users.c.id == user_id, members.c.client_id == client_id)
    if not found:
        raise Unknown(f"user not found ({user_id})")
    return found[0]


def find(conn: Connection, email: str, *, client_id: int | None = None) -> Sequence[Member]:
    """
    Return a user in each of their accounts; with `client_id` in that alone.

    Errors: Unknown, also when there is such a user in other accounts.
    """
    named = [users.c.email == (email_key(email) or "")]
    if client_id is not None:
        named.append(members.c.client_id == client_id)
    found = _members(conn, *named)
    if not found:
        raise Unknown(f"user not found ({email[:EMAIL_CHARS_MAX]})")
    return found


def list_(conn: Connection, client_id: int | None = None) -> Sequence[Member]:
    """Return the users of an account (None: of all, once for each account), in the order they were made."""
    return _members(conn, *([] if client_id is None else [members.c.client_id == client_id]))


def role_of(conn: Connection, user_id: int, client_id: int) -> Role | None:
    """Return what a user may do in an account; None when they are not in it."""
    query = select(members.c.role).where(members.c.user_id == user_id, members.c.client_id == client_id)
    found = conn.execute(query).scalar_one_or_none()
    return None if found is None else Role(found)


def set_role(conn: Connection, user_id: int, client_id: int, role: Role) -> Member:
    """Change what a user may do in an account. Errors: Unknown; Conflict when no owner would be left."""
    get(conn, user_id, client_id)
    member = (members.c.user_id == user_id, members.c.client_id == client_id)
    conn.execute(update(members).where(*member).values(role=role))
    _check_owner(conn, client_id)
    return _noted(conn, "role changed", get(conn, user_id, client_id), role)


def set_password(conn: Connection, user_id: int, password_hash: str) -> None:
    """Change a password, end all sessions, and forget wrong guesses. Errors: Unknown."""
    for member in _changed(conn, user_id, password_hash=password_hash):
        _noted(conn, "password changed", member)
        guesses.forget(conn, member.email)
    sessions.end_all(conn, user_id)


def disable(conn: Connection, user_id: int) -> None:
    """Let a user in nowhere from now on. Errors: Unknown; Conflict when an account would be without owner."""
    for member in _changed(conn, user_id, disabled_at=now()):
        _check_owner(conn, member.client_id)
        _noted(conn, "disabled", member)
    sessions.end_all(conn, user_id)


def enable(conn: Connection, user_id: int) -> None:
    """Let a disabled user sign in again. Errors: Unknown."""
    for member in _changed(conn, user_id, disabled_at=None):
        _noted(conn, "enabled", member)


def remove(conn: Connection, user_id: int, client_id: int) -> Member:
    """
    Take a user out of an account, and out of the store with the last one.

    Errors: Unknown; Conflict when no owner would be left.
    """
    gone = get(conn, user_id, client_id)
    conn.execute(delete(members).where(members.c.user_id == user_id, members.c.client_id == client_id))
    _check_owner(conn, client_id)
    if not _members(conn, users.c.id == user_id):
        sessions.end_all(conn, user_id)
        conn.execute(delete(users).where(users.c.id == user_id))
    return _noted(conn, "removed", gone)


def _members(conn: Connection, *where: Any) -> Sequence[Member]:
    query = select(users, members.c.client_id, members.c.role).join(members).where(*where)
    return [_member(row) for row in conn.execute(query.order_by(users.c.id, members.c.client_id))]


def _changed(conn: Connection, user_id: int, **values: Any) -> Sequence[Member]:
    conn.execute(update(users).where(users.c.id == user_id).values(values))
    found = _members(conn, users.c.id == user_id)
    if not found:
        raise Unknown(f"user not found ({user_id})")
    return found


def _check_owner(conn: Connection, client_id: int) -> None:
    owner = (members.c.client_id == client_id, members.c.role == Role.OWNER, users.c.disabled_at.is_(None))
    if not _members(conn, *owner):
        raise Conflict(f"account {client_id} must have an owner who can sign in; make one first")


def _noted(conn: Connection, what: str, member: Member, role: Role | None = None) -> Member:
    subject = member.email if role is None else f"{member.email} ({role})"
    audit.note(conn, member.client_id, f"user {what}", subject)
    return member


def _member(row: Row[Any]) -> Member:
    return Member(
        id=row.id,
        email=row.email,
        client_id=row.client_id,
        role=Role(row.role),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        signed_in_at=row.signed_in_at,
    )
