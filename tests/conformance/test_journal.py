"""Every journal keeps the rules of docs/specs/journal.md; the memory one like the durable ones."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.errors import JournalFull
from tidegate.journal import Journal, KeyReused, MemoryJournal, Placed, SqliteJournal
from tidegate.journal.repeats import KEYS_MS, keys_max
from tidegate.records import Endpoint, Entry, Request

NOW_MS = 1_700_000_000_000
LIMITS: dict[str, Any] = {"bytes_max": 100_000_000, "retention_s": 3_600.0, "retention_bytes_max": 50_000_000}


class Place:
    """Where one journal lives during a test: it can be reopened, and its clock is set by hand."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.now_ms = NOW_MS
        self._kind, self._folder = kind, folder
        self._memory: MemoryJournal | None = None
        self._opened: list[Journal] = []

    def open(self, **limits: Any) -> Journal:
        """Open the journal of this place, made by the first call. In memory it is always the same object."""
        journal = OPENERS[self._kind](self, {**LIMITS, "clock": lambda: self.now_ms, **limits})
        self._opened.append(journal)
        return journal

    def close(self) -> None:
        """Close all that was opened here."""
        for journal in self._opened:
            journal.close()
        self._opened.clear()

    def sqlite(self, arguments: dict[str, Any]) -> Journal:
        """Open the SQLite journal in the folder; nobody in line for a slow disk gives up."""
        return SqliteJournal(self._folder / "journal.db", wait_s_max=120.0, **arguments)

    def memory(self, arguments: dict[str, Any]) -> Journal:
        """Make the journal in memory, once."""
        self._memory = self._memory or MemoryJournal(**arguments)
        return self._memory


OPENERS: dict[str, Callable[[Place, dict[str, Any]], Journal]] = {
    "memory": Place.memory,
    "sqlite": Place.sqlite,
}
"""One line for each implementation."""


@pytest.fixture(params=sorted(OPENERS))
def place(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Place]:
    """One implementation after the other, each in a folder of its own."""
    exercised(f"journal: {request.param}")
    it = Place(request.param, tmp_path)
    yield it
    it.close()


def a_request(body: bytes = b'{"id": 1}', **fields: Any) -> Request:
    """Make a request of which only the named fields matter to the test."""
    known: dict[str, Any] = {
        "source_id": 7,
        "endpoint": Endpoint.BATCH,
        "content_type": "application/json",
        "received_at_ms": NOW_MS,
        "record_count": 3,
        "request_id": "r-1",
    }
    return Request(**{**known, "body": body, **fields})


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that do not compress, so that sizes are what they seem."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - sizes matter here, secrecy does not


def everything(journal: Journal, after: int = 0, bytes_max: int = 1_000_000) -> list[Entry]:
    """Read on and on until nothing is left; nothing may be damaged."""
    entries: list[Entry] = []
    while True:
        reading = journal.read(after, bytes_max=bytes_max)
        assert [] == list(reading.damaged)
        if reading.upto == after:
            return entries
        entries += reading.entries
        after = reading.upto


def positions(entries: Sequence[Entry]) -> list[int]:
    """Where entries stand."""
    return [entry.position for entry in entries]


def fill(journal: Journal, body_bytes: int, **fields: Any) -> int:
    """Append one by one until the journal is full, and return how many it took."""
    count = 0
    with suppress(JournalFull):
        while True:
            journal.append([a_request(noise(body_bytes, count), **fields)])
            count += 1
    return count


def test_a_new_journal_is_empty(place: Place) -> None:
    """Nothing stands in a journal before the first append. (J2)"""
    journal = place.open()
    assert 0 == journal.end()
    assert ([], 0) == (list(journal.read(0, bytes_max=10).entries), journal.read(0, bytes_max=10).upto)


def test_requests_come_back_as_they_were_put_in(place: Place) -> None:
    """Every field of a request is read back equal, whatever its size and bytes. (J4)"""
    requests = [
        a_request(b""),
        a_request(
            b"\x00\xff" * 5, endpoint=Endpoint.PUSH, request_id="", content_type='text/x; y="\x00é\U0001f40c"'
        ),
        a_request(b'{"name": "x"}' * 10_000, source_id=2**63 - 1, record_count=20_000),
        a_request(noise(300_000), received_at_ms=0, request_id="\ud800"),
    ]
    journal = place.open()
    journal.append(requests)
    assert requests == [entry.request for entry in everything(journal)]


