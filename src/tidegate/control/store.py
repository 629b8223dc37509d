"""
The store itself: opening, transactions, and the one edge where the database's errors get our names.

`store_sqlite.py` and `store_postgresql.py` have what differs between the databases, behind `Database`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, Self, cast

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from tidegate.control.migrate import migrate, revision
from tidegate.control.schema import REVISION
from tidegate.control.sealing import Sealer
from tidegate.errors import ControlUnusable, NotSetUp, TidegateError

BUSY_WAIT_MS_MAX = 5_000
"""Longest wait for another writer. A transaction here takes milliseconds, so more means something hangs."""

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_PREFIXES = ("postgresql://", "postgres://")


class Database(Protocol):
    """
    What the store needs of a kind of database.

    Its engine begins a transaction by the option `tidegate_writing`: writers take turns, readers see one
    moment and cannot write. The engine's connections carry the option `tidegate_sealer`.
    """

    engine: Engine

    def make_room(self, conn: Connection) -> None:
        """Make what tables stand in, in a new store."""
        ...

    def version(self) -> int:
        """Return a number; see `Store.version`."""
        ...

    def hold(self) -> None:
        """Take the store for one server; see `Store.hold`."""
        ...

    def translated(self, exc: SQLAlchemyError) -> TidegateError:
        """Give an error of SQLAlchemy or the driver our name; the message holds no secret."""
        ...

    def close(self) -> None:
        """Give everything up. Safe to repeat."""
        ...


class Store:
    """An open control store. Safe to share between threads; not across a fork."""

    def __init__(self, database: Database, actor: str) -> None:
        self._database = database
        self._actor = actor

    @classmethod
    def open(
        cls,
        where: Path | str,
        *,
        secret_key: str | None = None,
        key_file: Path | None = None,
        actor: str = "server",
        create: bool = True,
        busy_wait_ms_max: int = BUSY_WAIT_MS_MAX,
    ) -> Self:
        """
        Open the store of a path, `sqlite:///` or `postgresql://` URL; make or migrate it where that is due.

        Shape: `secret_key` is a Fernet key; None means the key file, which for a store that is a file is
        `secret.key` beside it. `actor` is who the audit log says made changes, where `writing` is not told
        otherwise. With `create` False a store that nobody has made yet is an error.
        Errors: DataDirUnusable when the file cannot be made, ControlUnusable when it is damaged or a newer
        release's, ControlUnavailable when it stays locked or does not answer, NotSetUp.
        Source: docs/specs/control.md, C1 and C2.
        """
        address = str(where)
        if address.startswith(POSTGRESQL_PREFIXES):
            database = _postgresql(address, Sealer(key_file, secret_key), busy_wait_ms_max)
        else:
            path = _path(address)
            if not create and not path.exists():
                raise NotSetUp(f"there is no control store {path}; start with `tidegate serve`")
            sealing = Sealer(key_file or path.parent / "secret.key", secret_key)
            database = _sqlite(path, sealing, busy_wait_ms_max)
        store = cls(database, actor)
        try:
            store.bring_up_to_date(create=create)
        except BaseException:
            store.close()
            raise
        return store

    def bring_up_to_date(self, *, create: bool = True) -> None:
        """Make or migrate the tables where that is due; otherwise only look. Errors: as `open`."""
        with self.reading() as conn:
            found = revision(conn)
        if found is None and not create:
            raise NotSetUp("the control store is empty; start with `tidegate serve`")
        if found != REVISION:
            with self.writing() as conn:
                if found is None:
                    self._database.make_room(conn)
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
        Return a number that changes when anything counted in `grant_changes` does, by whatever process.

        It may change more often, and costs at most one question by a connection kept for it.
        Errors: ControlUnavailable.
        """
        return self._database.version()

    def hold(self) -> None:
        """
        Take this store for one server until `close`: two would load the same sources from two journals.

        Errors: DataDirInUse when another has it, ControlUnavailable. Source: docs/specs/control.md, C40.
        """
        self._database.hold()

    def close(self) -> None:
        """Give up files, connections and locks. Safe to repeat."""
        self._database.close()

    @contextmanager
    def _transaction(self, *, writing: bool, actor: str = "") -> Iterator[Connection]:
        engine = self._database.engine
        try:
            with (
                engine.connect().execution_options(tidegate_writing=writing, tidegate_actor=actor) as conn,
                conn.begin(),
            ):
                yield conn
        except (DBAPIError, PoolTimeout) as exc:
            raise self._database.translated(exc) from exc


def sealer(conn: Connection) -> Sealer:
    """Return the sealer that the store hands down with each of its connections."""
    return cast("Sealer", conn.get_execution_options()["tidegate_sealer"])


def _path(address: str) -> Path:
    """Errors: ControlUnusable when it is an address of something else; that may hold a password."""
    bare = address.removeprefix(SQLITE_PREFIX)
    if "://" in bare:
        raise ControlUnusable(
            "the control store must be a file's path, a sqlite:/// URL or a postgresql:// URL"
        )
    return Path(bare)


def _sqlite(path: Path, sealing: Sealer, busy_wait_ms_max: int) -> Database:
    from tidegate.control.store_sqlite import SqliteDatabase  # noqa: PLC0415 - as below

    return SqliteDatabase(path, sealing, busy_wait_ms_max=busy_wait_ms_max)


def _postgresql(url: str, sealing: Sealer, busy_wait_ms_max: int) -> Database:
    from tidegate.control.store_postgresql import PostgresqlDatabase  # noqa: PLC0415 - its driver is heavy

    return PostgresqlDatabase(url, sealing, busy_wait_ms_max=busy_wait_ms_max)
