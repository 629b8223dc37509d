"""PostgreSQL: real keys, shared with people; down, denied and busy told apart; gone and back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from tests.arrivals import arrival
from tests.conformance.destinations import SCHEMA, Warehouse, span
from tests.conformance.postgres_server import PASSWORD, QUOTED_PASSWORD, PostgresServer, server
from tests.waiting import wait_until
from tidegate.destinations import connect
from tidegate.destinations.base import Destination, Loaded
from tidegate.errors import (
    AccessDenied,
    DestinationBusy,
    DestinationDown,
    DestinationError,
    InputInvalid,
    LoadConflict,
    LoadRefused,
    QueryFailed,
    TableHeld,
)
from tidegate.tables.model import (
    AddColumn,
    Child,
    Column,
    CreateSchema,
    CreateTable,
    Part,
    Progress,
    RenameColumn,
    Table,
    Type,
)


class Database:
    """An empty database: its address for the product, and a way in for people."""

    def __init__(self, running: PostgresServer) -> None:
        self.server = running
        self.address = running.new_database()
        self.url = f"postgresql://{self.address}"

    def person(self, sql: str) -> list[tuple[object, ...]]:
        """Do something to the database that is not ours to do."""
        with self.server.admin(self.address) as admin:
            cursor = admin.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def database(exercised: Callable[[str], None]) -> Database:
    """One empty database on a server of our own."""
    exercised("destination: postgresql")
    return Database(server())


@pytest.fixture
def shop(database: Database) -> Iterator[Warehouse]:
    """The same, open as a warehouse."""
    it = Warehouse("postgresql", lambda: database.address)
    try:
        yield it
    finally:
        it.destination.close()


class Attempt:
    """A call beside the test, and what became of it: what it returned or the error it raised."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self._outcome: object = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def outcome(self) -> object:
        """Wait for the end."""
        self._thread.join()
        return self._outcome

    def _run(self) -> None:
        try:
            self._outcome = self._call()
        except DestinationError as exc:
            self._outcome = exc


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Do all this at the same time."""
    return [attempt.outcome() for attempt in [Attempt(call) for call in calls]]


@contextmanager
def opened(url: str) -> Iterator[Destination]:
    """Open another loader's connection."""
    destination = connect(url)
    destination.open()
    try:
        yield destination
    finally:
        destination.close()


# --- Addresses and errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "",
        "host",
        "host/",
        "host/a/b",
        "user:secret@host:port/db",
        "user:sec%zzret@host/db",
        "user:secret@host/db#x",
        "user:secret@host/db?nope=1",
        "user:secret@host/db?sslmode",
        "user:secret@host/db?application_name=\0",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_unseen(address: str) -> None:
    """Before anything is opened, and without repeating it. (D1)"""
    with pytest.raises(InputInvalid) as told:
        connect(f"postgresql://{address}")
    assert "secret" not in str(told.value)


def test_the_way_a_server_cannot_be_used_is_told_without_the_password(database: Database) -> None:
    """Down, denied and wrong, each with the server's words. (D1)"""
    wrong = {
        database.url.replace(QUOTED_PASSWORD, "wrong-secret"): (
            AccessDenied,
            "password authentication failed",
        ),
        database.url.replace(f":{database.server.port}", ":1"): (DestinationDown, "Connection refused"),
        database.url + "_missing": (DestinationDown, "does not exist"),
        database.url + "?sslmode=require": (DestinationDown, "does not support SSL"),
        database.url + "?sslmode=nonsense": (DestinationDown, "invalid sslmode"),
    }
    for url, (kind, words) in wrong.items():
        for call in (connect(url).open, lambda url=url: connect(url).query("select 1", wait_s=1)):
            with pytest.raises(kind, match=words) as told:
                call()
            text = f"{told.value} {told.value.__cause__}"
            assert not [each for each in (PASSWORD, QUOTED_PASSWORD, "wrong-secret") if each in text]


