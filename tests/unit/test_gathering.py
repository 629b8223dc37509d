"""What the gate writes to a connection in one turn of its loop: together, in order, all of it."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tidegate.gate.server import GATHERED_BYTES_MAX, _Gathering


class Noted(asyncio.Transport):
    """A connection that notes what is asked of it."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5)})
        self.asked: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Note a write."""
        self.asked.append(bytes(data))

    def close(self) -> None:
        """Note the end."""
        self.asked.append("closed")


@given(st.lists(st.lists(st.binary(max_size=200), max_size=5), max_size=5))
def test_the_writes_of_a_turn_are_one(turns: list[list[bytes]]) -> None:
    """Each turn that wrote something makes one call; nothing is lost, changed or moved."""

    async def play() -> list[bytes | str]:
        noted, loop = Noted(), asyncio.get_running_loop()
        gathering = _Gathering(noted, loop)
        for turn in turns:
            for data in turn:
                gathering.write(data)
            ended = loop.create_future()
            loop.call_soon(ended.set_result, None)
            await ended
        return noted.asked

    assert asyncio.run(play()) == [b"".join(turn) for turn in turns if any(turn)]


def test_closing_writes_first_and_much_is_written_at_once() -> None:
    """A close does not overtake what was written before it, and what waits is bounded."""

    async def play() -> None:
        noted = Noted()
        gathering = _Gathering(noted, asyncio.get_running_loop())
        gathering.write(b"head")
        gathering.close()
        assert noted.asked == [b"head", "closed"]
        gathering.write(b"x" * (GATHERED_BYTES_MAX + 1))
        assert len(noted.asked[-1]) == GATHERED_BYTES_MAX + 1
        assert gathering.get_extra_info("peername") == ("192.0.2.1", 5)

    asyncio.run(play())