def test_positions_grow_by_one_over_calls_and_restarts(place: Place) -> None:
    """Positions count up from 1 without holes, in the order given. (J2)"""
    journal = place.open()
    given_out = [*journal.append([a_request()] * 3), *journal.append([a_request()])]
    journal.close()
    given_out += place.open().append([a_request()] * 2)
    assert [1, 2, 3, 4, 5, 6] == given_out


def test_positions_are_not_used_again_after_everything_was_freed(place: Place) -> None:
    """A journal that was emptied and reopened goes on counting. (J2)"""
    journal = place.open(retention_s=0)
    journal.append([a_request()] * 5)
    journal.trim(5)
    journal.close()
    journal = place.open(retention_s=0)
    assert [] == everything(journal)
    assert (5, [6]) == (journal.end(), list(journal.append([a_request()])))


def test_two_openings_of_one_journal_share_one_order(place: Place) -> None:
    """What one process appends, another sees at once and continues. (J2)"""
    one, two = place.open(), place.open()
    assert [[1], [2], [3]] == [list(journal.append([a_request()])) for journal in (one, two, one)]
    assert [1, 2, 3] == positions(everything(two))


def test_a_reading_stops_before_its_bytes_are_passed(place: Place) -> None:
    """A reading's bodies stay within `bytes_max`. (J4)"""
    journal = place.open()
    journal.append([a_request(noise(400, seed)) for seed in range(5)])
    reading = journal.read(1, bytes_max=1_000)
    assert ([2, 3], 3) == (positions(reading.entries), reading.upto)


def test_a_reading_holds_at_least_one_entry(place: Place) -> None:
    """A body larger than `bytes_max` is read all the same, alone. (J4)"""
    journal = place.open()
    journal.append([a_request(noise(5_000)), a_request()])
    assert [1] == positions(journal.read(0, bytes_max=1).entries)


def test_reading_behind_the_end_covers_nothing(place: Place) -> None:
    """`upto` stays where the reading began when nothing stands behind it. (J4)"""
    journal = place.open()
    journal.append([a_request()] * 2)
    assert [2, 9] == [journal.read(after, bytes_max=10).upto for after in (2, 9)]


def test_unloaded_entries_stay_however_old(place: Place) -> None:
    """No retention removes what is not loaded. (J5)"""
    journal = place.open(retention_s=0, retention_bytes_max=0)
    journal.append([a_request(received_at_ms=0)] * 5)
    journal.trim(2)
    place.now_ms += 10**9
    journal.trim(2)
    assert [3, 4, 5] == positions(everything(journal))


def test_the_loaded_mark_never_goes_back(place: Place) -> None:
    """A smaller mark than before changes nothing. (J5)"""
    journal = place.open()
    journal.append([a_request()] * 5)
    journal.trim(4)
    journal.trim(1)
    assert 4 == journal.stats().loaded


def test_a_mark_beyond_the_end_counts_as_the_end(place: Place) -> None:
    """What is appended later is never taken for loaded. (J5)"""
    journal = place.open(retention_s=0)
    journal.append([a_request()] * 2)
    journal.trim(100)
    journal.append([a_request()])
    journal.trim(2)
    assert [3] == positions(everything(journal))


def test_loaded_entries_are_kept_for_their_time(place: Place) -> None:
    """Loaded entries can be read again until `retention_s` is over. (J7)"""
    journal = place.open(retention_s=60)
    journal.append([a_request(), a_request(received_at_ms=NOW_MS + 5_000)])
    journal.trim(2)
    assert [1, 2] == positions(everything(journal))
    place.now_ms += 60_000
    journal.trim(2)
    assert [2] == positions(everything(journal))


def test_loaded_entries_are_kept_for_their_bytes(place: Place) -> None:
    """Of the loaded entries the newest `retention_bytes_max` stay. (J7)"""
    journal = place.open(retention_bytes_max=35_000)
    journal.append([a_request(noise(10_000, seed)) for seed in range(8)])
    journal.trim(7)
    assert [5, 6, 7, 8] == positions(everything(journal))


def test_a_full_journal_refuses_and_keeps_nothing_of_the_call(place: Place) -> None:
    """Requests that do not all fit are refused together. (J1, J7)"""
    journal = place.open(bytes_max=1_000_000)
    count = fill(journal, 50_000)
    with pytest.raises(JournalFull):
        journal.append([a_request(b"small"), a_request(noise(60_000))])
    assert (count, list(range(1, count + 1))) == (journal.end(), positions(everything(journal)))
    assert 12 <= count <= 20