def test_a_role_that_may_not_create_is_denied_and_told(database: Database) -> None:
    """The schema of a source cannot be made; what an administrator made beforehand is enough. (D1)"""
    database.person("revoke create on database " + database.address.rpartition("/")[2] + " from public")
    database.person("alter database " + database.address.rpartition("/")[2] + " owner to postgres")
    with pytest.raises(AccessDenied, match="permission denied for database"):
        connect(database.url).open()
    database.person("create schema _tidegate authorization tidegate")
    with opened(database.url) as destination:
        with pytest.raises(AccessDenied, match="Encountered error while attempting to create new schema"):
            destination.apply(CreateSchema(schema_name=SCHEMA))
        database.person(f"create schema {SCHEMA} authorization tidegate")
        destination.apply(CreateSchema(schema_name=SCHEMA))


TAKE_AWAY_AND_GIVE_BACK = [
    (
        "alter table shop.cars owner to postgres",
        "alter table shop.cars owner to tidegate",
        "permission denied",
    ),
    (
        "alter table shop.cars add column must bigint not null",
        "alter table shop.cars alter column must set default 5",
        "column must was made NOT NULL",
    ),
    (
        "alter table shop.cars rename to hidden; create view shop.cars as select distinct * from shop.hidden",
        "drop view shop.cars; alter table shop.hidden rename to cars",
        "view cars",
    ),
]


@pytest.mark.parametrize(("take_away", "give_back", "words"), TAKE_AWAY_AND_GIVE_BACK)
def test_a_table_that_takes_nothing_is_held_until_somebody_changes_that(
    shop: Warehouse, database: Database, take_away: str, give_back: str, words: str
) -> None:
    """The records are not at fault, and other tables can load. (D11)"""
    load = shop.prepare(arrival({"id": 1}))
    database.person(take_away)
    with pytest.raises(TableHeld, match=words) as told:
        shop.destination.load(load.parts, span(0, 1))
    assert ("shop", "cars") == (told.value.schema_name, told.value.table_name)
    database.person(give_back)
    assert 1 == shop.destination.load(load.parts, span(0, 1)).rows


def test_a_table_we_may_not_change_is_held(shop: Warehouse, database: Database) -> None:
    """A new column, another name: the owner's right is needed. (D11)"""
    shop.load(arrival({"id": 1, "a": "x"}), after=0, upto=1)
    database.person("alter table shop.cars owner to postgres; grant all on shop.cars to tidegate")
    for change in (
        AddColumn(schema_name=SCHEMA, table_name="cars", column=Column(name="t", type=Type.STRING)),
        RenameColumn(schema_name=SCHEMA, table_name="cars", old_name="a", new_name="a__st"),
    ):
        with pytest.raises(TableHeld, match="must be owner of table cars"):
            shop.destination.apply(change)
    assert 1 == shop.load(arrival({"id": 1, "a": "y"}, position=2), after=1, upto=2).rows


# --- What people do to their warehouse ---------------------------------------------------------------------


def test_keys_are_a_real_primary_key(shop: Warehouse, database: Database) -> None:
    """Under the usual name, also where a table's own name leaves no room for it. (L14)"""
    long = "t" * 63
    shop.load(arrival({"b": "x", "a": 1}, keys=("b", "a")), after=0, upto=1)
    shop.load(arrival({"id": 1}, table_name=long), after=1, upto=2)
    found = database.person(
        "select conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype = 'p' and connamespace = 'shop'::regnamespace"
    )
    assert {("cars_pkey", "PRIMARY KEY (b, a)"), ("t" * 58 + "_pkey", "PRIMARY KEY (id)")} == set(found)
    assert [{"id": 1}] == shop.ask(f"select id from {long}")


def test_a_table_without_its_constraint_is_only_added_to(shop: Warehouse, database: Database) -> None:
    """Its keys are still known, so its records are taken. (L61)"""
    shop.load(arrival({"id": 1, "n": 1}), after=0, upto=1)
    database.person("alter table shop.cars drop constraint cars_pkey")
    shop.load(arrival({"id": 1, "n": 2}, {"id": 1, "n": 3}, position=2), after=1, upto=2)
    assert [{"n": 1}, {"n": 3}] == shop.ask("select n from cars order by n")


