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

import uvloop

from bench.figures import percentile

TOKEN_ENV = "BENCH_TOKEN"  # noqa: S105 - the name of a variable, not a token
READ_BYTES = 65_536


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


def request(host: str, path: str, token: str, body: bytes) -> bytes:
    """Return the bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _connection(run: Run, host: str, port: int) -> None:
    """Send requests one after the other until all are taken; with a rate, each at its due time."""
    reader, writer = await asyncio.open_connection(host, port, limit=READ_BYTES)
    try:
        while (number := run.sent) < run.count:
            run.sent += 1
            if run.per_s:
                await asyncio.sleep(run.begun + number / run.per_s - time.monotonic())
            begun = time.monotonic()
            writer.write(run.requests[number % len(run.requests)])
            status = await _answer(reader)
            now = time.monotonic()
            run.waits_s.append(now - begun)
            run.answered.append((number, now))
            run.statuses[status] += 1
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> int:
    """Read one answer and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head[9:12])


async def _send_all(run: Run, host: str, port: int, connections: int) -> None:
    run.begun = time.monotonic()
    await asyncio.gather(*(_connection(run, host, port) for _ in range(connections)))


def main() -> None:
    """Send the bodies of a file and print what came back as JSON."""
    parser = argparse.ArgumentParser(description="Send bodies to a loopback address and time the answers.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", default="/v2/import/batch")
    parser.add_argument("--bodies", type=Path, required=True, help="file with one body a line")
    parser.add_argument("--requests", type=int, required=True, help="how many; bodies are used in turn")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--per-s", type=float, default=0.0, help="open loop at this rate; 0: closed loop")
    parser.add_argument("--times", action="store_true", help="also print when each request was answered")
    given = parser.parse_args()
    host, token = "127.0.0.1", os.environ.get(TOKEN_ENV, "")
    bodies = given.bodies.read_bytes().splitlines()
    run = Run([request(host, given.path, token, body) for body in bodies], given.requests, given.per_s)
    uvloop.run(_send_all(run, host, given.port, given.connections))
    seconds = max(at for _, at in run.answered) - run.begun
    json.dump(
        {
            "seconds": seconds,
            "requests": len(run.answered),
            "requests_per_s": len(run.answered) / seconds,
            "statuses": run.statuses,
            "p50_ms": percentile(run.waits_s, 0.5) * 1000,
            "p99_ms": percentile(run.waits_s, 0.99) * 1000,
            "answered": run.answered if given.times else [],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
