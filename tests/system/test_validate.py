"""Validate over HTTP: push bodies, batch bodies, and what stays untouched."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.product import Product

VALIDATE = "/v2/import/validate"
BATCH: dict[str, Any] = {
    "table_name": "orders",
    "schema": {"properties": {"id": {"type": "integer"}}},
    "key_names": ["id"],
    "messages": [{"action": "upsert", "sequence": 1, "data": {"id": 1}}],
}

TABLES = """
    SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema NOT LIKE '\\_tidegate' ESCAPE '\\' ORDER BY ALL
"""


def test_a_sound_batch_body_is_valid(product: Product) -> None:
    """A batch body that batch would accept is valid, and nothing of it is kept. (W11, W35)"""
    with product.client() as client:
        answer = client.post(VALIDATE, json=BATCH)
        client.post("/v2/import/push", json=[product.record("after", 1, {"id": 1})])
    assert (200, {"status": "OK", "message": "Batch is valid!"}) == (answer.status_code, answer.json())
    product.wait_until_loaded()
    assert [{"name": "_sdc_rejected"}, {"name": "after"}] == product.rows(TABLES)


@pytest.mark.parametrize(
    "changes",
    [
        {"messages": []},
        {"schema": {"properties": {"id": {"type": "str"}}}},
        {"messages": [{"action": "upsert", "sequence": 1, "data": {"id": "1"}}]},
        {"client_id": 5},
    ],
)
def test_an_unsound_batch_body_is_answered_as_by_batch(product: Product, changes: dict[str, Any]) -> None:
    """Status and body are those of the batch endpoint. (W35)"""
    with product.client() as client:
        here, there = (client.post(path, json=BATCH | changes) for path in (VALIDATE, "/v2/import/batch"))
    assert (400, there.content) == (here.status_code, here.content)


def test_another_object_is_no_array_of_records(product: Product) -> None:
    """An object without `schema` and `messages` keeps the documented refusal. (W35)"""
    with product.client() as client:
        answer = client.post(VALIDATE, json={"table_name": "orders"})
    assert 400 == answer.status_code
    assert "An array of records is expected" == answer.json()["message"]


def test_a_batch_body_in_transit_is_refused(product: Product) -> None:
    """Content types stay those of push: an object in Transit is no array of records. (W35)"""
    with product.client() as client:
        headers = {"Content-Type": "application/transit+json"}
        answer = client.post(VALIDATE, content=json.dumps(BATCH), headers=headers)
    assert 400 == answer.status_code
    assert "An array of records is expected" == answer.json()["message"]


def test_a_preview_shows_the_tables_that_would_result(product: Product) -> None:
    """Tables, subtables, columns in the warehouse's words, keys and exact rows; nothing is touched. (W36)"""
    data = {"id": 1, "price": "@", "at": "2026-01-13T21:25:03Z", "lines": [{"sku": "a"}, {"sku": "b"}]}
    schema = {
        "properties": {
            "id": {"type": "integer"},
            "price": {"type": "number", "multipleOf": 0.01},
            "at": {"type": "string", "format": "date-time"},
        }
    }
    messages = [{"action": "upsert", "sequence": 1, "data": data}]
    body = json.dumps({"table_name": "t", "schema": schema, "key_names": ["id"], "messages": messages})
    digits = "12345678901234567890.12"
    with product.client() as client:
        answer = client.post(
            f"{VALIDATE}?preview=tables",
            content=body.replace('"@"', digits),
            headers={"Content-Type": "application/json"},
        )
    seen = json.loads(answer.content, parse_float=str)
    assert (200, "OK", "duckdb", [], 0) == (
        answer.status_code,
        *(seen[name] for name in ("status", "destination", "rejected", "rejected_count")),
    )
    main, lines = seen["tables"]
    assert ("t", None, ["id"], 1) == tuple(
        main[name] for name in ("name", "parent", "key_columns", "row_count")
    )
    types = {column["name"]: (column["type"], column["native_type"]) for column in main["columns"]}
    assert {
        "id": ("integer", "BIGINT"),
        "price": ("decimal", "DECIMAL(38, 6)"),
        "at": ("timestamp", "TIMESTAMP WITH TIME ZONE"),
    } == {name: types[name] for name in ("id", "price", "at")}
    assert ["12345678901234567890.120000", "2026-01-13T21:25:03Z"] == [
        main["rows"][0][name] for name in ("price", "at")
    ]
    assert ("t", ["a", "b"]) == (lines["parent"], [row["sku"] for row in lines["rows"]])


def test_a_preview_shows_what_would_be_rejected(product: Product) -> None:
    """A record that no table could take is shown with its reason; 20 rows are shown of 30. (W36)"""
    records = [product.record("many", number, {"id": number}, "id") for number in range(30)]
    records.append(product.record("many", 30, {"id": 2**70}, "id"))
    with product.client() as client:
        seen = client.post(f"{VALIDATE}?preview=tables", json=records).json()
    assert (20, 30) == (len(seen["tables"][0]["rows"]), seen["tables"][0]["row_count"])
    assert (1, "many") == (seen["rejected_count"], seen["rejected"][0]["table_name"])
    assert str(2**70) in seen["rejected"][0]["record"]


@pytest.mark.parametrize("query", ["preview=table", "tables", "x=1", "preview=tables&preview=x", "%ff"])
def test_another_query_changes_nothing(product: Product, query: str) -> None:
    """Only the one question is answered. (W36)"""
    with product.client() as client:
        answer = client.post(f"{VALIDATE}?{query}", json=BATCH)
    assert b'{"status": "OK", "message": "Batch is valid!"}' == answer.content


def test_a_preview_of_a_refused_body_is_its_refusal(product: Product) -> None:
    """What would be refused has no tables. (W36)"""
    with product.client() as client:
        answers = [client.post(f"{VALIDATE}{query}", json=[]) for query in ("", "?preview=tables")]
    assert (400, answers[0].content) == (answers[1].status_code, answers[1].content)


def test_a_preview_is_for_samples(product: Product) -> None:
    """A sound body of more than 4 MB is valid, but too large to be shown as tables. (W36)"""
    record = product.record("t", 1, {"id": 1, "text": "x" * 4_000_000}, "id")
    with product.client() as client:
        statuses = [
            client.post(f"{VALIDATE}{query}", json=[record]).status_code for query in ("", "?preview=tables")
        ]
    assert [200, 413] == statuses