def test_a_type_that_changed_under_a_load_refuses_no_records(shop: Warehouse, database: Database) -> None:
    """The load is planned anew, and then the column's new type counts. (D4)"""
    for number, keys in enumerate([("id",), ()]):
        data = arrival({"id": 1, "n": 1}, keys=keys, table_name=f"t{number}")
        parts = shop.prepare(data).parts
        database.person(f"alter table shop.t{number} alter column n type uuid using null")
        with pytest.raises(DestinationDown):
            shop.destination.load(parts, span(0, 1))


def test_a_table_made_by_another_program_has_the_keys_of_its_constraint(
    shop: Warehouse, database: Database
) -> None:
    """A warehouse that others have filled so far goes on being filled. (D2)"""
    shop.destination.apply(CreateSchema(schema_name=SCHEMA))
    database.person(
        "create table shop.cars (n bigint, b text, a bigint, _sdc_sequence bigint, _sdc_table_version bigint,"
        " _sdc_received_at timestamptz, _sdc_batched_at timestamptz, primary key (b, a));"
        " alter table shop.cars owner to tidegate; insert into shop.cars values (1, 'x', 1, 5)"
    )
    assert [("b", "a")] == [table.key_columns for table in shop.destination.tables(SCHEMA)]
    shop.load(arrival({"a": 1, "b": "x", "n": 2}, keys=("a", "b")), after=0, upto=1)
    assert [{"n": 2}] == shop.ask("select n from cars")


def test_columns_that_people_add_are_left_alone(shop: Warehouse, database: Database) -> None:
    """Types we do not make have no type for us; generated columns and defaults go on working. (D2, L16)"""
    shop.load(arrival({"id": 1, "a": Decimal("1.5")}), after=0, upto=1)
    for column in ("day date default '2026-01-13'", "small numeric(9, 2)", "kind varchar(9)"):
        database.person(f"alter table shop.cars add column {column}")
    database.person("alter table shop.cars add column twice bigint generated always as (id * 2) stored")
    database.person("alter table shop.cars add column seen boolean not null default true")
    database.person("create view shop.look as select * from shop.cars")
    tables = {table.name: table for table in shop.destination.tables(SCHEMA)}
    assert {"cars", "_sdc_rejected"} == set(tables)
    assert [
        ("day", None, "date"),
        ("small", None, "numeric(9,2)"),
        ("kind", None, "character varying(9)"),
        ("twice", Type.INTEGER, "bigint"),
        ("seen", Type.BOOLEAN, "boolean"),
    ] == [(column.name, column.type, column.native) for column in tables["cars"].columns[-5:]]
    database.person("update shop.cars set day = '2030-12-31', seen = false")
    shop.load(arrival({"id": 1}, {"id": 2}, position=2), after=1, upto=2)
    rows = shop.ask("select id, day::text, a, twice, seen from cars order by id")
    assert [(1, "2030-12-31", None, 2, True), (2, "2026-01-13", None, 4, True)] == [
        tuple(row.values()) for row in rows
    ]


def test_decimals_as_keys_are_compared_by_value(shop: Warehouse) -> None:
    """1.0 and 1.00 are one key, within a load and between loads, of any length. (L60, L61)"""
    keys = [Decimal("1.0"), Decimal("1.00"), Decimal("1.000000000000000000000000000000000000000000001")]
    typed = {"properties": {"id": {"type": "number", "multipleOf": 0.1}}}
    for position in (1, 2):
        rows = [{"id": key, "n": position * 10 + place} for place, key in enumerate(keys)]
        shop.load(arrival(*rows, position=position, schema=typed), after=position - 1, upto=position)
    assert [{"n": 21}, {"n": 22}] == shop.ask("select n from cars order by n")


DRINKS = Table(
    schema_name=SCHEMA,
    name="drinks",
    columns=(
        Column(name="price", type=Type.DECIMAL, nullable=False),
        Column(name="_sdc_sequence", type=Type.INTEGER),
    ),
    key_columns=("price",),
)
TAGS = Table(
    schema_name=SCHEMA,
    name="drinks__tags",
    columns=(
        Column(name="_sdc_source_key_price", type=Type.DECIMAL, nullable=False),
        Column(name="_sdc_level_0_id", type=Type.INTEGER, nullable=False),
        Column(name="value", type=Type.STRING),
    ),
    key_columns=("_sdc_source_key_price", "_sdc_level_0_id"),
    parent="drinks",
)


