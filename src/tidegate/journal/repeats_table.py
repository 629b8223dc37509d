"""
The keys that a SQLite journal knows: one small row for each accepted request that carried one.

Rows are written in the transaction of their entry, so both are there or neither is, and outlive it: an entry
may be loaded and freed while its request is still being sent again. They leave from the oldest on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from tidegate.journal.repeats import Known, Mark

KEYS_SCHEMA = """
CREATE TABLE idempotency_keys (
  number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE, content BLOB NOT NULL, position INTEGER NOT NULL,
  kept_at_ms INTEGER NOT NULL)
"""

STEP_KEYS_MAX = 128
"""Names are hashes, so each row that leaves touches a page of the index of its own."""

_FIND = "SELECT content, position FROM idempotency_keys WHERE name = ?"
_INSERT = "INSERT INTO idempotency_keys (name, content, position, kept_at_ms) VALUES (?, ?, ?, ?)"
_NEWEST = "SELECT ifnull(max(number), 0) FROM idempotency_keys"
_OLDEST = """
SELECT number, ifnull(CAST(kept_at_ms AS INTEGER), 0) FROM idempotency_keys ORDER BY number LIMIT ?
"""
_DELETE = "DELETE FROM idempotency_keys WHERE number <= ?"


def find_key(connection: sqlite3.Connection, name: bytes) -> Known | None:
    """Return what is known under a mark's name."""
    row = connection.execute(_FIND, (name,)).fetchone()
    return None if row is None else Known(*row)


def note_keys(connection: sqlite3.Connection, marks: Sequence[tuple[Mark, int]], now_ms: int) -> None:
    """Remember marks with their positions."""
    connection.executemany(_INSERT, [(mark.name, mark.content, at, now_ms) for mark, at in marks])


def forget_keys(connection: sqlite3.Connection, *, keys_max: int, old_ms: int) -> bool:
    """
    Forget one step of the oldest keys, and tell whether there may be more to forget.

    Shape: those kept at `old_ms` or earlier, and all that are more than `keys_max`. A key whose clock was
    ahead holds up those behind it: known for too long does no harm, forgotten too soon does.
    """
    beyond = connection.execute(_NEWEST).fetchone()[0] - keys_max
    rows: list[tuple[int, int]] = connection.execute(_OLDEST, (STEP_KEYS_MAX,)).fetchall()
    upto = 0
    for number, kept_at_ms in rows:
        if number > beyond and kept_at_ms > old_ms:
            break
        upto = number
    if upto:
        connection.execute(_DELETE, (upto,))
    return bool(rows) and upto == rows[-1][0]
