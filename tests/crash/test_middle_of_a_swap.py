"""The loader is killed in the middle of a swap of versions, or of rows that are only added. (D4, L64, L86)"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.postgres_server import PostgresServer
from tests.crash.dying import KEYS
from tests.product import Product
from tests.waiting import wait_until
from tidegate.crashpoints import POINTS
from tidegate.destinations import connect
from tidegate.tables.staging import is_stage

STATEMENTS_MAX = 60
BEFORE = {"position": 2, "rows": KEYS, "n": KEYS, "elements": KEYS}
"""Every row of version 1 has n = 1 and one element, every row of version 2 n = 2 and two."""

SWAP = (
    BEFORE | {"waiting": KEYS // 2, "elements waiting": KEYS},
    {"position": 4, "rows": KEYS, "n": 2 * KEYS, "elements": 2 * KEYS, "waiting": 0, "elements waiting": 0},
)
APPEND = (BEFORE, {"position": 4, "rows": 2 * KEYS, "n": 2 * KEYS, "elements": 2 * KEYS})


@pytest.fixture(params=["duckdb", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, Callable[[], bool]]]:
    """Kind and address of an empty warehouse, and whether whoever was killed has let go of it."""
    if request.param == "duckdb":
        yield request.param, f"/{tmp_path / 'warehouse.duckdb'}", lambda: True
        return
    server = PostgresServer()
    try:
        address = server.start().new_database()
        sessions = "select from pg_stat_activity where usename = 'tidegate' and datname = current_database()"

        def is_unused() -> bool:
            with server.admin(address) as admin:
                return not admin.execute(sessions.encode()).fetchall()

        yield request.param, address, is_unused
    finally:
        server.close()


def load(kind: str, address: str, what: str, statements: int) -> int:
    """Load in another process, which dies after so many statements; return how it ended."""
    command = [sys.executable, "-m", "tests.crash.dying", kind, address, what, str(statements)]
    return subprocess.run(command, check=False).returncode


def found(kind: str, address: str) -> dict[str, Any]:
    """Return what is there, as anybody would see it."""
    destination = connect(f"{kind}://{address}")
    destination.open()
    stages = {table.name: table for table in destination.tables("shop") if is_stage(table)}
    destination.close()
    counts = {
        "position": "select max(upto) from _tidegate.positions",
        "rows": "select count(*) from shop.cars",
        "n": "select cast(sum(n) as bigint) from shop.cars",
        "elements": "select count(*) from shop.cars__b",
    }
    for name, table in stages.items():
        own = any(column.name == "id" for column in table.columns)
        counts["waiting" if own else "elements waiting"] = f"select count(*) from shop.{name}"
    asked = ", ".join(f'({sql}) as "{name}"' for name, sql in counts.items())
    rows: list[dict[str, Any]] = destination.query(f"select {asked}", wait_s=5).read_all().to_pylist()
    return rows[0]


@pytest.mark.parametrize(("what", "ends"), [("swap", SWAP), ("append", APPEND)])
def test_a_loader_killed_after_any_of_its_statements_leaves_all_or_nothing(
    place: tuple[str, str, Callable[[], bool]],
    what: str,
    ends: tuple[dict[str, int], dict[str, int]],
    exercised: Callable[[str], None],
) -> None:
    """Nobody ever sees half a version, and no row or element is lost or doubled. (D4, L64, L86)"""
    kind, address, is_unused = place
    exercised(f"destination: {kind}, loader killed after each statement of: {what}")
    assert 0 == load(kind, address, what, 0)
    killed = 0
    for statements in range(1, STATEMENTS_MAX):
        ended = load(kind, address, what, statements)
        # The server hears of a killed client at its own next step.
        wait_until(is_unused, what="the session's end")
        now = found(kind, address)
        if now == ends[1]:
            break
        assert (ends[0], -signal.SIGKILL) == (now, ended)
        killed += 1
    assert 5 <= killed < STATEMENTS_MAX - 1
    assert 0 == load(kind, address, what, STATEMENTS_MAX)  # the same load once more is known to be done
    assert ends[1] == found(kind, address)


@pytest.mark.parametrize(
    ("place", "point"),
    [
        *(("duckdb", point) for point in POINTS if point.startswith("loader")),
        # The points lie outside of the destination: one is enough for a second one.
        ("postgresql", "loader after load"),
    ],
    indirect=["place"],
)
@pytest.mark.parametrize("option", ["--staged-versions", "--append-only"])
def test_a_server_whose_loader_dies_swaps_and_adds_once(
    place: tuple[str, str, Callable[[], bool]],
    tmp_path: Path,
    point: str,
    option: str,
    exercised: Callable[[str], None],
) -> None:
    """The supervisor starts it again; a version comes in whole, each row with its elements. (D4, L64, L86)"""
    kind, address, _ = place
    fuse = tmp_path / "fuse"
    environ = {
        "TIDEGATE_LOAD_WAIT_S": "0.05",
        "TIDEGATE_RETRY_WAIT_S_MAX": "0.5",
        "TIDEGATE_CRASH_AT": f"{point}={fuse}",
    }
    flags = ("--workers", "1", "--destination", f"{kind}://{address}")
    product = Product(tmp_path / "data", flags=flags, environ=environ).start()
    try:
        push(product, *rows(product, 1))
        product.run("sources", "set", "import_api", option)
        push(product, *rows(product, 2))
        fuse.touch()
        switch = {
            "client_id": product.client_id,
            "table_name": "cars",
            "action": "switch_view",
            "sequence": 9,
        }
        push(product, *rows(product, 3, table_version=2), switch | {"table_version": 2})
        # What is loaded is seen to be loaded a moment before the last of the points.
        wait_until(lambda: not fuse.exists(), within_s=60, what=f"a crash at {point}")
        product.wait_until_loaded()
        sent = [(key, number) for number in (2, 3) for key in PUSHED]
        # Rows of the last request have the version and the keys of the one before.
        expected = [each for each in sent if option == "--append-only" or each[1] == 3]
        there = product.rows("select id, n from cars order by n, id")
        assert expected == [(row["id"], row["n"]) for row in there]
        elements = product.rows("select _sdc_source_key_id as id, value as n from cars__b order by 2, 1")
        assert expected == [(row["id"], row["n"]) for row in elements]
        exercised(f"crash, {kind}, {option}: {point}")
    finally:
        product.close()


PUSHED = range(3)


def rows(product: Product, number: int, table_version: int | None = None) -> list[dict[str, Any]]:
    """Return some rows of a version, each with one element."""
    about = {"table_version": number if table_version is None else table_version}
    return [product.record("cars", number, {"id": key, "n": number, "b": [number]}) | about for key in PUSHED]


def push(product: Product, *messages: dict[str, Any]) -> None:
    """Push messages and wait until they are loaded."""
    with product.client() as client:
        client.post("/v2/import/push", json=messages).raise_for_status()
    product.wait_until_loaded()
