"""The loader process: its lanes, and the trimming of what they have loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidegate.crashpoints import crash_point
from tidegate.errors import JournalError

if TYPE_CHECKING:
    from tidegate.journal.base import Journal
    from tidegate.loader.lane import Lane
    from tidegate.logs import Log

TRIM_S = 0.25
"""How often the journal hears what is loaded: retention needs no haste, but 'waiting' is shown to people."""


def run_loader(lanes: Sequence[Lane], journal: Journal, stop: threading.Event, *, log: Log) -> None:
    """Run every lane until `stop` is set, then let each finish the load it is in."""
    threads = [
        threading.Thread(target=lane.run, args=(stop,), name=f"lane-{place}")
        for place, lane in enumerate(lanes)
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(TRIM_S):
        _trim(lanes, journal, log)
    for thread in threads:
        thread.join()
    _trim(lanes, journal, log)


def _trim(lanes: Sequence[Lane], journal: Journal, log: Log) -> None:
    positions = [lane.loaded for lane in lanes]
    loaded = [position for position in positions if position is not None]
    if not loaded or len(loaded) < len(positions):
        return  # a lane that does not know its position holds everything
    try:
        journal.trim(min(loaded))
    except JournalError as exc:
        log.warning("trim failed, tried again shortly", error=str(exc))
    crash_point("loader after trim")
