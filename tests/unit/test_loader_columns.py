"""Records read in columns become what they become when each is read by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.arrivals import BATCHED_AT_MS, DUCKDB_LIKE
from tidegate.loader.arrivals import read_entries
from tidegate.loader.columns import read_columns
from tidegate.records import Batch, Endpoint, Entry, Request, UnreadRecords
from tidegate.tables.model import Column, Part, Table, Type
from tidegate.tables.prepare import Arrival, Prepared, prepare
from tidegate.tables.system import COLUMN_TYPES, GENERATED_KEY
from tidegate.wire.batch import read_batch, read_batch_later

POSTGRESQL_LIKE = replace(
    DUCKDB_LIKE, display_name="PostgreSQL", keeps_nul_in_text=False, names_case_sensitive=True
)
STORED = Table(
    schema_name="shop",
    name="cars",
    columns=(
        Column(name="id", type=Type.INTEGER, nullable=False),
        Column(name="a", type=Type.STRING, nullable=True),
        Column(name="b", type=Type.INTEGER, nullable=True, bits=16),
        *(Column(name=name, type=kind) for name, kind in COLUMN_TYPES.items() if name != GENERATED_KEY),
    ),
    key_columns=("id",),
    version=5,
)

TYPES: list[Any] = [
    *({"type": kind} for kind in ("integer", "number", "string", "boolean")),
    *({"type": ["null", kind]} for kind in ("integer", "number", "string", "boolean")),
    {"type": "string", "format": "date-time"},
    {"type": ["string", "null"], "format": "date-time"},
    {"type": "string", "format": "singer.decimal"},
    {"type": "number", "multipleOf": 0.01},
    {"type": ["integer", "number"]},
    {"type": ["number", "integer"]},
    {"type": ["integer", "string"]},
    {"anyOf": [{"type": "integer"}, {"type": "null"}]},
    {"type": "object"},
    {"type": "array"},
    {},
    {"type": "string", "description": "longer than it must be"},
]
INTEGERS = [
    *("0", "-0", "5", "-17", "123456789012345", "1234567890123456", "9007199254740993"),
    *("9223372036854775807", "-9223372036854775808", "9223372036854775808", "1" + 40 * "0"),
]
NUMBERS = [
    *(
        "0.0",
        "-0.0",
        "0.1",
        "4547.11",
        "1.0",
        "-2.5e3",
        "1E5",
        "1e-7",
        "1e-400",
        "-1e-400",
        "5e-324",
        "1e400",
    ),
    *("12345678.1234567", "123456789.1234567", "0.1000000000000000055511151231257827", "1e-291", "2e-308"),
    *("1.7976931348623157e308", "0.30000000000000004", "1e23", "123456789012345e-3", "0e-5", "0E-400"),
]
TEXTS = [
    *(
        '""',
        '"x"',
        '"\\u0000"',
        '"\\ud83e\\udd80"',
        '"\\u0061"',
        '"7e-9"',
        '"a\\nb"',
        '"é"',
        '"null"',
    ),
    *(
        '"2026-01-02T03:04:05Z"',
        '"2026-01-02T03:04:05.123456789+02:00"',
        '"2026-01-02 03:04"',
        '"1234567890123456"',
    ),
    '"12.5"',
]
OTHERS = ["null", "true", "false", "[]", "[1]", "{}", '{"c":1}']

SUITED = {
    "integer": ["0", "5", "-17", "70000", "null"],
    "number": ["0", "0.5", "-2.25", "10", "4547.11", "null"],
    "string": ['""', '"x"', '"7e-9"', '"2026-01-02T03:04:05Z"', "null"],
    "boolean": ["true", "false", "null"],
}
ANY = [*INTEGERS, *NUMBERS, *TEXTS, *OTHERS]
HEADS = {
    "id": '"key_names":["id"]',
    "b": '"key_names":["b"]',
    "old": '"key_names":["id"],"table_version":3',
    "now": '"key_names":["id"],"table_version":5',
}
Sent = list[tuple[str, list[str]]]
"""Requests: their keys and version by a name, and their records as text."""


@st.composite
def requests(draw: st.DrawFn) -> tuple[dict[str, Any], Sent]:
    """Draw what a schema says, and requests that mostly keep to it: any order, gaps, now and then odd."""
    properties = draw(
        st.dictionaries(st.sampled_from(["a", "b", "A", "a b"]), st.sampled_from(TYPES), max_size=3)
    )
    names = [*properties, *draw(st.sampled_from([[], [], [], ["z"], ["\\u0061"]]))]
    is_odd = draw(st.booleans())
    usual = st.permutations(names) if draw(st.booleans()) else st.just(names)

    def record() -> str:
        space = draw(st.sampled_from(["", "", " ", "\n"]))
        order = draw(usual) if draw(st.integers(0, 3)) else draw(st.lists(st.sampled_from(names or ["a"])))
        pairs = [("id", draw(st.sampled_from(["1", "2", "70000"])))]
        for name in order:
            kind = properties.get(name, {}).get("type", "string")
            kind = kind if isinstance(kind, str) else next(each for each in kind if each != "null")
            odd = is_odd and not draw(st.integers(0, 3))
            pairs.append((name, draw(st.sampled_from(ANY if odd else SUITED.get(kind, ["{}", "[]"])))))
        return "{" + f",{space}".join(f'"{name}":{space}{value}' for name, value in pairs) + "}"

    sent = [
        (
            draw(st.sampled_from(["id", "id", "now", "now", "old", "b"])),
            [record() for _ in range(draw(st.integers(1, 4)))],
        )
        for _ in range(draw(st.integers(1, 4)))
    ]
    return properties, sent


def body(texts: Sequence[str], properties: dict[str, Any], position: int, head: str = "id") -> bytes:
    """Return a batch body with these records, whose sequences grow."""
    messages = ",".join(
        f'{{"action":"upsert","sequence":{position * 100 + number},"data":{text}}}'
        for number, text in enumerate(texts)
    )
    schema = json.dumps({"type": "object", "properties": {"id": {"type": "integer"}, **properties}})
    return f'{{"table_name":"cars",{HEADS[head]},"schema":{schema},"messages":[{messages}]}}'.encode()


def outcome(batches: Sequence[Batch], capabilities: Any, tables: Sequence[Table]) -> str:
    """Return all that becomes of batches, digit by digit."""
    arrivals = [
        Arrival(position=number, received_at_ms=7, request_id=f"r{number}", batch=batch)
        for number, batch in enumerate(batches, 1)
    ]
    found = prepare(
        "shop",
        arrivals,
        tables,
        capabilities,
        batched_at_ms=BATCHED_AT_MS,
        new_uuids=lambda count: [f"u{number}" for number in range(count)],
    )
    return repr((found.changes, list(map(_shown, found.parts)), found.reports, found.held, _whole(found)))


def _shown(part: Part) -> Any:
    children = [(child.table, child.rows.schema, child.rows.to_pylist()) for child in part.children]
    return part.table, part.rows.schema, part.rows.to_pylist(), children, part.activates


def _whole(found: Prepared) -> Any:
    return [
        (each.arrival.position, each.row, each.reason, each.arrival.batch.data[each.row])
        for each in found.rejected
    ]


INTEGER, NUMBER, STRING = ({"type": ["null", kind]} for kind in ("integer", "number", "string"))


@pytest.mark.parametrize("tables", [(), (STORED,)], ids=["new", "stored"])
@pytest.mark.parametrize("capabilities", [DUCKDB_LIKE, POSTGRESQL_LIKE], ids=["duckdb", "postgresql"])
@given(requests())
@example(({"a": NUMBER}, [("id", ['{"id":1,"a":-0}', '{"id":2,"a":0.5}'])]))
@example(({"a": NUMBER}, [("id", ['{"id":1,"a":1e-400}', '{"id":2,"a":0.5}'])]))
@example(({"a": NUMBER}, [("id", ['{"id":1,"a":9007199254740993}', '{"id":2,"a":0.5}'])]))
@example(({"a": {"type": ["number", "integer"]}}, [("id", ['{"id":1,"a":5}', '{"id":2,"a":0.5}'])]))
@example(({"a": INTEGER}, [("id", ['{"id":1,"a":1,"a":2}'])]))
@example(({"a": INTEGER}, [("id", ['{"id":1}']), ("id", ['{"id":2,"a":5}'])]))
@example(({"a": INTEGER}, [("id", ['{"id":1}']), ("id", ['{"a":null,"id":2}'])]))
@example(({"a": INTEGER, "A": INTEGER}, [("id", ['{"id":1,"A":1}', '{"id":2,"A":2,"a":null}'])]))
@example(({"b": INTEGER, "a": STRING}, [("id", ['{"id":1,"b":2,"a":"x"}', '{"a":"y","id":70000}'])]))
@example(
    ({"b": INTEGER}, [("id", ['{"id":1,"b":7}']), ("b", ['{"id":2,"b":8}']), ("id", ['{"id":3,"b":9}'])])
)
@example(({"b": INTEGER}, [("old", ['{"id":1,"b":7}']), ("now", ['{"id":2,"b":8}', '{"id":3,"b":9}'])]))
@example(({"a/b": INTEGER, "ab": INTEGER}, [("id", ['{"id":1,"ab":1}', '{"id":2,"ab":2,"a\\/b":null}'])]))
def test_columns_are_what_records_are(
    capabilities: Any, tables: Sequence[Table], sent: tuple[dict[str, Any], Sent]
) -> None:
    """Changes, rows, rejected records and reports are the same, digit by digit and in the same order."""
    properties, given_ = sent
    bodies = [body(texts, properties, number, head) for number, (head, texts) in enumerate(given_, 1)]
    each = [batch for text in bodies for batch in read_batch(text)]
    unread = [batch for text in bodies for batch in read_batch_later(text)]
    read_columns(unread, records_min=1)
    assert outcome(each, capabilities, tables) == outcome(unread, capabilities, tables)
    assert each == unread


def columns_of(texts: Sequence[str], properties: dict[str, Any]) -> Any:
    """Return the columns that records are given, as rows; None for none."""
    (batch,) = read_batch_later(body(texts, properties, 1))
    assert isinstance(batch.data, UnreadRecords)
    read_columns([batch], records_min=1)
    return None if batch.data.columns is None else batch.data.columns[0].to_pylist()


def test_plain_records_are_read_in_columns() -> None:
    """Each type has its column, a field that no record has none."""
    properties = {"a": {"type": ["null", "number"]}, "b": {"type": "string"}, "c": {"type": "boolean"}}
    texts = ['{"id":1,"a":2.5,"b":"x"}', '{"id":2,"a":null,"b":"7e-9"}', '{"id":3,"b":"", "a":10}']
    assert [
        {"id": 1, "a": 2.5, "b": "x"},
        {"id": 2, "a": None, "b": "7e-9"},
        {"id": 3, "a": 10.0, "b": ""},
    ] == columns_of(texts, properties)


@pytest.mark.parametrize(
    "literal",
    [
        *("-0", "-0.0", "1e-400", "5e-324", "0.1000000000000000055511151231257827", "1234567890123456"),
        "1e400",
    ],
)
def test_a_number_that_a_double_may_change_is_read_by_itself(literal: str) -> None:
    """Sixteen digits, and what is next to nothing, are nothing that a double surely keeps."""
    assert columns_of([f'{{"id":1,"a":{literal}}}'], {"a": {"type": "number"}}) is None
    assert columns_of(['{"id":1,"a":0.25}', '{"id":2,"a":0}'], {"a": {"type": "number"}}) is not None


class Noted:
    """A log that keeps what it was told went wrong."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def error(self, event: str, *, position: int, **_: object) -> None:
        """Keep it."""
        self.told.append((event, position))


