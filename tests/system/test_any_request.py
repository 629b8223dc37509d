"""hypothesis against the running server: whatever is sent, the answer is a documented one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.product import Product

Exercised = Callable[[str], None]
DOCUMENTED = {200, 201, 202, 400, 401, 403, 404, 405, 413, 415, 422}
ENDPOINTS = ("/v2/import/validate", "/v2/import/push", "/v2/import/batch")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner), max_leaves=12
)
fields = st.sampled_from(
    ["client_id", "table_name", "sequence", "action", "key_names", "data", "schema", "messages", "other"]
)
near_misses = st.dictionaries(fields, values)
bodies = (
    st.binary(max_size=300)
    | values.map(lambda value: json.dumps(value).encode())
    | st.lists(near_misses, max_size=4).map(lambda value: json.dumps(value).encode())
    | near_misses.map(lambda value: json.dumps(value).encode())
)
content_types = st.sampled_from(
    ["application/json", "application/transit+json", "application/json; charset=utf-8", "text/plain", ""]
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(ENDPOINTS), body=bodies, content_type=content_types)
def test_any_body_gets_a_documented_answer(
    client: httpx.Client, path: str, body: bytes, content_type: str, exercised: Exercised
) -> None:
    """Any bytes to any endpoint: a documented status, JSON objects, plain text only where documented."""
    answer = client.post(path, content=body, headers={"Content-Type": content_type})
    assert answer.status_code in DOCUMENTED
    if answer.status_code == 415 and path.endswith("batch"):
        assert "Content-Type must be application/json" == answer.text
    else:
        assert "application/json" == answer.headers["content-type"]
        assert isinstance(answer.json(), dict)
    exercised("any request: bodies")


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "POST"]),
    path=st.sampled_from([*ENDPOINTS, "/v2/import/status", "/v2/import", "/v3/import/push"]),
    token=st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=40),
)
def test_any_method_and_token_gets_a_documented_answer(
    client: httpx.Client, method: str, path: str, token: str, exercised: Exercised
) -> None:
    """Strangers learn nothing but 401, 404 and 405."""
    answer = client.request(method, path, headers={"Authorization": f"Bearer {token}"})
    allowed: dict[tuple[bool, bool], set[int]] = {(True, True): {200}, (True, False): {405}}
    is_status = path.endswith("status")
    expected = (
        {404}
        if path not in {*ENDPOINTS, "/v2/import/status"}
        else allowed[True, method in {"GET", "HEAD"}]
        if is_status
        else {401}
        if method == "POST"
        else {405}
    )
    assert answer.status_code in expected
    exercised("any request: methods and tokens")


def test_what_was_accepted_is_all_loaded_or_rejected(product: Product, client: httpx.Client) -> None:
    """After all those requests the loader has worked through everything, and accepting still works."""
    record: dict[str, Any] = product.record("after", 1, {"id": 1})
    assert 201 == client.post("/v2/import/push", json=[record]).status_code
    product.wait_until_loaded()
    assert [{"id": 1}] == product.rows("SELECT id FROM after")
