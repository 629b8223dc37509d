"""
Signing in with a password. The answer, and the time it takes, tell nothing but right or wrong.

The slow part stands between two transactions, so that nobody waits for a password to be hashed. It takes
46 MiB, and a processor for a tenth of a second: whoever serves pages bounds how many attempts run at a time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, select, update

from tidegate.control import guesses, passwords, sessions
from tidegate.control.schema import users
from tidegate.control.store import Store
from tidegate.control.users import email_key
from tidegate.errors import SignInRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A user, and the secret of their new session, which is known here for the only time."""

    user_id: int
    email: str
    secret: str = field(repr=False)


def sign_in(store: Store, email: str, password: str) -> SignedIn:
    """
    Start a session for whoever knows the password.

    Errors: SignInRefused for a wrong password, an unknown or disabled user and one without password alike;
    TooManyGuesses after ten attempts in a quarter of an hour, the right password among them.
    Source: docs/specs/control.md, C29 and C30.
    """
    key = email_key(email) or ""
    with store.writing() as conn:
        guesses.count(conn, key)
        kept = _kept(conn, key)
    if not passwords.fits(password, kept and kept[1]) or kept is None:
        raise SignInRefused
    user_id, password_hash = kept
    newer = passwords.hashed(password) if passwords.outdated(password_hash) else password_hash
    with store.writing() as conn:
        if _kept(conn, key) != kept:
            raise SignInRefused  # changed or disabled while we were hashing
        guesses.forget(conn, key)
        if newer != password_hash:
            conn.execute(update(users).where(users.c.id == user_id).values(password_hash=newer))
        return SignedIn(user_id=user_id, email=key, secret=sessions.start(conn, user_id))


def _kept(conn: Connection, key: str) -> tuple[int, str] | None:
    """Return who can sign in under this name, and what their password is compared with."""
    row = conn.execute(
        select(users.c.id, users.c.password_hash).where(
            users.c.email == key, users.c.disabled_at.is_(None), users.c.password_hash.is_not(None)
        )
    ).one_or_none()
    return None if row is None else (row.id, row.password_hash)
