"""Every control store opens, commits, keeps secrets and answers gates as docs/specs/control.md says."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, inspect

from tests.conformance.control_stores import CONTENT, KINDS, SPOIL, open_at
from tidegate.control import (
    accounts,
    connect_tokens,
    destinations,
    grant_changes,
    loads,
    migrate,
    setup,
    sources,
    tokens,
)
from tidegate.control.grants import ASK_WAIT_S, Grant, Grants
from tidegate.control.schema import REVISION, from_ms, metadata
from tidegate.control.store import Store
from tidegate.errors import ControlUnavailable, ControlUnusable, DataDirUnusable, Unknown

DUCKDB = "duckdb:///folder/warehouse.duckdb"
NOW_MS = 1_800_000_000_000
LOAD = loads.LoadReport(
    source_id=1,
    destination_id=1,
    table_name="orders",
    started_at=from_ms(NOW_MS),
    finished_at=from_ms(NOW_MS),
    rows_loaded=1,
    rows_rejected=0,
)
OLDER = sorted(
    revision
    for path in (Path(migrate.__file__).parent / "migrations" / "versions").glob("r[0-9]*.py")
    if (revision := path.name[1:5]) != REVISION
)
FIRST_RELEASE = (
    "INSERT INTO accounts (client_id, name, created_at) VALUES (1001, 'Shop', 5)",
    (
        "INSERT INTO destinations (client_id, name, shown_url, is_default, created_at)"
        f" VALUES (1001, 'Default', '{DUCKDB}', TRUE, 5)"
    ),
    (
        "INSERT INTO sources (client_id, display_name, schema_name, created_at, updated_at)"
        " VALUES (1001, 'Shop', 'shop', 5, 5)"
    ),
    (
        "INSERT INTO tokens (source_id, kind, secret_hash, last_four, created_at)"
        " VALUES (1, 'import', 'hash', 'abcd', 5)"
    ),
)
"""What a store of the first schema may hold."""


# --- Opening ---------------------------------------------------------------------------------------------


def test_replaying_the_migrations_gives_the_schema_in_code(kind: str, tmp_path: Path) -> None:
    """A store that was migrated step by step and one made today have the same tables. (C1)"""
    (tmp_path / "replayed").mkdir()
    made, replayed = Store.open(KINDS[kind](tmp_path)), Store.open(KINDS[kind](tmp_path / "replayed"))
    with replayed.writing() as conn:
        for table in ("alembic_version", *(each.name for each in reversed(metadata.sorted_tables))):
            conn.exec_driver_sql(f"DROP TABLE {table}")
        migrate.replay(conn)
    assert _described(made) == _described(replayed)
    assert len(_described(made)) > 10
    with replayed.reading() as conn:
        assert REVISION == migrate.revision(conn)
    made.close()
    replayed.close()


def _where(each: Any) -> list[str]:
    return [str(text) for text in each.get("dialect_options", {}).values()]


def _described(store: Store) -> list[tuple[str, ...]]:
    """Return all columns, keys and indexes of a store as its database tells them."""
    with store.reading() as conn:
        found = inspect(conn)
        return [
            (table, re.sub(" at 0x[0-9a-f]+", "", str(each)), *_where(each))
            for table in sorted(found.get_table_names())
            for each in (
                *found.get_columns(table),
                found.get_pk_constraint(table),
                *sorted(found.get_foreign_keys(table), key=str),
                *sorted(found.get_indexes(table), key=str),
                *sorted(found.get_unique_constraints(table), key=str),
            )
        ]


@pytest.mark.parametrize("older", OLDER)
def test_an_older_store_is_brought_up_to_date_with_what_it_holds(
    kind: str, address: str, tmp_path: Path, older: str
) -> None:
    """Each earlier release's store opens with the newest schema and keeps its account and tokens. (C1)"""
    (tmp_path / "new").mkdir()
    new, store = Store.open(KINDS[kind](tmp_path / "new")), Store.open(address)
    with store.writing() as conn:
        for table in ("alembic_version", *(each.name for each in reversed(metadata.sorted_tables))):
            conn.exec_driver_sql(f"DROP TABLE {table}")
        migrate.replay(conn, older)
        for statement in FIRST_RELEASE:
            conn.exec_driver_sql(statement)
    store.close()
    store = Store.open(address)
    assert _described(new) == _described(store)
    with store.reading() as conn:
        assert ["shop"] == [each.schema_name for each in sources.list_(conn, 1001)]
        assert [1] == [each.id for each in tokens.list_(conn, 1)]
        assert DUCKDB == destinations.full_url(conn, 1)
    with store.writing() as conn:
        assert 2 == sources.create(conn, 1001, "Another").id
    new.close()
    store.close()