def test_an_entry_of_which_a_record_cannot_be_read_is_passed_over_whole() -> None:
    """Nothing of it is loaded, all others are, and the log says which it was."""
    broken = '{"id":1,"a":"\\ud83d"}'
    messages = (
        '{"action":"upsert","sequence":1,"data":{"id":5,"a":"x"}},{"action":"switch_view","sequence":2},'
        f'{{"action":"upsert","sequence":3,"data":{broken}}}'
    )
    head = (
        '{"table_name":"cars","key_names":["id"],"table_version":1,"schema":{"properties":{"id":{},"a":{}}}'
    )
    bodies = [
        body(['{"id":2,"a":"y"}'], {"a": STRING}, 1),
        f'{head},"messages":[{messages}]}}'.encode(),
        body([broken], {"a": STRING}, 3),
        body(['{"id":4,"a":"z"}'], {"a": STRING}, 4),
    ]
    entries = [
        Entry(
            position,
            Request(
                source_id=1,
                endpoint=Endpoint.BATCH,
                content_type="application/json",
                received_at_ms=7,
                record_count=1,
                request_id=f"r{position}",
                body=each,
            ),
        )
        for position, each in enumerate(bodies, 1)
    ]
    log: Any = Noted()
    (read,) = read_entries(entries, frozenset([1]), log).values()
    assert [(1, [{"id": 2, "a": "y"}]), (4, [{"id": 4, "a": "z"}])] == [
        (each.position, list(each.batch.data)) for each in read
    ]
    assert [("entry cannot be read", 2), ("entry cannot be read", 3)] == sorted(log.told)