def test_a_full_journal_takes_requests_again_after_loading(place: Place) -> None:
    """Loading makes room, without reopening and without waiting for a retention. (J1, J7)"""
    journal = place.open(bytes_max=1_000_000)
    count = fill(journal, 50_000)
    journal.trim(count - 2)
    assert [count + 1] == list(journal.append([a_request(noise(50_000))]))
    assert [count - 1, count, count + 1] == positions(everything(journal, after=count - 2))


def test_loaded_entries_never_stand_in_the_way_of_accepting(place: Place) -> None:
    """A journal full of retained entries frees the oldest of them inside the append. (J7)"""
    journal = place.open(bytes_max=1_000_000)
    for count in range(1, 100):
        journal.append([a_request(noise(50_000, count))])
        # Marking right away keeps the journal half full of loaded entries, the most that trim leaves.
        journal.trim(count)
    last = journal.append([a_request(noise(100_000, seed)) for seed in range(8)])[-1]
    assert list(range(100, 108)) == positions(everything(journal, after=99))
    assert 107 == last


def test_trim_keeps_a_journal_at_most_half_full_of_loaded_entries(place: Place) -> None:
    """Accepting has half of the journal to itself as soon as loading caught up. (J7)"""
    journal = place.open(bytes_max=2_000_000)
    journal.append([a_request(noise(50_000, seed)) for seed in range(36)])
    journal.trim(36)
    assert 800_000 <= journal.stats().bytes_kept <= 1_000_000


