"""B7: time to upsert 10,000 random existing keys into a table of 10 million rows, against one of 100,000."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from bench.figures import Budget, at_most_times, compared, not_measured
from bench.plan import Plan, in_turn
from bench.postgres import CACHING, CONDITIONS, DEFAULTS, Database, postgres
from bench.programs import Failed
from tidegate.destinations import connect
from tidegate.destinations.base import Destination
from tidegate.tables.model import Column, CreateSchema, CreateTable, Part, Progress, Span, Table, Type
from tidegate.tables.system import RECEIVED_AT, SEQUENCE

ID, WHAT, BUDGET = "B7", "upsert 10,000 random existing keys", "<= 12x, 3x"
KEYS = 10_000
SMALL, LARGE, LARGE_QUICK = 100_000, 10_000_000, 1_000_000
SCHEMA, JOURNAL = "bench", "bench"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)

COLUMNS = {
    "id": Type.INTEGER,
    "customer": Type.STRING,
    "quantity": Type.INTEGER,
    RECEIVED_AT: Type.TIMESTAMP,
    SEQUENCE: Type.INTEGER,
}
FILL = (
    "INSERT INTO bench.{name} SELECT i, 'customer ' || i % 5000, i % 97,"
    " TIMESTAMPTZ '2026-01-01 00:00:00+00', 1 FROM generate_series(0, {rows} - 1) AS s(i)"
)


@dataclass(slots=True)
class Growing:
    """A small and a large table in one warehouse, and the journal's progress there."""

    destination: Destination
    chance: random.Random
    upto: int = 0

    def upsert(self, table: Table, rows: int) -> float:
        """Upsert random keys, commit included; return seconds."""
        self.upto += 1
        keys = self.chance.sample(range(rows), KEYS)
        part = Part(table=table, rows=_rows(keys, self.upto))
        before = Progress(self.upto - 1) if self.upto > 1 else None
        span = Span(journal_id=JOURNAL, before=before, after=Progress(self.upto))
        self.destination.open()
        begun = time.perf_counter()
        loaded = self.destination.load([part], span)
        seconds = time.perf_counter() - begun
        if loaded.rows != KEYS:
            raise Failed(f"{loaded.rows} rows were written, not {KEYS}")
        return seconds


def measure(plan: Plan) -> list[Budget]:
    """Fill two tables with SQL, then upsert into both in turn."""
    lines = [_budget(plan, "DuckDB", 12), _budget(plan, "PostgreSQL", 3)]
    return lines if plan.quick else [*lines, _uncached(plan)]


@dataclass(frozen=True, slots=True)
class Warehouse:
    """Where the tables are, and how SQL is run there behind the product's back, then made durable."""

    url: str
    run: Callable[[str], None]
    settle: str


def _budget(plan: Plan, name: str, most: float) -> Budget:
    large = plan.pick(LARGE_QUICK, LARGE)
    id_, what = f"{ID}.{name}", f"{WHAT} of {large:,} rows, {name}"
    try:
        with opened(plan, name) as warehouse:
            times = upsert_ms(plan, warehouse, (SMALL, large))
    except Failed as exc:
        return not_measured(id_, what, f"<= {most:g}x", str(exc))
    conditions = "the product's destination alone, rows already in Arrow, commit included"
    if name == "PostgreSQL":
        conditions += f"; {CONDITIONS}, but shared_buffers = 2 GB"
    if plan.quick:
        conditions += f"; QUICK: the large table has {large:,} rows, the budget speaks of {LARGE:,}"
    return at_most_times(
        id_,
        what,
        "ms",
        most,
        times[large],
        times[SMALL],
        against=f"the same of {SMALL:,} rows",
        keys=KEYS,
        rows=large,
        conditions=conditions,
    )


def _uncached(plan: Plan) -> Budget:
    """Return what becomes of it where PostgreSQL's cache is smaller than the index; it has no budget."""
    id_, what = f"{ID}.128MB", f"{WHAT} of {LARGE:,} rows, PostgreSQL, shared_buffers = 128 MB"
    try:
        with _postgresql(DEFAULTS) as warehouse:
            times = upsert_ms(plan, warehouse, (SMALL, LARGE))
    except Failed as exc:
        return not_measured(id_, what, "", str(exc))
    against = f"the same of {SMALL:,} rows"
    return compared(id_, what, "ms", times[LARGE], times[SMALL], against=against, conditions=CONDITIONS)


def upsert_ms(plan: Plan, warehouse: Warehouse, sizes: Sequence[int]) -> dict[int, list[float]]:
    """Return milliseconds of every round, by the table's size; the first round is for warming up."""
    destination = connect(warehouse.url)
    tables = {rows: _table(f"orders_{rows}") for rows in sizes}
    try:
        destination.open()
        destination.apply(CreateSchema(schema_name=SCHEMA))
        for table in tables.values():
            destination.apply(CreateTable(table=table))
        destination.close()
        for rows, table in tables.items():
            warehouse.run(FILL.format(name=table.name, rows=rows))
        for statement in warehouse.settle.split(";"):
            warehouse.run(statement)
        growing = Growing(destination, random.Random(5))
        times: dict[int, list[float]] = {rows: [] for rows in tables}
        for number in plan.rounds(6, 22, seconds=(3, 25), least=3):
            for rows in in_turn(sizes, number):
                times[rows].append(growing.upsert(tables[rows], rows) * 1000)
    finally:
        destination.close()
    return {rows: each[1:] for rows, each in times.items()}


def opened(plan: Plan, name: str) -> AbstractContextManager[Warehouse]:
    """Return an empty warehouse by its name. Errors: Failed where there is none."""
    return _duckdb(plan.folder / "b7.duckdb") if name == "DuckDB" else _postgresql()


@contextmanager
def _duckdb(path: Path) -> Iterator[Warehouse]:
    def run(statement: str) -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(statement)

    yield Warehouse(f"duckdb:///{path}", run, "CHECKPOINT")


@contextmanager
def _postgresql(settings: Mapping[str, str] = CACHING) -> Iterator[Warehouse]:
    with postgres(settings) as server:
        database = Database(server)

        def run(statement: str) -> None:
            with database.connect() as connection:
                connection.execute(statement.encode())

        yield Warehouse(database.url, run, "VACUUM ANALYZE;CHECKPOINT")


def _table(name: str) -> Table:
    columns = tuple(Column(name=each, type=kind, nullable=each != "id") for each, kind in COLUMNS.items())
    return Table(schema_name=SCHEMA, name=name, columns=columns, key_columns=("id",))


def _rows(keys: list[int], round_: int) -> pa.Table:
    """Return rows for these keys that are newer than those of all rounds before."""
    return pa.table(
        {
            "id": pa.array(keys, pa.int64()),
            "customer": pa.array([f"customer {key % 5_000}" for key in keys]),
            "quantity": pa.array([round_] * len(keys), pa.int64()),
            RECEIVED_AT: pa.array([MOMENT] * len(keys), pa.timestamp("us", tz="UTC")),
            SEQUENCE: pa.array([1 + round_] * len(keys), pa.int64()),
        }
    )
