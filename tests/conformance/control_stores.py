"""Control stores for tests: one line for each database they run on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tests.conformance import postgres_server
from tidegate.control.store import Store


def open_at(address: str, folder: Path, **options: Any) -> Store:
    """Open the store of an address, with its key file in the folder, as the product does."""
    return Store.open(address, **{"key_file": folder / "secret.key", **options})


def _files(_address: str, folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("control.db*"))


def _remove_files(_address: str, folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def _dump(address: str, _folder: Path) -> bytes:
    """Return every row of every table as text; bytes are written out as they are."""
    with psycopg.connect(address) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'tidegate-control'")
        dumped = []
        for (name,) in names.fetchall():
            rows = connection.execute(f'select * from "tidegate-control"."{name}"'.encode()).fetchall()
            dumped += [
                value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
            ]
    return b"\n".join(dumped)


def _drop(address: str, _folder: Path) -> None:
    name = conninfo_to_dict(address)["dbname"]
    with psycopg.connect(address, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)".encode())


def give_up(kind: str, address: str) -> None:
    """Take no more room with a closed store: one on PostgreSQL is eight megabytes, and tests make many."""
    if kind == "postgresql":
        _drop(address, Path())


KINDS: dict[str, Callable[[Path], str]] = {
    "postgresql": lambda folder: f"postgresql://{postgres_server.address(folder)}",
    "sqlite": lambda folder: f"sqlite:///{folder / 'control.db'}",
}
"""Kind of database -> the address of an empty store, given a folder of the test's own."""

CONTENT: dict[str, Callable[[str, Path], bytes]] = {"postgresql": _dump, "sqlite": _files}
"""All that the database keeps of a store, given its address and that folder."""

SPOIL: dict[str, Callable[[str, Path], None]] = {"postgresql": _drop, "sqlite": _remove_files}
"""Take a store away for good, as if its machine had gone."""
