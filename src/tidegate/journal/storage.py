"""
The SQLite journal's file: its format, its connections, its one state row.

A `Store` is one connection with its lock; a journal has several, so that counting never waits for a commit.
Every sqlite3 error is given Tidegate's name here and nowhere else.
"""

from __future__ import annotations

import os
import sqlite3
import struct
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from hashlib import blake2b
from pathlib import Path
from threading import RLock

from tidegate.errors import JournalError, JournalFull, JournalUnavailable, JournalUnusable

SCHEMA_VERSION = 1
PAGE_BYTES = 4096
WAL_BYTES_MAX = 64 * 1024 * 1024
"""The write-ahead log is cut back to this; it passes it only while a checkpoint cannot finish."""

_APPLICATION_ID = 0x54694A6F  # "TiJo": tells a journal from any other SQLite file.
_CHECKPOINT_PAGES = 2_000  # 8 MB: each checkpoint syncs the main file, so not after every few groups.
_READ_WAIT_S = 5.0
_BUSY_PAUSE_S = 0.0003  # SQLite's own waiting backs off to 100 ms, a hundred times what a commit takes.

_SCHEMA = f"""
CREATE TABLE state (
  id INTEGER PRIMARY KEY CHECK (id = 1), journal_id TEXT NOT NULL,
  end INTEGER NOT NULL, end_records INTEGER NOT NULL, end_bytes INTEGER NOT NULL,
  loaded INTEGER NOT NULL, loaded_records INTEGER NOT NULL, loaded_bytes INTEGER NOT NULL,
  freed INTEGER NOT NULL, freed_bytes INTEGER NOT NULL, checksum BLOB NOT NULL);
CREATE TABLE entries (
  position INTEGER PRIMARY KEY, records_total INTEGER NOT NULL, bytes_total INTEGER NOT NULL,
  source_id INTEGER NOT NULL, received_at_ms INTEGER NOT NULL, record_count INTEGER NOT NULL,
  body_bytes INTEGER NOT NULL, packing INTEGER NOT NULL, endpoint TEXT NOT NULL, content_type TEXT NOT NULL,
  request_id TEXT NOT NULL, checksum BLOB NOT NULL, body BLOB NOT NULL);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
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
        journal_id, *numbers = astuple(self)
        return blake2b(journal_id.encode() + struct.pack("<8q", *numbers), digest_size=8).digest()


def read_state(connection: sqlite3.Connection) -> State:
    """
    Return the state as this transaction sees it.

    Errors: JournalUnusable when the row is missing or is not what was written.
    """
    row = connection.execute(_STATE_SELECT).fetchone()
    try:
        state = State(**dict(zip(State.__slots__, (_text(row[0]), *row[1:9]), strict=True)))
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
    connection.execute(_STATE_REPLACE, (*astuple(state), state.checksum()))


def live_bytes(connection: sqlite3.Connection) -> int:
    """Return what the file's used pages take; free pages count as room. Units: bytes."""
    pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
    return (pages - free_pages(connection)) * PAGE_BYTES


