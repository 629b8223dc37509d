"""A PostgreSQL of the bench's own: the tests' server, but with every setting durable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from bench.programs import Failed
from tests.conformance import postgres_server
from tests.conformance.postgres_server import PASSWORD, ROLE, PostgresServer

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
        self.address = server.new_database()
        self.name = self.address.rpartition("/")[2]

    @property
    def url(self) -> str:
        """The address as the product and libpq take it."""
        return f"postgresql://{self.address}"

    @property
    def parts(self) -> dict[str, str | int]:
        """The address in parts, for programs whose settings are parts."""
        return {
            "host": "127.0.0.1",
            "port": self.server.port,
            "user": ROLE,
            "password": PASSWORD,
            "database": self.name,
        }

    def empty(self) -> None:
        """Drop it with all that is in it and make it anew, and have the server write all out."""
        name, owner = Identifier(self.name), Identifier(ROLE)
        with self.server.admin("/postgres") as admin:
            admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
            admin.execute(SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(name, owner))
            admin.execute("CHECKPOINT")

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the server's owner."""
        return self.server.admin(self.address)


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
