"""Group commit: requests that arrive while the disk is busy share the next sync."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tidegate.errors import JournalError
from tidegate.gate.ports import Appends
from tidegate.journal.base import Placed
from tidegate.records import Request

GROUP_BYTES_MAX = 16_000_000
"""A group ends when it has this much: one fsync of 16 MB takes about as long as compressing it."""


class GroupCommit:
    """
    Appends requests of many connections through one writer thread, in the order they asked.

    `failing` holds the last append's error until one succeeds again; the status endpoint shows it.
    """

    def __init__(self, journal: Appends) -> None:
        self._journal = journal
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: list[tuple[Request, asyncio.Future[Placed]]] = []
        self._writing = False
        self.failing: JournalError | None = None

    async def append(self, request: Request) -> Placed:
        """Return the request's position once it is durable. Errors: JournalFull, JournalUnavailable."""
        done: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, done))
        if not self._writing:
            # Not at once: what has arrived by now and is still to be checked shall go with it.
            self._writing = True
            asyncio.get_running_loop().call_soon(self._write_next)
        return await done

    def close(self) -> None:
        """Finish what was asked for and stop the writer."""
        self._writer.shutdown(wait=True)

    def _write_next(self) -> None:
        loop = asyncio.get_running_loop()
        group = self._take_group()
        self._writing = True
        written = self._writer.submit(self._journal.append, [request for request, _ in group])
        written.add_done_callback(lambda result: loop.call_soon_threadsafe(self._written, group, result))

    def _take_group(self) -> list[tuple[Request, asyncio.Future[Placed]]]:
        count = group_bytes = 0
        while count < len(self._waiting) and group_bytes < GROUP_BYTES_MAX:
            group_bytes += len(self._waiting[count][0].body)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _written(
        self, group: list[tuple[Request, asyncio.Future[Placed]]], result: Future[Sequence[Placed]]
    ) -> None:
        self._writing = False
        exc = result.exception()
        self.failing = exc if isinstance(exc, JournalError) else None
        for index, (_, done) in enumerate(group):
            if done.done():
                continue  # the client went away; the request is kept all the same
            if exc is not None:
                done.set_exception(exc)
            else:
                done.set_result(result.result()[index])
        if self._waiting:
            self._write_next()
