"""
P3 and P4 during a backlog: the loader dies while loads are read ahead, grow, and become columns.

What gathered is flat for the most part, with a nested request now and then that is read record by record.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conformance.postgres_server import PostgresServer
from tests.product import Product
from tests.waiting import wait_until

REQUESTS, RECORDS = 600, 100
LOAD_BYTES = 80_000
"""Some requests of about 9 KB: enough records of each table for columns, and many loads."""

NESTED_EVERY = 97
DEATHS = 6
KEYED = {"table_name": "latest", "key_names": ["id"]}
KEYLESS = {"table_name": "log"}
SCHEMA = {"properties": {"id": {"type": "integer"}, "n": {"type": "integer"}, "text": {"type": "string"}}}

Exercised = Callable[[str], None]
Record = dict[str, Any]


@pytest.fixture(params=["duckdb", "postgresql"])
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Product]:
    """A product whose loads are small, started, with each warehouse."""
    settings = {"TIDEGATE_LOAD_WAIT_S": "0", "TIDEGATE_LOAD_BYTES": str(LOAD_BYTES)}
    server = PostgresServer() if request.param == "postgresql" else None
    flags = ("--destination", f"postgresql://{server.start().new_database()}") if server else ()
    running = Product(tmp_path / "data", flags=("--workers", "1", *flags), environ=settings)
    try:
        yield running.start()
    finally:
        running.close()
        if server:
            server.close()


def requests(choose: random.Random) -> Iterator[tuple[dict[str, Any], list[Record]]]:
    """Yield batches to a table with keys and one without in turn; every fifth keyed record is an update."""
    numbers = itertools.count()
    for request in range(REQUESTS):
        batch = KEYED if request % 2 else KEYLESS
        records: list[Record] = []
        for n in itertools.islice(numbers, RECORDS):
            id_ = choose.randrange(n + 1) if n % 5 == 0 else n
            records.append({"id": id_, "n": n, "text": f"number {n}"})
            if request % NESTED_EVERY == NESTED_EVERY - 1:
                records[-1]["parts"] = [n, {"half": n / 2}]
        yield batch, records


def gather(product: Product) -> tuple[dict[int, int], list[int], int]:
    """Send everything while the loader sleeps; return what must stand in the tables, and how many parts."""
    latest: dict[int, Record] = {}
    log: list[Record] = []
    with product.client() as client:
        for batch, records in requests(random.Random(7)):  # noqa: S311 - a test's dice
            messages = [{"action": "upsert", "sequence": each["n"], "data": each} for each in records]
            answer = client.post("/v2/import/batch", json=batch | {"schema": SCHEMA, "messages": messages})
            assert 201 == answer.status_code, answer.text
            if batch is KEYED:
                latest |= {each["id"]: each for each in records}
            else:
                log += records
    parts = sum(len(each.get("parts", ())) for each in [*latest.values(), *log])
    return {id_: each["n"] for id_, each in latest.items()}, [each["n"] for each in log], parts


def loads(product: Product) -> int:
    """Return how many loads the product has told of."""
    return product.log_path.read_bytes().count(b'"event":"loaded"')


def falls_asleep(loader: psutil.Process, journal: Path) -> bool:
    """Stop a loader, but not where it has the journal locked: then nobody could send anything."""
    loader.suspend()
    with closing(sqlite3.connect(journal, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            loader.resume()
            return False
        connection.execute("ROLLBACK")
    return True


def has_come_to(product: Product, wanted: int) -> bool:
    """Whether a loader lives and has told of so many loads, or of all where it was quicker than this test."""
    come = loads(product) >= wanted or product.metric("tidegate_journal_waiting_requests") == 0
    return come and bool(product.processes("loader"))


def test_a_loader_that_dies_during_a_backlog_loses_and_doubles_nothing(
    product: Product, exercised: Exercised
) -> None:
    """Whatever it had read ahead, it goes on from what the warehouse knows. (P3, P4)"""
    loading = b'"event":"loading begins"'
    wait_until(lambda: loading in product.log_path.read_bytes(), within_s=60, what="a loader")
    (loader,) = product.processes("loader")
    journal = product.data_dir / "journal.db"
    wait_until(lambda: falls_asleep(loader, journal), within_s=60, what="a loader that sleeps")
    latest, log, parts = gather(product)
    loader.resume()
    choose = random.Random(11)  # noqa: S311 - a test's dice
    for _ in range(DEATHS):
        wanted = loads(product) + choose.randint(1, 3)
        wait_until(lambda: has_come_to(product, wanted), within_s=60, what="loading to go on")  # noqa: B023 - called at once
        assert 1 == product.kill("loader")
    product.wait_until_loaded()
    assert latest == {row["id"]: row["n"] for row in product.rows("SELECT id, n FROM latest")}
    assert [{"rows": len(latest)}] == product.rows("SELECT count(*) AS rows FROM latest")
    assert sorted(log) == sorted(row["n"] for row in product.rows("SELECT n FROM log"))
    found = [product.rows(f"SELECT count(*) AS rows FROM {table}__parts") for table in ("latest", "log")]
    assert parts == sum(row["rows"] for [row] in found)
    exercised(f"crash: a backlog, the loader killed {DEATHS} times")