def test_a_store_keeps_what_it_had_when_opened_again(address: str) -> None:
    """Opening is safe to repeat. (C1)"""
    first = Store.open(address)
    started = setup.set_up(first, destination_url=DUCKDB)
    first.close()
    first.close()
    again = Store.open(address)
    with again.reading() as conn:
        assert started is not None
        assert [started.client_id] == [each.client_id for each in accounts.list_(conn)]
    again.close()


def test_a_newer_releases_store_is_refused(address: str) -> None:
    """An older release does not guess at what a newer one wrote; it says which it knows. (C1)"""
    newer = Store.open(address)
    with newer.writing() as conn:
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    newer.close()
    with pytest.raises(ControlUnusable, match=rf"'9999'.*'{REVISION}'"):
        Store.open(address)


def test_the_files_are_the_owners_alone(tmp_path: Path) -> None:
    """Hashes and addresses are nobody else's business: every file has mode 0600. (C1)"""
    opened = Store.open(tmp_path / "control.db")
    with opened.writing() as conn:
        accounts.create(conn, "Shop")
    modes = {path.name: f"{path.stat().st_mode & 0o777:o}" for path in tmp_path.iterdir()}
    assert {"control.db": "600", "control.db-shm": "600", "control.db-wal": "600"} == modes
    opened.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    """Damage is named, and nothing is written over it. (C1)"""
    path = tmp_path / "control.db"
    path.write_bytes(b"not a database " * 400)
    with pytest.raises(ControlUnusable, match="not a database"):
        Store.open(path)
    assert b"not a database " * 400 == path.read_bytes()


@pytest.mark.parametrize("inside", ["missing/control.db", "."])
def test_a_place_that_cannot_hold_a_store_is_named(tmp_path: Path, inside: str) -> None:
    """The error says which path cannot be used and why. (C1)"""
    with pytest.raises(DataDirUnusable, match=re.escape(str(tmp_path))):
        Store.open(tmp_path / inside)


def test_an_address_of_another_database_is_refused() -> None:
    """A store is never silently made elsewhere than asked. (C1)"""
    with pytest.raises(ControlUnusable, match="sqlite:///"):
        Store.open("mysql://host/db")


# --- Transactions ---------------------------------------------------------------------------------------


def test_a_change_is_kept_whole_or_not_at_all(store: Store) -> None:
    """What was written before an error is not there after it. (C2)"""
    with suppress(Unknown), store.writing() as conn:
        accounts.create(conn, "Shop")
        sources.delete(conn, 7)
    with store.reading() as conn:
        assert [] == accounts.list_(conn)


def test_reading_sees_one_moment_and_writes_nothing(store: Store) -> None:
    """What others commit meanwhile is not seen half-way, and a reader that writes is told so. (C2)"""
    with store.reading() as conn:
        assert [] == accounts.list_(conn)
        with store.writing() as other:
            accounts.create(other, "Shop")
        assert [] == accounts.list_(conn)
    with pytest.raises(ControlUnavailable), store.reading() as conn:
        accounts.create(conn, "Shop")
    with store.writing() as conn:
        assert 1 == len(accounts.list_(conn))


def test_a_writer_that_waits_too_long_is_told_to_try_again(
    address: str,
) -> None:
    """A hanging writer does not hang the others for good. (C2)"""
    store = Store.open(address, busy_wait_ms_max=20)
    with store.writing():
        failed: list[Exception] = []
        waiting = threading.Thread(target=_write, args=(store, failed))
        waiting.start()
        waiting.join()
    assert [ControlUnavailable] == [type(each) for each in failed]
    _write(store, failed)
    assert 1 == len(failed)
    store.close()


def _write(store: Store, failed: list[Exception]) -> None:
    try:
        with store.writing() as conn:
            accounts.create(conn, "Shop")
    except ControlUnavailable as exc:
        failed.append(exc)


def test_the_version_changes_with_what_grants_are_made_of(store: Store) -> None:
    """Gates read again when something of theirs changed, and not when nothing did. (C18)"""
    before = store.version()
    with store.writing():
        pass
    with store.reading() as conn:
        accounts.list_(conn)
    assert before == store.version()
    with store.writing() as conn:
        sources.create(conn, accounts.create(conn, "Shop").client_id, "Web shop")
        tokens.create(conn, 1)
    assert before != store.version()


# --- Secrets ---------------------------------------------------------------------------------------------


