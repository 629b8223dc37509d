"""Rejected records kept whole. Rules L44 and L45 of docs/specs/loading.md."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arrivals import BATCHED_AT_MS, arrival, prepared, rejections, rows_of, typed
from tidegate.records import Batch
from tidegate.tables import whole
from tidegate.tables.whole import message_text, whole_part
from tidegate.wire.batch import BatchChecker, read_batch
from tidegate.wire.push import check_push, read_push

CLIENT_ID = 1001
AT = datetime(2020, 2, 29, 10, 0, 0, 5, tzinfo=UTC)


def sent_again(batch: Batch) -> Batch:
    """Return the first message of a batch as the server reads it when it is sent again by itself."""
    text = message_text(batch, 0)
    if text.startswith("[{"):
        body = f'[{{"client_id":{CLIENT_ID},{text[2:]}'.encode()
        check_push(body, "application/json", CLIENT_ID)
        (read,) = read_push(body, "application/json")
    else:
        BatchChecker().check(text.encode())
        (read,) = read_batch(text.encode())
    return read


TEXTS = st.text(max_size=8)
NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.just(Decimal("0.1234567890123456789")),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


@given(
    data=st.dictionaries(TEXTS, VALUES, max_size=5),
    schema=st.sampled_from(
        [None, typed(id={"type": "integer"}, price={"multipleOf": Decimal("0.12345678901234567891")})]
    ),
    version=st.none() | st.integers(1, 2**60),
    extracted=st.none() | st.just(["2020-01-01T00:00:00Z"]),
)
def test_a_message_sent_again_is_the_record_as_it_was(
    data: dict[str, Any], schema: dict[str, Any] | None, version: int | None, extracted: list[str] | None
) -> None:
    """Every value, the sequence, keys, schema and version come back as they were sent first. (L45)"""
    record = data | {"id": 7}
    first = arrival(
        record, schema=schema, table_version=version, extracted=extracted, sequences=[2**62]
    ).batch
    first = replace(first, bookmark_names=("price",))
    assert first == sent_again(first)


def test_pushed_instants_are_instants_again() -> None:
    """What only Transit can say in a push is said by a schema, at any depth, and gives the same row. (L45)"""
    first = arrival({"id": 1, "at": AT, "text": "2020-01-01T00:00:00Z"})
    again = replace(first, batch=sent_again(first.batch))
    assert rows_of(prepared(first)) == rows_of(prepared(again))
    deep = sent_again(arrival({"id": 1, "list": ["x", {"at": AT}]}).batch)
    items = {"properties": {"at": {"anyOf": [{"type": "string", "format": "date-time"}, {}]}}}
    assert typed(id={}, list={"items": items}) == deep.schema


def test_records_are_found_where_they_were_sent() -> None:
    """Position, place and request of each rejected record are known, also among equal records. (L44)"""
    bad = {"id": 2, "a__st": 1}
    first = arrival({"id": 1}, dict(bad), position=4)
    second = arrival(dict(bad), {"id": 3}, dict(bad), position=9)
    found = prepared(first, second).rejected
    assert [("request-4", 4, 1), ("request-9", 9, 0), ("request-9", 9, 2)] == [
        (each.arrival.request_id, each.arrival.position, each.arrival.batch.places[each.row])
        for each in found
    ]


def test_a_record_rejected_twice_is_kept_once_with_both_reasons() -> None:
    """Two columns that are too long are two rows for people and one record to send again. (L7, L44)"""
    load = prepared(arrival({"id": 1, "a" * 300: 1, "b" * 300: 2}))
    (kept,) = load.rejected
    assert 2 == len(rejections(load))
    assert "; ".join(reason for reason, _ in rejections(load)) == kept.reason


def test_the_part_has_all_that_is_needed_to_send_a_record_again() -> None:
    """One row for each record, with the whole message however long it is. (L44)"""
    long = "x" * 100_000
    load = prepared(arrival({"id": 1}, {"id": 2, "a__st": long}, position=5))
    (row,) = whole_part("journal-1", load.rejected, rejected_at_ms=BATCHED_AT_MS).rows.to_pylist()
    assert ("journal-1", 5, 1, "shop", "cars", "request-5") == tuple(
        row[name] for name in ("journal_id", "position", "place", "schema_name", "table_name", "request_id")
    )
    assert {"id": 2, "a__st": long} == json.loads(row["message"])[0]["data"]


def test_each_message_of_a_part_has_its_own_schema() -> None:
    """Batches of several schemas in one load are not mixed up. (L45)"""
    batches = [
        arrival(
            {"id": 1, "a__st": "x"},
            {"id": 2, "a__st": "y"},
            position=position,
            schema=typed(id={"type": kind}),
        )
        for position, kind in ((1, "integer"), (2, "number"))
    ]
    load = prepared(*batches)
    rows = whole_part("journal-1", load.rejected, rejected_at_ms=BATCHED_AT_MS).rows.to_pylist()
    wanted = [message_text(each.batch, row) for each in batches for row in (0, 1)]
    assert wanted == [row["message"] for row in rows]


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large schemas beside many records cannot fill the memory: later rows have no message. (L44)"""
    load = prepared(arrival(*({"id": number, "a__st": "x" * 100} for number in range(5))))
    monkeypatch.setattr(whole, "MESSAGES_BYTES_MAX", 600)
    rows = whole_part("journal-1", load.rejected, rejected_at_ms=BATCHED_AT_MS).rows.to_pylist()
    assert [True, True, False, False, False] == [row["message"] is not None for row in rows]
