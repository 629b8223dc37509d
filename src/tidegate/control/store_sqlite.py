"""
The store in one SQLite file.

On SQLite every commit is synced before it returns (`synchronous=FULL`), readers never wait for the writer
(WAL), and writers take their turn at the beginning of a transaction (`BEGIN IMMEDIATE`), so that what a
transaction has read still holds when it writes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from threading import Lock
from typing import Any, cast

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from tidegate.control.sealing import Sealer
from tidegate.errors import Conflict, ControlUnavailable, ControlUnusable, DataDirUnusable, TidegateError

WAL_RETRY_S = 0.005
"""Between two attempts to put a new file into write-ahead mode: about as long as making the tables takes."""


class SqliteDatabase:
    """One file. See `tidegate.control.store.Database`."""

    def __init__(self, path: Path, sealing: Sealer, *, busy_wait_ms_max: int) -> None:
        """Make the file (mode 0600) where there is none. Errors: DataDirUnusable."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as exc:
            raise DataDirUnusable(
                f"the control store {path} cannot be opened or made: {exc.strerror}"
            ) from exc
        self.engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": busy_wait_ms_max / 1000},
            execution_options={"tidegate_sealer": sealing},
            hide_parameters=True,  # messages reach logs, and parameters hold hashes and addresses
        )
        self._busy_wait_ms_max = busy_wait_ms_max
        self._watch_lock = Lock()
        self._watch: Any = None
        event.listen(self.engine, "connect", self._prepare)
        event.listen(self.engine, "begin", _begin)

    def make_room(self, conn: Connection) -> None:
        """Nothing: the file is the room."""

    def version(self) -> int:
        """Return SQLite's own count of commits: one pragma, microseconds. Errors: ControlUnavailable."""
        with self._watch_lock:
            try:
                if self._watch is None:
                    self._watch = self.engine.raw_connection()
                # The number has a meaning on this one connection only, so it is kept through errors.
                return cast("int", self._watch.driver_connection.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as exc:
                raise ControlUnavailable(f"the control store cannot be read: {exc}; try again") from exc

    def hold(self) -> None:
        """Nothing: the file is in the data folder, which its server holds."""

    def translated(self, exc: SQLAlchemyError) -> TidegateError:
        """Give SQLite's error our name."""
        orig = getattr(exc, "orig", None) or exc
        if isinstance(exc, IntegrityError):
            return Conflict(f"the control store refuses the change: {orig}")
        if isinstance(exc, OperationalError):
            return ControlUnavailable(f"the control store cannot be used right now: {orig}; try again")
        return ControlUnusable(f"the control store cannot be used: {orig}; restore it from a backup")

    def close(self) -> None:
        """Give up files and locks. Safe to repeat."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self.engine.dispose()

    def _prepare(self, driver: sqlite3.Connection, _record: object) -> None:
        """Set a new connection up; `_begin` begins transactions, never the driver behind our back."""
        driver.isolation_level = None
        _write_ahead(driver, self._busy_wait_ms_max)
        driver.execute("PRAGMA synchronous=FULL")
        driver.execute("PRAGMA foreign_keys=ON")


def _write_ahead(driver: sqlite3.Connection, busy_wait_ms_max: int) -> None:
    """Put a new file into write-ahead mode; SQLite does not wait its turn for that, so it is done here."""
    end_s = time.monotonic() + busy_wait_ms_max / 1000
    while True:
        try:
            driver.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= end_s:
                raise
            time.sleep(WAL_RETRY_S)
        else:
            return


def _begin(conn: Connection) -> None:
    writing = conn.get_execution_options()["tidegate_writing"]
    conn.exec_driver_sql(f"PRAGMA query_only={'OFF' if writing else 'ON'}")
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
