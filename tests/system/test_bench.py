"""The bench as people run it: its load generator against a real socket, its commands on a run's results."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ANSWER = b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok"
STALL_S = 0.6


@contextmanager
def stalling_server(stall_s: float) -> Iterator[int]:
    """Answer every request at once but the very first, and yield the port."""
    loop = asyncio.new_event_loop()
    stalled = False

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal stalled
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]))
            # The one connection sends nothing more until it is answered, so all that is due then waits.
            loop.call_later(0 if stalled else stall_s, writer.write, ANSWER)
            stalled = True

    conversations: list[asyncio.Task[Any] | None] = []

    async def until_left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, OSError):
            try:
                await answer(reader, writer)
            finally:
                writer.close()
                await writer.wait_closed()

    async def hang_up() -> None:
        server.close()
        going_on = [each for each in conversations if each is not None]
        for each in going_on:
            each.cancel()
        await asyncio.wait(going_on)

    server = loop.run_until_complete(asyncio.start_server(until_left, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(hang_up())
        loop.close()


def sent(port: int, bodies: Path, *flags: str) -> dict[str, Any]:
    """Run the load generator and return its report."""
    command = [sys.executable, "-m", "bench.load", "--port", str(port), "--bodies", str(bodies), *flags]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the bench's command."""
    command = [sys.executable, "-m", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_who_waits_behind_a_stalled_request_is_counted(tmp_path: Path) -> None:
    """In an open loop a stall delays everything that was due meanwhile, and the figures say so."""
    bodies = tmp_path / "bodies"
    bodies.write_bytes(b'{"a": 1}\n')
    flags = ("--requests", "50", "--connections", "1", "--per-s", "100", "--even")
    with stalling_server(STALL_S) as port:
        report = sent(port, bodies, *flags)
    assert {"201": 50} == report["statuses"]
    # The 25th was due after 0.25 s and answered after the stall of 0.6 s; a closed loop would say no wait.
    assert report["p50_ms"] > 250


def test_a_closed_loop_sends_as_fast_as_it_is_answered(tmp_path: Path) -> None:
    """Without a rate only the stalled request itself is slow."""
    bodies = tmp_path / "bodies"
    bodies.write_bytes(b'{"a": 1}\n')
    with stalling_server(STALL_S) as port:
        report = sent(port, bodies, "--requests", "50", "--connections", "1")
    assert report["slowest_ms"] >= STALL_S * 1000
    assert report["p50_ms"] < STALL_S * 1000


def test_what_the_bench_does_not_know_is_refused_with_what_it_knows() -> None:
    """A slip in `--only` measures nothing, and the message lists every id."""
    done = bench("--only", "B1,B99")
    assert 2 == done.returncode
    assert "B99" in done.stderr
    assert "B1, B2" in done.stderr


def test_results_that_are_none_are_refused(tmp_path: Path) -> None:
    """`chart` and `page` name the file they cannot use, and write nothing."""
    results, out = tmp_path / "results.json", tmp_path / "out.svg"
    results.write_text("[")
    done = bench("chart", str(results), "--out", str(out))
    assert 2 == done.returncode
    assert "results.json cannot be used" in done.stderr
    assert not out.exists()
