"""Every journal keeps the entries of sources that wait while it frees all others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.journal import Crowded, Journal, MemoryJournal, SqliteJournal
from tidegate.records import Endpoint, Entry, Request

WAITS, GOES = 1, 2


class Place:
    """Where one journal is; it can be opened again."""

    def __init__(self, kind: str, folder: Path, **limits: Any) -> None:
        self._kind, self._path = kind, folder / "journal.db"
        self._limits = {"bytes_max": 100_000_000, "retention_s": 0.0, "retention_bytes_max": 0} | limits
        self.journal = self._open(None)

    def reopen(self, **limits: Any) -> Journal:
        """Open it again; in memory it stays the same object."""
        self._limits |= limits
        self.journal = self._open(self.journal)
        return self.journal

    def _open(self, before: Journal | None) -> Journal:
        if self._kind == "memory":
            return before or MemoryJournal(**self._limits)
        if before is not None:
            before.close()
        return SqliteJournal(self._path, **self._limits)


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest, exercised: Callable[[str], None]) -> str:
    """One implementation after the other."""
    exercised(f"journal: {request.param}")
    return str(request.param)


@pytest.fixture
def journal(kind: str, tmp_path: Path) -> Iterator[Journal]:
    """An empty journal whose loaded entries go at once."""
    place = Place(kind, tmp_path)
    yield place.journal
    place.journal.close()


def sent(source_id: int, body: bytes = b"{}", key: str | None = None) -> Request:
    """Make a request."""
    return Request(
        source_id=source_id,
        endpoint=Endpoint.BATCH,
        content_type="application/json",
        received_at_ms=1_700_000_000_000,
        record_count=1,
        request_id="r-1",
        body=body,
        idempotency_key=key,
    )


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - sizes matter here, secrecy does not


def positions(entries: Sequence[Entry]) -> list[int]:
    """Where entries stand."""
    return [entry.position for entry in entries]


def of(journal: Journal, source_id: int, after: int = 0, upto: int = 1_000) -> list[int]:
    """Where a source's entries stand, by one reading."""
    reading = journal.of_source(source_id, after, upto, bytes_max=10_000_000)
    assert [] == list(reading.damaged)
    assert max(after, min(upto, journal.end())) == reading.upto
    return positions(reading.entries)


def test_what_waits_stays_and_the_rest_goes(journal: Journal) -> None:
    """Loaded entries of the others are freed around it; a reading of all leaves it out silently. (J11)"""
    journal.append([sent(source_id) for source_id in (WAITS, GOES, WAITS, GOES, GOES, WAITS)])
    journal.trim(5, {WAITS: 1})
    assert ([3, 6], []) == (of(journal, WAITS), of(journal, GOES))
    reading = journal.read(0, bytes_max=1_000)
    assert ([6], []) == (positions(reading.entries), list(reading.damaged))
    assert [3] == of(journal, WAITS, upto=5)
    assert [6] == of(journal, WAITS, after=3)


def test_what_waits_no_longer_goes(journal: Journal) -> None:
    """Entries go when a later call says that they were loaded, or nothing of their source. (J11)"""
    journal.append([sent(WAITS)] * 6)
    journal.trim(6, {WAITS: 0})
    journal.trim(6, {WAITS: 2})
    assert [3, 4, 5, 6] == of(journal, WAITS)
    journal.trim(6)
    assert [] == of(journal, WAITS)
    assert 6 == journal.stats().loaded


def test_what_waits_outlives_restarts_and_crowding(kind: str, tmp_path: Path) -> None:
    """Appending frees loaded entries when it needs their room, but none that waits. (J7, J11)"""
    place = Place(kind, tmp_path, bytes_max=1_000_000, retention_s=9e9, retention_bytes_max=10**9)
    place.journal.append([sent(WAITS, noise(50_000)), sent(GOES, noise(50_000, 1)), sent(WAITS, noise(9, 2))])
    place.journal.trim(3, {WAITS: 0})
    journal = place.reopen()
    for seed in range(3, 60):
        (position,) = journal.append([sent(GOES, noise(50_000, seed))])
        assert isinstance(position, int)
        journal.trim(position, {WAITS: 0})
    assert [1, 3] == of(place.reopen(), WAITS)
    (entry,) = place.journal.of_source(WAITS, 0, 1, bytes_max=1).entries
    assert noise(50_000) == entry.request.body
    place.journal.close()


def test_the_last_quarter_is_for_the_others(kind: str, tmp_path: Path) -> None:
    """A source that waits is refused before the journal is full, without a trace; others go on. (J10, J11)"""
    place = Place(kind, tmp_path, bytes_max=1_000_000)
    journal = place.journal
    taken = 0
    journal.trim(0, {WAITS: 0})
    while journal.append([sent(WAITS, noise(50_000, taken), key=str(taken))]) != [Crowded()]:
        taken += 1
    assert 13 <= taken <= 16
    placed = journal.append([sent(GOES, b"a"), sent(WAITS, b"b", key="b"), sent(GOES, b"c", key="c")])
    assert [taken + 1, Crowded(), taken + 2] == list(placed)
    for seed in range(40):
        (position,) = journal.append([sent(GOES, noise(50_000, 100 + seed))])
        assert isinstance(position, int)
        journal.trim(position, {WAITS: 0})
    assert list(range(1, taken + 1)) == of(journal, WAITS)
    journal.trim(journal.end())
    (position,) = journal.append([sent(WAITS, b"other than b", key="b")])
    assert journal.end() == position
    journal.close()


@settings(max_examples=80)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_any_order_of_calls_keeps_what_waits(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Readings of any size visit each waiting entry once, in order, whatever else goes on. (J4, J11)"""
    place = Place(kind, tmp_path_factory.mktemp("journal"))
    owners: list[int] = []
    since: dict[int, int] = {}
    loaded = 0
    for _ in range(data.draw(st.integers(1, 12))):
        sources = data.draw(st.lists(st.integers(1, 4), max_size=8))
        if sources:
            place.journal.append([sent(source_id, noise(source_id * 20)) for source_id in sources])
            owners += sources
        loaded = max(loaded, data.draw(st.integers(0, len(owners))))
        # A source begins to wait from what is not loaded; later calls move that on, or end it.
        for source_id in (1, 2):
            if source_id not in since and data.draw(st.booleans()):
                since[source_id] = loaded
            elif source_id in since:
                since[source_id] = max(since[source_id], data.draw(st.integers(0, loaded)))
                if data.draw(st.booleans()) and since[source_id] == loaded:
                    del since[source_id]
        place.journal.trim(loaded, since)
        if data.draw(st.booleans()):
            place.reopen()
        for source_id, after in since.items():
            assert [
                position
                for position, owner in enumerate(owners, 1)
                if owner == source_id and position > after
            ] == _walked(place.journal, source_id, after, data.draw(st.integers(1, 200)))
    for source_id in {1, 2, 3, 4} - since.keys():
        left = _walked(place.journal, source_id, 0, 10_000)
        assert [at for at, owner in enumerate(owners, 1) if owner == source_id and at > loaded] == left
    place.journal.close()


def _walked(journal: Journal, source_id: int, after: int, bytes_max: int) -> list[int]:
    found: list[int] = []
    while (reading := journal.of_source(source_id, after, journal.end(), bytes_max=bytes_max)).upto > after:
        found += positions(reading.entries)
        after = reading.upto
    return found
