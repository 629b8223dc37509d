"""
Reading from a SQLite journal that may be damaged: every position is either served sound or told.

A reading that meets no damage is one sweep over the table. Where a row is missing, spoilt or on a page that
SQLite refuses, that one position is asked for alone, and the sweep goes on behind it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from tidegate.journal.base import Damaged, Reading
from tidegate.journal.packing import COLUMNS, Packer, Unsound
from tidegate.journal.storage import is_corrupt
from tidegate.records import Entry

READING_ENTRIES_MAX = 50_000
"""Bounds a reading's memory when bodies are tiny: an entry costs about 1 KB beside its body."""

READING_DAMAGED_MAX = 1_000
"""Bounds a reading over a long stretch of damage; the next one goes on."""

_SELECT = f"SELECT {COLUMNS} FROM entries WHERE position"  # noqa: S608 - constant column names


def collect_of_source(
    connection: sqlite3.Connection, packer: Packer, source_id: int, after: int, upto: int, bytes_max: int
) -> Reading:
    """
    Read the entries of one source between two positions; around them may be none.

    Units: `bytes_max` of bodies as received; the first entry is taken however large.
    """
    return _OfSource(packer, source_id, max(after, 0) + 1, upto, bytes_max).collect(connection)


class Collecting:
    """
    One reading in the making, of the positions `first` to `end`.

    Units: `bytes_max` of bodies as received; the first entry is taken however large.
    """

    def __init__(self, packer: Packer, first: int, end: int, bytes_max: int) -> None:
        self._packer = packer
        self._next = first
        self._end = end
        self._bytes_left = bytes_max
        self._full = False
        self._entries: list[Entry] = []
        self._damaged: list[Damaged] = []

    def collect(self, connection: sqlite3.Connection) -> Reading:
        """Read until enough is gathered or nothing is left."""
        while not self._done():
            self._sweep(connection)
            if not self._done():
                self._pick(connection)
        return Reading(entries=self._entries, damaged=self._damaged, upto=self._next - 1)

    def _done(self) -> bool:
        return self._full or self._next > self._end or len(self._damaged) >= READING_DAMAGED_MAX

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Take rows in order, up to the first that is not the sound next one."""
        try:
            rows = connection.execute(f"{_SELECT} BETWEEN ? AND ? ORDER BY position", (self._next, self._end))
            with closing(rows):
                for row in rows:
                    if row[0] != self._next or not self._take(row):
                        return
        except sqlite3.DatabaseError as exc:
            if not is_corrupt(exc):
                raise
        except Unsound:
            return

    def _pick(self, connection: sqlite3.Connection) -> None:
        """Take the next position alone, or note why it cannot be had, so that reading goes on behind it."""
        try:
            row = connection.execute(f"{_SELECT} = ?", (self._next,)).fetchone()
            if row is not None:
                self._take(row)
                return
            reason = "nothing is stored under this position"
        except Unsound as exc:
            reason = str(exc)
        except sqlite3.DatabaseError as exc:
            if not is_corrupt(exc):
                raise
            reason = f"its page cannot be read ({exc})"
        self._damaged.append(Damaged(position=self._next, reason=reason))
        self._next += 1

    def _take(self, row: Sequence[Any]) -> bool:
        """Add one entry unless the reading is full without it, and say whether to go on. Errors: Unsound."""
        entry = self._packer.unpack(row)
        self._bytes_left -= len(entry.request.body)
        if self._entries and (self._bytes_left < 0 or len(self._entries) >= READING_ENTRIES_MAX):
            self._full = True
        else:
            self._entries.append(entry)
            self._next = entry.position + 1
        return not self._full


class _OfSource(Collecting):
    """A reading of one source's entries: positions that are not its own, or not there, are no damage."""

    def __init__(self, packer: Packer, source_id: int, first: int, end: int, bytes_max: int) -> None:
        super().__init__(packer, first, end, bytes_max)
        self._source_id = source_id
        self._picked = 0

    def _done(self) -> bool:
        return super()._done() or self._picked >= READING_DAMAGED_MAX

    def _sweep(self, connection: sqlite3.Connection) -> None:
        """Take the source's rows in order, up to the first that is not sound; without one, that was all."""
        try:
            place = (self._next, self._end, self._source_id)
            rows = connection.execute(f"{_SELECT} BETWEEN ? AND ? AND source_id = ? ORDER BY position", place)
            with closing(rows):
                for row in rows:
                    self._next = row[0]
                    if not self._take(row):
                        return
            self._next = self._end + 1
        except sqlite3.DatabaseError as exc:
            if not is_corrupt(exc):
                raise
        except Unsound:
            return

    def _pick(self, connection: sqlite3.Connection) -> None:
        """Take the next position alone, if it is the source's; note it when it cannot be read."""
        self._picked += 1
        try:
            row = connection.execute(
                f"{_SELECT} = ? AND source_id = ?", (self._next, self._source_id)
            ).fetchone()
            if row is not None:
                self._take(row)
                return
        except Unsound as exc:
            self._damaged.append(Damaged(position=self._next, reason=str(exc)))
        except sqlite3.DatabaseError as exc:
            if not is_corrupt(exc):
                raise
            self._damaged.append(Damaged(position=self._next, reason=f"its page cannot be read ({exc})"))
        self._next += 1