def test_no_secret_stands_in_the_store(kind: str, address: str, tmp_path: Path) -> None:
    """Whoever copies the store learns no access token and no destination's password. (C9, C15)"""
    store = open_at(address, tmp_path)
    started = setup.set_up(store, destination_url="postgresql://user:sesame%21@host/db?sslpassword=pepper99")
    assert started is not None
    with store.writing() as conn:
        _, second = tokens.create(conn, started.source_id)
        _, local = tokens.create_local(conn, started.source_id)
        place = destinations.default(conn, started.client_id).id
        destinations.note_failing(conn, place, "no entry for user with sesame! and pepper99", NOW_MS)
    _assert_absent(CONTENT[kind](address, tmp_path), started.secret, second, local, "sesame", "pepper99")
    store.close()
    _assert_absent(CONTENT[kind](address, tmp_path), started.secret, second, local, "sesame", "pepper99")


def _assert_absent(content: bytes, *secrets: str) -> None:
    assert b"import_api" in content
    assert [] == [secret for secret in secrets if secret.encode() in content]


def test_the_key_stands_apart_and_is_the_owners_alone(address: str, tmp_path: Path) -> None:
    """The key file is made when a secret first needs it, with mode 0600; another key opens nothing. (C15)"""
    url = "postgresql://user:sesame@host/db"
    store = open_at(address, tmp_path)
    key_file = tmp_path / "secret.key"
    assert not key_file.exists()
    place = _destination(store, url)
    assert "600" == f"{key_file.stat().st_mode & 0o777:o}"
    key = key_file.read_text()
    store.close()
    assert url == _full_url(open_at(address, tmp_path), place)
    key_file.write_bytes(Fernet.generate_key())
    assert url == _full_url(open_at(address, tmp_path, secret_key=key), place)
    for spoil in (lambda: None, lambda: key_file.write_text("no key"), key_file.unlink):
        spoil()
        with pytest.raises(ControlUnusable, match="bring back the key") as caught:
            _full_url(open_at(address, tmp_path), place)
        assert "sesame" not in str(caught.value)


def test_a_key_that_is_none_is_refused_before_it_seals(address: str, tmp_path: Path) -> None:
    """Nothing is encrypted that could not be decrypted. (C15)"""
    store = open_at(address, tmp_path, secret_key="short")  # noqa: S106 - it is no secret
    with pytest.raises(ControlUnusable, match="not a Fernet key"):
        _destination(store, "postgresql://user:sesame@host/db")
    store.close()


def _destination(store: Store, url: str) -> int:
    with store.writing() as conn:
        return destinations.create(conn, accounts.create(conn, "Shop").client_id, url, "Warehouse").id


def _full_url(store: Store, destination_id: int) -> str:
    try:
        with store.reading() as conn:
            return destinations.full_url(conn, destination_id)
    finally:
        store.close()


# --- Grants ----------------------------------------------------------------------------------------------


class Gate:
    """A process that looks tokens up, with a clock set by hand."""

    def __init__(self, store: Store) -> None:
        started = setup.set_up(store, destination_url=DUCKDB)
        assert started is not None
        self.store, self.started, self.clock_s = store, started, 0.0
        self._grants = Grants(store, clock_s=lambda: self.clock_s)

    def find(self, secret: str | None = None, *, now_ms: int = NOW_MS) -> Grant | None:
        """Look a token up, that of the first start when none is given."""
        return self._grants.find(self.started.secret if secret is None else secret, now_ms)

    def find_later(self, secret: str | None = None) -> Grant | None:
        """Look it up once the snapshot is due to be compared with the store."""
        self.clock_s += ASK_WAIT_S
        return self.find(secret)

    def grant(self, *, active: bool = True, delayed: bool = False) -> Grant:
        """What the first start's token stands for."""
        started = self.started
        return Grant(1, started.source_id, started.client_id, None, active, delayed, "duckdb")

    def change(self, change: Callable[[Connection], object]) -> None:
        """Change the store as another process would."""
        with self.store.writing() as conn:
            change(conn)


@pytest.fixture
def gate(store: Store) -> Gate:
    """A gate on a store that was set up."""
    return Gate(store)


def test_a_token_stands_for_its_source_and_account(gate: Gate) -> None:
    """The bearer is let in as the source's; what is no token, whatever it holds, lets nobody in. (C18)"""
    assert gate.grant() == gate.find()
    for wrong in ("", "at_", gate.started.secret[:-1], gate.started.secret + " ", "\ud800", "é" * 9000):
        assert gate.find(wrong) is None


def test_a_snapshot_answers_between_two_looks_at_the_store(gate: Gate) -> None:
    """Requests do not wait for the store: a change counts once a fifth of a second is over. (C18)"""
    assert gate.grant() == gate.find()
    gate.change(lambda conn: tokens.revoke(conn, 1))
    assert gate.grant() == gate.find()
    assert gate.find_later() is None


def test_a_new_token_works_at_once(gate: Gate) -> None:
    """Who has just made a token need not wait until every gate has heard of it. (C18)"""
    assert gate.grant() == gate.find()
    with gate.store.writing() as conn:
        token, secret = tokens.create_local(conn, gate.started.source_id)
    found = gate.find(secret, now_ms=int(token.created_at.timestamp() * 1000))
    assert found is not None
    assert token.id == found.token_id


