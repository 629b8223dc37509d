"""Validate over HTTP: push bodies, batch bodies, and what stays untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A started product."""
    running = Product(tmp_path_factory.mktemp("validate") / "data", flags=("--workers", "1"))
    running.start()
    yield running
    running.close()


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
