"""
The load generator: `python -m bench.load --help`; a process of its own, equal for the gate and its limit.

It speaks just enough HTTP/1.1: requests are built once and sent whole over kept-alive connections, answers
are read by status and length. What it costs, both sides pay.

Closed loop, each connection sends when its last request was answered. Open loop (`--per-s`), every request
has a due time that no answer can move, and its wait counts from then: one that finds all connections busy
waits in line, as it would with a real client, and that wait is in the figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

from bench.figures import percentile

TOKEN_ENV = "BENCH_TOKEN"  # noqa: S105 - the name of a variable, not a token
BODIES_HELD_BYTES_MAX = 1_500_000_000
"""Requests are kept whole in memory, ready to be sent: reading a file between them would slow the sender."""


@dataclass(slots=True)
class Run:
    """What is sent and what came back. Times are CLOCK_MONOTONIC seconds, comparable between processes."""

    requests: Sequence[bytes]
    count: int
    due_s: Sequence[float] = ()
    sent: int = 0
    waits_s: list[float] = field(default_factory=list)
    late_s: list[float] = field(default_factory=list)
    in_line: int = 0
    answered: list[tuple[int, float]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    begun: float = 0.0


def request(host: str, path: str, token: str, body: bytes, content_type: str) -> bytes:
    """Return the bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def schedule(count: int, per_s: float, *, even: bool) -> list[float]:
    """
    Return when each of `count` requests is due, in seconds from the beginning.

    Shape: at equal distances, or at random ones as of many senders that know nothing of each other (a Poisson
    process, the same each time). Either way `count` of them take `count / per_s` seconds on average.
    """
    if not per_s:
        return []
    if even:
        return [number / per_s for number in range(count)]
    chance, due, found = random.Random(3), 0.0, []
    for _ in range(count):
        due += chance.expovariate(per_s)
        found.append(due)
    return found


class Connection(asyncio.Protocol):
    """Sends requests one after the other until all are taken; with due times, none before its own."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self._number = 0
        self._counted_from = 0.0
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready; the run begins when all connections are."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Note an answer once it is whole."""
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        now = time.monotonic()
        self._read = b""
        self._run.waits_s.append(now - self._counted_from)
        self._run.answered.append((self._number, now))
        self._run.statuses[int(head[9:12])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, or fail when the server closed the connection before the end."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def begin(self) -> None:
        """Take the first request."""
        self._next()

    def _next(self) -> None:
        run = self._run
        if run.sent >= run.count:
            self.done.set_result(None)
            self._transport.close()
            return
        self._number = run.sent
        run.sent += 1
        if not run.due_s:
            self._counted_from = time.monotonic()
            self._send()
            return
        self._counted_from = run.begun + run.due_s[self._number]
        due_in = self._counted_from - time.monotonic()
        if due_in > 0:
            self._loop.call_later(due_in, self._send_when_due)
        else:
            run.in_line += 1
            self._send()

    def _send_when_due(self) -> None:
        late = time.monotonic() - self._counted_from
        self._run.late_s.append(late)
        # The clock of the event loop ticks in milliseconds: what is sent early counts from then.
        self._counted_from += min(late, 0.0)
        self._send()

    def _send(self) -> None:
        self._transport.write(self._run.requests[self._number % len(self._run.requests)])


async def _send_all(run: Run, host: str, port: int, connections: int) -> None:
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(run), host, port) for _ in range(connections)]
    run.begun = time.monotonic()
    for _, connection in opened:
        connection.begin()
    await asyncio.gather(*(connection.done for _, connection in opened))


def _read_bodies(path: Path) -> list[bytes]:
    held = path.stat().st_size
    if held > BODIES_HELD_BYTES_MAX:
        sys.exit(f"{path.name} has {held} bytes, more than the {BODIES_HELD_BYTES_MAX} that are held at once")
    return path.read_bytes().splitlines()


def _tokens(path: Path | None) -> list[str]:
    if path is None:
        return [os.environ.get(TOKEN_ENV, "")]
    return path.read_text(encoding="utf-8").split()


def _report(run: Run, cpu_s: float, *, times: bool) -> dict[str, object]:
    seconds = max(at for _, at in run.answered) - run.begun
    late = run.late_s or [0.0]
    return {
        "seconds": seconds,
        "requests": len(run.answered),
        "requests_per_s": len(run.answered) / seconds,
        "cpu_us_each": cpu_s / len(run.answered) * 1e6,
        "statuses": run.statuses,
        "p50_ms": percentile(run.waits_s, 0.5) * 1000,
        "p99_ms": percentile(run.waits_s, 0.99) * 1000,
        "p999_ms": percentile(run.waits_s, 0.999) * 1000,
        "slowest_ms": max(run.waits_s) * 1000,
        "sent_late_p99_ms": percentile(late, 0.99) * 1000,
        "waited_in_line": run.in_line,
        "answered": run.answered if times else [],
    }


def main() -> None:
    """Send the bodies of a file and print what came back as JSON."""
    parser = argparse.ArgumentParser(description="Send bodies to a loopback address and time the answers.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v2/import/batch")
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("--bodies", type=Path, required=True, help="file with one body a line")
    parser.add_argument("--tokens", type=Path, help=f"file of access tokens, used in turn; else {TOKEN_ENV}")
    parser.add_argument("--requests", type=int, required=True, help="how many; bodies are used in turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--per-s", type=float, default=0.0, help="open loop at this rate; 0: closed loop")
    parser.add_argument("--even", action="store_true", help="open loop at equal distances")
    parser.add_argument("--times", action="store_true", help="also print when each request was answered")
    given = parser.parse_args()
    host = "127.0.0.1"
    bodies, tokens = _read_bodies(given.bodies), _tokens(given.tokens)
    # With more tokens than bodies the bodies come round again, each time under another token.
    pairs = [(bodies[n % len(bodies)], tokens[n % len(tokens)]) for n in range(max(len(bodies), len(tokens)))]
    run = Run(
        [request(host, given.path, token, body, given.content_type) for body, token in pairs],
        given.requests,
        schedule(given.requests, given.per_s, even=given.even),
    )
    cpu_before_s = time.process_time()
    uvloop.run(_send_all(run, host, given.port, given.connections))
    json.dump(_report(run, time.process_time() - cpu_before_s, times=given.times), sys.stdout)


if __name__ == "__main__":
    main()