def free_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages of the file hold nothing."""
    count: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return count


class Store:
    """
    One connection to the journal's file and the lock that lets several threads take turns on it.

    Opened on first use and opened anew after any failure but waiting in vain, so that a journal recovers by
    itself when its disk does. `synced`: a commit returns only when it is on durable storage.
    """

    def __init__(self, path: Path, *, synced: bool, read_only: bool = False) -> None:
        self._path = path
        self._synced = synced
        self._read_only = read_only
        self._lock = RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def writing(self, wait_s: float) -> Iterator[sqlite3.Connection]:
        """
        Give a transaction that may write: committed at the end, rolled back on any error.

        Units: waits up to `wait_s` seconds for other writers. Errors: JournalFull, JournalUnavailable.
        """
        with self.alone() as connection:
            _begin(connection, wait_s)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a transaction that sees one moment of the journal, and end it. Errors: JournalUnavailable."""
        with self.alone() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """Give the bare connection, for what SQLite does outside of transactions."""
        with self._lock:
            try:
                yield self._connected()
            except sqlite3.Error as exc:
                if _code(exc) != sqlite3.SQLITE_BUSY:
                    self.close()
                raise translated(exc, self._path) from exc

    def close(self) -> None:
        """Give up the connection; the next use opens another. Safe to repeat."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(sqlite3.Error):
                    connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path, synced=self._synced, read_only=self._read_only)
        return self._connection


def prepare(path: Path) -> None:
    """
    Make the journal's file when it is not there; several processes may do so at once.

    Errors: JournalUnusable when the file is no journal or a newer release's; JournalUnavailable, JournalFull.
    """
    try:
        _create_file(path)
        connection = _connect(path, synced=True, read_only=False)
    except OSError as exc:
        raise JournalUnavailable(f"journal {path}: {exc}") from exc
    except sqlite3.Error as exc:
        raise translated(exc, path) from exc
    try:
        _create_schema(connection)
    except sqlite3.Error as exc:
        raise translated(exc, path) from exc
    finally:
        connection.close()


def check(path: Path) -> None:
    """
    See that a file is a journal that this release can use, without changing it.

    Errors: JournalUnusable says what it is instead; JournalUnavailable when it cannot be opened now.
    """
    if not path.exists():
        raise JournalUnusable(f"there is no journal at {path}; `tidegate serve` makes one")
    store = Store(path, synced=True, read_only=True)
    try:
        with store.alone() as connection:
            kind = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        store.close()
    if kind != _APPLICATION_ID:
        raise JournalUnusable(f"{path} is a database, but no journal; name another data folder")
    if version > SCHEMA_VERSION:
        raise JournalUnusable(
            f"journal {path} has format {version}, written by a newer release; this one reads up to"
            f" {SCHEMA_VERSION}: upgrade Tidegate"
        )


def translated(exc: sqlite3.Error, path: Path) -> JournalError:
    """Give a driver's error its name in errors.py, with the driver's own words."""
    code = _code(exc)
    if code == sqlite3.SQLITE_FULL:
        return JournalFull(f"journal {path}: the disk is full ({exc}); free some space")
    if code == sqlite3.SQLITE_NOTADB:
        return JournalUnusable(f"{path} is not a journal ({exc}); name another data folder")
    if code == sqlite3.SQLITE_BUSY:
        return JournalUnavailable(f"journal {path}: other processes kept it locked for too long")
    return JournalUnavailable(f"journal {path}: {exc}")


def is_corrupt(exc: sqlite3.Error) -> bool:
    """Tell whether SQLite met a page that cannot be what was written."""
    return _code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _code(exc: sqlite3.Error) -> int:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _connect(path: Path, *, synced: bool, read_only: bool) -> sqlite3.Connection:
    mode = "ro" if read_only else "rw"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_READ_WAIT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    # Bytes instead of str: a flipped bit in a text must reach the checksum, not fail as bad UTF-8.
    connection.text_factory = bytes
    connection.executescript(
        f"""
        PRAGMA synchronous = {"FULL" if synced else "NORMAL"};
        PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES};
        PRAGMA journal_size_limit = {WAL_BYTES_MAX};
        PRAGMA secure_delete = OFF;
        PRAGMA cell_size_check = ON;
        PRAGMA trusted_schema = OFF;
        """
    )
    return connection


def _begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Take the one write lock, asking again in short steps."""
    deadline = time.monotonic() + wait_s
    connection.execute("PRAGMA busy_timeout = 0")
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as exc:
            if _code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_BUSY_PAUSE_S)


def _roll_back(connection: sqlite3.Connection) -> None:
    # SQLite has rolled back by itself after some errors, and the first error is the one to tell.
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _create_file(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite gives its side files the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _create_schema(connection: sqlite3.Connection) -> None:
    """Write the tables and a first state into a database that has nothing yet."""
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        return
    # Both must stand before the first page is written. Journal mode stays with the file.
    connection.executescript(f"PRAGMA page_size = {PAGE_BYTES}; PRAGMA auto_vacuum = INCREMENTAL;")
    connection.execute("PRAGMA journal_mode = WAL")
    _begin(connection, _READ_WAIT_S)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in _SCHEMA.split(";")[:-1]:
                connection.execute(statement)
            write_state(connection, State(journal_id=str(uuid.uuid4())))
        connection.execute("COMMIT")
    finally:
        _roll_back(connection)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
