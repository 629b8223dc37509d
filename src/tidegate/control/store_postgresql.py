"""
The store in a schema of its own in a PostgreSQL database.

Writers take their turn at the beginning of a transaction by one advisory lock, so that what a transaction has
read still holds when it writes; readers see one snapshot and wait for nobody. Everything a transaction needs
is set inside it, so that a connection pooler may stand in between. docs/adr/0301-control-on-postgresql.md has
the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import BigInteger, Connection, Integer, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, SQLAlchemyError

from tidegate.control.sealing import Sealer, scrubbed, shown
from tidegate.errors import (
    Conflict,
    ControlUnavailable,
    ControlUnusable,
    DataDirInUse,
    InputInvalid,
    TidegateError,
)

SCHEMA = "tidegate-control"
"""No source's schema can have this name: a warehouse in the same database never meets these tables."""

WRITERS_LOCK = 0x7469_6465_6761_7465
"""The key of the writers' advisory lock: `tidegate` in ASCII. Locks of other databases are apart."""

SERVER_LOCK = WRITERS_LOCK + 1
"""The key of the lock that the one server of a store holds for as long as it runs."""

IDLE_WRITER_MS_MAX = 30_000
"""After this long without a word in a write transaction the server ends it: its machine has gone."""

CONNECT_WAIT_S = 3
CONNECTIONS_KEPT = 2
CONNECTIONS_MAX = 32
"""One process uses some six at most (calls of the Connect API, lanes); the bound keeps a mistake small."""

CONNECTING: Mapping[str, Any] = {
    "connect_timeout": CONNECT_WAIT_S,
    "application_name": "tidegate",
    # A server that has vanished without a word is noticed within about ten seconds.
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 6_000,
}
"""Options of PostgreSQL's client library, where the address does not say otherwise."""

_READING = (
    f"""SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL search_path = "{SCHEMA}" """
)
_WRITING = (
    f'SET LOCAL search_path = "{SCHEMA}"; SET LOCAL lock_timeout = {{busy_wait_ms_max}};'
    f" SET LOCAL idle_in_transaction_session_timeout = {IDLE_WRITER_MS_MAX};"
    " SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') = 'off';"
    f" SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
)
_HOLDING = (
    "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;"
    f" SELECT pg_try_advisory_lock({SERVER_LOCK})"
)
"""With these a server whose machine has gone gives its store up within half a minute."""

_VERSION = sql.SQL("SELECT coalesce(max(number), 0) FROM {}").format(sql.Identifier(SCHEMA, "grant_changes"))


