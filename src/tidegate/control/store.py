"""
The store itself: opening, transactions, and the one edge where the database's errors get our names.

On SQLite every commit is synced before it returns (`synchronous=FULL`), readers never wait for the writer
(WAL), and writers take their turn at the beginning of a transaction (`BEGIN IMMEDIATE`), so that what a
transaction has read still holds when it writes.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from tidegate.control.migrate import migrate, revision
from tidegate.control.schema import REVISION
from tidegate.control.sealing import Sealer
from tidegate.errors import Conflict, ControlUnavailable, ControlUnusable, DataDirUnusable

BUSY_WAIT_MS_MAX = 5_000
"""Longest wait for another writer. A transaction here takes milliseconds, so more means something hangs."""

WAL_RETRY_S = 0.005
"""Between two attempts to put a new file into write-ahead mode: about as long as making the tables takes."""

SQLITE_PREFIX = "sqlite:///"


class Store:
    """An open control store. Safe to share between threads; not across a fork."""

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine = engine
        self._actor = actor
        self._watch_lock = Lock()
        self._watch: Any = None

    @classmethod
    def open(cls, where: Path | str, *, secret_key: str | None = None, actor: str = "server") -> Store:
        """
        Open the store of a path or `sqlite:///` URL; make it (mode 0600) where there is none; migrate it.

        Shape: `secret_key` is a Fernet key; None means the key file `secret.key` beside the store. `actor` is
        who the audit log says made changes, where `writing` is not told otherwise.
        Errors: DataDirUnusable when the file cannot be made, ControlUnusable when it is damaged or a newer
        release's, ControlUnavailable when it stays locked. Source: docs/specs/control.md, C1 and C2.
        """
        address = str(where).removeprefix(SQLITE_PREFIX)
        if "://" in address:
            raise ControlUnusable("the control store must be a file's path or a sqlite:/// URL")
        path = Path(address)
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as exc:
            raise DataDirUnusable(
                f"the control store {path} cannot be opened or made: {exc.strerror}"
            ) from exc
        store = cls(_sqlite_engine(path, Sealer(path.parent / "secret.key", secret_key)), actor)
        try:
            store.bring_up_to_date()
        except BaseException:
            store.close()
            raise
        return store

    def bring_up_to_date(self) -> None:
        """Make or migrate the tables where that is due; otherwise only look. Errors: as `open`."""
        with self.reading() as conn:
            found = revision(conn)
        if found != REVISION:
            with self.writing() as conn:
                migrate(conn)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """
        Give a connection that sees one moment of the store and refuses to write.

        Errors: ControlUnavailable, ControlUnusable.
        """
        with self._transaction(writing=False) as conn:
            yield conn

    @contextmanager
    def writing(self, *, actor: str | None = None) -> Iterator[Connection]:
        """
        Give a connection to change the store with; committed and synced at the end, or nothing on an error.

        `actor` is who the audit log says it was.

        Errors: ControlUnavailable (retryable), ControlUnusable; and what the nouns' functions raise.
        """
        with self._transaction(writing=True, actor=actor or self._actor) as conn:
            yield conn

    def version(self) -> int:
        """
        Return a number that changes when another connection, of any process, has committed a change.

        One pragma on a connection kept for it: microseconds. Errors: ControlUnavailable.
        """
        with self._watch_lock:
            try:
                if self._watch is None:
                    self._watch = self._engine.raw_connection()
                # The number has a meaning on this one connection only, so it is kept through errors.
                return cast("int", self._watch.driver_connection.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as exc:
                raise ControlUnavailable(f"the control store cannot be read: {exc}; try again") from exc

    def close(self) -> None:
        """Give up files and locks. Safe to repeat."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    @contextmanager
    def _transaction(self, *, writing: bool, actor: str = "") -> Iterator[Connection]:
        with (
            _translated(),
            self._engine.connect().execution_options(tidegate_writing=writing, tidegate_actor=actor) as conn,
            conn.begin(),
        ):
            yield conn


def sealer(conn: Connection) -> Sealer:
    """Return the sealer that the store hands down with each of its connections."""
    return cast("Sealer", conn.get_execution_options()["tidegate_sealer"])


def _sqlite_engine(path: Path, sealing: Sealer) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_WAIT_MS_MAX / 1000},
        execution_options={"tidegate_sealer": sealing},
        hide_parameters=True,  # the driver's messages reach logs, and parameters hold hashes and addresses
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(driver: sqlite3.Connection, _record: object) -> None:
    """Set a new connection up; transactions are begun by `_begin`, never behind our back by the driver."""
    driver.isolation_level = None
    _write_ahead(driver)
    driver.execute("PRAGMA synchronous=FULL")
    driver.execute("PRAGMA foreign_keys=ON")


def _write_ahead(driver: sqlite3.Connection) -> None:
    """Put a new file into write-ahead mode; SQLite does not wait its turn for that, so it is done here."""
    end_s = time.monotonic() + BUSY_WAIT_MS_MAX / 1000
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


@contextmanager
def _translated() -> Iterator[None]:
    """Give the database's errors our names."""
    try:
        yield
    except OperationalError as exc:
        raise ControlUnavailable(
            f"the control store cannot be used right now: {exc.orig}; try again"
        ) from exc
    except IntegrityError as exc:
        raise Conflict(f"the control store refuses the change: {exc.orig}") from exc
    except DBAPIError as exc:
        raise ControlUnusable(
            f"the control store cannot be used: {exc.orig}; restore it from a backup"
        ) from exc
