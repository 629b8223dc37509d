"""
Where the SQLite journal stands: one row that is rewritten with each append and each trim.

It is the authority on positions: none is given twice, whatever happened to the entries themselves.
"""

from __future__ import annotations

import sqlite3
import struct
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter

from tidegate.errors import JournalUnusable

STATE_SCHEMA = """
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1), journal_id TEXT NOT NULL,
  end INTEGER NOT NULL, end_records INTEGER NOT NULL, end_bytes INTEGER NOT NULL,
  loaded INTEGER NOT NULL, loaded_records INTEGER NOT NULL, loaded_bytes INTEGER NOT NULL,
  freed INTEGER NOT NULL, freed_bytes INTEGER NOT NULL, checksum BLOB NOT NULL)
"""

_STATE_COLUMNS = (
    "journal_id, end, end_records, end_bytes, loaded, loaded_records, loaded_bytes, freed, freed_bytes"
)
_STATE_SELECT = f"SELECT {_STATE_COLUMNS}, checksum FROM state"  # noqa: S608 - constant column names
_STATE_REPLACE = f"REPLACE INTO state (id, {_STATE_COLUMNS}, checksum) VALUES (1{', ?' * 10})"  # noqa: S608 - the same


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """
    Where the journal stands, kept in one row so that nothing ever has to be counted.

    Shape: three places, `freed` <= `loaded` <= `end`, as positions with the running totals of records and
    stored bytes up to there. Entries up to `freed` are gone, up to `loaded` kept for replay only.
    """

    journal_id: str
    end: int = 0
    end_records: int = 0
    end_bytes: int = 0
    loaded: int = 0
    loaded_records: int = 0
    loaded_bytes: int = 0
    freed: int = 0
    freed_bytes: int = 0

    def checksum(self) -> bytes:
        """Hash all fields, so that a spoilt state is refused instead of believed."""
        journal_id, *numbers = _fields(self)
        return blake2b(journal_id.encode() + struct.pack("<8q", *numbers), digest_size=8).digest()


_fields = attrgetter(*State.__slots__)


def read_state(connection: sqlite3.Connection) -> State:
    """
    Return the state as this transaction sees it.

    Errors: JournalUnusable when the row is missing or is not what was written.
    """
    row = connection.execute(_STATE_SELECT).fetchone()
    try:
        state = State(**dict(zip(State.__slots__, (row[0].decode(), *row[1:9]), strict=True)))
        sound = state.checksum() == row[9]
    except (TypeError, ValueError, AttributeError, struct.error):
        sound = False
    if not sound:
        raise JournalUnusable(
            "the journal's state row is damaged; restore the file from a copy or start a new one"
        )
    return state


def write_state(connection: sqlite3.Connection, state: State) -> None:
    """Put the state in place of the one before; part of the transaction that made it true."""
    connection.execute(_STATE_REPLACE, (*_fields(state), state.checksum()))
