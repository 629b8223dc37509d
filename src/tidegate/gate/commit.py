"""Group commit: requests that arrive while the disk is busy share the next sync."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tidegate.errors import JournalError
from tidegate.gate.ports import Appends
from tidegate.journal.base import Placed
from tidegate.records import Request

GROUP_BYTES_MAX = 16_000_000
"""A group ends when it has this much: one fsync of 16 MB takes about as long as compressing it."""


_Waiting = tuple[Request, asyncio.Future[Placed]]


class GroupCommit:
    """
    Appends requests of many connections through one writer thread, in the order they asked.

    The writer takes what waits when it has finished with the group before, without asking the event loop,
    which may be busy with checks. `failing` holds the last append's error until one succeeds again; the
    status endpoint shows it.
    """

    def __init__(self, journal: Appends) -> None:
        self._journal = journal
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._waiting: deque[_Waiting] = deque()
        self._is_told = False
        self.failing: JournalError | None = None

    async def append(self, request: Request) -> Placed:
        """Return the request's position once it is durable. Errors: JournalFull, JournalUnavailable."""
        done: asyncio.Future[Placed] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, done))
        if not self._is_told:
            # Not at once: what has arrived by now and is still to be checked shall go with it.
            self._is_told = True
            asyncio.get_running_loop().call_soon(self._tell_writer)
        return await done

    def close(self) -> None:
        """Finish what was asked for and stop the writer."""
        self._writer.shutdown(wait=True)

    def _tell_writer(self) -> None:
        self._is_told = False
        loop = asyncio.get_running_loop()
        group: list[_Waiting] = []
        written = self._writer.submit(self._write, group)
        written.add_done_callback(lambda result: loop.call_soon_threadsafe(self._written, group, result))

    def _write(self, group: list[_Waiting]) -> Sequence[Placed]:
        """Take what waits into `group`, and append it. Runs in the writer's thread."""
        group_bytes = 0
        while self._waiting and group_bytes < GROUP_BYTES_MAX:
            group.append(self._waiting.popleft())
            group_bytes += len(group[-1][0].body)
        return self._journal.append([request for request, _ in group]) if group else ()

    def _written(self, group: list[_Waiting], result: Future[Sequence[Placed]]) -> None:
        exc = result.exception()
        if group:
            self.failing = exc if isinstance(exc, JournalError) else None
        for index, (_, done) in enumerate(group):
            if done.done():
                continue  # the client went away; the request is kept all the same
            if exc is not None:
                done.set_exception(exc)
            else:
                done.set_result(result.result()[index])
        if self._waiting and not self._is_told:
            self._tell_writer()