def test_stats_count_what_waits_and_what_is_kept(place: Place) -> None:
    """The numbers people see are those of the entries, retained ones apart. (J5, J7)"""
    journal = place.open()
    journal.append(
        [a_request(noise(1_000, n), received_at_ms=NOW_MS + n, record_count=n) for n in range(1, 6)]
    )
    journal.trim(2)
    stats = journal.stats()
    assert (2, 5, 3, 3 + 4 + 5) == (stats.loaded, stats.end, stats.entries_waiting, stats.records_waiting)
    assert NOW_MS + 3 == stats.oldest_waiting_at_ms
    assert (3_000, 5_000) == (stats.bytes_waiting // 1_000 * 1_000, stats.bytes_kept // 1_000 * 1_000)
    assert LIMITS["bytes_max"] == stats.bytes_max


def test_an_empty_journal_waits_for_nothing(place: Place) -> None:
    """When all is loaded there is no oldest waiting entry. (J5)"""
    journal = place.open(retention_s=0)
    journal.append([a_request()] * 3)
    journal.trim(3)
    stats = journal.stats()
    assert (0, 0, 0, None, 0) == (
        stats.entries_waiting,
        stats.records_waiting,
        stats.bytes_waiting,
        stats.oldest_waiting_at_ms,
        stats.bytes_kept,
    )


def test_a_journal_keeps_its_name(place: Place) -> None:
    """The name is the same after a restart. (J9)"""
    journal = place.open()
    name = journal.journal_id
    journal.close()
    assert name == place.open().journal_id
    assert len(name) >= 16


@pytest.mark.parametrize("kind", sorted(OPENERS))
def test_two_journals_have_two_names(kind: str, tmp_path: Path) -> None:
    """A destination never takes one journal's position for another's. (J9)"""
    names = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        it = Place(kind, tmp_path / folder)
        names.add(it.open().journal_id)
        it.close()
    assert 2 == len(names)


def test_closing_is_safe_to_repeat(place: Place) -> None:
    """A shutdown that runs twice does no harm."""
    journal = place.open()
    journal.append([a_request()])
    journal.close()
    journal.close()
    assert 1 == place.open().end()


def keyed(body: bytes = b'{"id": 1}', key: str = "k", **fields: Any) -> Request:
    """Make a request that carries an idempotency key."""
    return a_request(body, idempotency_key=key, **fields)


def test_a_request_sent_again_with_its_key_is_kept_once(place: Place) -> None:
    """A repetition gets the position of the first one, in whatever call and after a restart. (J10)"""
    journal = place.open()
    placed = [*journal.append([keyed(), a_request(), keyed()]), *journal.append([keyed()])]
    journal.close()
    journal = place.open()
    placed += journal.append([keyed(), a_request()])
    assert [1, 2, 1, 1, 1, 3] == placed
    assert [1, 2, 3] == positions(everything(journal))


def test_what_differs_between_attempts_alone_does_not_matter(place: Place) -> None:
    """The time, the request id and the count of a repetition are its own. (J10)"""
    journal = place.open()
    journal.append([keyed()])
    again = keyed(received_at_ms=NOW_MS + 5, request_id="r-2", record_count=4)
    assert ([1], 1) == (journal.append([again]), journal.end())


def test_a_key_belongs_to_its_source(place: Place) -> None:
    """Two sources may use the same key without knowing of each other. (J10)"""
    journal = place.open()
    assert [1, 2] == journal.append([keyed(source_id=1), keyed(source_id=2)])


@pytest.mark.parametrize(
    "other",
    [
        keyed(b'{"id": 2}'),
        keyed(endpoint=Endpoint.PUSH),
        keyed(content_type="application/transit+json"),
    ],
    ids=["body", "endpoint", "content type"],
)
def test_a_key_used_for_something_else_is_told_and_nothing_kept(place: Place, other: Request) -> None:
    """A key that comes with other contents is refused alone: its neighbours are kept. (J10)"""
    journal = place.open()
    assert [1] == journal.append([keyed()])
    assert [2, KeyReused(1), 3] == journal.append([a_request(), other, a_request()])
    assert [4, KeyReused(4)] == journal.append([keyed(b"x", "new"), keyed(b"y", "new")])
    assert ([1], 4) == (journal.append([keyed()]), journal.end())


def test_a_key_is_known_in_every_opening(place: Place) -> None:
    """What one process accepted, another one knows again at once. (J10)"""
    one, two = place.open(), place.open()
    assert [[1], [1], [2], [2]] == [
        journal.append([keyed(key=key)]) for journal, key in ((one, "a"), (two, "a"), (two, "b"), (one, "b"))
    ]


def test_two_openings_that_append_at_once_keep_one_entry_for_each_key(place: Place) -> None:
    """Of attempts that race, one is kept, and all are told its position. (J2, J10)"""
    journals = [place.open(), place.open()]
    told: list[list[Placed]] = [[], []]
    start = threading.Barrier(2)

    def race(index: int) -> None:
        start.wait()
        for number in range(100):
            told[index] += journals[index].append([keyed(key=f"k{number}"), a_request()])[:1]

    racing = [threading.Thread(target=race, args=(index,)) for index in range(2)]
    for each in racing:
        each.start()
    for each in racing:
        each.join()
    assert told[0] == told[1]
    assert (100, 300) == (len(set(told[0])), journals[0].end())


def test_keys_and_sources_of_any_kind_are_told_apart(place: Place) -> None:
    """Nothing but the very same key of the very same source is a repetition. (J10)"""
    names = [(0, ""), (0, "0"), (1, ""), (-1, ""), (0, "\ud800"), (0, "\x00"), (2**63 - 1, "é" * 255)]
    journal = place.open()
    requests = [keyed(key=key, source_id=source_id) for source_id, key in names]
    assert list(range(1, 8)) == journal.append(requests) == journal.append(requests)


def test_a_key_outlives_its_entry(place: Place) -> None:
    """A request may be repeated though its entry was loaded and freed. (J10)"""
    journal = place.open(retention_s=0)
    journal.append([keyed()])
    journal.trim(1)
    assert ([], [1], 1) == (everything(journal), journal.append([keyed()]), journal.end())


def test_a_key_is_known_for_a_day_and_forgotten_then(place: Place) -> None:
    """Until 24 hours are over trimming forgets no key, and then it does. (J10)"""
    journal = place.open()
    journal.append([keyed(key=str(number)) for number in range(300)])
    place.now_ms += KEYS_MS - 1
    journal.append([keyed(key="later")])
    journal.trim(0)
    assert [1, 300] == journal.append([keyed(key="0"), keyed(key="299")])
    place.now_ms += 1
    journal.trim(0)
    assert [302, 303, 301] == journal.append([keyed(key="0"), keyed(key="299"), keyed(key="later")])


def test_a_clock_set_back_forgets_no_key(place: Place) -> None:
    """A key that seems to come from the future is known all the same. (J10)"""
    journal = place.open()
    journal.append([keyed()])
    place.now_ms -= 10 * KEYS_MS
    journal.trim(0)
    assert [1] == journal.append([keyed()])


def test_keys_beyond_their_room_are_forgotten_from_the_oldest_on(place: Place) -> None:
    """However many keys come within a day, trimming keeps the newest that have room. (J7, J10)"""
    journal = place.open(bytes_max=1_000_000)
    count = keys_max(1_000_000) + 500
    for first in range(0, count, 100):
        end = journal.append([keyed(key=str(number)) for number in range(first, first + 100)])[-1]
        assert isinstance(end, int)
        journal.trim(end)
    end = journal.end()
    assert [end + 1, end] == journal.append([keyed(key="0"), keyed(key=str(end - 1))])


def test_a_full_journal_still_knows_what_it_kept(place: Place) -> None:
    """A repetition needs no room; a refused request leaves no key behind. (J1, J10)"""
    journal = place.open(bytes_max=1_000_000)
    journal.append([keyed()])
    count = fill(journal, 50_000) + 1
    big = keyed(noise(60_000), "big")
    with pytest.raises(JournalFull):
        journal.append([big])
    assert [1] == journal.append([keyed()])
    journal.trim(count)
    assert [count + 1] == journal.append([big])


def test_a_request_that_was_read_has_no_key(place: Place) -> None:
    """The key is for accepting; nobody's keys are stored or shown. (J4, J10)"""
    journal = place.open()
    journal.append([keyed()])
    assert [a_request()] == [entry.request for entry in everything(journal)]


BODIES = st.binary(max_size=300) | st.integers(1, 5_000).map(lambda n: b'{"id": 12345}' * n)
KEYS = st.none() | st.sampled_from(["a", "b"])
STEPS = st.lists(
    st.tuples(st.just("append"), st.lists(st.tuples(BODIES, KEYS), min_size=1, max_size=5))
    | st.tuples(st.just("trim"), st.integers(-5, 30))
    | st.tuples(st.just("read"), st.tuples(st.integers(0, 40), st.integers(0, 100_000)))
    | st.tuples(st.just("reopen"), st.none()),
    max_size=25,
)


class Model:
    """What a list would do: with a retention all stays, without one loaded entries go at once."""

    def __init__(self, place: Place, retention_s: float) -> None:
        self.place, self.retention_s = place, retention_s
        self.journal = place.open(retention_s=retention_s)
        self.bodies: list[bytes] = []
        self.keys: dict[str, int] = {}
        self.loaded = 0

    def append(self, sent: list[tuple[bytes, str | None]]) -> None:
        """Positions count on from the end; a key that was used has the position it was used at."""
        expected = [self._place(body, key) for body, key in sent]
        requests = [a_request(body, idempotency_key=key) for body, key in sent]
        assert expected == list(self.journal.append(requests))

    def _place(self, body: bytes, key: str | None) -> Placed:
        if key in self.keys:
            position = self.keys[key]
            return position if self.bodies[position - 1] == body else KeyReused(position)
        self.bodies.append(body)
        if key is not None:
            self.keys[key] = len(self.bodies)
        return len(self.bodies)

    def trim(self, loaded: int) -> None:
        """The mark only moves forward, and not beyond the end."""
        self.loaded = max(self.loaded, min(loaded, len(self.bodies)))
        self.journal.trim(loaded)

    def read(self, after_and_bytes_max: tuple[int, int]) -> None:
        """A reading is a run of what stands behind `after`, at least one entry, within its bytes."""
        after, bytes_max = after_and_bytes_max
        first = max(after, self.freed)
        expected = self.bodies[first:]
        reading = self.journal.read(after, bytes_max=bytes_max)
        found = [entry.request.body for entry in reading.entries]
        assert expected[: len(found)] == found
        assert (first + len(found) if expected else after) == reading.upto
        assert bool(expected) == bool(found)
        assert len(found) <= 1 or sum(map(len, found)) <= bytes_max

    def reopen(self, _: None) -> None:
        """A restart changes nothing."""
        self.journal.close()
        self.journal = self.place.open(retention_s=self.retention_s)

    def check(self) -> None:
        """In the end the counts and all that was kept agree."""
        stats = self.journal.stats()
        assert (self.loaded, len(self.bodies)) == (stats.loaded, stats.end)
        assert (len(self.bodies) - self.loaded) * 3 == stats.records_waiting
        assert self.bodies[self.freed :] == [entry.request.body for entry in everything(self.journal)]

    @property
    def freed(self) -> int:
        """How many entries are gone."""
        return 0 if self.retention_s else self.loaded


@pytest.mark.parametrize("kind", sorted(OPENERS))
@settings(max_examples=60)
@given(steps=STEPS, retention_s=st.sampled_from([0.0, 60.0]))
def test_any_sequence_of_calls_does_what_a_list_would(
    kind: str, steps: list[tuple[str, Any]], retention_s: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Calls in any order, reopening included, lose, double and reorder nothing. (J2, J4, J5, J10)"""
    place = Place(kind, tmp_path_factory.mktemp("journal"))
    model = Model(place, retention_s)
    for name, argument in steps:
        getattr(model, name)(argument)
    model.check()
    place.close()
