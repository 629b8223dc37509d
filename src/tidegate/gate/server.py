"""Runs the gate's application on an already listening socket until the process is told to stop."""

from __future__ import annotations

import gc
import signal
import socket

import uvicorn

from tidegate.gate.ports import ASGIApp

KEEP_ALIVE_S = 75
"""Idle connections live at least 60 s, so that clients with one session reconnect rarely."""


GARBAGE_ALLOCATIONS = 50_000
"""Objects between two collections of garbage in cycles. Python's own 700 are reached many times a body, and
what a request makes has no cycles."""


def run(app: ASGIApp, listening: socket.socket, *, stop_wait_s: float) -> None:
    """Serve until SIGTERM, then finish requests in flight for at most `stop_wait_s` seconds."""
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
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
    gc.set_threshold(GARBAGE_ALLOCATIONS, 10, 10)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # For a signal that comes before uvicorn listens to it; and uvicorn raises it once more when all is done.
    signal.signal(signal.SIGTERM, stop)
    server.run(sockets=[listening])
