"""Log lines that are written together: all of them, whole, in order, and never too many at a time."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from tests.waiting import wait_until
from tidegate.logs import GATHERED_MAX, WRITE_BYTES_MAX, _Gathered


class Noted(io.BytesIO):
    """A file that notes how it was written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what a logger gives
        """Note a write."""
        self.writes.append(bytes(data))
        return len(data)


@given(st.lists(st.binary(max_size=3_000).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=20))
def test_lines_are_written_whole_and_in_order(lines: list[bytes]) -> None:
    """Nothing is lost or cut, and only a single long line is more than a pipe takes at once."""
    file = Noted()
    gathered = _Gathered(file)
    for line in lines:
        gathered.write(line)
    wait_until(lambda: b"".join(file.writes) == b"".join(lines), what="the lines")
    assert all(len(each) <= WRITE_BYTES_MAX or each.count(b"\n") == 1 for each in file.writes)
    assert all(each.endswith(b"\n") for each in file.writes)


def test_lines_that_nobody_takes_are_bounded() -> None:
    """More than the bound are written by whoever logs, so that memory does not grow with a slow reader."""
    file = Noted()
    gathered = _Gathered(file)
    for _ in range(10 * GATHERED_MAX):
        gathered.write(b"x" * 100 + b"\n")
        assert len(gathered._lines) <= GATHERED_MAX
