"""PostgreSQL: loader or server are killed in the middle; all of a load is there, or nothing. (D4)"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from tests.conformance.postgres_server import PostgresServer
from tests.waiting import wait_until
from tidegate.destinations import connect

KEYS = 300
STATEMENTS_MAX = 40
FOUND = """
    select (select upto from _tidegate.positions) as position, count(*) as rows, min(n) as least,
        max(n) as greatest, (select count(*) from shop.log) as log
    from shop.cars
"""
TRAP = """
import os, signal, sys
from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span

class Trap:
    # Stands before the session and stops after so many statements.
    def __init__(self, session, statements, how):
        self._session, self._left, self._how = session, statements, how

    def __getattr__(self, name):
        found = getattr(self._session, name)
        return self._counting(found) if name in ("execute", "rows", "copy") else found

    def _counting(self, call):
        def counted(*arguments):
            result = call(*arguments)
            self._left -= 1
            if self._left == 0:
                self._how()
            return result
        return counted

    def transaction(self, *arguments, **options):
        return type(self._session).transaction(self, *arguments, **options)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def tell_and_wait():
    print("there", flush=True)
    sys.stdin.readline()

address, how, *numbers = sys.argv[1:]
keys, statements, position = map(int, numbers)
shop = Warehouse("postgresql", lambda: address)

def loads(done):
    data = [{"id": key, "n": done} for key in range(keys)]
    log = arrival(*[{"n": done}] * keys, keys=(), table_name="log", position=done)
    return shop.prepare(arrival(*data, position=done), log).parts

parts = loads(position)
session = shop.destination._session
shop.destination._session = Trap(session, statements, {"die": die, "wait": tell_and_wait}[how])
shop.destination.load(parts, span(position - 1, position))
shop.destination._session = session
shop.destination.close()
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of these tests' own."""
    it = PostgresServer()
    try:
        yield it.start()
    finally:
        it.close()


def loading(address: str, statements: int, how: str, position: int) -> subprocess.Popen[str]:
    """Load once more in another process, which stops after so many statements of the load."""
    arguments = [address, how, str(KEYS), str(statements), str(position)]
    return subprocess.Popen(
        [sys.executable, "-c", TRAP, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def found(address: str) -> dict[str, Any]:
    """Return what is there, as anybody would see it."""
    rows: list[dict[str, Any]] = (
        connect(f"postgresql://{address}").query(FOUND, wait_s=5).read_all().to_pylist()
    )
    return rows[0]


def is_unused(server: PostgresServer, address: str) -> bool:
    """Tell whether no session of the product is left."""
    sessions = "select from pg_stat_activity where usename = 'tidegate' and datname = current_database()"
    with server.admin(address) as admin:
        return not admin.execute(sessions.encode()).fetchall()


def whole(position: int) -> dict[str, Any]:
    """Return what is there after so many loads."""
    return {
        "position": position,
        "rows": KEYS,
        "least": position,
        "greatest": position,
        "log": KEYS * position,
    }


def test_a_loader_killed_after_any_of_its_statements_leaves_all_or_nothing(
    server: PostgresServer, exercised: Callable[[str], None]
) -> None:
    """Whichever statement was the last, the tables are as before the load, or as after it. (D4)"""
    exercised("destination: postgresql, loader killed after each statement of a load")
    address = server.new_database()
    with loading(address, 0, "die", 1) as first:
        first.communicate()
    done, killed = 1, 0
    for statements in range(1, STATEMENTS_MAX):
        with loading(address, statements, "die", done + 1) as loader:
            loader.communicate()
        # The server hears of a killed client at its own next step.
        wait_until(partial(is_unused, server, address), what="the sessions' end")
        now = found(address)
        assert now in (whole(done), whole(done + 1))
        done = int(now["position"])
        if loader.returncode == 0:
            break  # the load has no more statements than the last one killed
        assert -signal.SIGKILL == loader.returncode
        killed += 1
    assert 8 <= killed < STATEMENTS_MAX - 1


def test_a_server_killed_in_the_middle_of_a_load_has_nothing_of_it(
    server: PostgresServer, exercised: Callable[[str], None]
) -> None:
    """It recovers by itself, the loader is told, and the same load works afterwards. (D1, D4)"""
    exercised("destination: postgresql, server killed in the middle of a load")
    address = server.new_database()
    with loading(address, 0, "die", 1) as first:
        first.communicate()
    for statements in (1, 6, 10):
        with loading(address, statements, "wait", 2) as loader:
            assert loader.stdout is not None
            assert "there\n" == loader.stdout.readline()
            server.kill()
            loader.communicate("go on\n")
            assert loader.returncode not in {0, -signal.SIGKILL}
        server.start()
        assert whole(1) == found(address)
    with loading(address, 0, "die", 2) as last:
        last.communicate()
    assert whole(2) == found(address)
