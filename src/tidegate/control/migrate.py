"""
Brings a store's tables to the newest revision.

An empty store gets the tables from code and the revision's number; a test proves that the migrations end in
the same schema. Alembic is imported only when an older store is met: importing it takes about 0.14 s of the
2 s that a start may take, making the tables takes 0.01 s.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, column, insert, inspect, select, table

from tidegate.control.schema import REVISION, metadata
from tidegate.errors import ControlUnusable

VERSION_TABLE = "alembic_version"
_version = table(VERSION_TABLE, column("version_num"))


def revision(conn: Connection) -> str | None:
    """Return the revision a store is at, None of an empty one."""
    if not inspect(conn).has_table(VERSION_TABLE):
        return None
    found: str | None = conn.execute(select(_version.c.version_num)).scalar()
    return found


def migrate(conn: Connection) -> None:
    """
    Bring the tables to `REVISION`, inside the caller's transaction. Safe to repeat.

    Errors: ControlUnusable when a newer release wrote the store.
    """
    found = revision(conn)
    if found is None:
        _create(conn)
    elif found != REVISION:
        replay(conn)


def _create(conn: Connection) -> None:
    metadata.create_all(conn)
    conn.exec_driver_sql(
        f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL,"
        f" CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))"
    )
    conn.execute(insert(_version).values(version_num=REVISION))


def replay(conn: Connection, to: str = "head") -> None:
    """Run Alembic's migrations from wherever the store stands. Errors: ControlUnusable."""
    from alembic import command  # noqa: PLC0415 - see the module's docstring
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring
    from alembic.util import CommandError  # noqa: PLC0415 - see the module's docstring

    config = Config(attributes={"connection": conn})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, to)
    except CommandError as exc:
        raise ControlUnusable(
            f"the control store is at revision {revision(conn)!r}, this release knows up to {REVISION!r};"
            " use the release that wrote it, or a newer one"
        ) from exc
