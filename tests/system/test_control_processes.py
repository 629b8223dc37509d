"""The control store among several real processes: rules hold whoever acts at the same time, and crashes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.control_stores import KINDS
from tidegate.control import accounts, migrate, setup, sources, tokens
from tidegate.control.schema import REVISION, metadata
from tidegate.control.setup import FirstStart
from tidegate.control.store import Store

Exercised = Callable[[str], None]
DUCKDB = "duckdb:///folder/warehouse.duckdb"

CREATE_TOKENS = """
for _ in range(20):
    try:
        with store.writing() as conn:
            tokens.create(conn, 1)
        print("made")
    except Conflict:
        print("refused")
"""
SET_UP = f"""
for line in sys.stdin:
    new = Store.open(line.strip())
    print("did" if set_up(new, destination_url={DUCKDB!r}) else "was done", flush=True)
    new.close()
"""
WATCH_GRANT = """
grants = Grants(store)
secret = sys.stdin.readline().strip()
print("granted" if grants.find(secret, 0) else "refused", flush=True)
let_in_s, end_s = 0.0, time.monotonic() + 20
while (asked_s := time.monotonic()) < end_s and (grant := grants.find(secret, 0)) and grant.active:
    let_in_s = asked_s
    time.sleep(0.01)
print(let_in_s, flush=True)
"""
DIE_WRITING = """
with store.writing() as conn:
    sources.create(conn, 1001, "Half made")
    print("written", flush=True)
    sys.stdin.readline()
"""
LOOK_AT_IMPORTS = """
set_up(store, destination_url="duckdb:///w.duckdb")
store.close()
store = Store.open(sys.argv[1])
Grants(store).find("nobody", 0)
print(sorted({"alembic", "cryptography"} & {*sys.modules}))
"""
PRELUDE = """
import sys, time
from tidegate.control import sources, tokens
from tidegate.control.grants import Grants
from tidegate.control.setup import set_up
from tidegate.control.store import Store
from tidegate.errors import Conflict
print("ready", flush=True)
sys.stdin.readline()
store = Store.open(sys.argv[1])
"""


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest, exercised: Exercised) -> str:
    """Each kind of database."""
    exercised(f"control store: several processes, {request.param}")
    return str(request.param)


@pytest.fixture
def address(kind: str, tmp_path: Path) -> str:
    """Where the store stands."""
    return KINDS[kind](tmp_path)


@pytest.fixture
def first(address: str) -> FirstStart:
    """What the first start made there."""
    store = Store.open(address)
    started = setup.set_up(store, destination_url=DUCKDB)
    store.close()
    assert started is not None
    return started


@contextmanager
def others(address: str, script: str, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes that have imported everything and begin together; none is left behind."""
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PRELUDE + script, address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        assert ["ready"] * count == [line_of(each) for each in started]
        for each in started:
            tell(each, "begin")
        yield started
    finally:
        for each in started:
            each.kill()
            each.communicate()


def tell(process: subprocess.Popen[str], text: str) -> None:
    """Send a line."""
    assert process.stdin is not None
    process.stdin.write(text + "\n")
    process.stdin.flush()


def line_of(process: subprocess.Popen[str]) -> str:
    """Wait for a line."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def said(processes: list[subprocess.Popen[str]]) -> Counter[str]:
    """Wait for the ends and count the lines."""
    return Counter(line for each in processes for line in each.communicate(timeout=60)[0].split("\n") if line)


def test_two_processes_never_make_three_tokens(address: str, first: FirstStart) -> None:
    """Counting and adding are one step, so that the limit holds under any race. (C10)"""
    store = Store.open(address)
    with store.writing() as conn:
        for each in tokens.list_(conn, first.source_id):
            tokens.revoke(conn, each.id)
    with others(address, CREATE_TOKENS, 3) as processes:
        assert Counter(made=2, refused=58) == said(processes)
    with store.reading() as conn:
        assert 2 == len(tokens.list_(conn, first.source_id))
    store.close()


def test_of_first_starts_at_once_one_sets_up(kind: str, address: str, tmp_path: Path) -> None:
    """An empty store opened several times at once gets one account, and the others find it. (C1, C19)"""
    with others(address, SET_UP, 4) as processes:
        for number in range({"postgresql": 8, "sqlite": 40}[kind]):
            (tmp_path / str(number)).mkdir()
            new = KINDS[kind](tmp_path / str(number))
            for each in processes:
                tell(each, new)
            assert {"did": 1, "was done": 3} == Counter(line_of(each) for each in processes)
    store = Store.open(new)
    with store.reading() as conn:
        assert 1 == len(accounts.list_(conn))
    store.close()


def test_an_older_store_opened_several_times_at_once_is_migrated_once(address: str) -> None:
    """After an update all processes start together; one migrates, the others find it done. (C1)"""
    store = Store.open(address)
    with store.writing() as conn:
        for table in ("alembic_version", *(each.name for each in reversed(metadata.sorted_tables))):
            conn.exec_driver_sql(f"DROP TABLE {table}")
        migrate.replay(conn, "0001")
    store.close()
    with others(address, 'print("opened")', 4) as processes:
        assert Counter(opened=4) == said(processes)
    store = Store.open(address)
    with store.reading() as conn:
        assert REVISION == migrate.revision(conn)
    store.close()


@pytest.mark.parametrize("how", ["revoked", "paused"])
def test_another_process_refuses_within_a_second(address: str, first: FirstStart, how: str) -> None:
    """Once revoking or pausing has returned, no gate lets the token in for longer than a second. (C18)"""
    store = Store.open(address)
    with others(address, WATCH_GRANT, 1) as (process,):
        tell(process, first.secret)
        assert "granted" == line_of(process)
        with store.writing() as conn:
            if how == "revoked":
                tokens.revoke(conn, 1)
            else:
                sources.pause(conn, first.source_id)
        changed_at_s = time.monotonic()
        # The last time that it asked and was let in, so that a machine that stops for a while does not count.
        assert float(line_of(process)) - changed_at_s < 1
    store.close()


def test_a_killed_writer_leaves_nothing_and_holds_nobody_up(address: str, first: FirstStart) -> None:
    """What was not committed is gone after SIGKILL, and the next writer goes on at once. (C2)"""
    with others(address, DIE_WRITING, 1) as (process,):
        assert "written" == line_of(process)
        process.kill()
        process.wait()
        store = Store.open(address)
        with store.writing() as conn:
            assert [first.source_id] == [each.id for each in sources.list_(conn)]
            sources.create(conn, first.client_id, "Half made")
        store.close()


def test_starting_waits_for_no_library_it_does_not_need(address: str) -> None:
    """Neither a new store nor one that is up to date imports what only migrations and secrets need. (C1)"""
    with others(address, LOOK_AT_IMPORTS, 1) as processes:
        assert {"[]": 1} == said(processes)
