"""
The SQLite journal's file: its format and its connections.

A `Store` is one connection with its lock; a journal has several, so that counting never waits for a commit.
Every sqlite3 error is given Tidegate's name here and nowhere else.
"""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from tidegate.errors import JournalError, JournalFull, JournalUnavailable, JournalUnusable
from tidegate.journal.aside import KEPT_SCHEMA
from tidegate.journal.packing import ENTRIES_SCHEMA
from tidegate.journal.repeats_table import KEYS_SCHEMA
from tidegate.journal.state import STATE_SCHEMA, State, write_state

SCHEMA_VERSION = 3
PAGE_BYTES = 4096
WAL_BYTES_MAX = 64 * 1024 * 1024
"""The write-ahead log is cut back to this; it passes it only while a checkpoint cannot finish."""

_LIVE_PAGES = "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count"
_APPLICATION_ID = 0x54694A6F  # "TiJo": tells a journal from any other SQLite file.
_CHECKPOINT_PAGES = 2_000  # 8 MB: each checkpoint syncs the main file, so not after every few groups.
_READ_WAIT_S = 5.0
_BUSY_PAUSE_S = 0.0003  # SQLite's own waiting backs off to 100 ms, a hundred times what a commit takes.

DRIVER_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What the driver raises: a message of SQLite that quotes a damaged schema may not even be UTF-8."""

_CONNECTION_SETTINGS = f"""
PRAGMA synchronous = {{synchronous}};
PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES};
PRAGMA journal_size_limit = {WAL_BYTES_MAX};
PRAGMA secure_delete = OFF;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
"""
_SCHEMA = (
    STATE_SCHEMA,
    ENTRIES_SCHEMA,
    KEYS_SCHEMA,
    KEPT_SCHEMA,
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


_SINCE = {1: (KEYS_SCHEMA, KEPT_SCHEMA), 2: (KEPT_SCHEMA,)}
"""Format -> what was added since."""


def live_bytes(connection: sqlite3.Connection) -> int:
    """Return what the file's used pages take; free pages count as room. Units: bytes."""
    pages: int = connection.execute(_LIVE_PAGES).fetchone()[0]
    return pages * PAGE_BYTES


def free_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages of the file hold nothing."""
    count: int = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return count


class DamagedPage(JournalUnavailable):
    """SQLite met a page that cannot be what was written. Known in this package only, to work around it."""


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
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._closed = False

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
            except DRIVER_ERRORS as exc:
                if _code(exc) != sqlite3.SQLITE_BUSY:
                    self._drop()
                raise translated(exc, self._path) from exc

    def close(self) -> None:
        """Give up the connection for good. Safe to repeat."""
        with self._lock:
            self._closed = True
            self._drop()

    def _connected(self) -> sqlite3.Connection:
        if self._closed:
            raise JournalUnavailable(f"journal {self._path} is closed")
        file = _identity(self._path)
        if self._opened != file:
            # The path names another file than at first: what went on into the old one would be lost.
            self._drop()
            self._opened = file
        if self._connection is None:
            self._connection = _connect(self._path, synced=self._synced, read_only=self._read_only)
            if not self._read_only:
                # From here on the only lock waited for is the write lock, and `_begin` does that better.
                self._connection.execute("PRAGMA busy_timeout = 0")
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


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
    except DRIVER_ERRORS as exc:
        raise translated(exc, path) from exc
    try:
        _create_schema(connection)
        _upgrade(connection)
    except DRIVER_ERRORS as exc:
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


def translated(exc: Exception, path: Path) -> JournalError:
    """Give a driver's error its name in errors.py, with the driver's own words."""
    code = _code(exc)
    if code == sqlite3.SQLITE_FULL:
        return JournalFull(f"journal {path}: the disk is full ({exc}); free some space")
    if code == sqlite3.SQLITE_NOTADB:
        return JournalUnusable(f"{path} is not a journal ({exc}); name another data folder")
    if is_corrupt(exc):
        return DamagedPage(f"journal {path}: {exc}")
    if code == sqlite3.SQLITE_BUSY:
        return JournalUnavailable(f"journal {path}: other processes kept it locked for too long")
    return JournalUnavailable(f"journal {path}: {exc}")


def is_corrupt(exc: Exception) -> bool:
    """Tell whether SQLite met a page that cannot be what was written."""
    # A spoilt length can also look like a value that is too big.
    return _code(exc) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_TOOBIG)


def _code(exc: Exception) -> int:
    return getattr(exc, "sqlite_errorcode", 0) & 0xFF


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as exc:
        raise JournalUnavailable(f"journal {path} is gone ({exc}); put it back or restart Tidegate") from exc
    return found.st_dev, found.st_ino


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
    try:
        connection.executescript(_CONNECTION_SETTINGS.format(synchronous="FULL" if synced else "NORMAL"))
    except BaseException:
        connection.close()
        raise
    return connection


def _begin(connection: sqlite3.Connection, wait_s: float) -> None:
    """Take the one write lock, asking again in short steps."""
    deadline = time.monotonic() + wait_s
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
    if _write_ahead(connection) != b"wal":
        raise JournalUnusable(
            "the data folder's file system cannot share memory between processes; use a local disk"
        )
    _begin(connection, _READ_WAIT_S)
    try:
        if not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            for statement in _SCHEMA:
                connection.execute(statement)
            write_state(connection, State(journal_id=str(uuid.uuid4())))
        connection.execute("COMMIT")
    finally:
        _roll_back(connection)


def _write_ahead(connection: sqlite3.Connection) -> bytes:
    """Put a new file into write-ahead mode; SQLite does not wait its turn for that, so it is done here."""
    until = time.monotonic() + _READ_WAIT_S
    while True:
        try:
            mode: bytes = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as exc:
            if _code(exc) != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return mode


def _upgrade(connection: sqlite3.Connection) -> None:
    """Give an older journal the tables it lacks; whatever else the file is, `check` says so."""
    if not _missing(connection):
        return
    _begin(connection, _READ_WAIT_S)
    try:
        for schema in _missing(connection):
            connection.execute(schema)
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        _roll_back(connection)


def _missing(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return the tables that a journal of an older format lacks."""
    kind = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    return _SINCE.get(version, ()) if kind == _APPLICATION_ID else ()
