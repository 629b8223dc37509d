"""`/v4/sources/{id}/streams`: the tables of a source, to be read alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.connect.caller import Caller
from tidegate.control import stream_schemas
from tidegate.control.stream_schemas import Seen

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}, "größe": {"type": ["null", "string"]}}}
ORDERS = Seen(source_id=1, table_name="Orders", key_names=("id",), schema_text=json.dumps(SCHEMA))
CARS = Seen(source_id=1, table_name="cars", key_names=(), schema_text="")


def loaded(caller: Caller, *seen: Seen) -> str:
    """Make a source, note what loads saw of it, and return its path."""
    source = caller.source()
    assert 1 == source["id"]
    with caller.store.writing() as conn:
        stream_schemas.note(conn, seen)
    return f"/v4/sources/{source['id']}/streams"


def test_each_table_is_a_stream(caller: Caller) -> None:
    """With its key, in the order they came; a source without loads has none. (A70)"""
    path = loaded(caller)
    assert [] == caller.ok("GET", path)
    with caller.store.writing() as conn:
        stream_schemas.note(conn, [ORDERS, CARS])
        stream_schemas.note(conn, [ORDERS])
    assert [
        {
            "selected": True,
            "stream_id": number,
            "tap_stream_id": name,
            "stream_name": name,
            "metadata": {"selected": True, "table-key-properties": keys},
        }
        for number, name, keys in ((1, "Orders", ["id"]), (2, "cars", []))
    ] == caller.ok("GET", path)


def test_a_streams_schema_is_a_text(caller: Caller) -> None:
    """With the JSON that was sent last; fields are listed in the metadata. (A71)"""
    path = loaded(caller, ORDERS, CARS)
    found = caller.ok("GET", f"{path}/1")
    assert SCHEMA == json.loads(found["schema"])
    assert {"breadcrumb": [], "metadata": {"selected": True, "table-key-properties": ["id"]}} == found[
        "metadata"
    ][0]
    assert [["properties", "id"], ["properties", "größe"]] == [
        each["breadcrumb"] for each in found["metadata"][1:]
    ]
    empty = caller.ok("GET", f"{path}/2")
    assert ({"type": "object"}, 1) == (json.loads(empty["schema"]), len(empty["metadata"]))
    with caller.store.writing() as conn:
        changed = Seen(source_id=1, table_name="Orders", key_names=("id", "shop"), schema_text="")
        stream_schemas.note(conn, [changed])
    again = caller.ok("GET", f"{path}/1")
    assert (SCHEMA, ["id", "shop"]) == (
        json.loads(again["schema"]),
        again["metadata"][0]["metadata"]["table-key-properties"],
    )


@pytest.mark.parametrize("stream_id", ["0", "3", "-1", "x", "9" * 30])
def test_a_stream_that_is_not_there_is_invalid(caller: Caller, stream_id: str) -> None:
    """As plain text, with the id as it came. (A72)"""
    path = loaded(caller, ORDERS)
    answer = caller.call("GET", f"{path}/{stream_id}")
    assert (400, f"invalid stream-id: {stream_id}") == (answer.status_code, answer.text)


def test_a_source_that_is_not_there_is_invalid(caller: Caller) -> None:
    """In the words that are documented for both; another source's stream too. (A72)"""
    loaded(caller, ORDERS)
    other = caller.source("Other")
    for path, told in (
        ("/v4/sources/987654/streams/1", "1"),
        ("/v4/sources/x/streams/1", "1"),
        (f"/v4/sources/{other['id']}/streams/1", "1"),
        ("/v4/sources/987654/streams", "987654"),
    ):
        answer = caller.call("GET", path)
        assert (400, f"invalid stream-id: {told}") == (answer.status_code, answer.text)


@pytest.mark.parametrize(
    "body", [None, {}, {"streams": [{"tap_stream_id": "orders", "metadata": []}]}], ids=str
)
def test_nothing_can_be_selected(caller: Caller, body: Any) -> None:
    """All that is pushed is loaded, so choosing is refused, whoever's source it is. (A73)"""
    refused = {"invalid_fields": "Unsupported fields cannot be selected by default"}
    for source_id in (caller.source()["id"], 987_654):
        answer = caller.call("PUT", f"/v4/sources/{source_id}/streams/metadata", body)
        assert (400, refused) == (answer.status_code, answer.json())
