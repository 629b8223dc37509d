"""Reads a request body: bounded in size, in time and in the room it takes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tidegate.errors import BodyTooLarge, BodyTooSlow, TidegateError
from tidegate.gate.ports import Receive

BYTES_PER_S_MIN = 10_000
"""After the first silence allowed, a body must come at least this fast: a slow drip must not hold room."""


LINGER_BYTES_MAX = 50_000_000
LINGER_S_MAX = 5.0
"""What is read on and thrown away after a body was refused half-way, before the connection is closed."""


class Disconnected(TidegateError):
    """The client went away before its body was complete; there is nobody to answer."""

    code = "disconnected"


async def read_body(receive: Receive, *, body_bytes_max: int, wait_s_max: float) -> bytes:
    """
    Return the whole body.

    Errors: BodyTooLarge as soon as too much has come; BodyTooSlow when it drips; Disconnected.
    """
    chunks: list[bytes] = []
    size = 0
    begun_at = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(begun_at + wait_s_max) as deadline:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Disconnected("the client closed the connection while sending")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > body_bytes_max:
                    raise BodyTooLarge(size, body_bytes_max)
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
                deadline.reschedule(begun_at + wait_s_max + size / BYTES_PER_S_MIN)
    except TimeoutError as exc:
        raise BodyTooSlow(
            f"only {size} bytes came in time; a body must come at {BYTES_PER_S_MIN} bytes/s or more"
        ) from exc


async def discard_rest(receive: Receive) -> None:
    """
    Read on for a while after the answer, so that the client sees it.

    Closing while more is on its way resets the connection, and the answer is lost with it. Most clients read
    only when they have sent everything.
    """
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S_MAX):
            while size < LINGER_BYTES_MAX:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