def drinks(*given: tuple[str, int, str]) -> Part:
    """Return the part for drinks with a price, a sequence and a tag each."""
    prices, sequences, tags = ([each[place] for each in given] for place in range(3))
    child = {"_sdc_source_key_price": prices, "_sdc_level_0_id": [0] * len(given), "value": tags}
    return Part(
        table=DRINKS,
        rows=pa.table({"price": prices, "_sdc_sequence": sequences}),
        children=(Child(table=TAGS, rows=pa.table(child), parents=pa.array(range(len(given)), pa.int64())),),
    )


@pytest.fixture
def bar(shop: Warehouse) -> Warehouse:
    """A warehouse with drinks, whose key is a decimal, and their tags."""
    for change in (CreateSchema(schema_name=SCHEMA), CreateTable(table=DRINKS), CreateTable(table=TAGS)):
        shop.destination.apply(change)
    return shop


def test_elements_go_with_the_newest_of_equal_decimals(bar: Warehouse) -> None:
    """Keys written differently are one row, and it has its own elements only. (D4, L60)"""
    first = drinks(("1.50", 1, "old"), ("1.5", 2, "new"), ("-0.0", 1, "free"), ("10", 1, "dear"))
    assert 6 == bar.destination.load([first], span(0, 1)).rows
    assert 2 == bar.destination.load([drinks(("1.500", 3, "newest"), ("0", 0, "x"))], span(1, 2)).rows
    tags = bar.ask("select value from drinks__tags order by _sdc_source_key_price")
    assert ["free", "newest", "dear"] == [row["value"] for row in tags]


def test_elements_are_replaced_where_rows_can_only_be_added(bar: Warehouse, database: Database) -> None:
    """Without its constraint a table keeps every version of a row; elements are of the last. (D4)"""
    database.person("alter table shop.drinks drop constraint drinks_pkey")
    for position, tag in enumerate(("old", "new"), start=1):
        loaded = bar.destination.load([drinks(("1.5", position, tag))], span(position - 1, position))
        assert 2 == loaded.rows
    assert [{"n": 2}] == bar.ask("select count(*) as n from drinks")
    assert [{"value": "new"}] == bar.ask("select value from drinks__tags")


def test_a_rehearsal_finds_what_only_a_commit_would(shop: Warehouse, database: Database) -> None:
    """Constraints that people made to be looked at last. (D10)"""
    shop.load(arrival({"id": 1, "boss": 1}), after=0, upto=1)
    database.person(
        "alter table shop.cars add foreign key (boss) references shop.cars deferrable initially deferred"
    )
    [part] = shop.prepare(arrival({"id": 2, "boss": 9}, position=2)).parts
    for rehearse in (True, False):
        with pytest.raises(LoadRefused, match="foreign key constraint"):
            shop.destination.load([part], span(1, 2), rehearse=rehearse)
    assert (Progress(1), [{"id": 1}]) == (
        shop.destination.progress("journal-1"),
        shop.ask("select id from cars"),
    )


def test_what_the_server_refuses_is_refused_data(shop: Warehouse, database: Database) -> None:
    """A trigger, a check, an entry too long for an index: in the server's words. (D4)"""
    shop.load(arrival({"id": "a"}), after=0, upto=1)
    database.person("alter table shop.cars add constraint short check (length(id) <> 3)")
    database.person(
        "create function shop.no() returns trigger language plpgsql as"
        " $$ begin if new.id = 'no' then raise 'not this one'; end if; return new; end $$"
    )
    database.person("create trigger no before insert on shop.cars for each row execute function shop.no()")
    incompressible = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(200))
    for key, words in (("abc", "check constraint"), ("no", "not this one"), (incompressible, "index row")):
        with pytest.raises(LoadRefused, match=words) as told:
            shop.load(arrival({"id": "good"}, {"id": key}, position=2), after=1, upto=2)
        assert "Failing row" not in str(told.value)
    assert [{"id": "a"}] == shop.ask("select id from cars")


