"""Runs the gate's application on an already listening socket until the process is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tidegate.gate.ports import ASGIApp

KEEP_ALIVE_S = 75
"""Idle connections live at least 60 s, so that clients with one session reconnect rarely."""


GARBAGE_ALLOCATIONS = 50_000
"""Objects between two collections of garbage in cycles. Python's own 700 are reached many times a body, and
what a request makes has no cycles."""


TURN_S = 0.0005
"""
How long the loop's thread may keep the interpreter when the journal's waits for it. With Python's 5 ms the
disk idles while requests are checked.
"""

GATHERED_BYTES_MAX = 64_000
"""What may wait for the end of a turn of the loop before it is written."""


class _Gathering:
    """A connection whose writes of one turn go out as one: an answer's head together with its body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._gathered = b""

    def write(self, data: bytes) -> None:
        """Write at the end of this turn, or now if it is much."""
        if not self._gathered:
            self._loop.call_soon(self._flush)
        self._gathered += data
        if len(self._gathered) > GATHERED_BYTES_MAX:
            self._flush()

    def close(self) -> None:
        """Close once everything is written."""
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Whatever else can be asked of a connection."""
        return getattr(self._transport, name)

    def _flush(self) -> None:
        gathered, self._gathered = self._gathered, b""
        if gathered:
            self._transport.write(gathered)


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which writes an answer's head and body one by one: two calls into the system."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as it is there
        """Begin a connection."""
        super().connection_made(cast("asyncio.Transport", _Gathering(transport, self.loop)))


def run(app: ASGIApp, listening: socket.socket, *, stop_wait_s: float) -> None:
    """Serve until SIGTERM, then finish requests in flight for at most `stop_wait_s` seconds."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=int(stop_wait_s),
        backlog=2048,
    )
    server = uvicorn.Server(config)
    gc.freeze()
    sys.setswitchinterval(TURN_S)
    gc.set_threshold(GARBAGE_ALLOCATIONS, 10, 10)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # For a signal that comes before uvicorn listens to it; and uvicorn raises it once more when all is done.
    signal.signal(signal.SIGTERM, stop)
    server.run(sockets=[listening])
