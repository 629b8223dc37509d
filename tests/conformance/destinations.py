"""Destinations for the conformance tests: one line for each kind, and loads that are short to write."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.arrivals import BATCHED_AT_MS
from tests.conformance import postgres_server
from tidegate.destinations import DESTINATIONS, connect
from tidegate.destinations.base import Destination, Loaded
from tidegate.tables.model import Progress, Span
from tidegate.tables.prepare import Arrival, Prepared, prepare

SCHEMA = "shop"
JOURNAL = "journal-1"


class Warehouse:
    """One warehouse during a test; `destination` is open, `stranger()` one that was never opened."""

    def __init__(self, kind: str, address: Callable[[], str]) -> None:
        self.kind = kind
        self._address = address()
        self._url = f"{kind}://{self._address}"
        self._numbers = itertools.count()
        self.staged = False
        self.append_only = False
        self.destination = connect(self._url)
        self.destination.open()

    def new_uuids(self, count: int) -> list[str]:
        """Return "UUIDs" that a test can foretell, none of them twice in a warehouse."""
        return [f"uuid-{number}" for number in itertools.islice(self._numbers, count)]

    def stranger(self) -> Destination:
        """Return a second destination at the same address; in memory there is only the one."""
        return self.destination if self.kind == "memory" else connect(self._url)

    def prepare(self, *arrivals: Arrival, schema_name: str = SCHEMA) -> Prepared:
        """Plan a load for what is there now, and make its changes."""
        load = prepare(
            schema_name,
            arrivals,
            self.destination.tables(schema_name),
            self.destination.capabilities,
            batched_at_ms=BATCHED_AT_MS,
            new_uuids=self.new_uuids,
            staged=self.staged,
            append_only=self.append_only,
        )
        for change in load.changes:
            self.destination.apply(change)
        return load

    def load(self, *arrivals: Arrival, after: int, upto: int, schema_name: str = SCHEMA) -> Loaded:
        """Plan and load."""
        parts = self.prepare(*arrivals, schema_name=schema_name).parts
        return self.destination.load(parts, span(after, upto))

    def ask(self, sql: str, schema_name: str = SCHEMA) -> list[dict[str, Any]]:
        """Return the rows of a query; the destination lets go of what it holds, as the loader's does."""
        self.release()
        rows = self.destination.query(sql, wait_s=5, schema_name=schema_name).read_all().to_pylist()
        self.destination.open()
        return [dict(row) for row in rows]

    def people(self, sql: str) -> None:
        """Do something to the warehouse that is not ours to do, as people can who own it."""
        self.release()
        PEOPLE[self.kind](self._address, sql)
        self.destination.open()

    def taken(self, queries: Mapping[str, str], then: str) -> dict[str, list[dict[str, Any]]]:
        """
        Return the rows of queries as people's own programs see them, then run a statement.

        All over one connection, which is what makes this quick; in memory, where nobody else gets, by ours.
        """
        self.release()
        read = READERS.get(self.kind)
        try:
            if read is not None:
                return read(self._address, queries, then)
            return {name: self.ask(sql) for name, sql in queries.items()}
        finally:
            self.destination.open()

    def release(self) -> None:
        """Close, where a destination must not be held."""
        if not self.destination.capabilities.hold_open:
            self.destination.close()


def span(after: int, upto: int, journal_id: str = JOURNAL) -> Span:
    """Return the span of one load without held tables; after 0 nothing is stored yet."""
    before = Progress(after) if after else None
    return Span(journal_id=journal_id, before=before, after=Progress(upto))


@contextmanager
def warehouse(kind: str, folder: Path) -> Iterator[Warehouse]:
    """Make an empty warehouse of one kind."""
    made = Warehouse(kind, lambda: ADDRESSES[kind](folder))
    try:
        yield made
    finally:
        made.destination.close()


ADDRESSES: dict[str, Callable[[Path], str]] = {
    "duckdb": lambda folder: f"/{folder / 'warehouse.duckdb'}",
    "memory": lambda _folder: "",
    "postgresql": postgres_server.address,
}
"""One line for each kind: what follows `<kind>://`."""


def _in_duckdb(address: str, sql: str) -> None:
    with duckdb.connect(address.removeprefix("/")) as connection:
        connection.execute(sql)


def _in_memory(_address: str, _sql: str) -> None:
    pytest.skip("never: nobody else reaches the memory of this process")


def _in_postgresql(address: str, sql: str) -> None:
    with psycopg.connect(f"postgresql://{address}", autocommit=True) as connection:
        connection.execute(sql.encode())


Rows = list[dict[str, Any]]


def _from_duckdb(address: str, queries: Mapping[str, str], then: str) -> dict[str, Rows]:
    with duckdb.connect(address.removeprefix("/")) as connection:
        connection.execute("set TimeZone = 'UTC'")
        found = {name: connection.sql(sql).to_arrow_table().to_pylist() for name, sql in queries.items()}
        connection.execute(then)
    return found


def _from_postgresql(address: str, queries: Mapping[str, str], then: str) -> dict[str, Rows]:
    with psycopg.connect(f"postgresql://{address}", autocommit=True, row_factory=dict_row) as connection:
        connection.execute("set timezone = 'UTC'; set datestyle = 'ISO'; set extra_float_digits = 3")
        found = {name: connection.execute(sql.encode()).fetchall() for name, sql in queries.items()}
        connection.execute(then.encode())
    return found


READERS: dict[str, Callable[[str, Mapping[str, str], str], dict[str, Rows]]] = {
    "duckdb": _from_duckdb,
    "postgresql": _from_postgresql,
}
"""One line for each kind whose owner can read it without us."""

PEOPLE: dict[str, Callable[[str, str], None]] = {
    "duckdb": _in_duckdb,
    "memory": _in_memory,
    "postgresql": _in_postgresql,
}
"""One line for each kind: how its owner runs a statement, given what follows `<kind>://`."""

assert set(ADDRESSES) == set(PEOPLE) == set(DESTINATIONS), "every kind is tested"
