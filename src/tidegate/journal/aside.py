"""
Entries of a SQLite journal that stay while all around them is freed: those of sources that wait (J11).

Which sources wait, and from which position on, stands in a table, because appending frees entries too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from tidegate.records import Request

KEPT_SCHEMA = "CREATE TABLE kept (source_id INTEGER PRIMARY KEY, after INTEGER NOT NULL)"
NOT_KEPT = (
    "NOT EXISTS (SELECT 1 FROM kept WHERE kept.source_id = entries.source_id AND kept.after < position)"
)
"""Said of a row of `entries`: nothing waits for it."""

STEP_ENTRIES_MAX = 256

_KEEP = """
INSERT INTO kept VALUES (?, ?) ON CONFLICT (source_id) DO UPDATE SET after = min(after, excluded.after)
"""
_STEP = "SELECT position FROM entries WHERE source_id = ? AND position > ? AND position <= ? LIMIT ?"


def crowding(connection: sqlite3.Connection, requests: Sequence[Request]) -> frozenset[int]:
    """Return the indexes of requests from sources that wait."""
    waiting = _kept(connection)
    return frozenset(index for index, each in enumerate(requests) if each.source_id in waiting)


def keep(connection: sqlite3.Connection, kept: Mapping[int, int]) -> None:
    """Note what waits from now on. Writes nothing when that was known."""
    known = _kept(connection)
    for source_id, after in kept.items():
        if after < known.get(source_id, after + 1):
            connection.execute(_KEEP, (source_id, after))


def let_go(connection: sqlite3.Connection, freed: int, kept: Mapping[int, int]) -> bool:
    """
    Free some entries that wait no longer, and forget that they did when none is left.

    Shape: what is not in `kept` waits no longer. Returns whether there may be more. Only entries up to
    `freed` are looked at: the others go with all entries of their time.
    """
    for source_id, after in _kept(connection).items():
        wanted = kept.get(source_id)
        if wanted is not None and wanted <= after:
            continue
        upto = freed if wanted is None else min(freed, wanted)
        rows = connection.execute(_STEP, (source_id, after, upto, STEP_ENTRIES_MAX)).fetchall()
        if rows:
            connection.executemany("DELETE FROM entries WHERE position = ?", rows)
        elif wanted is None:
            connection.execute("DELETE FROM kept WHERE source_id = ?", (source_id,))
        else:
            connection.execute("UPDATE kept SET after = ? WHERE source_id = ?", (wanted, source_id))
        return True
    return False


def _kept(connection: sqlite3.Connection) -> dict[int, int]:
    return dict(connection.execute("SELECT source_id, after FROM kept").fetchall())
