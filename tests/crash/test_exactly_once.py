"""P1 to P4 on the whole product: processes are killed while a client pushes, and every row is counted."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.pusher import Pusher, check
from tests.product import Product
from tests.waiting import wait_until
from tidegate.crashpoints import POINTS

ROUNDS = int(os.environ.get("TIDEGATE_CRASH_ROUNDS", "12"))

Exercised = Callable[[str], None]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A product with two gate processes, started."""
    running = Product(tmp_path / "data", flags=("--workers", "2"), environ={"TIDEGATE_LOAD_WAIT_S": "0.05"})
    running.start()
    yield running
    running.close()


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_when_a_process_dies_at_a_named_point(
    tmp_path: Path, point: str, exercised: Exercised
) -> None:
    """Whoever dies at the point is restarted, and the tables are as if nothing had happened. (P1 to P4)"""
    fuse = tmp_path / "fuse"
    environ = {"TIDEGATE_LOAD_WAIT_S": "0.05", "TIDEGATE_CRASH_AT": f"{point}={fuse}"}
    product = Product(tmp_path / "data", flags=("--workers", "2"), environ=environ).start()
    pusher = Pusher(product)
    try:
        pusher.start()
        for _ in range(3):
            before = len(pusher.acknowledged)
            wait_until(lambda: len(pusher.acknowledged) > before + 20, within_s=60, what="pushing to go on")  # noqa: B023 - called at once
            fuse.touch()
            wait_until(lambda: not fuse.exists(), within_s=60, what=f"a crash at {point}")
        before = len(pusher.acknowledged)
        wait_until(lambda: len(pusher.acknowledged) > before + 20, within_s=60, what="pushing to go on")
        pusher.stop()
        check(product, pusher)
        exercised(f"crash: {point}")
    finally:
        pusher.stop()
        product.close()


def test_nothing_is_lost_or_doubled_when_processes_die_at_random(
    product: Product, exercised: Exercised
) -> None:
    """Gates, the loader and the whole tree are killed at random moments; the count is exact. (P1 to P4)"""
    pusher = Pusher(product)
    choose = random.Random(20)  # noqa: S311 - a test's dice
    try:
        pusher.start()
        for round_number in range(ROUNDS):
            before = len(pusher.acknowledged)
            wanted = before + choose.randrange(150)
            wait_until(lambda: len(pusher.acknowledged) > wanted, within_s=60, what="pushing to go on")  # noqa: B023 - called at once
            part = ("gate", "loader", None)[round_number % 3]
            killed = product.kill(part)
            exercised(f"crash: killed {part or 'the whole tree'}")
            assert killed >= 0
            if part is None:
                product.start()
    finally:
        pusher.stop()
    check(product, pusher)
    assert 0 == product.stop()
