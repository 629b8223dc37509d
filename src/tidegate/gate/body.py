"""Reads a request body: bounded in size, in time and in the room it takes."""

from __future__ import annotations

import asyncio

from tidegate.errors import BodyTooLarge, TidegateError, TimedOut
from tidegate.gate.ports import Receive

BYTES_PER_S_MIN = 10_000
"""After the first silence allowed, a body must come at least this fast: a slow drip must not hold room."""


class Disconnected(TidegateError):
    """The client went away before its body was complete; there is nobody to answer."""

    code = "disconnected"


async def read_body(receive: Receive, *, body_bytes_max: int, wait_s_max: float) -> bytes:
    """
    Return the whole body.

    Errors: BodyTooLarge as soon as too much has come; TimedOut when it comes too slowly; Disconnected.
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
        raise TimedOut(
            f"only {size} bytes came in time; a body must come at {BYTES_PER_S_MIN} bytes/s or more"
        ) from exc
