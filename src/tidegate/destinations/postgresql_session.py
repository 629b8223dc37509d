"""
One connection to a PostgreSQL server: the address, the statements, and its errors in our words.

The driver is ADBC, over libpq: statements and Arrow go through one connection, and so into one transaction.
"""

from __future__ import annotations

import functools
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import pyarrow as pa
from adbc_driver_manager import AdbcStatement, AdbcStatusCode
from adbc_driver_postgresql import dbapi

from tidegate.destinations.postgresql_form import PEM
from tidegate.errors import (
    AccessDenied,
    DestinationBusy,
    DestinationDown,
    DestinationError,
    InputInvalid,
    LoadRefused,
    QueryFailed,
    TableHeld,
)
from tidegate.tables.model import AddColumn, DropKey, RenameColumn, Table

STATEMENT_S = 600
"""Longest a statement may run, where role, database and address set no `statement_timeout`."""

LOCK_S = 10
"""Longest wait for somebody else's lock, such as of a query that holds up a new column; `lock_timeout`."""

_DEFAULTS = {
    "connect_timeout": "10",
    "application_name": "tidegate",
    # A server that is gone without a word is noticed after about a minute.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
_PARAMETERS = {
    *_DEFAULTS,
    *("host", "hostaddr", "port", "dbname", "user", "password", "passfile", "options", "keepalives"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslcrldir", "sslsni"),
    *("sslnegotiation", "ssl_min_protocol_version", "ssl_max_protocol_version", "channel_binding"),
    *("gssencmode", "krbsrvname", "require_auth", "require_peer", "target_session_attrs"),
}
"""What an address may set: libpq's names. Any other would be refused at each connection, for ever."""

_SECRET_PARAMETERS = ("password", "sslpassword")
_BAD_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")

# Values become text in one way, whatever people prefer. And a load is there when the server says so, also
# where others may lose what they just wrote.
_SETTINGS = """
    select set_config('TimeZone', 'UTC', false),
        set_config('DateStyle', 'ISO', false),
        set_config('extra_float_digits', '1', false),
        case when current_setting('lock_timeout') = '0'
            then set_config('lock_timeout', $1, false) end,
        case when current_setting('statement_timeout') = '0'
            then set_config('statement_timeout', $2, false) end,
        case when current_setting('synchronous_commit') = 'off'
            then set_config('synchronous_commit', 'on', false) end
"""


@functools.cache
def _kept(text: str) -> tempfile._TemporaryFileWrapper[str]:
    """Write a text into a file of this process, readable by its owner alone, which goes with the process."""
    file = tempfile.NamedTemporaryFile("w", prefix="tidegate-", suffix=".pem")  # noqa: SIM115 - kept open
    file.write(text)
    file.flush()
    return file


def _in_file(text: str) -> str:
    """Return the name of a file that holds a certificate."""
    return _kept(text).name


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is. Shape: `place` may be shown to anyone; `secrets` are what must not be."""

    uri: str
    place: str
    secrets: tuple[str, ...]

    @classmethod
    def read(cls, address: str) -> Address:
        """Read what follows `postgresql://`. Errors: InputInvalid, without the address."""
        try:
            parts = urlsplit(f"postgresql://{address}")
            port = parts.port
            options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        except ValueError:
            port, options, parts = None, {}, urlsplit("")
        database = parts.path.removeprefix("/")
        if (
            not database
            or "/" in database
            or parts.fragment
            or "\0" in address
            or _BAD_PERCENT.search(address)
        ):
            raise InputInvalid(
                "a PostgreSQL address is postgresql://user:password@host:port/database?sslmode=verify-full,"
                " with / @ : % percent-encoded in user and password"
            )
        unknown = sorted(set(options) - _PARAMETERS)
        if unknown:
            raise InputInvalid(f"a PostgreSQL address has no option {unknown[0]!r}")
        host = options.get("host", parts.hostname or "localhost")
        raw = [parts.password or "", *(options.get(name, "") for name in _SECRET_PARAMETERS)]
        if options.get("sslrootcert", "").startswith(PEM):
            options["sslrootcert"] = _in_file(options["sslrootcert"])
        query = urlencode(_DEFAULTS | options, quote_via=quote)
        return cls(
            uri=f"postgresql://{parts.netloc}{parts.path}?{query}",
            place=f"PostgreSQL at {host}:{options.get('port', port or 5432)}/{unquote(database)}",
            secrets=tuple({each for one in raw for each in (one, unquote(one)) if each}),
        )

    @contextmanager
    def translated(self, of_data: type[DestinationError]) -> Iterator[None]:
        """
        Turn the driver's errors into ours, the one place that does.

        `of_data` is for errors of the data or the statement: LoadRefused, or what else they mean here.
        """
        try:
            yield
        except dbapi.Error as exc:
            text = _words(str(exc))
            for secret in sorted(self.secrets, key=len, reverse=True):
                text = text.replace(secret, "***")
            kind = _kind(exc.sqlstate, text, asking=of_data is QueryFailed)
            raise (of_data(text) if kind is LoadRefused else kind(f"{self.place}: {text}")) from exc


class Session:
    """One open connection. Every statement is its own transaction, unless it stands within `transaction`."""

    def __init__(self, address: Address) -> None:
        self._connection = dbapi.connect(address.uri, autocommit=True)
        try:
            self.rows(_SETTINGS, [f"{LOCK_S}s", f"{STATEMENT_S}s"])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give up the connection."""
        self._connection.close()

    @contextmanager
    def transaction(
        self, how: str = "isolation level read committed", *, undo: bool = False
    ) -> Iterator[None]:
        """Commit what happens within, or nothing of it; with `undo` only find out whether that would work."""
        self.execute(f"begin {how}")
        try:
            yield
            if undo:
                self.execute("set constraints all immediate")
        except BaseException:
            with suppress(dbapi.Error):  # the server has undone it when the connection is gone
                self.execute("rollback")
            raise
        self.execute("rollback" if undo else "commit")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """
        Run one statement; without bound values, return how many rows it wrote.

        Without values it need not be prepared first, which is one round trip instead of three.
        """
        if values:
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(sql, list(values))
                return int(cursor.rowcount)
        with closing(AdbcStatement(self._connection.adbc_connection)) as statement:
            statement.set_sql_query(sql)
            return int(statement.execute_update())

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run one query and return all its rows."""
        with closing(self._connection.cursor()) as cursor:
            cursor.execute(sql, list(values) or None)
            return [tuple(row) for row in cursor.fetchall()]

    def copy(self, rows: pa.Table, table_name: str, schema_name: str | None = None) -> None:
        """Write rows into a table whose columns have the same types; without a schema, a temporary one."""
        with closing(self._connection.cursor()) as cursor:
            cursor.adbc_ingest(
                table_name, rows, mode="append", temporary=schema_name is None, db_schema_name=schema_name
            )

    def shape(self, sql: str) -> pa.Schema:
        """Return the columns one statement would give; it is not run."""
        with closing(self._connection.cursor()) as cursor:
            return cursor.adbc_execute_schema(sql)

    @contextmanager
    def stream(self, sql: str, *, by_copy: bool) -> Iterator[pa.RecordBatchReader]:
        """Run one statement and read its rows as they come; `by_copy` is faster, for what COPY takes."""
        with closing(self._connection.cursor()) as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": str(by_copy).lower()})
            cursor.execute(sql)
            try:
                yield cursor.fetch_record_batch()
            except (pa.ArrowException, OSError) as exc:  # what errors become on their way through Arrow
                if "[libpq]" not in str(exc):
                    raise
                raise dbapi.OperationalError(str(exc), status_code=AdbcStatusCode.IO) from exc


_HOLDING = {
    "42501",  # a right is missing
    "42809",  # it is a view, or a foreign table
    "428C9",  # a column became a generated one
    "42P10",
    "55000",
    "0A000",
    "2BP01",  # something depends on it
}
_NOT_NULL = re.compile(r'null value in column "(?P<column>.*?)" of relation')


@contextmanager
def held(
    place: Table | AddColumn | RenameColumn | DropKey, brought: Sequence[str] | None = None
) -> Iterator[None]:
    """
    Tell what keeps everything out of one table from what is wrong with data or server (D11).

    Shape: `brought` are the columns that rows bring along. Errors: TableHeld.
    """
    try:
        yield
    except dbapi.Error as exc:
        words = _words(str(exc))
        wanted = _NOT_NULL.search(words) if exc.sqlstate == "23502" and brought is not None else None
        if wanted is not None and wanted["column"] not in (brought or ()):
            words = f"column {wanted['column']} was made NOT NULL, but no record has it: {words}"
        elif exc.sqlstate not in _HOLDING:
            raise
        table_name = place.name if isinstance(place, Table) else place.table_name
        raise TableHeld(place.schema_name, table_name, words) from exc


_WORDS = re.compile(
    r"(?:[A-Z_]+: )?(?:\[libpq\] )?(?P<before>.*?)(?P<said>(?:ERROR|FATAL|PANIC): .*)", re.DOTALL
)
_TAIL = re.compile(r"\n*Query was: .*|\.? SQLSTATE: \w{5}\Z", re.DOTALL)
_ROW = re.compile(r"\nDETAIL:  Failing row contains .*", re.DOTALL)


def _words(text: str) -> str:
    """Return what the server said, without the driver's frame and without our statement and its rows."""
    found = _WORDS.match(text)
    said = found["said"] if found is not None else re.sub(r"\A[A-Z_]+: (\[libpq\] )?", "", text)
    said = _ROW.sub("", _TAIL.sub("", said)).strip()
    return re.sub(r"(ERROR|FATAL|PANIC):  ", r"\1: ", said)


_DENIED = re.compile(
    r"authentication failed|no pg_hba\.conf entry|no password supplied|permission denied"
    r"|is not permitted to log in|role \".*\" does not exist"
)
_KINDS: dict[str, type[DestinationError]] = {
    "28": AccessDenied,
    "42501": AccessDenied,
    "40": DestinationBusy,  # deadlock and serialization
    "55P03": DestinationBusy,  # a lock that did not come
    "55006": DestinationBusy,
    "42P06": DestinationBusy,  # somebody else made the same schema, table or other thing just now
    "42P07": DestinationBusy,
    "42710": DestinationBusy,
    "XX000": DestinationBusy,  # "tuple concurrently updated", which has no code of its own
    "22P03": DestinationDown,  # a column's type is not the one it had when the load was planned
    "21": LoadRefused,
    "22": LoadRefused,
    "23": LoadRefused,
    "44": LoadRefused,
    "54": LoadRefused,  # a row or an index entry too large, too many columns
    "P0": LoadRefused,  # what people's triggers raise
}
"""By SQLSTATE or its class. Everything else is DestinationDown: the next attempt asks the warehouse anew."""

_NOT_OF_THE_QUERY: dict[str, type[DestinationError]] = {
    "08": DestinationDown,
    "53": DestinationDown,
    "57P01": DestinationDown,
    "57P02": DestinationDown,
    "57P03": DestinationDown,
    "58": DestinationDown,
    "XX": DestinationDown,
    "55P03": DestinationBusy,
}
"""The same for a query that a person wrote: everything else is about the query."""


def _kind(sqlstate: str | None, text: str, *, asking: bool) -> type[DestinationError]:
    """Return the kind of an error; LoadRefused for what is about the data or the query."""
    if sqlstate is None:  # libpq could not connect, or the connection broke, or a query failed on its way
        if asking and text.startswith("ERROR"):
            return LoadRefused
        return AccessDenied if _DENIED.search(text) else DestinationDown
    kinds, otherwise = (_NOT_OF_THE_QUERY, LoadRefused) if asking else (_KINDS, DestinationDown)
    return kinds.get(sqlstate, kinds.get(sqlstate[:2], otherwise))
