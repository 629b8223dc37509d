"""The loader process: its lanes, and the trimming of what they have loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidegate.crashpoints import crash_point
from tidegate.errors import ControlError, JournalError

if TYPE_CHECKING:
    from tidegate.journal.base import Journal
    from tidegate.loader.lane import Lane
    from tidegate.loader.ports import Surroundings
    from tidegate.logs import Log

TRIM_S = 0.25
"""How often the journal hears what is loaded: retention needs no haste, but 'waiting' is shown to people."""


def run_loader(
    lanes: Sequence[Lane], journal: Journal, surroundings: Surroundings, stop: threading.Event, *, log: Log
) -> None:
    """
    Run every lane until `stop` is set or the destinations change, then let each finish the load it is in.

    Who called then starts again with the new destinations.
    """
    threads = [
        threading.Thread(target=lane.run, args=(stop,), name=f"lane-{place}")
        for place, lane in enumerate(lanes)
    ]
    log.info("loading begins", destinations=len(lanes))
    for thread in threads:
        thread.start()
    while not stop.wait(TRIM_S):
        if trim(lanes, journal, surroundings, log):
            log.info("destinations changed")
            stop.set()
    for thread in threads:
        thread.join()
    trim(lanes, journal, surroundings, log)


def trim(lanes: Sequence[Lane], journal: Journal, surroundings: Surroundings, log: Log) -> bool:
    """
    Tell the journal what is loaded; tell whether the destinations changed.

    The positions are taken before looking round: what a source sends after it has lost its destination, or
    for a destination that these lanes do not know, comes after them, and is kept. And before asking the lanes
    what they keep: a source that joined one in between has come as far as they are, or further.
    """
    positions = [lane.loaded for lane in lanes]
    loaded = [position for position in positions if position is not None]
    kept = {source_id: after for lane in lanes for source_id, after in lane.kept.items()}
    try:
        changed, homeless = surroundings.look()
        # A lane that does not know its position holds everything.
        if loaded and len(loaded) == len(positions) and not changed:
            journal.trim(min(loaded), {**kept, **homeless})
    except (JournalError, ControlError) as exc:
        log.warning("trim failed, tried again shortly", error=str(exc))
        return False
    crash_point("loader after trim")
    return changed
