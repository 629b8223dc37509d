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
from tidegate.loader.ports import Assigned
from tidegate.logs import open_log
from tidegate.records import Endpoint, Request

BODY_CHARS = 200
BODIES_IN_A_LOAD = 4


def request(source_id: int, number: int) -> Request:
    """Return a push of one record, about `BODY_CHARS` long."""
    record = {"n": number, "text": "x" * BODY_CHARS}
    message = {
        "client_id": 1,
        "table_name": "cars",
        "sequence": number,
        "action": "upsert",
        "key_names": ["n"],
        "data": record,
    }
    return Request(
        source_id=source_id,
        endpoint=Endpoint.PUSH,
        content_type="application/json",
        received_at_ms=1_700_000_000_000,
        record_count=1,
        request_id=f"request-{number}",
        body=json.dumps([message]).encode(),
    )


def journal_of(*requests: Request) -> MemoryJournal:
    """Return a journal that holds these requests."""
    limits: Mapping[str, Any] = {"bytes_max": 10**8, "retention_s": 3_600.0, "retention_bytes_max": 10**8}
    journal = MemoryJournal(**limits)
    if requests:
        journal.append(requests)
    return journal


def numbers(arrivals: Arrivals) -> dict[int, list[int]]:
    """Return what is in the records of each source."""
    return {
        source_id: [record["n"] for arrival in each for record in arrival.batch.data]
        for source_id, each in arrivals.items()
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
    body_bytes = len(request(1, 0).body)
    log = open_log(log_format="json", log_level="error", process="test")
    return Ahead(journal, bytes_max=body_bytes * BODIES_IN_A_LOAD + body_bytes // 2, log=log)


def assigned(*source_ids: int, after: int = 0) -> dict[int, Assigned]:
    """Return that sources load here, with what stands behind a position."""
    return {each: Assigned(schema_name=f"source_{each}", spans=((after, None),)) for each in source_ids}


def load(ahead: Ahead, after: int, to: dict[int, Assigned]) -> tuple[dict[int, list[int]], int]:
    """Gather a load and go on, as a lane does; return its records and where it ends."""
    reading = ahead.read(after)
    found = numbers(ahead.arrivals(reading, to))
    ahead.go_on(reading, to)
    return found, reading.upto


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


@given(st.lists(st.lists(st.sampled_from([1, 2]), max_size=9), max_size=6))
def test_every_entry_is_read_once_and_in_order(appended: list[list[int]]) -> None:
    """Whenever entries come, before a load or between two, each is in one load and in its place."""
    journal = journal_of()
    ahead = ahead_of(journal)
    expected: dict[int, list[int]] = {1: [], 2: []}
    found: dict[int, list[int]] = {1: [], 2: []}
    position = 0
    try:
        while appended or position < journal.end():
            requests: list[Request] = []
            for source_id in appended.pop() if appended else ():
                number = journal.end() + len(requests)
                requests.append(request(source_id, number))
                expected[source_id].append(number)
            if requests:
                journal.append(requests)
            loaded, position = load(ahead, position, assigned(1, 2))
            for source_id, each in loaded.items():
                found[source_id] += each
    finally:
        ahead.close()
    assert expected == found