def test_an_expired_token_lets_nobody_in(gate: Gate) -> None:
    """A token ends at its time, without anybody changing the store. (C18)"""
    with gate.store.writing() as conn:
        _, secret = tokens.create(conn, 1, expires_at=from_ms(NOW_MS), region="eu-central-1")
    found = gate.find(secret, now_ms=NOW_MS - 1)
    assert found is not None
    assert "eu-central-1" == found.region
    assert gate.find(secret, now_ms=NOW_MS) is None


def test_a_paused_or_deleted_source_is_not_active(gate: Gate) -> None:
    """The token is still known, so that the client is told of the source and not of the token. (C18)"""
    gate.change(lambda conn: sources.pause(conn, 1, datetime(2999, 1, 1, tzinfo=UTC)))
    assert gate.grant(active=False) == gate.find_later()
    gate.change(lambda conn: sources.resume(conn, 1))
    assert gate.grant() == gate.find_later()
    gate.change(lambda conn: sources.delete(conn, 1))
    assert gate.grant(active=False) == gate.find_later()


def test_a_failing_destination_delays_the_sources_that_load_there(gate: Gate) -> None:
    """Only those whose records wait are told so, whether they name the destination or not. (C17, C18)"""
    with gate.store.writing() as conn:
        other = destinations.create(conn, gate.started.client_id, DUCKDB + "2", "Other")
        named = sources.create(conn, gate.started.client_id, "Named", destination_id=other.id)
        _, secret = tokens.create(conn, named.id)
        destinations.note_failing(conn, other.id, "down", NOW_MS)
    assert (False, True) == _delayed(gate.find_later(), gate.find(secret))
    gate.change(lambda conn: destinations.note_working(conn, other.id))
    gate.change(lambda conn: destinations.note_failing(conn, 1, "down", NOW_MS))
    assert (True, False) == _delayed(gate.find_later(), gate.find(secret))


def test_records_without_any_destination_wait(gate: Gate) -> None:
    """An account that has no destination yet is told that its records wait. (C17, C18)"""
    with gate.store.writing() as conn:
        homeless = sources.create(conn, accounts.create(conn, "Other").client_id, "Homeless")
        _, secret = tokens.create(conn, homeless.id)
    assert (False, True) == _delayed(gate.find_later(), gate.find(secret))


def _delayed(*found: Grant | None) -> tuple[bool | None, ...]:
    return tuple(each.delayed if each else None for each in found)


def test_a_load_report_does_not_make_gates_read_again(gate: Gate) -> None:
    """The loader writes every second; what was read once stands until something changes it. (C18)"""
    before = gate.find()
    gate.change(lambda conn: loads.add(conn, [LOAD]))
    assert before is gate.find_later()
    gate.change(lambda conn: sources.rename(conn, 1, "Shop"))
    assert before is not gate.find_later()


def test_whatever_changes_a_grant_is_counted(gate: Gate) -> None:
    """No change of a token, source or destination is missed by a gate; everything else is. (C18)"""
    changes: list[Callable[[Connection], object]] = [
        lambda conn: destinations.create(conn, 1001, DUCKDB + "2", "Other"),
        lambda conn: destinations.note_failing(conn, 1, "down", NOW_MS),
        lambda conn: destinations.note_working(conn, 1),
        lambda conn: destinations.change(conn, 1, name="Renamed"),
        lambda conn: destinations.delete(conn, 1, client_id=1001),
        lambda conn: tokens.create(conn, 1),
        lambda conn: tokens.create_local(conn, 1),
        lambda conn: tokens.revoke(conn, 2),
        lambda conn: sources.pause(conn, 1),
        lambda conn: sources.resume(conn, 1),
        lambda conn: sources.delete(conn, 1),
    ]
    counted = []
    for change in changes:
        with gate.store.writing() as conn:
            before = grant_changes.number(conn)
            change(conn)
            counted.append(grant_changes.number(conn) > before)
    assert [True] * len(changes) == counted
    with gate.store.writing() as conn:
        before = grant_changes.number(conn)
        destinations.note_working(conn, 1)
        accounts.create(conn, "Other")
        connect_tokens.create(conn, 1001)
        assert before == grant_changes.number(conn)


def test_a_store_that_cannot_be_asked_lets_nobody_in(
    gate: Gate, kind: str, address: str, tmp_path: Path
) -> None:
    """An old snapshot might let a revoked token in, so the request is refused as retryable. (C18)"""
    assert gate.grant() == gate.find()
    gate.store.close()
    SPOIL[kind](address, tmp_path)
    with pytest.raises(ControlUnavailable) as caught:
        gate.find_later()
    assert caught.value.retryable
