"""
Sessions: who is signed in. A page keeps a session's secret in a cookie; the store keeps its hash.

A link signs in once instead of a password. Neither opens the Import API or the Connect API: their tokens
stand in tables of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from tidegate.control.schema import now, sessions, users
from tidegate.control.secrets import new_secret, secret_hash

SESSION_PREFIX, LINK_PREFIX = "se_", "si_"
SESSION_LIFETIME_S = 7 * 86_400.0
LINK_LIFETIME_S = 900.0
KEPT_MAX = 20
"""Sessions and links of one user; the oldest end first."""


class Kind(StrEnum):
    """A `SESSION` lasts; a `LINK` is used up by starting one."""

    SESSION = "session"
    LINK = "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Who is signed in, and until when."""

    id: int
    user_id: int
    email: str
    expires_at: datetime


def start(conn: Connection, user_id: int, *, lifetime_s: float = SESSION_LIFETIME_S) -> str:
    """Sign a user in, whose password was checked, and return the session's secret, this once."""
    conn.execute(update(users).where(users.c.id == user_id).values(signed_in_at=now()))
    return _insert(conn, user_id, Kind.SESSION, SESSION_PREFIX, lifetime_s)


def create_link(conn: Connection, user_id: int, *, lifetime_s: float = LINK_LIFETIME_S) -> str:
    """Return a secret that signs this user in once. Units: seconds."""
    return _insert(conn, user_id, Kind.LINK, LINK_PREFIX, lifetime_s)


def use_link(conn: Connection, secret: str) -> str | None:
    """Sign in with a link and return the session's secret; None when it is used, over or nobody's."""
    found = _find(conn, secret, Kind.LINK)
    if found is None:
        return None
    conn.execute(delete(sessions).where(sessions.c.id == found.id))
    return start(conn, found.user_id)


def find(conn: Connection, secret: str) -> Session | None:
    """Return the session with this secret; None when it ended, or its user is disabled."""
    return _find(conn, secret, Kind.SESSION)


def end(conn: Connection, secret: str) -> None:
    """Sign out. Safe to repeat."""
    conn.execute(delete(sessions).where(sessions.c.secret_hash == secret_hash(secret)))


def end_all(conn: Connection, user_id: int) -> None:
    """Sign a user out everywhere; links that were not used are void."""
    conn.execute(delete(sessions).where(sessions.c.user_id == user_id))


def _find(conn: Connection, secret: str, kind: Kind) -> Session | None:
    query = (
        select(sessions.c.id, sessions.c.user_id, users.c.email, sessions.c.expires_at)
        .join(users)
        .where(
            sessions.c.secret_hash == secret_hash(secret),
            sessions.c.kind == kind,
            sessions.c.expires_at > now(),
            users.c.disabled_at.is_(None),
        )
    )
    row = conn.execute(query).one_or_none()
    return None if row is None else Session(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping


def _insert(conn: Connection, user_id: int, kind: Kind, prefix: str, lifetime_s: float) -> str:
    at = now()
    secret = new_secret(prefix)
    values = {
        "user_id": user_id,
        "kind": kind,
        "secret_hash": secret_hash(secret),
        "created_at": at,
        "expires_at": at + timedelta(seconds=lifetime_s),
    }
    conn.execute(insert(sessions).values(values))
    own = select(sessions.c.id).where(sessions.c.user_id == user_id)
    kept = own.order_by(sessions.c.id.desc()).limit(KEPT_MAX).subquery()
    surplus = (sessions.c.user_id == user_id) & sessions.c.id.not_in(select(kept.c.id))
    conn.execute(delete(sessions).where(surplus | (sessions.c.expires_at <= at)))
    return secret
