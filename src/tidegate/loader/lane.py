"""One lane: everything that flows into one destination, in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tidegate.crashpoints import crash_point
from tidegate.errors import (
    ControlError,
    DestinationBusy,
    DestinationError,
    JournalUnusable,
    LoadConflict,
    TidegateError,
)
from tidegate.loader.ahead import Ahead
from tidegate.loader.load import Done, Load, Source, load_arrivals
from tidegate.loader.ports import reports_of, seen_of
from tidegate.loader.progress_text import furthest
from tidegate.tables.model import Held, Progress, Span

if TYPE_CHECKING:
    from tidegate.control.loads import LoadReport
    from tidegate.control.stream_schemas import Seen
    from tidegate.destinations.base import Destination
    from tidegate.journal.base import Reading
    from tidegate.loader.ports import Ledger, Reads
    from tidegate.logs import Log
    from tidegate.metrics import Metrics
    from tidegate.settings import Settings

POLL_S = 0.05
"""How often an idle lane asks the journal for news: one look-up of the last position, some microseconds."""

HOLD_S_MAX = 2.0
"""While a backlog lasts a warehouse file stays open from load to load, but others get a turn this often."""

YIELD_S = 0.05
"""How long a file is let go for such a turn; a waiting query looks again every 20 ms."""

HELD_RETRY_S = 5.0
"""How often a held table is tried again: people change a grant or a column and look."""

FORGET_EVERY_S = 600.0
"""How often an idle lane looks for rejected records that are past their retention."""

FORGET_ROWS = 2_000
"""How many of them it deletes at a time: with messages of some kilobytes, a fraction of a second."""

REJECTED_KEPT_S_MIN = 86_400
"""Rejected records stay for a day even where no loaded request is kept: somebody has to see them first."""

BUSY_S_MAX = 10.0
"""A warehouse file held by somebody's query for longer than this counts as failing."""


@dataclass(slots=True, kw_only=True)
class Newcomer:
    """A source that a lane catches up with, by a lane of its own that reads this source alone."""

    assignment_id: int
    source_id: int
    reached: int
    lane: Lane

    def needed_after(self) -> int:
        """The position behind which its entries are still needed."""
        loaded = self.lane.loaded
        if loaded is not None:
            self.reached = max(self.reached, loaded)
        return self.reached


