"""Room for request bodies: bounded bytes, first come first served."""

from __future__ import annotations

import asyncio
from collections import deque

from tidegate.errors import Unavailable


class Admission:
    """
    Hands out room for bodies of at most `bytes_max` bytes together; who finds none waits in line.

    A body larger than everything gets in alone. Slowing a client down is the first answer to pressure,
    503 the second, 429 never (published clients give up on every 4xx).
    """

    def __init__(self, *, bytes_max: int, wait_s_max: float) -> None:
        self._bytes_max = bytes_max
        self._wait_s_max = wait_s_max
        self._held = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def enter(self, body_bytes: int) -> int:
        """
        Take room for one body and return how much it is; whoever has it gives it back with `leave`.

        Errors: Unavailable (503) when there was none for `wait_s_max` seconds.
        """
        share = min(body_bytes, self._bytes_max)
        if self._waiting or self._held + share > self._bytes_max:
            await self._wait_for(share)
        else:
            self._held += share
        return share

    def leave(self, share: int) -> None:
        """Give room back."""
        self._held -= share
        if self._waiting:
            self._let_in()

    async def _wait_for(self, share: int) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (share, turn)
        self._waiting.append(place)
        try:
            async with asyncio.timeout(self._wait_s_max):
                await turn
        except BaseException as exc:
            if turn.done() and not turn.cancelled():
                self._held -= share  # let in, and cancelled in the same moment
            elif place in self._waiting:
                self._waiting.remove(place)
            self._let_in()
            if isinstance(exc, TimeoutError):
                raise Unavailable(f"no room for a body of {share} bytes in {self._wait_s_max:g} s") from exc
            raise

    def _let_in(self) -> None:
        while self._waiting and self._held + self._waiting[0][0] <= self._bytes_max:
            share, turn = self._waiting.popleft()
            if not turn.cancelled():
                self._held += share
                turn.set_result(None)
