"""
P3 and P4 with PostgreSQL as the warehouse: loader and server are killed while a client pushes.

Whatever dies and whenever, every row is counted afterwards. (D1, D4 to D7)
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.postgres_server import PostgresServer
from tests.crash.pusher import Pusher, check
from tests.product import Product
from tests.waiting import wait_until
from tidegate.crashpoints import POINTS

ROUNDS = int(os.environ.get("TIDEGATE_CRASH_ROUNDS", "8"))
LOADER_POINTS = [point for point in POINTS if point.startswith("loader")]
SETTINGS = {"TIDEGATE_LOAD_WAIT_S": "0.05", "TIDEGATE_RETRY_WAIT_S_MAX": "0.5"}

Exercised = Callable[[str], None]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server that may be killed."""
    it = PostgresServer()
    try:
        yield it.start()
    finally:
        it.close()


def started(folder: Path, server: PostgresServer, **environ: str) -> Product:
    """Start a product that loads into an empty database."""
    flags = ("--workers", "1", "--destination", f"postgresql://{server.new_database()}")
    return Product(folder / "data", flags=flags, environ=SETTINGS | environ).start()


def wait_for_more(pusher: Pusher, rows: int = 20) -> None:
    """Wait until so many more rows are accepted."""
    wanted = len(pusher.acknowledged) + rows
    wait_until(lambda: len(pusher.acknowledged) > wanted, within_s=60, what="pushing to go on")


@pytest.mark.parametrize("point", LOADER_POINTS)
def test_a_loader_that_dies_at_a_named_point_loses_and_doubles_nothing(
    tmp_path: Path, server: PostgresServer, point: str, exercised: Exercised
) -> None:
    """It is restarted, asks the warehouse how far it came, and goes on from there. (P3, P4)"""
    fuse = tmp_path / "fuse"
    product = started(tmp_path, server, TIDEGATE_CRASH_AT=f"{point}={fuse}")
    pusher = Pusher(product)
    try:
        pusher.start()
        for _ in range(2):
            wait_for_more(pusher)
            fuse.touch()
            wait_until(lambda: not fuse.exists(), within_s=60, what=f"a crash at {point}")
        wait_for_more(pusher)
        pusher.stop()
        check(product, pusher, order="_sdc_batched_at, n")
        exercised(f"crash, postgresql: {point}")
    finally:
        pusher.stop()
        product.close()


def test_loader_and_server_die_at_random_and_every_row_is_counted(
    tmp_path: Path, server: PostgresServer, exercised: Exercised
) -> None:
    """SIGKILL of the loader and of the server, the server away for a while: the count is exact. (P4, P7)"""
    product = started(tmp_path, server)
    pusher = Pusher(product)
    choose = random.Random(41)  # noqa: S311 - a test's dice
    try:
        pusher.start()
        for number in range(ROUNDS):
            wait_for_more(pusher, choose.randrange(60))
            match number % 3:
                case 0:
                    product.kill("loader")
                case 1:
                    server.kill()
                    server.start()
                case _:
                    server.stop()
                    wait_for_more(pusher)
                    server.start()
        wait_for_more(pusher)
        pusher.stop()
        check(product, pusher, order="_sdc_batched_at, n")
        exercised("crash, postgresql: loader killed, server killed and away")
    finally:
        pusher.stop()
        product.close()
