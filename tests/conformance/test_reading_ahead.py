"""The loader reads ahead of its loads: nothing is missed, whatever changes meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.journal import MemoryJournal
from tidegate.loader.ahead import Ahead
from tidegate.loader.arrivals import Arrivals
from tidegate.loader.columns import RECORDS_MIN
from tidegate.loader.ports import Assigned
from tidegate.logs import open_log
from tidegate.records import Endpoint, Request

BODY_CHARS = 7_000
RECORDS = RECORDS_MIN // 3
"""Three flat bodies are enough for columns."""

PUSH, FLAT, ODD = "push", "flat", "odd"
"""Bodies of one size: none for columns, one for columns, and one that looks so but has a field too many."""

BODIES_IN_A_LOAD = 4


def request(source_id: int, number: int, kind: str = PUSH) -> Request:
    """Return a request whose records have its number."""
    record = {"n": number} | ({"m": 1} if kind == ODD else {})
    message: dict[str, Any] = {"sequence": number, "action": "upsert", "data": record}
    about: dict[str, Any] = {"table_name": "cars", "key_names": ["n"]}
    schema = {"properties": {"n": {"type": "integer"}}}
    batch = about | {"schema": schema, "messages": [message] * RECORDS}
    push = [{"client_id": 1} | about | message]
    return Request(
        source_id=source_id,
        endpoint=Endpoint.PUSH if kind == PUSH else Endpoint.BATCH,
        content_type="application/json",
        received_at_ms=1_700_000_000_000,
        record_count=1,
        request_id=f"request-{number}",
        body=json.dumps(push if kind == PUSH else batch).encode().ljust(BODY_CHARS),
    )


def journal_of(*requests: Request) -> MemoryJournal:
    """Return a journal that holds these requests."""
    limits: Mapping[str, Any] = {"bytes_max": 10**8, "retention_s": 3_600.0, "retention_bytes_max": 10**8}
    journal = MemoryJournal(**limits)
    if requests:
        journal.append(requests)
    return journal


def numbers(arrivals: Arrivals) -> dict[int, list[int]]:
    """Return the number of each request of a source."""
    return {
        source_id: [arrival.batch.data[0]["n"] for arrival in each] for source_id, each in arrivals.items()
    }


@pytest.fixture
def backlog() -> Iterator[tuple[MemoryJournal, Ahead]]:
    """Two loads of source 1 with an entry of source 2 in the second, and who reads them."""
    requests = [request(1, number) for number in range(2 * BODIES_IN_A_LOAD)]
    requests[-1] = request(2, 2 * BODIES_IN_A_LOAD - 1)
    journal = journal_of(*requests)
    yield journal, (ahead := ahead_of(journal))
    ahead.close()


def ahead_of(journal: MemoryJournal) -> Ahead:
    """Return a reader whose loads have `BODIES_IN_A_LOAD` bodies."""
    log = open_log(log_format="json", log_level="error", process="test")
    return Ahead(journal, bytes_max=BODY_CHARS * BODIES_IN_A_LOAD, log=log)


def assigned(*source_ids: int, after: int = 0) -> dict[int, Assigned]:
    """Return that sources load here, with what stands behind a position."""
    return {each: Assigned(schema_name=f"source_{each}", spans=((after, None),)) for each in source_ids}


def load(ahead: Ahead, after: int, to: dict[int, Assigned]) -> tuple[dict[int, list[int]], int]:
    """Gather a load and go on, as a lane does; return its records and where it ends."""
    reading = ahead.read(after)
    return numbers(ahead.arrivals(reading, to, go_on=True)), reading.upto


def test_a_source_that_comes_while_its_entries_are_read_ahead_is_loaded(
    backlog: tuple[MemoryJournal, Ahead],
) -> None:
    """What is assigned when a load begins decides what is in it, not what was when it was read."""
    _, ahead = backlog
    _, upto = load(ahead, 0, assigned(1))
    assert {1: [4, 5, 6], 2: [7]} == load(ahead, upto, assigned(1, 2))[0]


def test_a_source_that_leaves_while_its_entries_are_read_ahead_is_not_loaded(
    backlog: tuple[MemoryJournal, Ahead],
) -> None:
    """What was accepted for another destination is not loaded into this one."""
    _, ahead = backlog
    _, upto = load(ahead, 0, assigned(1, 2))
    assert {1: [6], 2: [7]} == load(ahead, upto, assigned(1, 2, after=6))[0]


def test_what_was_read_ahead_is_not_taken_for_another_place(backlog: tuple[MemoryJournal, Ahead]) -> None:
    """After a failure the loader asks the warehouse where it stands and reads from there."""
    _, ahead = backlog
    load(ahead, 0, assigned(1))
    assert [1, 2, 3, 4] == load(ahead, 1, assigned(1))[0][1]


RUNS = st.tuples(st.sampled_from([1, 2]), st.sampled_from([PUSH, FLAT, FLAT, ODD]), st.integers(1, 20))


@given(st.lists(st.lists(RUNS, max_size=4), max_size=4), st.lists(st.booleans()))
def test_every_entry_is_read_once_and_in_order(
    appended: list[list[tuple[int, str, int]]], changes: list[bool]
) -> None:
    """Whenever entries come or assignments change, each entry is in one load and in its place."""
    journal = journal_of()
    ahead = ahead_of(journal)
    expected: dict[int, list[int]] = {1: [], 2: []}
    found: dict[int, list[int]] = {1: [], 2: []}
    position = 0
    try:
        while appended or position < journal.end():
            requests: list[Request] = []
            for source_id, kind, count in appended.pop() if appended else ():
                for _ in range(count):
                    number = journal.end() + len(requests)
                    requests.append(request(source_id, number, kind))
                    expected[source_id].append(number)
            if requests:
                journal.append(requests)
            after = -1 if changes and changes.pop() else 0  # another assignment that takes the same
            loaded, position = load(ahead, position, assigned(1, 2, after=after))
            for source_id, each in loaded.items():
                found[source_id] += each
    finally:
        ahead.close()
    assert expected == found


def sizes(*kinds: str) -> list[int]:
    """Return how many bodies of a backlog each load has."""
    journal = journal_of(*(request(1, number, each) for number, each in enumerate(kinds)))
    ahead = ahead_of(journal)
    position, found = 0, []
    try:
        while position < journal.end():
            records, position = load(ahead, position, assigned(1))
            found.append(len(records[1]))
    finally:
        ahead.close()
    return found


def test_loads_of_a_backlog_grow_while_records_become_columns() -> None:
    """Two times, then four times as much; the rest is one load."""
    assert [4, 8, 16, 16, 6] == sizes(*[FLAT] * 50)


@pytest.mark.parametrize("kind", [PUSH, ODD])
def test_records_that_are_read_one_by_one_never_fill_a_larger_load(kind: str) -> None:
    """They take many times the memory of their text. What has columns before them is loaded with them."""
    assert [4, 4, 4, 4] == sizes(*[kind] * 16)
    columns_in_that_load = 4 if kind == PUSH else 0  # odd ones spoil the columns of all
    assert [4, 8, 4 + columns_in_that_load] == sizes(*[FLAT] * 16, *[kind] * 12)[:3]
