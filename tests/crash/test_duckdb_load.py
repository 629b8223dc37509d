"""The loading process is killed in the middle: its file opens again, with all of a load or nothing. (D4)"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tidegate.destinations.duckdb import DuckDB
from tidegate.tables.model import Progress

ROUNDS = 4
KEYS = 500
FOUND = """
    select (select max(upto) from _tidegate.positions) as position, count(*) as rows, min(n) as least,
        max(n) as greatest, (select count(*) from shop.log) as log
    from shop.cars
"""
STATEMENTS_MAX = 20
LOADER = """
import sys
from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse

shop = Warehouse("duckdb", lambda: "/" + sys.argv[1])
keys = int(sys.argv[2])
progress = shop.destination.progress("journal-1")
done = progress.upto if progress else 0
print("open", flush=True)
while True:
    done += 1
    # Every load writes all keys anew, adds as many rows to the log, and brings a column of its own.
    data = [{"id": key, "n": done, f"c{done % 40}": "x" * 50} for key in range(keys)]
    log = [{"n": done}] * keys
    shop.load(
        arrival(*data, position=done), arrival(*log, keys=(), table_name="log", position=done),
        after=done - 1, upto=done,
    )
    print(done, flush=True)
    if done % 3 == 0:
        shop.destination.close()
        shop.destination.open()
"""
TRAP = """
import os, signal, sys
from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span

class Trap:
    # Stands before the connection and dies after so many statements.
    def __init__(self, connection, statements):
        self._connection, self._left = connection, statements

    def __getattr__(self, name):
        return getattr(self._connection, name)

    def execute(self, *arguments):
        result = self._connection.execute(*arguments)
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

shop = Warehouse("duckdb", lambda: "/" + sys.argv[1])
keys = int(sys.argv[2])

def loads(done):
    data = [{"id": key, "n": done} for key in range(keys)]
    log = arrival(*[{"n": done}] * keys, keys=(), table_name="log", position=done)
    return shop.prepare(arrival(*data, position=done), log).parts

shop.destination.load(loads(1), span(0, 1))
parts = loads(2)
shop.destination._connection = Trap(shop.destination._connection, int(sys.argv[3]))
shop.destination.load(parts, span(1, 2))
"""


def test_a_killed_load_is_there_whole_or_not_at_all(tmp_path: Path, exercised: Callable[[str], None]) -> None:
    """After SIGKILL at any moment both tables are what the position says, and loading goes on from there."""
    exercised("destination: duckdb, killed while loading")
    path = tmp_path / "warehouse.duckdb"
    position = 0
    for number in range(ROUNDS):
        told = _load_and_kill(path, moment_s=0.05 * number)
        destination = DuckDB(path)
        # Reading only, first: what the kill left must not need somebody who may write.
        found = destination.query(FOUND, wait_s=5).read_all().to_pylist()[0]
        assert found["position"] >= max(told, position)
        position = found["position"]
        expected = {"position": position, "rows": KEYS, "least": position, "greatest": position}
        assert expected | {"log": KEYS * position} == found
        destination.open()
        assert Progress(position) == destination.progress("journal-1")
        destination.close()


def test_a_load_killed_after_any_of_its_statements_is_not_there(
    tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """Whichever statement was the last, the tables are as before the load, or as after it. (D4)"""
    exercised("destination: duckdb, killed after each statement of a load")
    killed = 0
    for statements in range(1, STATEMENTS_MAX):
        path = tmp_path / f"{statements}.duckdb"
        trap = subprocess.run(
            [sys.executable, "-c", TRAP, str(path), str(KEYS), str(statements)], check=False
        )
        found = DuckDB(path).query(FOUND, wait_s=5).read_all().to_pylist()[0]
        done = 1 if found["position"] == 1 else 2
        assert {"position": done, "rows": KEYS, "least": done, "greatest": done, "log": KEYS * done} == found
        if trap.returncode == 0:
            break  # the load has no more statements than the last one killed
        assert -signal.SIGKILL == trap.returncode
        killed += 1
    assert 6 <= killed < STATEMENTS_MAX - 1


def _load_and_kill(path: Path, *, moment_s: float) -> int:
    """Load in another process, kill it some time after its first load, return the last load it told of."""
    with subprocess.Popen(
        [sys.executable, "-c", LOADER, str(path), str(KEYS)], stdout=subprocess.PIPE, text=True
    ) as loader:
        assert loader.stdout is not None
        assert "open\n" == loader.stdout.readline()
        told = int(loader.stdout.readline())
        try:
            loader.wait(moment_s)
        except subprocess.TimeoutExpired:
            loader.send_signal(signal.SIGKILL)
        lines = loader.stdout.read().split("\n")
        assert -signal.SIGKILL == loader.wait()
    # The last piece is a line that was cut off, or nothing.
    return max([told, *(int(line) for line in lines[:-1])])


FULL = """
import resource, signal, sys
from tests.arrivals import arrival
from tests.conformance.destinations import Warehouse, span
from tidegate.errors import DestinationDown

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write over the limit is an error
shop = Warehouse("duckdb", lambda: "/" + sys.argv[1])
at = lambda: shop.destination.progress("journal-1").upto
shop.load(arrival({"id": 0, "text": ""}), after=0, upto=1)
data = [{"id": key, "text": str(key) * 1_000} for key in range(3_000)]
parts = shop.prepare(arrival(*data, position=2)).parts
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
try:
    shop.destination.load(parts, span(1, 2))
    shop.destination.close()
    print("loaded")
except DestinationDown as exc:
    print("down:", exc)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
try:
    shop.destination.close()
except DestinationDown as exc:
    print("down:", exc)
shop.destination.open()
print("before:", shop.ask("select count(*) as n from cars")[0]["n"], at())
shop.destination.load(parts, span(1, 2))
print("after:", shop.ask("select count(*) as n from cars")[0]["n"], at())
"""


def test_a_load_without_room_is_told_and_leaves_nothing(
    tmp_path: Path, exercised: Callable[[str], None]
) -> None:
    """A file that cannot grow is DestinationDown; once there is room the same process loads on. (D1, D4)"""
    exercised("destination: duckdb, without room")
    full = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "warehouse.duckdb")],
        check=False,
        capture_output=True,
        text=True,
    )
    lines = full.stdout.splitlines()
    assert (0, "down:") == (full.returncode, full.stdout[:5]), full.stderr
    assert ["before: 1 1", "after: 3000 2"] == lines[-2:]
