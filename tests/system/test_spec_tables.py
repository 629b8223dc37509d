"""The tables of the Import API's specification, row by row, against the running server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.product import Product
from tests.wire import test_batch_answers as batch_tables
from tests.wire import test_push_answers as push_tables

Exercised = Callable[[str], None]

PUSH, VALIDATE, BATCH = "/v2/import/push", "/v2/import/validate", "/v2/import/batch"
TEXTS = {
    f"{table}: {case}": (body, prefix + text)
    for table, prefix, cases in (
        ("envelope", batch_tables.NO_ENVELOPE, batch_tables.ENVELOPES),
        ("record", "", batch_tables.RECORDS),
    )
    for case, (body, text) in cases.items()
}
TEXTS |= {
    f"schema: {case}": (
        batch_tables.batch(schema={"properties": {"id": schema}}),
        f"Invalid JSON schema: {text}",
    )
    for case, (schema, text) in batch_tables.SCHEMAS.items()
}


def is_batch(body: Any) -> bool:
    """Whether validate takes this for a batch body and not for a push body."""
    return isinstance(body, dict) and bool({"schema", "messages"} & set(body))


def sent(client: httpx.Client, path: str, body: bytes) -> tuple[int, Any]:
    """Send a body; return the status and the documented keys of the answer."""
    answer = client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert "application/json" == answer.headers["content-type"]
    fields = answer.json()
    fields.pop("hint", None)
    return answer.status_code, fields


def of_client(product: Product, text: bytes) -> bytes:
    """Put this product's client id where the tables have theirs."""
    theirs, ours = b"%d" % push_tables.CLIENT, b"%d" % product.client_id
    for before in (b'"client_id": ', b'"client_id":', b"Only client_id "):
        text = text.replace(before + theirs, before + ours)
    return text


@pytest.mark.parametrize("path", [PUSH, VALIDATE])
@pytest.mark.parametrize("case", push_tables.WHOLE_BODIES)
def test_a_push_body_gets_its_documented_answer(
    product: Product, client: httpx.Client, path: str, case: str, exercised: Exercised
) -> None:
    """Push and validate answer each row of the table to the letter. (W13, W16)"""
    body, expected = push_tables.WHOLE_BODIES[case]
    status, fields = json.loads(of_client(product, json.dumps(expected).encode()))
    found = sent(client, path, of_client(product, body))
    if path == VALIDATE and case == "a batch body":
        assert 400 == found[0]  # validate takes batch bodies too, and answers as batch does
    elif status == 0:
        assert (200 if path == VALIDATE else 201) == found[0]
    else:
        assert (status, fields) == found
    exercised("specification tables: push and validate")


@pytest.mark.parametrize("path", [PUSH, VALIDATE])
@pytest.mark.parametrize("case", push_tables.RECORDS)
def test_a_pushed_record_gets_its_documented_reasons(
    product: Product, client: httpx.Client, path: str, case: str
) -> None:
    """Push and validate name each rule that a record breaks. (W16, W17)"""
    record, reason = push_tables.RECORDS[case]
    expected = push_tables.refused([reason])
    assert expected == sent(client, path, of_client(product, json.dumps([record]).encode()))


@pytest.mark.parametrize(
    ("path", "case"),
    [
        *((BATCH, case) for case in TEXTS),
        *((VALIDATE, case) for case, (body, _) in TEXTS.items() if is_batch(body)),
    ],
)
def test_a_batch_body_gets_its_documented_text(
    client: httpx.Client, path: str, case: str, exercised: Exercised
) -> None:
    """Batch, and validate for batch bodies, answer each row of the tables to the letter. (W13)"""
    body, text = TEXTS[case]
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert (400, {"error": text}) == sent(client, path, encoded)
    exercised("specification tables: batch")
