"""
Guesses: how often somebody tried to sign in under a name, so that passwords cannot be tried out.

Names that nobody has are counted alike, so that the answer does not tell who is there. They are kept as
hashes: people type passwords into the wrong field.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select, update

from tidegate.control.schema import guesses, now
from tidegate.control.secrets import secret_hash
from tidegate.errors import TooManyGuesses

GUESSES_MAX = 10
WINDOW_S = 900.0
"""Ten guesses in a quarter of an hour are a thousand a day: nothing against twelve characters."""

KEPT_MAX = 10_000
"""Each guess costs a tenth of a second of hashing, so nobody fills this within one window."""


def count(conn: Connection, email: str) -> None:
    """
    Count one more attempt to sign in, before it is known whether it is right.

    Errors: TooManyGuesses, retryable, when there were ten within the window; it is not counted then.
    """
    at = now()
    begin = at - timedelta(seconds=WINDOW_S)
    conn.execute(delete(guesses).where(guesses.c.since <= begin))
    own = guesses.c.email_hash == secret_hash(email)
    found = conn.execute(select(guesses.c.number, guesses.c.since).where(own)).one_or_none()
    if found is None:
        _make_room(conn)
        conn.execute(insert(guesses).values(email_hash=secret_hash(email), number=1, since=at))
    elif found.number >= GUESSES_MAX:
        raise TooManyGuesses((found.since - begin).total_seconds())
    else:
        conn.execute(update(guesses).where(own).values(number=guesses.c.number + 1))


def forget(conn: Connection, email: str) -> None:
    """Begin to count anew, after a right password or a new one."""
    conn.execute(delete(guesses).where(guesses.c.email_hash == secret_hash(email)))


def _make_room(conn: Connection) -> None:
    if conn.execute(select(func.count()).select_from(guesses)).scalar_one() >= KEPT_MAX:
        oldest = select(guesses.c.email_hash).order_by(guesses.c.since).limit(1).scalar_subquery()
        conn.execute(delete(guesses).where(guesses.c.email_hash == oldest))
