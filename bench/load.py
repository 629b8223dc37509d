"""
The load generator: `python -m bench.load --help`; a process of its own, equal for the gate and its limit.

It speaks just enough HTTP/1.1: requests are built once and sent whole over kept-alive connections, answers
are read by status and length. What it costs, both sides pay.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
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


@dataclass(slots=True)
class Run:
    """What is sent and what came back. Times are CLOCK_MONOTONIC seconds, comparable between processes."""

    requests: Sequence[bytes]
    count: int
    per_s: float
    sent: int = 0
    waits_s: list[float] = field(default_factory=list)
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


class Connection(asyncio.Protocol):
    """Sends requests one after the other until all are taken; with a rate, each at its due time."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._read = b""
        self._number = 0
        self._begun = 0.0
        self.done: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._next()

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
        self._run.waits_s.append(now - self._begun)
        self._run.answered.append((self._number, now))
        self._run.statuses[int(head[9:12])] += 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """End, or fail when the server closed the connection before the end."""
        if not self.done.done():
            self.done.set_exception(exc or ConnectionResetError("the server closed the connection"))

    def _next(self) -> None:
        run = self._run
        if run.sent >= run.count:
            self.done.set_result(None)
            self._transport.close()
            return
        self._number = run.sent
        run.sent += 1
        if run.per_s:
            due_in = run.begun + self._number / run.per_s - time.monotonic()
            self._loop.call_later(max(0.0, due_in), self._send)
        else:
            self._send()

    def _send(self) -> None:
        self._begun = time.monotonic()
        self._transport.write(self._run.requests[self._number % len(self._run.requests)])


async def _send_all(run: Run, host: str, port: int, connections: int) -> None:
    run.begun = time.monotonic()
    loop = asyncio.get_running_loop()
    opened = [await loop.create_connection(lambda: Connection(run), host, port) for _ in range(connections)]
    await asyncio.gather(*(connection.done for _, connection in opened))


def main() -> None:
    """Send the bodies of a file and print what came back as JSON."""
    parser = argparse.ArgumentParser(description="Send bodies to a loopback address and time the answers.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v2/import/batch")
    parser.add_argument("--content-type", default="application/json")
    parser.add_argument("--bodies", type=Path, required=True, help="file with one body a line")
    parser.add_argument("--requests", type=int, required=True, help="how many; bodies are used in turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--per-s", type=float, default=0.0, help="open loop at this rate; 0: closed loop")
    parser.add_argument("--times", action="store_true", help="also print when each request was answered")
    given = parser.parse_args()
    host, token = "127.0.0.1", os.environ.get(TOKEN_ENV, "")
    bodies = given.bodies.read_bytes().splitlines()
    run = Run(
        [request(host, given.path, token, body, given.content_type) for body in bodies],
        given.requests,
        given.per_s,
    )
    cpu_before_s = time.process_time()
    uvloop.run(_send_all(run, host, given.port, given.connections))
    seconds = max(at for _, at in run.answered) - run.begun
    json.dump(
        {
            "seconds": seconds,
            "requests": len(run.answered),
            "requests_per_s": len(run.answered) / seconds,
            "cpu_us_each": (time.process_time() - cpu_before_s) / len(run.answered) * 1e6,
            "statuses": run.statuses,
            "p50_ms": percentile(run.waits_s, 0.5) * 1000,
            "p99_ms": percentile(run.waits_s, 0.99) * 1000,
            "answered": run.answered if given.times else [],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