def test_dropped_columns_count_for_the_server(shop: Warehouse, database: Database) -> None:
    """The server's own limit is told in the documented words. (L13)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    columns = ", ".join(f"add column c{number} boolean" for number in range(1_594))
    database.person(f"alter table shop.cars {columns}")
    database.person("alter table shop.cars drop column c0, drop column c1")
    with pytest.raises(LoadRefused, match=r"\AERROR: too many columns\Z"):
        shop.prepare(arrival({"id": 1, "x": 1, "y": 2}, position=2))


def test_a_row_wider_than_a_page_is_refused(shop: Warehouse) -> None:
    """PostgreSQL's rows have a size, too. (D4)"""
    record = {f"c{number}": Decimal("0.12345678901234567890123") for number in range(1_500)}
    with pytest.raises(LoadRefused, match="row is too big"):
        shop.load(arrival({"id": 1} | record), after=0, upto=1)


IMPATIENT = "?options=-c%20lock_timeout%3D10"
"""Ten milliseconds, for tests that wait for what does not come."""


def test_a_change_does_not_wait_for_ever(shop: Warehouse, database: Database) -> None:
    """Somebody's open transaction keeps a new column out: busy, and tried again. (D1, D3)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    change = AddColumn(schema_name=SCHEMA, table_name="cars", column=Column(name="t", type=Type.STRING))
    with opened(database.url + IMPATIENT) as destination:
        with database.server.admin(database.address) as admin, admin.transaction():
            admin.execute("lock table shop.cars in access share mode")
            with pytest.raises(DestinationBusy, match="lock timeout"):
                destination.apply(change)
        destination.apply(change)
    assert [{"t": None}] == shop.ask("select t from cars")


def test_statements_end_where_the_role_or_we_say(database: Database) -> None:
    """What people set for the role, the database or the address holds; ours is for when nobody did. (D1)"""
    asked = "select current_setting('statement_timeout') as s, current_setting('lock_timeout') as l"
    limits = [
        connect(database.url + more).query(asked, wait_s=7).read_all().to_pylist()[0]
        for more in ("", "?options=-c%20statement_timeout%3D5s")
    ]
    assert [{"s": "10min", "l": "7s"}, {"s": "5s", "l": "7s"}] == limits


# --- Several loaders ---------------------------------------------------------------------------------------


def test_of_two_loaders_at_once_one_is_told_of_the_other(shop: Warehouse, database: Database) -> None:
    """The very first load and later ones: one waits for the other, and then it is not its turn. (D6)"""
    for after in (0, 1):
        load = shop.prepare(arrival({"id": after}, position=after + 1))
        with opened(database.url) as one, opened(database.url) as other:
            # Two loads that differ in where they end, as two loaders' loads would.
            calls = [partial(one.load, load.parts, span(after, after + 1))]
            calls.append(partial(other.load, load.parts, span(after, after + 50)))
            assert {Loaded, LoadConflict} == set(map(type, at_once(*calls)))
            database.person("update _tidegate.positions set upto = " + str(after + 1))


def test_two_loaders_may_open_an_empty_database_at_once(database: Database) -> None:
    """Both end up with the bookkeeping; the one that was late is told to try again, at worst. (D1)"""
    loaders = [connect(database.url) for _ in range(4)]
    outcomes = at_once(*(loader.open for loader in loaders))
    for loader in loaders:
        loader.close()
    assert {type(None), DestinationBusy} >= set(map(type, outcomes))
    with opened(database.url) as destination:
        assert destination.progress("journal-1") is None


def test_a_deadlock_is_tried_again(shop: Warehouse, database: Database) -> None:
    """The load that the server chose to end is busy, not refused, and works when it is made again. (D4)"""
    tables = ("boats", "cars", "vans")
    shop.load(*(arrival({"id": 1}, table_name=each) for each in tables), after=0, upto=1)
    count = "select count(*) from pg_locks where not granted"
    patient = "set local deadlock_timeout = '1min'"
    lock = "lock table shop.{} in access exclusive mode"
    admin = partial(database.server.admin, database.address)
    with opened(f"{database.url}?options=-c%20lock_timeout%3D1min") as destination:
        parts = shop.prepare(*(arrival({"id": 1}, table_name=each, position=2) for each in tables)).parts
        with admin() as other, other.transaction():
            other.execute(patient)
            other.execute(lock.format("vans").encode())
            # Who waits last finds the deadlock: that is the load, let on to the third table by this one.
            with admin() as third, third.transaction():
                third.execute(lock.format("cars").encode())
                loading = Attempt(partial(destination.load, parts, span(1, 2)))
                wait_until(lambda: database.person(count) == [(1,)], what="the load at the second table")
                waiting = Attempt(partial(other.execute, lock.format("boats").encode()))
                wait_until(lambda: database.person(count) == [(2,)], what="the other at the first table")
            outcome = loading.outcome()
            assert (True, True) == (isinstance(outcome, DestinationBusy), "deadlock detected" in str(outcome))
            waiting.outcome()
        assert 3 == destination.load(parts, span(1, 2)).rows


# --- Queries -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "with gone as (delete from shop.cars returning id) select * from gone",
        "insert into shop.cars (id) values (9) returning id",
        "select set_config('transaction_read_only', 'off', false)",
        "select 1) to stdout; delete from shop.cars; copy (select 1",
        "select 1) to program 'true' --",
        "select * from shop.cars for update",
        "select * into shop.copy from shop.cars",
        "select pg_read_file('/etc/passwd')",
        "select lo_import('/etc/passwd')",
        "copy (select 1) to program 'true'",
        "copy shop.cars to stdout",
        "set transaction read write",
        "rollback",
        "commit",
        "do $$ begin delete from shop.cars; end $$",
        "select nextval('shop.numbers')",
        "select 1/0",
        "select 1/(n - 250000) from generate_series(1, 300000) as n",
        "select 'infinity'::timestamptz",
    ],
)
def test_a_query_cannot_write_by_any_door(shop: Warehouse, database: Database, sql: str) -> None:
    """The transaction may only read, and the role may not reach the server's files. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    database.person("create sequence shop.numbers; alter sequence shop.numbers owner to tidegate")
    with pytest.raises(QueryFailed):
        shop.destination.query(sql, wait_s=1).read_all()
    assert [{"id": 1}] == shop.ask("select id from cars")
    assert [("cars",)] == database.person(
        "select relname::text from pg_class join pg_namespace n on n.oid = relnamespace"
        " where nspname = 'shop' and relkind = 'r' and relname <> '_sdc_rejected'"
    )


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("  /* a */ -- b\n (select 1 as a) ;; ", {"a": 1}),
        ("select 1 as a -- no end", {"a": 1}),
        ("values (1, 'x')", {"column1": 1, "column2": "x"}),
        ("table one", {"id": 1}),
        ("with a as (select 2 as b) select b from a", {"b": 2}),
        ("show server_encoding", {"server_encoding": "UTF8"}),
        ("select sum(id), count(*) from one", {"sum": Decimal(1), "count": 1}),
        ("select 1 as a, '10.0.0.0/8'::inet as \"b c\"", {"a": 1, "b c": "10.0.0.0/8"}),
        ("select row(1, 'x') as r, array[1.5, null] as n", {"r": "(1,x)", "n": "{1.5,NULL}"}),
        ("select '{\"a\": 1}'::jsonb as j, '1 day'::interval as i", {"j": '{"a": 1}', "i": "1 day"}),
        ("select null as x, 'x'::varchar(3) as v, 'y'::\"char\" as c", {"x": None, "v": "x", "c": "y"}),
        (
            "select 1.50::numeric as n, -12345678901234567890.5 as m",
            {"n": Decimal("1.5"), "m": Decimal("-12345678901234567890.5")},
        ),
        (
            "select 'NaN'::numeric as n, 1::numeric / 3 as t",
            {"n": "nan", "t": Decimal("0.33333333333333333333")},
        ),
        ("select 1e80::numeric as n", {"n": "1" + "0" * 80}),
    ],
)
def test_a_query_may_be_any_that_reads(shop: Warehouse, sql: str, row: dict[str, Any]) -> None:
    """Values come exactly, those of types Arrow has not as the server's own text. (D8)"""
    shop.load(arrival({"id": 1}, table_name="one"), after=0, upto=1)
    assert [row] == [
        {name: value for name, value in each.items() if not name.startswith("_sdc")} for each in shop.ask(sql)
    ]


