"""The loader process: its lanes, and the trimming of what they have loaded."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from tidegate.crashpoints import crash_point
from tidegate.errors import ControlError, JournalError

if TYPE_CHECKING:
    from tidegate.journal.base import Journal
    from tidegate.loader.lane import Lane
    from tidegate.loader.ports import Surroundings
    from tidegate.logs import Log

TRIM_S = 0.25
"""How often the journal hears what is loaded: retention needs no haste, but 'waiting' is shown to people."""

COLLECT_S = 10.0
"""How often cycles are looked for: records have none, only errors do."""

TURN_S = 0.0005
"""How long a thread keeps the interpreter when another wants it. With Python's own 5 ms the one that writes
would wait that long after each statement, a tenth of the load, for the one that reads ahead."""


def run_loader(
    lanes: Sequence[Lane], journal: Journal, surroundings: Surroundings, stop: threading.Event, *, log: Log
) -> None:
    """
    Run every lane until `stop` is set or the destinations change, then let each finish the load it is in.

    Who called then begins again with lanes for the new destinations.
    """
    _warm_up()
    with _tuned():
        _run(lanes, journal, surroundings, stop, log)


def _run(
    lanes: Sequence[Lane], journal: Journal, surroundings: Surroundings, stop: threading.Event, log: Log
) -> None:
    ending = threading.Event()
    threads = [
        threading.Thread(target=lane.run, args=(ending,), name=f"lane-{place}")
        for place, lane in enumerate(lanes)
    ]
    log.info("loading begins", destinations=len(lanes))
    for thread in threads:
        thread.start()
    collected_at = time.monotonic()
    while not stop.wait(TRIM_S):
        if time.monotonic() - collected_at > COLLECT_S:
            gc.collect()
            collected_at = time.monotonic()
        if trim(lanes, journal, surroundings, log):
            log.info("destinations changed")
            break
    ending.set()
    for thread in threads:
        thread.join()
    trim(lanes, journal, surroundings, log)


def _warm_up() -> None:
    """Let Arrow import now what it imports on first use: up to 0.3 s that the first load need not take."""
    pa.table({"key": ["a", "a"]}).group_by("key").aggregate([])


@contextmanager
def _tuned() -> Iterator[None]:
    """
    Make the interpreter fit for loading while the block runs.

    Its collector of cycles looks through all records again and again while they are being decoded, a quarter
    of the time for nested ones, and finds none: `_run` collects now and then instead.
    """
    turn_s = sys.getswitchinterval()
    sys.setswitchinterval(TURN_S)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(turn_s)


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
