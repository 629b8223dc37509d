"""DuckDB's file: held only while loading, shared politely, told apart when it cannot be used."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.arrivals import arrival
from tests.conformance.destinations import SCHEMA, Warehouse, span, warehouse
from tidegate.destinations import duckdb as duckdb_destination
from tidegate.destinations.duckdb import DuckDB
from tidegate.errors import AccessDenied, DestinationBusy, DestinationDown, LoadRefused, TableHeld
from tidegate.tables.model import Type

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def path(tmp_path: Path, exercised: Callable[[str], None]) -> Path:
    """Where the file is or will be."""
    exercised("destination: duckdb")
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def shop(path: Path) -> Iterator[Warehouse]:
    """An empty warehouse, open."""
    with warehouse("duckdb", path.parent) as it:
        yield it


@contextmanager
def held_by_another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Open the file for writing in another process."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert "held\n" == holder.stdout.readline()
        try:
            yield holder
        finally:
            holder.communicate()


def person(path: Path, sql: str) -> None:
    """Do something to the file that is not ours to do."""
    connection = duckdb.connect(str(path))
    connection.execute(sql)
    connection.close()


def test_a_held_file_is_busy_and_the_holder_is_named(path: Path) -> None:
    """People see which program to close; loading and asking both tell. (D1, D8)"""
    with held_by_another_process(path) as holder:
        for call in (DuckDB(path).open, lambda: DuckDB(path).query("select 1", wait_s=0)):
            with pytest.raises(DestinationBusy, match=rf"PID {holder.pid}\b"):
                call()
    DuckDB(path).query("select 1", wait_s=0)


def test_a_query_waits_for_its_turn(shop: Warehouse, path: Path) -> None:
    """It is answered as soon as the load lets go, here within this process. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    with pytest.raises(DestinationBusy):
        DuckDB(path).query("select 1", wait_s=0)
    answers: list[object] = []
    asking = threading.Thread(
        target=lambda: answers.append(DuckDB(path).query("select 1 as n", wait_s=30).read_all().to_pylist())
    )
    asking.start()
    shop.destination.close()
    asking.join()
    assert [[{"n": 1}]] == answers


def test_an_unread_answer_keeps_no_load_waiting(shop: Warehouse, path: Path) -> None:
    """The rows are kept aside, so the file is free when the query is done. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.destination.close()
    reader = DuckDB(path).query("from range(500_000)", wait_s=0)
    with held_by_another_process(path):
        assert 500_000 == reader.read_all().num_rows


def test_several_people_may_ask_at_once(shop: Warehouse, path: Path) -> None:
    """Readers do not keep each other out. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.destination.close()
    reading = duckdb.connect(str(path), read_only=True, config={"enable_external_access": "false"})
    try:
        ask = [sys.executable, "-c", "import duckdb, sys; print(duckdb.connect(sys.argv[1], read_only=True))"]
        assert 0 == subprocess.run([*ask, str(path)], check=False, capture_output=True).returncode
    finally:
        reading.close()


def test_asking_makes_no_file(path: Path) -> None:
    """A warehouse that nothing was loaded into is not there. (D8)"""
    with pytest.raises(DestinationDown, match="does not exist"):
        DuckDB(path).query("select 1", wait_s=0)
    assert [] == list(path.parent.iterdir())


def test_closing_really_lets_go(shop: Warehouse, path: Path) -> None:
    """Another process can write as soon as close returns. (D9)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.destination.close()
    with held_by_another_process(path):
        pass


def test_a_missing_folder_is_told(path: Path) -> None:
    """With DuckDB's words and the path. (D1)"""
    with pytest.raises(DestinationDown, match="No such file or directory"):
        DuckDB(path / "deeper" / "x.duckdb").open()


@pytest.mark.parametrize("damage", [b"not a database" * 1_000, b"\0" * 20_000])
def test_a_damaged_file_is_told_and_not_touched(path: Path, damage: bytes) -> None:
    """Nothing is written over it. (D1)"""
    path.write_bytes(damage)
    for call in (DuckDB(path).open, lambda: DuckDB(path).query("select 1", wait_s=0)):
        with pytest.raises(DestinationDown, match=path.name):
            call()
    assert damage == path.read_bytes()