class Lane:
    """
    Loads a destination until told to stop; `loaded` is what the journal may forget, None before it could ask.

    Each turn loads what has gathered: `load_bytes` at a time, of a backlog more; less than that at most once
    every `load_wait_s`, so that the first record after a quiet time is a row at once.

    Shape: `names` are those of its progress in the destination, its own and then earlier ones; by default the
    journal's.
    """

    def __init__(
        self,
        *,
        destination_id: int,
        destination: Destination,
        journal: Reads,
        ledger: Ledger,
        settings: Settings,
        metrics: Metrics,
        log: Log,
        now_ms: Callable[[], int],
        names: Sequence[str] = (),
    ) -> None:
        self._names = names or (journal.journal_id,)
        self._newcomers: list[Newcomer] = []
        self._destination_id = destination_id
        self._destination = destination
        self._journal = journal
        self._ledger = ledger
        self._settings = settings
        self._metrics = metrics
        self._log = log.bind(destination=destination.capabilities.kind)
        self._now_ms = now_ms
        self._ahead = Ahead(journal, bytes_max=settings.load_bytes, log=self._log)
        self._label = destination.capabilities.kind
        self._read_at = float("-inf")
        self._held_since: float | None = None
        self._held_tried_at = float("-inf")
        self._untold: tuple[Sequence[LoadReport], Progress | None, Sequence[Seen]] | None = None
        self._progress: Progress | None = None
        self._position: int | None = None
        self._forgot_at = float("-inf")

    @property
    def loaded(self) -> int | None:
        """The position up to which nothing is needed any more; entries of held tables are."""
        if self._position is None:
            return None
        held = () if self._progress is None else self._progress.held
        return min([self._position, *(each.after for each in held)])

    def run(self, stop: threading.Event) -> None:
        """Load until `stop` is set. A failing destination never ends this; it is asked again."""
        attempt, failing_since = 0, 0.0
        while not stop.is_set():
            try:
                if not self.turns():
                    for lane in self._lanes():
                        lane.release()
                    stop.wait(POLL_S)
                attempt = 0
            except Exception as exc:  # noqa: BLE001 - the top of a load: anything else would end all loading
                now = time.monotonic()
                failing_since = failing_since if attempt else now
                attempt += 1
                self._failed(exc, attempt=attempt, failing_s=now - failing_since)
                stop.wait(self._retry_wait_s(exc, attempt))
        for lane in self._lanes():
            lane.read_no_more()
        self._destination.close()

    def catch_up_with(self, newcomers: Sequence[Newcomer]) -> None:
        """Before it runs: take over sources, each from where it is, until they load along with the others."""
        self._newcomers = list(newcomers)

    @property
    def kept(self) -> Mapping[int, int]:
        """The sources it catches up with -> the position behind which their entries are still needed."""
        return {each.source_id: each.needed_after() for each in list(self._newcomers)}

    @property
    def position(self) -> int | None:
        """The last position it has looked at, None before it could ask the destination."""
        return self._position

    def _lanes(self) -> Sequence[Lane]:
        return [self, *(each.lane for each in self._newcomers)]

    def turns(self) -> bool:
        """Take a turn, and one with each newcomer; one that has come as far as this lane joins it."""
        loaded = self.turn()
        for each in list(self._newcomers):
            loaded = each.lane.turn() or loaded
            if each.lane.loaded == self._position:
                self._ledger.join(each.assignment_id)
                self._newcomers.remove(each)
                each.lane.read_no_more()
        return loaded

    def turn(self) -> bool:
        """Load once if something is due; tell whether anything was loaded."""
        self._tell()
        if self._position is None:
            self._position = self._ask_position()
        if self._journal.end() <= self._position or not self._gathered():
            return self._catch_up() or self._forget()
        self._read_at = time.monotonic()
        reading = self._ahead.read(self._position)
        self._note_damaged(reading)
        if reading.entries:
            self._load(reading, self._position, reading.upto)
        self._position = reading.upto
        return True

    def _catch_up(self) -> bool:
        """Try the table that has been held longest again, now and then; tell whether it got further."""
        held = () if self._progress is None else self._progress.held
        if not held or time.monotonic() - self._held_tried_at < HELD_RETRY_S or self._position is None:
            return False
        oldest = min(held, key=lambda each: each.after)
        before = self._progress
        reading = self._journal.read(oldest.after, bytes_max=self._settings.load_bytes)
        upto = min(reading.upto, self._position)
        entries = [entry for entry in reading.entries if entry.position <= upto]
        self._load(replace(reading, entries=entries), oldest.after, upto, only=oldest)
        if self._progress == before:
            self._held_tried_at = time.monotonic()
            return False
        return True

    def _forget(self) -> bool:
        """
        Delete some rejected records that are past their retention, when nothing else is to be done.

        Tells whether there may be more. It never makes a destination count as failing, since nothing waits.
        """
        if time.monotonic() - self._forgot_at < FORGET_EVERY_S:
            return False
        kept_s = max(self._settings.retention_s, REJECTED_KEPT_S_MIN)
        before_ms = self._now_ms() - kept_s * 1_000
        try:
            self._hold()
            if self._destination.forget(before_ms, rows_max=FORGET_ROWS) >= FORGET_ROWS:
                return True
            # Marks stay a while longer, so that none of the records they are on comes back to light.
            self._ledger.forget(before_ms - REJECTED_KEPT_S_MIN * 1_000)
        except (DestinationError, ControlError) as exc:
            self._log.info("old rejected records stay for now", error=str(exc))
            self._destination.close()
            self._held_since = None
        self._forgot_at = time.monotonic()
        return False

    def _ask_position(self) -> int:
        """Return where to go on: the destination knows, a new destination begins after what was loaded."""
        self._hold()
        self._progress = self._destination.progress(self._names[0]) or self._begun()
        if self._progress is None:
            return self._journal.stats().loaded
        stored = self._progress.upto
        end = self._journal.stats().end
        if stored > end:
            raise JournalUnusable(
                f"the warehouse has loaded this journal up to {stored}, but it ends at {end}:"
                " an old copy came back, or its end was lost; stop, move journal.db away, start again"
            )
        return stored

    def _begun(self) -> Progress | None:
        """
        Go on from where this destination was elsewhere, or here under an earlier name; None when it is new.

        The further one is right: the warehouse may know of a load that was not noted any more, and what it
        knows of a time before the destination was elsewhere is out of date.
        """
        known = furthest(
            [*(self._destination.progress(name) for name in self._names[1:]), self._ledger.noted()]
        )
        if known is not None:
            self._destination.load([], Span(journal_id=self._names[0], before=None, after=known))
        return known

    def _gathered(self) -> bool:
        """Whether a load is due: the last one is long enough ago, or enough has come to fill another."""
        if time.monotonic() - self._read_at >= self._settings.load_wait_s:
            return True
        # Bodies shrink about fourfold on disk, so this much waiting fills a load.
        return self._journal.stats().bytes_waiting * 4 >= self._settings.load_bytes

    def _load(self, reading: Reading, start: int, upto: int, *, only: Held | None = None) -> None:
        begun = time.perf_counter()
        started_at_ms = self._now_ms()
        load = Load(
            journal_id=self._journal.journal_id,
            before=self._progress,
            start=start,
            upto=upto,
            batched_at_ms=started_at_ms,
            only=only,
            name=self._names[0],
        )
        assigned = self._ledger.assigned()
        sources = {
            source_id: Source(
                source_id=source_id,
                schema_name=each.schema_name,
                staged_versions=each.staged_versions,
                append_only=each.append_only,
                discards=each.discards,
            )
            for source_id, each in assigned.items()
        }
        arrivals = self._ahead.arrivals(reading, assigned, go_on=only is None)
        self._hold()
        done = load_arrivals(self._destination, arrivals, load, sources, log=self._log)
        if only is not None and done.progress == self._progress:
            return  # as held as before; nothing to tell
        self._progress = done.progress
        crash_point("loader after load")
        self._note_done(done, reading, started_at_ms, time.perf_counter() - begun)

    def _note_done(self, done: Done, reading: Reading, started_at_ms: int, seconds: float) -> None:
        """Tell ledger, metrics and log what a load did."""
        reports = reports_of(done, self._destination_id, started_at_ms, self._now_ms())
        rejected = sum(report.rows_rejected for report in reports)
        self._metrics.loads.labels(self._label, "ok").inc()
        self._metrics.rows_loaded.labels(self._label).inc(done.rows)
        self._metrics.rejected_records.labels(self._label).inc(rejected)
        self._metrics.load_seconds.labels(self._label).observe(seconds)
        self._untold = reports, done.progress, seen_of(done)
        self._tell()
        self._log.info(
            "loaded",
            upto=reading.upto,
            requests=len(reading.entries),
            rows=done.rows,
            rejected=rejected,
            tables=len(reports),
            ms=round(seconds * 1000, 1),
        )

    def _tell(self) -> None:
        """Tell what the last load did; nothing more is loaded while the control store cannot be told."""
        if self._untold is not None:
            self._ledger.loaded(*self._untold)
            self._untold = None

    def _hold(self) -> None:
        """Open the destination, or keep it open; one that others wait for is let go every now and then."""
        now = time.monotonic()
        if self._held_since is not None and now - self._held_since > HOLD_S_MAX:
            self.release()
            time.sleep(YIELD_S)
        self._destination.open()
        if self._held_since is None:
            self._held_since = now

    def read_no_more(self) -> None:
        """Give up what was read ahead. Safe to repeat."""
        self._ahead.close()

    def release(self) -> None:
        """Let others have the warehouse file, where it can be held by one process only."""
        if self._held_since is not None and not self._destination.capabilities.hold_open:
            self._destination.close()
            self._held_since = None

    def _failed(self, exc: Exception, *, attempt: int, failing_s: float) -> None:
        """Say what failed where people look; forget what was known of the destination."""
        for lane in self._lanes():
            lane.lose_track()
        patient = isinstance(exc, DestinationBusy | LoadConflict) and failing_s < BUSY_S_MAX
        self._metrics.loads.labels(
            self._label, exc.code if isinstance(exc, TidegateError) else "failed"
        ).inc()
        (self._log.info if patient else self._log.error)(
            "load failed",
            attempt=attempt,
            error=str(exc) or type(exc).__name__,
            exc_info=None if isinstance(exc, TidegateError) else exc,
        )
        self._destination.close()
        self._held_since = None
        if not patient:
            self._note_failing(exc)

    def _note_failing(self, exc: Exception) -> None:
        """Tell the control store what failed, unless it is what failed. The next attempt tells it again."""
        if isinstance(exc, ControlError):
            return
        try:
            self._ledger.failing(str(exc) or type(exc).__name__)
        except ControlError as unnoted:
            self._log.warning("the failure could not be noted", error=str(unnoted))

    def lose_track(self) -> None:
        """Be sure of nothing any more: ask the destination before the next load, which is due at once."""
        self._position = None
        self._held_since = None
        self._read_at = float("-inf")

    def _retry_wait_s(self, exc: Exception, attempt: int) -> float:
        # Whoever reads a warehouse file mostly lets go of it within milliseconds; a failure lasts longer.
        busy = isinstance(exc, DestinationBusy)
        shortest, longest = (0.01, 0.5) if busy else (0.1, self._settings.retry_wait_s_max)
        return min(longest, shortest * 2.0 ** min(attempt, 20))

    def _note_damaged(self, reading: Reading) -> None:
        for damaged in reading.damaged:
            self._metrics.damaged_entries.inc()
            self._log.error("damaged entry skipped", position=damaged.position, reason=damaged.reason)
