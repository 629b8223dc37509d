"""Unit tests open nothing: the watch over them is itself seen to bite."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NOWHERE = Path(__file__).parent / "must-not-be-written"


@pytest.mark.parametrize(
    "reach",
    [
        lambda: NOWHERE.write_text("x", encoding="utf-8"),
        NOWHERE.mkdir,
        lambda: socket.create_connection(("127.0.0.1", 1), timeout=1),
        lambda: socket.socket().bind(("127.0.0.1", 0)),
        lambda: subprocess.run([sys.executable, "-c", ""], check=False),
        lambda: sqlite3.connect(NOWHERE),
    ],
    ids=["file", "folder", "connect", "listen", "process", "database"],
)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_a_unit_test_reaches_nothing(reach: Callable[[], object]) -> None:
    """A unit test that writes a file, opens a socket or database, or starts a process fails."""
    with pytest.raises(AssertionError, match="a unit test must not"):
        reach()
    assert not NOWHERE.exists()


def test_a_unit_test_may_read_and_count_in_memory() -> None:
    """What stays in this process is left alone: reading a source, a database in memory."""
    assert "docstring" not in Path(__file__).read_text(encoding="utf-8")[:10]
    with sqlite3.connect(":memory:") as database:
        assert (1,) == database.execute("SELECT 1").fetchone()
    database.close()
