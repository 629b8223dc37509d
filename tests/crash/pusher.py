"""
A client that pushes while processes are killed, and the count of what survived.

It pushes in order to a keyless table (each row counts) and to a keyed one whose records all carry the same
sequence, so that only the order of acceptance decides which version stays.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import httpx

from tests.product import Product

KEYS = 7
ROWS_EACH_REQUEST = 3


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


def check(product: Product, pusher: Pusher, *, order: str = "rowid") -> None:
    """
    Count: what was acknowledged is there once, in order; what is unknown at most once; nothing else.

    `order` puts rows as they were written. PostgreSQL fills its pages in no order one can tell, so there it
    is the order of loads: numbers grow, so a load that came too early shows.
    """
    product.wait_until_loaded()
    assert [] == pusher.refused
    log = [row["n"] for row in product.rows(f"SELECT n FROM log ORDER BY {order}")]
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
