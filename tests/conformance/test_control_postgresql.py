"""What the control store promises of PostgreSQL alone: its schema, its rights, its texts, its restarts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert

from tests.conformance import postgres_server
from tests.conformance.control_stores import open_at
from tests.conformance.postgres_server import ROLE, PostgresServer
from tidegate.control import accounts, destinations, sources, tokens
from tidegate.control.schema import tokens as tokens_table
from tidegate.control.store import Store
from tidegate.errors import Conflict, ControlUnavailable, ControlUnusable, Unknown

SCHEMA = "tidegate-control"


@pytest.fixture
def server(exercised: Callable[[str], None]) -> PostgresServer:
    """The server that tests share."""
    exercised("control store: postgresql's own ways")
    return postgres_server.server()


@pytest.fixture
def address(server: PostgresServer) -> str:
    """The address of an empty database."""
    return f"postgresql://{server.new_database()}"


@pytest.fixture
def store(address: str, tmp_path: Path) -> Iterator[Store]:
    """The store there."""
    opened = open_at(address, tmp_path)
    yield opened
    opened.close()


def test_all_tables_stand_in_a_schema_that_no_source_can_have(
    server: PostgresServer, address: str, store: Store
) -> None:
    """A warehouse in the same database never meets them, and neither do programs that use `public`."""
    with store.writing() as conn:
        accounts.create(conn, "Shop")
    with server.admin(address) as admin:
        found = admin.execute(
            "select distinct schemaname from pg_tables where schemaname !~ '^(pg_|information_schema)'"
        ).fetchall()
    assert [(SCHEMA,)] == found


def test_a_schema_made_beforehand_is_enough(server: PostgresServer, address: str, tmp_path: Path) -> None:
    """A role that may make nothing else is not asked for more; without a schema it is told what it lacks."""
    name = address.rpartition("/")[2]
    with server.admin(address) as admin:
        admin.execute(f"alter database {name} owner to postgres".encode())
        admin.execute(f"revoke create on database {name} from public, {ROLE}".encode())
    with pytest.raises(ControlUnusable, match=r"permission denied for database.*grant it to the role"):
        open_at(address, tmp_path)
    with server.admin(address) as admin:
        admin.execute(f'create schema "{SCHEMA}" authorization {ROLE}'.encode())
    open_at(address, tmp_path).close()


def test_a_text_with_nul_is_kept_without_it(store: Store) -> None:
    """PostgreSQL has no U+0000 in texts; the reader sees that something stood there."""
    with store.writing() as conn:
        client_id = accounts.create(conn, "Shop").client_id
        place = destinations.create(conn, client_id, "duckdb:///folder/warehouse.duckdb", "Warehouse").id
        destinations.note_failing(conn, place, "no table a\0b", 0)
        assert "no table a\ufffdb" == destinations.get(conn, place).error


@pytest.mark.parametrize("number", [2**31, 2**40, 2**70])
def test_an_id_that_no_column_holds_is_nobodys(store: Store, number: int) -> None:
    """Whatever number somebody types, the answer is that there is none of that id. (C21)"""
    with store.writing() as conn:
        for look in (sources.get, tokens.get, tokens.revoke, destinations.get):
            with pytest.raises(Unknown):
                look(conn, number)
        with pytest.raises(Unknown):
            accounts.get(conn, number)
        assert 1001 == accounts.create(conn, "Shop").client_id


def test_a_refusal_repeats_no_stored_value(store: Store) -> None:
    """PostgreSQL's details hold the values of keys, hashes of tokens among them; they stay there. (C9)"""
    with store.writing() as conn:
        source = sources.create(conn, accounts.create(conn, "Shop").client_id, "Web shop")
        tokens.create(conn, source.id)
        row = conn.execute(tokens_table.select()).one()._asdict()
    with pytest.raises(Conflict) as caught, store.writing() as conn:
        conn.execute(insert(tokens_table).values(row | {"id": 99}))
    assert "uq_tokens_secret_hash" in str(caught.value)
    assert row["secret_hash"].hex() not in str(caught.value)


def test_a_database_that_may_only_be_read_can_be_tried_again(
    server: PostgresServer, address: str, store: Store
) -> None:
    """While a standby stands in, changes are refused as retryable and reading works. (C2)"""
    name = address.rpartition("/")[2]
    with server.admin(address) as admin:
        admin.execute(f"alter database {name} set default_transaction_read_only = on".encode())
        admin.execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'".encode()
        )
    with pytest.raises(ControlUnavailable, match="cannot be written"), store.writing() as conn:
        accounts.create(conn, "Shop")
    with store.reading() as conn:
        assert [] == accounts.list_(conn)


def test_a_restart_between_two_uses_is_not_noticed(
    server: PostgresServer, address: str, store: Store
) -> None:
    """Connections that were kept are found dead and made again; nobody sees an error. (C2, C18)"""
    before = store.version()
    with store.writing() as conn:
        accounts.create(conn, "Shop")
    with server.admin(address) as admin:
        admin.execute(
            f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'".encode()
        )
    assert before == store.version()
    with store.writing() as conn:
        assert 1 == len(accounts.list_(conn))
