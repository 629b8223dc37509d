"""
Looking tokens up without ever holding up the other requests: the store, which may be far away, is asked by
threads, and a token that was known a moment ago waits for none of them.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from tidegate.control.grants import ASK_WAIT_S, Grant
from tidegate.errors import ControlUnavailable
from tidegate.gate.ports import Grants

STALE_S_MAX = 0.7
"""Older than this no answer is given without asking. Revoking must count within one second everywhere."""

LOOK_WAIT_S_MAX = 5.0
"""A store that is silent for longer is not waited for: the client is told to try again."""

THREADS = 4
"""Requests with tokens that nobody knows may wait; looks that begin after they came are shared among them."""


class Lookups:
    """Finds what tokens stand for. Used from the event loop's thread."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="lookup")
        self._ahead: Future[None] | None = None

    async def find(self, token: str, now_ms: int) -> Grant | None:
        """
        Return what a token allows; None when it is unknown, expired or revoked.

        Units: milliseconds since 1970 UTC. Errors: ControlError when nobody can tell right now.
        Source: docs/specs/control.md, C18.
        """
        grant, age_s = self._grants.known(token, now_ms)
        if age_s < ASK_WAIT_S:
            return grant
        if age_s < STALE_S_MAX:
            self._look_ahead()
            return grant
        await self._look()
        return self._grants.known(token, now_ms)[0]

    def close(self) -> None:
        """Stop the threads. What has begun is waited for: a look at a closed store would open it again."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _look_ahead(self) -> None:
        """Ask in the background; a failure is told to the first request that cannot do without."""
        if self._ahead is None or self._ahead.done():
            self._ahead = self._threads.submit(self._grants.look)

    async def _look(self) -> None:
        looking = asyncio.get_running_loop().run_in_executor(self._threads, self._grants.look)
        try:
            await asyncio.wait_for(looking, LOOK_WAIT_S_MAX)
        except TimeoutError as exc:
            raise ControlUnavailable(
                f"the control store has not answered for {LOOK_WAIT_S_MAX:g} s; try again"
            ) from exc
