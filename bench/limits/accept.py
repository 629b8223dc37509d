"""
The limit of accepting: `python -m bench.limits.accept FILE`, a bare Starlette handler on the gate's server.

It reads the body, and one thread writes what has gathered to a file with one fdatasync; then each is answered
201. No token, no check, no compression, no record count. The first line printed is the port, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = b'{"status": "OK", "message": "Batch Accepted!"}'


class GroupedFile:
    """Appends bodies to a file; those that come during a sync share the next one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._writer = ThreadPoolExecutor(1)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writing = False

    async def append(self, body: bytes) -> None:
        """Return once the body is synced."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((body, done))
        if not self._writing:
            self._write_next()
        await done

    def _write_next(self) -> None:
        loop = asyncio.get_running_loop()
        group, self._waiting, self._writing = self._waiting, [], True
        written = self._writer.submit(self._write, [body for body, _ in group])
        written.add_done_callback(lambda result: loop.call_soon_threadsafe(self._written, group, result))

    def _write(self, bodies: list[bytes]) -> None:
        if os.writev(self._file, bodies) != sum(map(len, bodies)):
            raise OSError("the disk took only a part")
        getattr(os, "fdatasync", os.fsync)(self._file)

    def _written(self, group: list[tuple[bytes, asyncio.Future[None]]], result: Future[None]) -> None:
        self._writing = False
        result.result()
        for _, done in group:
            done.set_result(None)
        if self._waiting:
            self._write_next()


def main() -> None:
    """Serve on a free port until told to stop."""
    kept = GroupedFile(Path(sys.argv[1]))

    async def accept(asked: Request) -> Response:
        await kept.append(await asked.body())
        return Response(ANSWER, status_code=201, media_type="application/json")

    app = Starlette(routes=[Route("/v2/import/batch", accept, methods=["POST"])])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(2048)
        print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
        config = uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
