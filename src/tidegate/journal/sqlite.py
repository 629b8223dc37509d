"""
The journal in one SQLite file, shared by all gate processes and the loader of one machine.

Positions give one total order because SQLite lets one writer in at a time. Three connections, each with its
own lock: one appends (synced), one trims (not synced: a lost trim is only repeated), one reads and counts.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any

from tidegate.errors import JournalFull, JournalUnavailable
from tidegate.journal.aside import crowding, keep, let_go
from tidegate.journal.base import NOTHING, Crowded, Placed, Reading, Stats
from tidegate.journal.collecting import Collecting, collect_of_source
from tidegate.journal.packing import COLUMNS, Packed, Packer
from tidegate.journal.repeats import KEY_BYTES, KEYS_MS, keys_max, mark_of, sort_out
from tidegate.journal.repeats_table import find_key, forget_keys, note_keys
from tidegate.journal.retention import (
    STEP_ENTRIES_MAX,
    Retention,
    delete,
    due,
    free,
    note_loaded,
    oldest,
    pass_over,
)
from tidegate.journal.state import State, read_state, write_state
from tidegate.journal.storage import (
    WAL_BYTES_MAX,
    DamagedPage,
    Store,
    check,
    free_pages,
    is_corrupt,
    live_bytes,
    prepare,
)
from tidegate.records import Request

TRIM_STEPS_MAX = 256
TRIM_PAUSE_S = 0.001
"""Between two steps of a trim, so that waiting appends get the lock."""

FORGET_STEPS_MAX = 32
"""About 4,000 keys in 0.1 s, more than can come between two trims."""

FREE_PAGES_KEPT = 2_048
"""8 MB of free pages stay for the next appends; below that, giving back and taking again is only work."""

VACUUM_STEP_S, VACUUM_S_MAX = 0.002, 0.1
"""Bounds in time, not pages: a page costs 10 microseconds at the free end of the file, but up to some
milliseconds while live entries stand there, because SQLite then searches its list of free pages."""

_OLDEST = "SELECT CAST(received_at_ms AS INTEGER) FROM entries WHERE position > ? ORDER BY position LIMIT 1"
_ROW = f"({', '.join('?' * 13)})"
_INSERTS = tuple(
    (count, f"INSERT INTO entries ({COLUMNS}) VALUES {', '.join([_ROW] * count)}")  # noqa: S608 - constant column names
    for count in (32, 16, 8, 4, 2, 1)
)
"""How many rows at once, and the statement: between statements the writer would wait for the interpreter."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class SqliteJournal:
    """
    `Journal` on SQLite in write-ahead mode with `synchronous=FULL`. Contract: docs/specs/journal.md.

    Any thread may call any method; appends take turns among themselves. `read_only` opens for looking
    (`tidegate status`): it never creates or changes the file, and append and trim are refused.
    `wait_s_max` bounds the wait for other writers; their transactions take milliseconds, so more is trouble.
    `disk_free_bytes_min` of the disk are left free by appends: without any, even trimming could not write.
    Errors: JournalUnusable when the file is no journal or a newer release's; JournalUnavailable, JournalFull.
    """

    def __init__(
        self,
        path: Path,
        *,
        bytes_max: int,
        retention_s: float,
        retention_bytes_max: int,
        clock: Callable[[], int] = _now_ms,
        read_only: bool = False,
        wait_s_max: float = 5.0,
        disk_free_bytes_min: int = 64_000_000,
    ) -> None:
        if not read_only:
            prepare(path)
        check(path)
        self._path = path
        self._bytes_max = bytes_max
        self._keep = Retention(
            retention_s=retention_s, retention_bytes_max=retention_bytes_max, room_bytes_max=bytes_max // 2
        )
        self._clock = clock
        self._wait_s_max = wait_s_max
        self._disk_free_bytes_min = disk_free_bytes_min
        self._packing, self._packer = Lock(), Packer()
        self._appending = Store(path, synced=True, read_only=read_only)
        self._trimming = Store(path, synced=False, read_only=read_only)
        self._reading = Store(path, synced=True, read_only=True)
        self._unpacking, self._unpacker = Lock(), Packer()
        with self._reading.reading() as connection:
            self._journal_id = read_state(connection).journal_id

    @property
    def journal_id(self) -> str:
        """Names this journal for ever (J9)."""
        return self._journal_id

    def append(self, requests: Sequence[Request]) -> Sequence[Placed]:
        """Put requests at the end, all or none, and return their positions. See `Journal.append`."""
        with self._packing:
            packed = self._packer.pack(requests)
        marks = [mark_of(request) for request in requests]
        self._see_disk(sum(each.bytes for each in packed))
        with self._appending.writing(self._wait_s_max) as connection:
            state = self._standing(connection)
            live = live_bytes(connection)
            crowded = self._crowded(connection, requests, live)
            taken = [index for index in range(len(requests)) if index not in crowded]
            found = sort_out(
                [marks[index] for index in taken], lambda name: find_key(connection, name), state.end
            )
            fresh = [packed[taken[index]] for index in found.fresh]
            bytes_needed = sum(each.bytes for each in fresh) + KEY_BYTES * len(found.marks)
            rows, state = _placed(fresh, self._with_room(connection, state, live, bytes_needed))
            _insert(connection, rows)
            if found.marks:
                note_keys(connection, found.marks, self._clock())
            # Also when nothing is new: this commit's sync covers the entries that are repeated here, which a
            # process that died may have left in the log unsynced.
            write_state(connection, state)
        placed = iter(found.placed)
        return [Crowded() if index in crowded else next(placed) for index in range(len(requests))]

    def read(self, after: int, *, bytes_max: int) -> Reading:
        """Read entries with positions greater than `after`. See `Journal.read`."""
        with self._unpacking, self._reading.reading() as connection:
            state = self._standing(connection)
            after = max(after, 0)
            first = max(after, state.freed) + 1
            if first > state.end:
                return Reading(entries=(), damaged=(), upto=after)
            return Collecting(self._unpacker, first, state.end, bytes_max).collect(connection)

    def of_source(self, source_id: int, after: int, upto: int, *, bytes_max: int) -> Reading:
        """Read one source's entries between two positions. See `Journal.of_source`."""
        with self._unpacking, self._reading.reading() as connection:
            upto = min(upto, self._standing(connection).end)
            if upto <= after:
                return Reading(entries=(), damaged=(), upto=after)
            return collect_of_source(connection, self._unpacker, source_id, after, upto, bytes_max)

    def end(self) -> int:
        """Return the greatest position ever given. See `Journal.end`."""
        return self._state().end

    def trim(self, loaded: int, kept: Mapping[int, int] = NOTHING) -> None:
        """Note that everything up to `loaded` is in the warehouse, and free. See `Journal.trim`."""
        with self._trimming.writing(self._wait_s_max) as connection:
            keep(connection, kept)
            note_loaded(connection, self._standing(connection), loaded)
        for _ in range(TRIM_STEPS_MAX):
            if not self._free_step():
                break
            time.sleep(TRIM_PAUSE_S)
        with suppress(DamagedPage):
            self._let_go(kept)
            self._forget()
            self._give_back()

    def stats(self) -> Stats:
        """Return how full the journal is. See `Journal.stats`."""
        with self._reading.reading() as connection:
            state = self._standing(connection)
            return Stats(
                loaded=state.loaded,
                end=state.end,
                entries_waiting=state.end - state.loaded,
                records_waiting=state.end_records - state.loaded_records,
                bytes_waiting=state.end_bytes - state.loaded_bytes,
                oldest_waiting_at_ms=_oldest_waiting_at_ms(connection, state),
                bytes_kept=state.end_bytes - state.freed_bytes,
                bytes_on_disk=sum(_size(Path(f"{self._path}{suffix}")) for suffix in ("", "-wal")),
                bytes_max=self._bytes_max,
            )

    def close(self) -> None:
        """Give up files and locks. Safe to repeat."""
        # The reading one first: only a connection that may write can empty the write-ahead log at the end.
        for store in (self._reading, self._trimming, self._appending):
            store.close()

    def _state(self) -> State:
        with self._reading.reading() as connection:
            return self._standing(connection)

    def _standing(self, connection: sqlite3.Connection) -> State:
        state = read_state(connection)
        if state.journal_id != self._journal_id:
            raise JournalUnavailable(f"another journal was put in place of {self._path}; restart Tidegate")
        return state

    def _crowded(
        self, connection: sqlite3.Connection, requests: Sequence[Request], live: int
    ) -> frozenset[int]:
        """Return the indexes of requests that would fill the last quarter for sources that wait (J11)."""
        if live <= self._bytes_max // 4 * 3:
            return frozenset()
        return crowding(connection, requests)

    def _see_disk(self, bytes_needed: int) -> None:
        """See that the disk has room left over after an append, which writes everything twice at most."""
        try:
            disk = shutil.disk_usage(self._path.parent)
        except OSError as exc:
            raise JournalUnavailable(f"journal {self._path}: {exc}") from exc
        # A total of 0 is how some network file systems say that they do not know.
        if disk.total and disk.free < self._disk_free_bytes_min + 2 * bytes_needed:
            raise JournalFull(
                f"the disk of journal {self._path} has {disk.free} bytes left, of which"
                f" {self._disk_free_bytes_min} are kept for trimming; free some space"
            )

    def _with_room(self, connection: sqlite3.Connection, state: State, live: int, bytes_needed: int) -> State:
        """Free loaded entries until the new ones fit: they never stand in the way of accepting (J7)."""
        while bytes_needed and live + bytes_needed > self._bytes_max:
            if state.freed == state.loaded:
                raise JournalFull(
                    f"journal {self._path} is at its limit of {self._bytes_max} bytes with requests that are"
                    " not loaded yet; it takes new ones when the destination has caught up"
                )
            state = free(connection, state, oldest(connection, state))
            live = live_bytes(connection)
        return state

    def _free_step(self) -> bool:
        """Free what is due in one short transaction, and tell whether there was any."""
        try:
            with self._trimming.writing(self._wait_s_max) as connection:
                state = self._standing(connection)
                upto = due(connection, state, self._keep, self._clock())
                if upto > state.freed:
                    free(connection, state, upto)
                return upto > state.freed
        except DamagedPage:
            return self._free_around_damage()

    def _free_around_damage(self) -> bool:
        """Free one step entry by entry; what lies on a damaged page stays there and is passed over."""
        state = self._state()
        upto = min(state.freed + STEP_ENTRIES_MAX, state.loaded)
        for position in range(state.freed + 1, upto + 1):
            with suppress(DamagedPage), self._trimming.writing(self._wait_s_max) as connection:
                delete(connection, position - 1, position)
        with self._trimming.writing(self._wait_s_max) as connection:
            pass_over(connection, self._standing(connection), upto)
        return upto > state.freed

    def _let_go(self, kept: Mapping[int, int]) -> None:
        """Free what waited until now, in short transactions (J11)."""
        for _ in range(TRIM_STEPS_MAX):
            with self._trimming.writing(self._wait_s_max) as connection:
                more = let_go(connection, self._standing(connection).freed, kept)
            if not more:
                break
            time.sleep(TRIM_PAUSE_S)

    def _forget(self) -> None:
        """Forget keys that are old enough, or too many, in short transactions (J10)."""
        for _ in range(FORGET_STEPS_MAX):
            with self._trimming.writing(self._wait_s_max) as connection:
                more = forget_keys(
                    connection, keys_max=keys_max(self._bytes_max), old_ms=self._clock() - KEYS_MS
                )
            if not more:
                break
            time.sleep(TRIM_PAUSE_S)

    def _vacuum_step(self) -> bool:
        """Return some free pages in one short transaction, and tell whether there may be more."""
        with self._trimming.writing(self._wait_s_max) as connection:
            end = time.monotonic() + VACUUM_STEP_S
            pages: int = connection.execute("PRAGMA page_count").fetchone()[0]
            if free_pages(connection) <= max(FREE_PAGES_KEPT, pages // 2):
                return False
            while time.monotonic() < end:
                # The driver runs this pragma for one page only, whatever number it is given.
                connection.execute("PRAGMA incremental_vacuum(1)")
            return True

    def _give_back(self) -> None:
        """Return free pages and write-ahead log to the file system, in steps (J8)."""
        end = time.monotonic() + VACUUM_S_MAX
        while self._vacuum_step() and time.monotonic() < end:
            time.sleep(TRIM_PAUSE_S)
        with self._trimming.alone() as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if _size(Path(f"{self._path}-wal")) > WAL_BYTES_MAX:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _placed(packed: Sequence[Packed], state: State) -> tuple[list[tuple[Any, ...]], State]:
    """Give each request its position and the totals up to it. Shape: -> rows, the state after them."""
    rows = []
    end, records, size = state.end, state.end_records, state.end_bytes
    for each in packed:
        end, records, size = end + 1, records + each.record_count, size + each.bytes
        rows.append(each.row(end, records, size))
    return rows, replace(state, end=end, end_records=records, end_bytes=size)


def _insert(connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows with as few statements as there can be."""
    begin = 0
    for count, insert in _INSERTS:
        while len(rows) - begin >= count:
            connection.execute(insert, tuple(chain.from_iterable(rows[begin : begin + count])))
            begin += count


def _oldest_waiting_at_ms(connection: sqlite3.Connection, state: State) -> int | None:
    try:
        row = connection.execute(_OLDEST, (state.loaded,)).fetchone()
    except sqlite3.DatabaseError as exc:
        # The other numbers are still right, and the reading reports the damage.
        if not is_corrupt(exc):
            raise
        return None
    return row[0] if row else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
