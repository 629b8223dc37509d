"""A replay loads what the journal has of one source, once, into every destination."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import structlog

from tests.conformance.destinations import SCHEMA, Warehouse, warehouse
from tidegate.destinations import DESTINATIONS
from tidegate.journal.memory import MemoryJournal
from tidegate.loader.load import Source
from tidegate.loader.replay import Replay, Replayed, is_fed_by, replay
from tidegate.records import Endpoint, Request
from tidegate.tables.model import Progress, Span

LOG = structlog.get_logger()
REPLAY_ID = "replay-1"


@pytest.fixture(params=sorted(DESTINATIONS))
def shop(
    request: pytest.FixtureRequest, tmp_path: Path, exercised: Callable[[str], None]
) -> Iterator[Warehouse]:
    """One empty warehouse of each kind, open."""
    exercised(f"replay: {request.param}")
    with warehouse(request.param, tmp_path) as it:
        yield it


def filled(count: int = 6) -> MemoryJournal:
    """Return a journal whose requests number 1, 3, 5 ... are source 1's, the others source 2's."""
    journal = MemoryJournal(retention_s=3_600, retention_bytes_max=1_000_000, clock=lambda: 10_000)
    for number in range(1, count + 1):
        message = {"action": "upsert", "sequence": number, "data": {"n": number}}
        body = {"table_name": "notes", "schema": {"type": "object"}, "messages": [message]}
        journal.append(
            [
                Request(
                    source_id=1 if number % 2 else 2,
                    endpoint=Endpoint.BATCH,
                    content_type="application/json",
                    received_at_ms=number * 1_000,
                    record_count=1,
                    request_id=f"request-{number}",
                    body=json.dumps(body).encode(),
                )
            ]
        )
    return journal


def replaying(
    journal: MemoryJournal, shop: Warehouse, *, since_ms: int | None = None, until_ms: int | None = None
) -> Iterator[Replayed]:
    """Replay source 1, a request at a time."""
    what = Replay(
        replay_id=REPLAY_ID,
        source=Source(source_id=1, schema_name=SCHEMA),
        since_ms=since_ms,
        until_ms=until_ms,
        load_bytes=1,
    )
    return replay(journal, shop.destination, what, now_ms=lambda: 1_700_000_000_000, log=LOG)


def notes(shop: Warehouse) -> list[int]:
    """Return the numbers that were loaded."""
    return [row["n"] for row in shop.ask("select n from notes order by n")]


def test_one_source_is_replayed_up_to_now(shop: Warehouse) -> None:
    """Loaded requests too; what comes while the replay runs is not for it. (J7)"""
    journal = filled()
    journal.trim(4)
    steps = replaying(journal, shop)
    next(steps)
    filled_later = filled(1).read(0, bytes_max=1).entries[0].request
    journal.append([filled_later])
    *_, done = steps
    assert [1, 3, 5] == notes(shop)
    assert (6, 3, 3, 0) == (done.upto, done.requests, done.rows, done.rejected)


def test_a_replay_that_was_cut_short_doubles_nothing(shop: Warehouse) -> None:
    """It goes on behind the last load that was committed, also for a table without keys. (D5, D7)"""
    journal = filled()
    list(islice(replaying(journal, shop), 4))
    *_, done = replaying(journal, shop)
    assert [1, 3, 5] == notes(shop)
    assert 1 == done.requests


def test_times_of_acceptance_bound_a_replay(shop: Warehouse) -> None:
    """From the first time on, before the second."""
    list(replaying(filled(), shop, since_ms=3_000, until_ms=5_000))
    assert [3] == notes(shop)


def test_the_own_warehouse_is_known(shop: Warehouse) -> None:
    """Tables that were loaded from this journal are not loaded from it twice; a replay's are."""
    journal = filled()
    list(replaying(journal, shop))
    names = ["another", journal.journal_id]
    assert not is_fed_by(shop.destination, names, SCHEMA)
    shop.destination.load([], Span(journal_id=journal.journal_id, before=None, after=Progress(1)))
    assert is_fed_by(shop.destination, names, SCHEMA)
    assert not is_fed_by(shop.destination, names, "another")
