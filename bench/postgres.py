"""A PostgreSQL of the bench's own: the tests' server, but with every setting durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bench.plan import Expected
from bench.programs import Failed
from tests.conformance import postgres_server
from tests.conformance.postgres_server import ROLE, PostgresServer

CONDITIONS = "PostgreSQL with fsync and its own defaults, files in the system's temporary folder"
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "128MB",
    "deadlock_timeout": "1s",
    "timezone": "UTC",
    "datestyle": "ISO",
    "extra_float_digits": "1",
}
"""PostgreSQL's own defaults, where the tests' server departs from them."""


class Database:
    """One database on the server; its address stays the same when it is emptied."""

    def __init__(self, server: PostgresServer) -> None:
        self.server = server
        self._address = server.new_database()
        self.name = self._address.rpartition("/")[2]

    @property
    def url(self) -> str:
        """The address as the product and libpq take it."""
        return f"postgresql://{self._address}"

    @property
    def address(self) -> str:
        """The same, for scripts."""
        return self.url

    def empty(self) -> None:
        """Drop it with all that is in it and make it anew, and have the server write all out."""
        name, owner = Identifier(self.name), Identifier(ROLE)
        with self.server.admin("/postgres") as admin:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(name, owner))
            admin.execute("CHECKPOINT")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the server's owner."""
        return self.server.admin(self._address)

    def held(self, who: str) -> Expected:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        with self.connect() as connection:
            schemas = connection.execute(
                "SELECT table_schema FROM information_schema.tables"
                " WHERE table_name = 'orders' AND table_schema NOT LIKE '%staging%'"
            ).fetchall()
            if not schemas:
                raise Failed(f"{who} made no table")
            schema = Identifier(str(schemas[0][0]))
            found = connection.execute(
                SQL("SELECT count(*), coalesce(sum(quantity), 0) FROM {}.orders").format(schema)
            )
            rows, quantity = (int(str(each)) for each in found.fetchall()[0])
            lines = SQL("{}.orders__lines").format(schema)
            named = connection.execute("SELECT to_regclass(%s)", [lines.as_string(connection)]).fetchall()
            elements = 0
            if named[0][0] is not None:
                counted = connection.execute(SQL("SELECT count(*) FROM {}").format(lines))
                elements = int(str(counted.fetchall()[0][0]))
        return Expected(rows=rows, quantity=quantity, elements=elements)


@contextmanager
def postgres() -> Iterator[PostgresServer]:
    """Run a durable PostgreSQL while the block runs. Errors: Failed where there are no programs for it."""
    try:
        server = PostgresServer()
    except pytest.skip.Exception as exc:
        raise Failed(str(exc)) from exc
    try:
        # The tests' server trades durability for speed; here both sides of a ratio must be durable.
        with patch.dict(postgres_server._SETTINGS, DURABLE):  # noqa: SLF001 - it takes no settings from outside
            server.start()
        yield server
    finally:
        server.close()
