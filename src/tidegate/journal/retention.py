"""
What leaves a SQLite journal, and when: loaded entries from the oldest on, in steps of bounded size.

A step is one short transaction; nothing here ever looks beyond the loaded position.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from tidegate.journal.aside import NOT_KEPT
from tidegate.journal.state import State, write_state
from tidegate.journal.storage import live_bytes

STEP_ENTRIES_MAX = 256
STEP_BYTES_MAX = 1_000_000
"""Together these keep a step near a millisecond or two, the time an append may have to wait for it."""


# Whole numbers even where a column is spoilt: here bodies are not read, and so no checksum is compared.
_STEP = """
SELECT position, ifnull(CAST(bytes_total AS INTEGER), 0), ifnull(CAST(received_at_ms AS INTEGER), 0)
FROM entries WHERE position > ? AND position <= ? ORDER BY position LIMIT ?
"""
_TOTALS = """
SELECT ifnull(CAST(records_total AS INTEGER), 0), ifnull(CAST(bytes_total AS INTEGER), 0)
FROM entries WHERE position <= ? ORDER BY position DESC LIMIT 1
"""


_DELETE = f"DELETE FROM entries WHERE position > ? AND position <= ? AND {NOT_KEPT}"  # noqa: S608 - constant


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long loaded entries stay. Units: seconds, bytes as stored."""

    retention_s: float
    retention_bytes_max: int
    room_bytes_max: int
    """The file's used bytes above which loaded entries go early, so that accepting has room."""


def note_loaded(connection: sqlite3.Connection, state: State, loaded: int) -> None:
    """Move the loaded mark forward to `loaded`, never back and never past the end."""
    loaded = min(loaded, state.end)
    if loaded <= state.loaded:
        return
    records, size = (
        (state.end_records, state.end_bytes) if loaded == state.end else _totals(connection, loaded)
    )
    state = replace(
        state,
        loaded=loaded,
        loaded_records=min(max(records, state.loaded_records), state.end_records),
        loaded_bytes=min(max(size, state.loaded_bytes), state.end_bytes),
    )
    write_state(connection, state)


def due(connection: sqlite3.Connection, state: State, keep: Retention, now_ms: int) -> int:
    """
    Return the last position that one step shall free now, `freed` when all may stay.

    Time is the time of acceptance. A later entry past its retention takes earlier ones along, so that a clock
    that was wrong for a while does not hold up the rest.
    """
    crowded = live_bytes(connection) > keep.room_bytes_max
    old_ms = now_ms - int(keep.retention_s * 1000)
    bytes_over = state.loaded_bytes - keep.retention_bytes_max
    upto, size_before = state.freed, state.freed_bytes
    for position, size, received_at_ms in _step(connection, state):
        if crowded or size_before < bytes_over or received_at_ms <= old_ms:
            upto = position
        size_before = size
    return upto


def oldest(connection: sqlite3.Connection, state: State) -> int:
    """Return the last position of one step, whatever its retention: accepting needs the room."""
    return max((position for position, _, _ in _step(connection, state)), default=state.loaded)


def free(connection: sqlite3.Connection, state: State, upto: int) -> State:
    """Delete the entries up to a position (at most the loaded one) and note it."""
    upto = min(upto, state.loaded)
    _, size = (0, state.loaded_bytes) if upto == state.loaded else _totals(connection, upto)
    delete(connection, state.freed, upto)
    state = replace(state, freed=upto, freed_bytes=min(max(size, state.freed_bytes), state.loaded_bytes))
    write_state(connection, state)
    return state


def delete(connection: sqlite3.Connection, after: int, upto: int) -> None:
    """Delete the entries after one position up to another, but for those that wait."""
    connection.execute(_DELETE, (after, upto))


def pass_over(connection: sqlite3.Connection, state: State, upto: int) -> None:
    """Count entries up to a position as freed though some could not be deleted; their pages stay taken."""
    write_state(connection, replace(state, freed=max(state.freed, min(upto, state.loaded))))


def _step(connection: sqlite3.Connection, state: State) -> list[tuple[int, int, int]]:
    """Shape: position, running total of bytes, time of acceptance of the oldest loaded entries."""
    rows = connection.execute(_STEP, (state.freed, state.loaded, STEP_ENTRIES_MAX)).fetchall()
    return [row for row in rows if row is rows[0] or row[1] - state.freed_bytes <= STEP_BYTES_MAX]


def _totals(connection: sqlite3.Connection, position: int) -> tuple[int, int]:
    """Return the running totals at a position, or at the last readable one before it."""
    row: tuple[int, int] | None = connection.execute(_TOTALS, (position,)).fetchone()
    return row or (0, 0)