def test_columns_of_one_name_are_both_there(shop: Warehouse) -> None:
    """Also where one has to be made a text. (D8)"""
    table = shop.destination.query("select 1 as a, '::/1'::inet as a", wait_s=1).read_all()
    assert (["a", "a"], [1], ["::/1"]) == (
        table.column_names,
        *(column.to_pylist() for column in table.columns),
    )


def test_a_plan_can_be_asked_for(shop: Warehouse) -> None:
    """EXPLAIN tells people why their query is slow. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    assert "cars" in str(shop.ask("explain analyze select * from cars"))


def test_an_unread_answer_keeps_no_change_waiting(shop: Warehouse, database: Database) -> None:
    """The rows are kept aside, so a column can be added while somebody still reads. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    reader = shop.destination.query(
        "select n, cars.id from shop.cars, generate_series(1, 500000) as n", wait_s=1
    )
    with opened(database.url + IMPATIENT) as destination:
        destination.apply(
            AddColumn(schema_name=SCHEMA, table_name="cars", column=Column(name="t", type=Type.STRING))
        )
    assert 500_000 == reader.read_all().num_rows


def test_a_query_waits_for_a_lock_only_so_long(shop: Warehouse, database: Database) -> None:
    """It is busy then, and names what for. (D8)"""
    shop.load(arrival({"id": 1}), after=0, upto=1)
    with database.server.admin(database.address) as admin, admin.transaction():
        admin.execute("lock table shop.cars in access exclusive mode")
        with pytest.raises(DestinationBusy, match="lock timeout"):
            shop.destination.query("select * from shop.cars", wait_s=0)