@pytest.mark.parametrize("size", [0, 100, 4_096, 8_192])
def test_a_file_is_made_whole_or_not_at_all(path: Path, size: int) -> None:
    """A full disk, or a death, while it is made leaves nothing that could not be opened ever after. (D1)"""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        with pytest.raises(DestinationDown, match=path.name):
            DuckDB(path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [] == list(path.parent.iterdir())
    opened = DuckDB(path)
    opened.open()
    opened.close()
    assert [path] == list(path.parent.iterdir())


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's right to read everything, where we have it."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_we_may_not_read_is_denied(path: Path) -> None:
    """Retried, because people grant it. (D1)"""
    person(path, "create table t (a int)")
    path.chmod(0)
    with as_nobody(), pytest.raises(AccessDenied):
        DuckDB(path).open()


def test_columns_that_people_add_have_no_type_for_us(shop: Warehouse, path: Path) -> None:
    """Types we make are known again, others are left alone; nothing else in the file is ours. (D2)"""
    shop.load(arrival({"id": 1, "a": Decimal("1.5")}), after=0, upto=1)
    shop.destination.close()
    person(path, 'alter table shop.cars add column "day" date')
    person(path, "alter table shop.cars add column small decimal(9, 2)")
    person(path, "create view shop.seen as from shop.cars")
    shop.destination.open()
    tables = {table.name: table for table in shop.destination.tables(SCHEMA)}
    assert {"cars", "_sdc_rejected"} == set(tables)
    assert (Type.DECIMAL, 6) == (tables["cars"].columns[1].type, tables["cars"].columns[1].scale)
    assert [("day", None, "DATE"), ("small", None, "DECIMAL(9,2)")] == [
        (column.name, column.type, column.native) for column in tables["cars"].columns[-2:]
    ]
    shop.load(arrival({"id": 1}, position=2), after=1, upto=2)
    assert [{"id": 1, "day": None}] == shop.ask("select id, day from cars")


def test_a_dropped_table_comes_back_with_the_keys_of_its_records(shop: Warehouse, path: Path) -> None:
    """The key list it left behind does not bind the new one. (D2)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    shop.destination.close()
    person(path, "drop table shop.cars")
    shop.destination.open()
    shop.load(arrival({"other": 1}, keys=("other",), position=2), after=1, upto=2)
    assert [("other",)] == [t.key_columns for t in shop.destination.tables(SCHEMA) if t.name == "cars"]


def test_rows_that_people_doubled_are_replaced_together(shop: Warehouse, path: Path) -> None:
    """No constraint keeps people from storing a key twice; a newer row replaces both. (L61)"""
    shop.load(arrival({"id": 1, "n": 1}), after=0, upto=1)
    shop.destination.close()
    person(path, "insert into shop.cars (id, n) values (1, 2)")
    shop.destination.open()
    shop.load(arrival({"id": 1, "n": 3}, position=2), after=1, upto=2)
    assert [{"n": 3}] == shop.ask("select n from cars")


def test_a_column_that_nobody_fills_holds_its_table(shop: Warehouse, path: Path) -> None:
    """A person's NOT NULL column is told with its table, and what a record lacks is told otherwise. (D11)"""
    shop.load(arrival({"id": 1, "a": 1}), after=0, upto=1)
    load = shop.prepare(arrival({"id": 2, "a": 2}, position=2))
    shop.destination.close()
    person(path, "alter table shop.cars add column size bigint")
    person(path, "update shop.cars set size = 1")
    person(path, "alter table shop.cars alter column size set not null")
    shop.destination.open()
    with pytest.raises(TableHeld, match=r"shop\.cars waits: column size") as held:
        shop.destination.load(load.parts, span(1, 2))
    assert ("shop", "cars") == (held.value.schema_name, held.value.table_name)
    with pytest.raises(LoadRefused):
        shop.load(arrival({"id": 3, "size": None}, {"id": 4, "size": 5}, position=2), after=1, upto=2)


def test_an_index_that_forbids_a_change_holds_its_table(shop: Warehouse, path: Path) -> None:
    """DuckDB alters no column that an index depends on; what needs no change loads. (D11)"""
    shop.load(arrival({"id": 1, "a": Decimal("1.5")}), after=0, upto=1)
    shop.destination.close()
    person(path, "create index theirs on shop.cars (id)")
    shop.destination.open()
    with pytest.raises(TableHeld, match="depend"):
        shop.load(arrival({"id": 2, "a": Decimal("1.12345678")}, position=2), after=1, upto=2)
    shop.load(arrival({"id": 3, "b": 2}, position=2), after=1, upto=2)


def test_a_destination_works_on_after_a_failed_load(shop: Warehouse) -> None:
    """Whatever went wrong, the next attempt starts clean. (D4)"""
    with pytest.raises(DestinationDown, match="not open"):
        DuckDB(Path("x")).load([], span(0, 1))
    load = shop.prepare(arrival({"id": 1}))
    shop.destination.close()
    with pytest.raises(DestinationDown, match="not open"):
        shop.destination.load(load.parts, span(0, 1))
    shop.destination.open()
    assert 1 == shop.destination.load(load.parts, span(0, 1)).rows


def test_a_load_that_lacks_memory_gets_more(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that replaces rows of a thousand tables does; here fewer tables lack less. (D4)"""
    monkeypatch.setitem(duckdb_destination._LOADING, "memory_limit", "30MB")
    tables = [f"t{number}" for number in range(100)]
    fields = {f"field_{number}": "text" for number in range(10)}
    with warehouse("duckdb", path.parent) as shop:
        for position in (1, 2):
            row = fields | {"id": 1, "n": position}
            load = shop.prepare(*(arrival(row, table_name=each, position=position) for each in tables))
            assert 100 == shop.destination.load(load.parts, span(position - 1, position)).rows
        assert [{"n": 2}] == shop.ask("select n from t99")