class PostgresqlDatabase:
    """One schema of a database. See `tidegate.control.store.Database`."""

    def __init__(self, url: str, sealing: Sealer, *, busy_wait_ms_max: int) -> None:
        """Shape: `postgresql://` URL as PostgreSQL's client library takes it. Errors: ControlUnusable."""
        try:
            self._place = shown(url)
            self._conninfo = make_conninfo(**(dict(CONNECTING) | conninfo_to_dict(url)))
        except (InputInvalid, psycopg.Error):
            # What they say may repeat a password.
            raise ControlUnusable(
                "the control store's address cannot be read; write postgresql://user:password@host:port/database,"
                " and percent-encode @ : / in user and password"
            ) from None
        self._url = url
        self._writing = _WRITING.format(busy_wait_ms_max=busy_wait_ms_max)
        self._watch_lock = Lock()
        self._watch: psycopg.Connection[Any] | None = None
        self._held: psycopg.Connection[Any] | None = None
        self.engine = create_engine(
            "postgresql+psycopg://",
            creator=self._connect,
            execution_options={"tidegate_sealer": sealing},
            hide_parameters=True,  # messages reach logs, and parameters hold hashes and addresses
            pool_pre_ping=True,  # a server that was restarted costs nobody a request
            pool_size=CONNECTIONS_KEPT,
            max_overflow=CONNECTIONS_MAX - CONNECTIONS_KEPT,
            pool_timeout=busy_wait_ms_max / 1000,
            use_native_hstore=False,
        )
        # The dialect would cast each number to its column's type, and make of "no such id" an error.
        self.engine.dialect.colspecs = {
            **self.engine.dialect.colspecs,
            Integer: Integer,
            BigInteger: BigInteger,
        }
        event.listen(self.engine, "begin", self._begin)

    def make_room(self, conn: Connection) -> None:
        """Make the schema where there is none. Errors: those of PostgreSQL."""
        there = conn.exec_driver_sql("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).first()
        if there is None:  # asked first: IF NOT EXISTS takes the right to make one even where there is one
            conn.exec_driver_sql(f'CREATE SCHEMA "{SCHEMA}"')

    def version(self) -> int:
        """Return the number of `grant_changes`, by a connection kept for it. Errors: ControlUnavailable."""
        with self._watch_lock:
            try:
                try:
                    return self._asked()
                except psycopg.OperationalError:
                    if self._watch is None:  # this very attempt could not connect
                        raise
                    self._unwatch()  # the server was restarted since
                    return self._asked()
            except psycopg.Error as exc:
                self._unwatch()
                raise ControlUnavailable(
                    f"the control store at {self._place} cannot be read: {self._words(exc)}; try again"
                ) from exc

    def hold(self) -> None:
        """Take a lock by a connection kept for it. Errors: DataDirInUse, ControlUnavailable."""
        try:
            self._held = self._connect(autocommit=True)
            answers = self._held.execute(_HOLDING)
            while answers.nextset():
                pass  # the last statement's answer is the one that counts
            found = answers.fetchone()
        except psycopg.Error as exc:
            raise ControlUnavailable(
                f"the control store at {self._place} cannot be taken: {self._words(exc)}; try again"
            ) from exc
        if not found or not found[0]:
            raise DataDirInUse(
                f"the control store at {self._place} is in use by another running `tidegate serve`;"
                " stop that, or give this one a database of its own"
            )

    def translated(self, exc: SQLAlchemyError) -> TidegateError:
        """Give PostgreSQL's error our name, without the values that it may repeat."""
        orig = exc.orig if isinstance(exc, DBAPIError) else None
        state, words = getattr(orig, "sqlstate", None) or "", self._words(orig or exc)
        if isinstance(exc, IntegrityError):
            return Conflict(f"the control store refuses the change: {words}")
        if state.startswith("22"):
            return InputInvalid(f"the control store cannot keep this: {words}")
        if not isinstance(exc, DBAPIError) or isinstance(exc, OperationalError) or exc.connection_invalidated:
            return ControlUnavailable(
                f"the control store at {self._place} cannot be used right now: {words}; try again"
            )
        if state == "25006":  # a standby took its place, or a reader tried to write
            return ControlUnavailable(f"the control store at {self._place} cannot be written: {words}")
        todo = "grant it to the role" if state == "42501" else "restore it from a backup"
        return ControlUnusable(f"the control store at {self._place} cannot be used: {words}; {todo}")

    def close(self) -> None:
        """Give up all connections. Safe to repeat."""
        with self._watch_lock:
            self._unwatch()
        if self._held is not None:
            self._held.close()
            self._held = None
        self.engine.dispose()

    def _asked(self) -> int:
        if self._watch is None:
            self._watch = self._connect(autocommit=True)
        found = self._watch.execute(_VERSION).fetchone()
        return cast("int", found[0]) if found else 0

    def _connect(self, *, autocommit: bool = False) -> psycopg.Connection[Any]:
        # Prepared statements are lost in poolers, and wrong after a newer release has changed a table.
        made = psycopg.connect(self._conninfo, autocommit=autocommit, prepare_threshold=None)
        made.adapters.register_dumper(str, _Words)
        return made

    def _begin(self, conn: Connection) -> None:
        writing = conn.get_execution_options()["tidegate_writing"]
        conn.exec_driver_sql(self._writing if writing else _READING)

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _words(self, exc: BaseException) -> str:
        """Return what an error says on one line: the first message alone, and no secret of the address."""
        said = exc.diag.message_primary if isinstance(exc, psycopg.Error) else None
        return " ".join(scrubbed(said or str(exc), self._url).split())


class _Words(StrDumperUnknown):
    """Sends texts. PostgreSQL has no NUL in them; people who send one read U+FFFD in its place."""

    def dump(self, obj: str) -> Any:
        """Shape: text -> what is sent."""
        return super().dump(obj.replace("\0", "\ufffd"))