# --- Gone and back -----------------------------------------------------------------------------------------


@pytest.fixture
def own_server(exercised: Callable[[str], None]) -> Iterator[PostgresServer]:
    """A server that may be stopped."""
    exercised("destination: postgresql, stopped and killed")
    it = PostgresServer()
    try:
        yield it.start()
    finally:
        it.close()


def test_a_server_that_was_away_is_used_again(own_server: PostgresServer) -> None:
    """Stopped or killed, between loads or before one: down while it is, then all is there. (D1)"""
    shop = Warehouse("postgresql", own_server.new_database)
    try:
        for number, end in enumerate((own_server.stop, own_server.kill), start=1):
            parts = shop.prepare(arrival({"id": number}, position=number)).parts
            end()
            for call in (
                lambda parts=parts, number=number: shop.destination.load(parts, span(number - 1, number)),
                shop.destination.open,
                lambda: shop.destination.query("select 1", wait_s=1),
            ):
                with pytest.raises(DestinationDown):
                    call()
            own_server.start()
            shop.destination.open()
            assert 1 == shop.destination.load(parts, span(number - 1, number)).rows
        # A connection that died while nobody used it is replaced without a word.
        own_server.kill()
        own_server.start()
        shop.destination.open()
        assert Progress(2) == shop.destination.progress("journal-1")
        assert [{"id": 1}, {"id": 2}] == shop.ask("select id from cars order by id")
    finally:
        shop.destination.close()


def test_an_ended_session_is_down_and_replaced(shop: Warehouse, database: Database) -> None:
    """An administrator ends our connection in the middle of a load; nothing of it is there. (D4)"""
    load = shop.prepare(arrival({"id": 1}))
    with database.server.admin(database.address) as admin, admin.transaction():
        admin.execute("lock table shop.cars in access exclusive mode")
        loading = Attempt(partial(shop.destination.load, load.parts, span(0, 1)))
        end = "select count(pg_terminate_backend(pid)) from pg_locks where not granted"
        wait_until(lambda: database.person(end) == [(1,)], what="the load at the locked table")
        outcome = loading.outcome()
    assert isinstance(outcome, DestinationDown)
    assert "terminating connection" in str(outcome)
    shop.destination.open()
    assert shop.destination.progress("journal-1") is None
    assert 1 == shop.destination.load(load.parts, span(0, 1)).rows
