"""
P1 to P4 on the whole product: processes are killed while a client pushes, and every row is counted.

The client pushes in order to a keyless table (each row counts) and to a keyed one whose records all carry
the same sequence, so that only the order of acceptance decides which version stays.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.product import Product
from tests.waiting import wait_until
from tidegate.crashpoints import POINTS

ROUNDS = int(os.environ.get("TIDEGATE_CRASH_ROUNDS", "12"))
KEYS = 7
ROWS_EACH_REQUEST = 3

Exercised = Callable[[str], None]


@dataclass(slots=True)
class Pusher:
    """A client that pushes until told to stop, and remembers what it was told about each number."""

    product: Product
    acknowledged: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _next: int = 0

    def start(self) -> None:
        """Push from now on."""
        self._thread = threading.Thread(target=self._push, name="pusher")
        self._thread.start()

    def stop(self) -> None:
        """Stop after the request in flight."""
        self._stop.set()
        assert self._thread is not None
        self._thread.join()

    def _push(self) -> None:
        while not self._stop.is_set():
            with self.product.client() as client:
                try:
                    self._push_on(client)
                except httpx.TransportError:
                    self._stop.wait(0.02)

    def _push_on(self, client: httpx.Client) -> None:
        """Push numbers one request after the other, both tables in turn, until the connection breaks."""
        while not self._stop.is_set():
            numbers = range(self._next, self._next + ROWS_EACH_REQUEST)
            self._next += ROWS_EACH_REQUEST
            path, body = self._batch(numbers) if self._next % 2 else self._keyed(numbers)
            try:
                answer = client.post(path, json=body)
            except httpx.ConnectError:
                self._next -= ROWS_EACH_REQUEST  # it never left
                raise
            except httpx.TransportError:
                self.unknown += numbers
                raise
            if answer.status_code in {201, 202}:
                self.acknowledged += numbers
            elif answer.status_code in {503, 504}:
                continue
            else:
                self.refused.append(answer.text)

    def _batch(self, numbers: range) -> tuple[str, object]:
        messages = [{"action": "upsert", "sequence": 1, "data": {"n": number}} for number in numbers]
        schema = {"properties": {"n": {"type": "integer"}}}
        return "/v2/import/batch", {"table_name": "log", "schema": schema, "messages": messages}

    def _keyed(self, numbers: range) -> tuple[str, object]:
        return "/v2/import/push", [
            self.product.record("latest", 1, {"id": number % KEYS, "n": number}) for number in numbers
        ]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """A product with two gate processes, started."""
    running = Product(tmp_path / "data", flags=("--workers", "2"), environ={"TIDEGATE_LOAD_WAIT_S": "0.05"})
    running.start()
    yield running
    running.close()


def check(product: Product, pusher: Pusher) -> None:
    """Count: what was acknowledged is there once, in order; what is unknown at most once; nothing else."""
    product.wait_until_loaded()
    assert [] == pusher.refused
    log = [row["n"] for row in product.rows("SELECT n FROM log ORDER BY rowid")]
    acknowledged = [number for number in pusher.acknowledged if _goes_to_log(number)]
    unknown = {number for number in pusher.unknown if _goes_to_log(number)}
    assert len(log) == len(set(log))
    assert acknowledged == [number for number in log if number not in unknown]
    assert set(log) <= set(acknowledged) | unknown
    check_latest(product, pusher)


def check_latest(product: Product, pusher: Pusher) -> None:
    """Of each key the version accepted last stands, which is the last acknowledged or an unknown after it."""
    latest = {row["id"]: row["n"] for row in product.rows("SELECT id, n FROM latest")}
    count = product.rows("SELECT count(*) AS rows FROM latest")[0]["rows"]
    assert len(latest) == count
    for key in range(KEYS):
        sent = [number for number in pusher.acknowledged if not _goes_to_log(number) and number % KEYS == key]
        later = [
            number
            for number in pusher.unknown
            if not _goes_to_log(number) and number % KEYS == key and (not sent or number > sent[-1])
        ]
        assert latest.get(key) in {*sent[-1:], *later}


def _goes_to_log(number: int) -> bool:
    return (number // ROWS_EACH_REQUEST + 1) * ROWS_EACH_REQUEST % 2 == 1


@pytest.mark.parametrize("point", POINTS)
def test_nothing_is_lost_or_doubled_when_a_process_dies_at_a_named_point(
    tmp_path: Path, point: str, exercised: Exercised
) -> None:
    """Whoever dies at the point is restarted, and the tables are as if nothing had happened. (P1 to P4)"""
    fuse = tmp_path / "fuse"
    environ = {"TIDEGATE_LOAD_WAIT_S": "0.05", "TIDEGATE_CRASH_AT": f"{point}={fuse}"}
    product = Product(tmp_path / "data", flags=("--workers", "2"), environ=environ).start()
    try:
        pusher = Pusher(product)
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
        product.close()


def test_nothing_is_lost_or_doubled_when_processes_die_at_random(
    product: Product, exercised: Exercised
) -> None:
    """Gates, the loader and the whole tree are killed at random moments; the count is exact. (P1 to P4)"""
    pusher = Pusher(product)
    pusher.start()
    choose = random.Random(20)  # noqa: S311 - a test's dice
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
    pusher.stop()
    check(product, pusher)
    assert 0 == product.stop()
